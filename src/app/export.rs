//! From what the window shows to a figure on disk. The only file that speaks to the figure writer.

use std::path::Path;

use eframe::egui::ColorImage;

use super::session::Session;
use crate::domain::{Error, Result};
use crate::engine::Output;
use crate::figure::{self, FigureStyle, Layout, png};

/// Writes the figure or its data, by the extension of `path`; a figure's record beside it.
///
/// # Errors
/// A refusal that names the path.
pub fn write(output: &Output, session: &Session, path: &Path) -> Result<()> {
    let mut paths = vec![path.to_path_buf()];
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png") || e.eq_ignore_ascii_case("svg")) {
        paths.push(path.with_extension("json"));
    }
    figure::write(output, &style(session), &paths)
}

/// The figure as pixels.
///
/// # Errors
/// A refusal when it cannot be drawn.
pub fn picture(output: &Output, session: &Session) -> Result<ColorImage> {
    let png = png::bytes(&Layout::new(output, &style(session))?)?;
    let image = image::load_from_memory(&png).map_err(|err| Error::Internal(format!("the figure's own PNG: {err}")))?;
    let size = [image.width() as usize, image.height() as usize];
    Ok(ColorImage::from_rgb(size, image.to_rgb8().as_raw()))
}

fn style(session: &Session) -> FigureStyle {
    let look = session.look;
    FigureStyle {
        colormap: look.colormap,
        range: look.range,
        opacity: look.opacity,
        interpolation: look.interpolation,
        outlines: session.outlines,
        exhibits: Some(session.shows_exhibits()),
        solo: session.solo.and_then(|label| u16::try_from(label).ok()),
        ..FigureStyle::default()
    }
}
