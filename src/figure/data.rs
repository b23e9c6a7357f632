//! The numbers behind a figure: .npy, .npz and .csv. Relevance is written as computed; only `heatmap` follows the own-entry
//! rule, and nothing is clipped or smoothed. Archives carry no time, so equal answers give equal bytes.

use std::io::{Cursor, Write};

use npyz::WriterBuilder;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::panels::cut_of;
use super::style::FigureStyle;
use crate::domain::linkage::Merge;
use crate::domain::token::{TokenKind, TokenLayout};
use crate::domain::{Error, Result};
use crate::engine::{Explanation, Output, Segments};

/// `.npy`: relevance f32 `[T]`, or `[n, T]` for n > 1 tokens; of a segmentation that of every patch, `[N, T]`,
/// and where no maps were clustered its `labels` i32 `[H, W]`.
///
/// # Errors
/// A refusal of a bare trace.
pub fn npy(output: &Output, style: &FigureStyle) -> Result<Vec<u8>> {
    match output {
        Output::Explanation(explanation) => relevance(explanation),
        Output::Segments(segments) => match &segments.maps {
            Some(maps) => relevance(maps),
            None => labels_of(segments, style),
        },
        Output::Scene(_) | Output::Verification(_) | Output::Continuation(_) => Err(no_data()),
    }
}

/// `.npz`: `relevance`, `heatmap` (`[rows, cols]`; of a text `[T]`), `grid`, `num_prefix`, `target`, of a span all its positions;
/// `layers` f32 `[L + 1, T]` where these were asked for, relevance of the target at every layer; `paint` f32 `[rows, cols, 3]` (of a
/// text `[T, 3]`) where a method gives colours; of a segmentation those of every patch, and `labels` i32 `[H, W]`, `token_labels`
/// i32 `[N]`, `linkage` f64 `[N - 1, 4]` (Z of `SciPy`), `boxes` f64 `[n, 4]` (x, y, width, height).
///
/// # Errors
/// A refusal of a bare trace.
pub fn npz(output: &Output, style: &FigureStyle) -> Result<Vec<u8>> {
    match output {
        Output::Explanation(explanation) => zipped(&explanation_arrays(explanation)?),
        Output::Segments(segments) => zipped(&segments_arrays(segments, style)?),
        Output::Scene(_) | Output::Verification(_) | Output::Continuation(_) => Err(no_data()),
    }
}

/// `.csv`: `position,kind,row,col,text,value`, where `text` is what a token of a text stands for in the string (a special token
/// its name, an image's token nothing), quoted where RFC 4180 wants it; before them `target` (a position) for more than one
/// token; of a segmentation
/// `label` in place of `value`, for patches.
///
/// # Errors
/// A refusal of a bare trace.
pub fn csv(output: &Output, style: &FigureStyle) -> Result<String> {
    let mut text = String::new();
    match output {
        Output::Explanation(explanation) => {
            let many = explanation.positions.len() > 1;
            text += if many { "target,position,kind,row,col,text,value\n" } else { "position,kind,row,col,text,value\n" };
            for (n, target) in explanation.positions.iter().enumerate() {
                for (position, value) in explanation.row(n).iter().enumerate() {
                    let first = if many { format!("{target},") } else { String::new() };
                    text += &format!("{first}{}{value}\n", token_fields(&explanation.scene.layout, position));
                }
            }
        }
        Output::Segments(segments) => {
            let segmentation = segments.partition.segmentation(cut_of(segments, style));
            let layout = &segments.scene.layout;
            text += "position,kind,row,col,text,label\n";
            for (patch, label) in segmentation.patch_labels.iter().enumerate() {
                text += &format!("{}{label}\n", token_fields(layout, layout.position_of(patch)));
            }
        }
        Output::Scene(_) | Output::Verification(_) | Output::Continuation(_) => return Err(no_data()),
    }
    Ok(text)
}

/// `position,kind,row,col,text,`; an image's tokens have no text, those of a text no row and column.
fn token_fields(layout: &TokenLayout, position: usize) -> String {
    match layout.kind(position) {
        Some(kind @ (TokenKind::Piece(_) | TokenKind::Special(_))) => {
            let shown = layout.text.as_ref().map_or("", |text| text.shown(position));
            format!("{position},{},,,{},", kind.name(), field(shown))
        }
        Some(TokenKind::Patch { row, col }) => format!("{position},patch,{row},{col},,"),
        Some(kind) => format!("{position},{},,,,", kind.name()),
        None => format!("{position},,,,,"),
    }
}

/// A field of a CSV (RFC 4180).
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

type Arrays = Vec<(&'static str, Vec<u8>)>;

fn explanation_arrays(explanation: &Explanation) -> Result<Arrays> {
    let layout = &explanation.scene.layout;
    let maps: Vec<f32> = (0..explanation.positions.len()).flat_map(|n| explanation.heatmap(n).values.to_vec()).collect();
    let targets: Vec<i64> = explanation.explained().into_iter().map(|p| p as i64).collect();
    // A text has one row; its heatmap is a line of values.
    let shape = [layout.grid.rows, layout.grid.cols];
    let shape = if layout.text.is_some() { &shape[1..] } else { &shape[..] };
    let mut arrays = vec![
        ("relevance", relevance(explanation)?),
        ("heatmap", array(&maps, &one_or_many(explanation.positions.len(), shape))?),
    ];
    arrays.extend(layout_arrays(layout)?);
    arrays.push(("target", array(&targets, &one_or_many(targets.len(), &[]))?));
    if let Some(paint) = explanation.shown.paint.as_ref().filter(|paint| paint.colours.len() == layout.grid.len()) {
        arrays.push(("paint", array(paint.colours.as_flattened(), &[shape, &[3]].concat())?));
    }
    if let Some(layers) = &explanation.layers {
        arrays.push(("layers", array(layers, &[layers.len() / layout.len().max(1), layout.len()])?));
    }
    Ok(arrays)
}

fn segments_arrays(segments: &Segments, style: &FigureStyle) -> Result<Arrays> {
    let segmentation = segments.partition.segmentation(cut_of(segments, style));
    let mut arrays = segments.maps.as_ref().map_or(Ok(Vec::new()), |maps| explanation_arrays(maps))?;
    if segments.maps.is_none() {
        arrays.extend(layout_arrays(&segments.scene.layout)?);
    }
    arrays.push(("labels", labels_of(segments, style)?));
    arrays.push(("token_labels", labels(&segmentation.patch_labels, &[segmentation.patch_labels.len()])?));
    let boxes = segments.partition.boxes();
    if !boxes.is_empty() {
        let numbers: Vec<f64> = boxes.iter().flat_map(|b| [b.x, b.y, b.width, b.height]).collect();
        arrays.push(("boxes", array(&numbers, &[boxes.len(), 4])?));
    }
    if let Some(tree) = segments.partition.tree() {
        let row = |m: &Merge| [m.left as f64, m.right as f64, m.distance, m.size as f64];
        let linkage: Vec<f64> = tree.merges().iter().flat_map(row).collect();
        arrays.push(("linkage", array(&linkage, &[tree.merges().len(), 4])?));
    }
    Ok(arrays)
}

fn layout_arrays(layout: &TokenLayout) -> Result<Arrays> {
    let grid = [layout.grid.rows as i64, layout.grid.cols as i64];
    Ok(vec![("grid", array(&grid, &[2])?), ("num_prefix", array(&[layout.prefix.len() as i64], &[])?)])
}

fn relevance(explanation: &Explanation) -> Result<Vec<u8>> {
    array(&explanation.relevance, &one_or_many(explanation.positions.len(), &[explanation.scene.layout.len()]))
}

fn labels_of(segments: &Segments, style: &FigureStyle) -> Result<Vec<u8>> {
    let segmentation = segments.partition.segmentation(cut_of(segments, style));
    labels(&segmentation.labels, &[segmentation.height, segmentation.width])
}

fn labels(labels: &[u16], shape: &[usize]) -> Result<Vec<u8>> {
    let labels: Vec<i32> = labels.iter().map(|&label| i32::from(label)).collect();
    array(&labels, shape)
}

/// One target has no axis of its own.
fn one_or_many(count: usize, shape: &[usize]) -> Vec<usize> {
    if count == 1 { shape.to_vec() } else { [&[count], shape].concat() }
}

/// An array as the bytes of a .npy file, in C order.
fn array<T: npyz::AutoSerialize + Copy>(values: &[T], shape: &[usize]) -> Result<Vec<u8>> {
    if values.len() != shape.iter().product::<usize>() {
        return Err(Error::Internal(format!("an array of {} values has the shape {shape:?}", values.len())));
    }
    let shape: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
    let mut bytes = Vec::new();
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd().map_err(fault)?;
    writer.extend(values.iter().copied()).map_err(fault)?;
    writer.finish().map_err(fault)?;
    Ok(bytes)
}

fn zipped(arrays: &Arrays) -> Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        zip.start_file(format!("{name}.npy"), options.large_file(bytes.len() > u32::MAX as usize)).map_err(fault)?;
        zip.write_all(bytes).map_err(fault)?;
    }
    Ok(zip.finish().map_err(fault)?.into_inner())
}

fn no_data() -> Error {
    Error::refused("--out", "a trace has no relevance").expected("a .safetensors file")
}

fn fault(err: impl std::fmt::Display) -> Error {
    Error::Internal(format!("writing an array: {err}"))
}
