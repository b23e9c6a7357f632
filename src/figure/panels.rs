//! What a figure shows, before it has a size: panels with captions, colour bars, a legend and the line above them.

use std::sync::Arc;

use super::style::FigureStyle;
use crate::domain::colormap::{Colormap, label_colour};
use crate::domain::heatmap::{Heatmap, Range};
use crate::domain::request::{Cut, Own, Params, Task};
use crate::domain::segmentation::Segmentation;
use crate::domain::{Error, Result};
use crate::engine::{Explanation, Output, Photo, Scene, Segments};
use crate::method::{Info, Uses};
use crate::render::{MapStyle, Overlay, Painting, SegmentStyle, UvRect};

/// More panels than this are unreadable on a page.
const MOST_PANELS: usize = 64;

/// Labels that a legend names; the others are summed up.
const MOST_LABELS: usize = 32;

/// A figure without sizes.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Parts of the line above the panels.
    pub title: Vec<String>,
    /// In reading order.
    pub panels: Vec<Panel>,
    /// Colour bars; one that all panels share, or one a panel.
    pub bars: Vec<Bar>,
    /// Below the panels.
    pub legend: Vec<Entry>,
    /// Width over height of every panel.
    pub aspect: f64,
}

/// One picture of a figure.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Above it, after the panel's letter.
    pub caption: String,
    /// Its pixels.
    pub painting: Painting,
    /// A rectangle to mark, in uv of the panel.
    pub target: Option<UvRect>,
    /// Which colour bar explains it.
    pub bar: Option<usize>,
}

/// A colour bar.
#[derive(Clone, Debug)]
pub struct Bar {
    /// The colours.
    pub colormap: Colormap,
    /// Their limits.
    pub range: Range,
    /// What the numbers are.
    pub unit: &'static str,
    /// Whether values lie below the range, above it.
    pub beyond: (bool, bool),
}

/// One label of a legend.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `None` for a remark.
    pub colour: Option<[u8; 3]>,
    /// The words.
    pub text: String,
}

/// What the figure of an answer shows.
///
/// # Errors
/// A refusal of too many panels, and of a bare trace.
pub fn of(output: &Output, style: &FigureStyle) -> Result<Sheet> {
    match output {
        Output::Explanation(explanation) => of_explanation(explanation, style),
        Output::Segments(segments) => of_segments(segments, style),
        Output::Scene(_) => Err(Error::refused("--out", "a trace has no figure").expected("a .safetensors file")),
    }
}

fn of_explanation(explanation: &Explanation, style: &FigureStyle) -> Result<Sheet> {
    let (scene, method, count) = (&explanation.scene, explanation.method, explanation.positions.len());
    if count == 0 || count > MOST_PANELS {
        return Err(Error::refused("--token", format!("a figure of {count} tokens"))
            .expected(format!("1 to {MOST_PANELS}"))
            .remedy("name fewer tokens, or write .npy, .npz or .csv, which take any number"));
    }
    let photo = photo_of(scene)?;
    let maps: Vec<Heatmap> = (0..count).map(|n| explanation.heatmap(n)).collect();
    let bars = bars_of(&maps, method, style);
    let mut panels = Vec::new();
    if style.photo.unwrap_or(count == 1) {
        let target = if count == 1 { target_of(explanation, 0) } else { None };
        panels.push(Panel { caption: photo_caption(photo), painting: painting_of(photo, style), target, bar: None });
    }
    for (n, map) in maps.into_iter().enumerate() {
        let bar = n.min(bars.len() - 1);
        let map_style = MapStyle {
            opacity: style.opacity,
            interpolation: style.interpolation,
            ..MapStyle::new(bars[bar].colormap, bars[bar].range)
        };
        panels.push(Panel {
            caption: name_of(scene, explanation.positions[n]),
            painting: painting_of(photo, style).with(Overlay::Heatmap { heatmap: map, style: map_style }),
            target: target_of(explanation, n),
            bar: Some(bar),
        });
    }
    let title = title_of(scene, explanation.layer, method_words(method, &explanation.request.params));
    Ok(Sheet { title, panels, bars, legend: Vec::new(), aspect: aspect_of(photo) })
}

/// One bar of all maps, or one a map.
fn bars_of(maps: &[Heatmap], method: &Info, style: &FigureStyle) -> Vec<Bar> {
    let bar = |values: Arc<[f32]>, map: &Heatmap| {
        let pooled = Heatmap { grid: map.grid, values };
        let range = pooled.range(style.range_for(method));
        let beyond = |test: &dyn Fn(f32) -> bool| pooled.values.iter().any(|&v| test(v));
        let beyond = (beyond(&|v| v < range.low), beyond(&|v| v > range.high));
        Bar { colormap: style.colormap_for(method), range, unit: method.unit, beyond }
    };
    if style.own_range {
        return maps.iter().map(|map| bar(Arc::clone(&map.values), map)).collect();
    }
    let all = maps.iter().flat_map(|m| m.values.iter().copied()).collect();
    maps.first().map(|map| bar(all, map)).into_iter().collect()
}

fn of_segments(segments: &Segments, style: &FigureStyle) -> Result<Sheet> {
    let photo = photo_of(&segments.scene)?;
    let (scene, cut) = (&segments.scene, cut_of(segments, style));
    let segmentation = Arc::new(segments.tree.segmentation(cut));
    let legend = legend_of(&segmentation);
    let count = segmentation.colours.len();
    let found = format!("{count} segment{}", if count == 1 { "" } else { "s" });
    let mut title = title_of(scene, segments.layer, method_words(segments.method, &segments.request.params));
    title.push(match cut {
        Cut::Distance(t) => format!("{found}, cut at distance {t}"),
        Cut::Clusters(k) => format!("{found}, at most {k} asked"),
    });
    let overlay = Overlay::Segments {
        segmentation,
        style: SegmentStyle { opacity: style.opacity, outlines: style.outlines, solo: style.solo },
    };
    let bare = Panel { caption: photo_caption(photo), painting: painting_of(photo, style), target: None, bar: None };
    let map =
        Panel { caption: "segmentation".to_owned(), painting: painting_of(photo, style).with(overlay), target: None, bar: None };
    let panels = if style.photo.unwrap_or(true) { vec![bare, map] } else { vec![map] };
    Ok(Sheet { title, panels, bars: Vec::new(), legend, aspect: aspect_of(photo) })
}

/// Where a figure of segments is cut.
pub fn cut_of(segments: &Segments, style: &FigureStyle) -> Cut {
    let asked = if let Task::Segment { cut } = segments.request.task { cut } else { Cut::default() };
    style.cut.unwrap_or(asked)
}

/// By number; of many, only the largest.
fn legend_of(segmentation: &Segmentation) -> Vec<Entry> {
    let shares = segmentation.shares();
    let mut by_share: Vec<usize> = (0..shares.len()).collect();
    by_share.sort_by(|&a, &b| shares[b].total_cmp(&shares[a]).then(a.cmp(&b)));
    let rest = by_share.split_off(by_share.len().min(MOST_LABELS));
    by_share.sort_unstable();
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let entry = |&label: &usize| Entry {
        colour: Some(label_colour(segmentation.colours[label])),
        text: format!("{label}: {}", percent(shares[label])),
    };
    let mut legend: Vec<Entry> = by_share.iter().map(entry).collect();
    if !rest.is_empty() {
        let sum = rest.iter().map(|&label| shares[label]).sum();
        legend.push(Entry { colour: None, text: format!("and {} smaller: {}", rest.len(), percent(sum)) });
    }
    legend
}

fn photo_of(scene: &Scene) -> Result<&Photo> {
    scene.photo.as_ref().ok_or_else(|| Error::refused("--out", "a text has no picture").expected("a .npy, .npz or .csv file"))
}

fn painting_of(photo: &Photo, style: &FigureStyle) -> Painting {
    let painting = Painting::new(Arc::clone(&photo.picture), photo.seen);
    // Lines of about a third of a point.
    Painting { shown: painting.seen, line_px: (style.dpi / 150).max(1), ..painting }
}

fn aspect_of(photo: &Photo) -> f64 {
    let aspect = photo.seen.width / photo.seen.height;
    if aspect.is_finite() && aspect > 0.0 { aspect.clamp(0.02, 50.0) } else { 1.0 }
}

/// The box of a target patch.
fn target_of(explanation: &Explanation, n: usize) -> Option<UvRect> {
    let layout = &explanation.scene.layout;
    let (row, col) = layout.grid.row_col(layout.patch_of(explanation.positions[n])?);
    let (rows, cols) = (layout.grid.rows as f64, layout.grid.cols as f64);
    let (row, col) = (row as f64, col as f64);
    Some(UvRect { left: col / cols, top: row / rows, right: (col + 1.0) / cols, bottom: (row + 1.0) / rows })
}

/// `cls`, `patch 7,7`.
pub fn name_of(scene: &Scene, position: usize) -> String {
    scene.layout.kind(position).map_or_else(|| position.to_string(), |kind| kind.to_string())
}

fn photo_caption(photo: &Photo) -> String {
    if photo.picture.name.is_empty() { "input".to_owned() } else { photo.picture.name.clone() }
}

fn title_of(scene: &Scene, layer: usize, method: String) -> Vec<String> {
    vec![scene.model.name.clone(), format!("layer {layer} of {}", scene.model.num_layers), method]
}

/// The method and those parameters that it looks at.
fn method_words(method: &Info, params: &Params) -> String {
    let own = (params.own != Own::default()).then(|| format!("own {}", params.own));
    let words = method.uses.iter().filter_map(|uses| match uses {
        Uses::Head => Some(format!("head {}", params.head)),
        Uses::Facet => Some(format!("facet {}", params.facet)),
        Uses::Scalar => Some(format!("scalar {}", params.scalar)),
        Uses::Rows => Some(format!("rows {}", params.rows)),
        Uses::Own => own.clone(),
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() { method.name.to_owned() } else { format!("{} ({})", method.name, words.join(", ")) }
}
