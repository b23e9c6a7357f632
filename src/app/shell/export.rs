//! From what the window shows to a figure on disk. The only file that speaks to the figure writer.

use std::path::Path;

use eframe::egui::ColorImage;

use crate::app::state::Lane;
use crate::domain::{Error, Result};
use crate::engine::Output;
use crate::engine::outputs::{self, Reads};
use crate::figure::{self, FigureStyle, Layout, png};
use crate::store::read_file;

/// Writes the figure or its data, by the extension of `path`; a figure's record beside it.
///
/// # Errors
/// A refusal that names the path.
pub fn write(output: &Output, lane: &Lane, path: &Path) -> Result<()> {
    let mut paths = vec![path.to_path_buf()];
    if matches!(&*outputs::ending_of(path), "png" | "svg") {
        let record = path.with_extension("json");
        check_record(&record)?;
        paths.push(record);
    }
    let reads = match output {
        Output::Explanation(explanation) => Reads::of(&explanation.request),
        Output::Segments(segments) => Reads::of(&segments.request),
        Output::Scene(_) | Output::Verification(_) | Output::Continuation(_) => Reads::default(),
    };
    outputs::check("figure", &paths, &reads)?;
    // The window shows the same characters as code points itself.
    figure::write(output, &style(lane), &paths).map(drop)
}

/// Bytes of a record, of which a text is most.
const MAX_RECORD: u64 = 256 << 20;

/// Refuses to replace what is no record: the file beside the figure was not named by the user.
fn check_record(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let bytes = read_file(path, MAX_RECORD, "a record").unwrap_or_default();
    let is_ours = serde_json::from_slice(&bytes).is_ok_and(|json: serde_json::Value| json["program"] == env!("CARGO_PKG_NAME"));
    if is_ours {
        return Ok(());
    }
    Err(Error::refused(path.display(), "would be replaced by the figure's record, and is no record itself")
        .expected("a name that is free")
        .remedy("choose another name for the figure"))
}

/// The figure as pixels.
///
/// # Errors
/// A refusal when it cannot be drawn.
pub fn picture(output: &Output, lane: &Lane) -> Result<ColorImage> {
    let png = png::bytes(&Layout::new(output, &style(lane))?)?;
    let image = image::load_from_memory(&png).map_err(|err| Error::Internal(format!("the figure's own PNG: {err}")))?;
    let size = [image.width() as usize, image.height() as usize];
    Ok(ColorImage::from_rgb(size, image.to_rgb8().as_raw()))
}

fn style(lane: &Lane) -> FigureStyle {
    let look = lane.look;
    FigureStyle {
        colormap: look.colormap,
        range: look.range,
        opacity: look.opacity,
        interpolation: look.interpolation,
        outlines: lane.look.outlines,
        exhibits: Some(lane.shows_exhibits()),
        solo: lane.solo().and_then(|label| u16::try_from(label).ok()),
        ..FigureStyle::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_records_are_replaced_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        assert!(check_record(&folder.path().join("new.json")).is_ok());
        assert!(check_record(&at("figure.json", r#"{"program": "tokenscope", "version": "0"}"#)).is_ok());
        for text in [r#"{"model_type": "vit"}"#, "not json", "[]"] {
            let err = check_record(&at("config.json", text)).unwrap_err();
            assert!(err.to_string().contains("is no record itself"), "{err}");
        }
    }
}
