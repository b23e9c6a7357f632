//! ULTra's learned read-out: trained on a folder of pictures.

use std::path::{Path, PathBuf};

use super::super::Engine;
use super::super::tensors::TensorsOut;
use crate::domain::request::{Input, ModelRef, Request, Task};
use crate::domain::{Error, Result};
use crate::input::folder;
use crate::input::picture::EXTENSIONS;
use crate::method::Control;
use crate::method::readout::{Readout, Training, train};

/// The pictures of a folder, by name; hidden ones are passed by.
///
/// # Errors
/// A refusal of a folder that cannot be listed or has none.
pub fn pictures_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let pictures = folder::pictures(folder, 0)?.files;
    if pictures.is_empty() {
        return Err(Error::refused(folder.display(), "holds no pictures").expected(format!("files of {}", EXTENSIONS.join(", "))));
    }
    Ok(pictures)
}

impl Engine {
    /// Trains ULTra's read-out on pictures and writes it as `W` `[D, D]`: see [`crate::method::readout`].
    ///
    /// # Errors
    /// A refusal of a model of texts, of too few pictures, of a file that cannot be written; [`Error::Cancelled`].
    pub fn fit_readout(
        &mut self,
        model: &ModelRef,
        pictures: &[PathBuf],
        training: &Training,
        out: &Path,
        control: &Control,
    ) -> Result<Readout> {
        let request = |picture: &PathBuf| Request::of(Task::Trace, Input::File(picture.clone()), model.clone());
        let mut seen = Vec::with_capacity(pictures.len());
        let mut opened = None;
        for picture in pictures {
            let traced = self.trace(&request(picture), control)?;
            seen.push(traced.trace.input.clone());
            opened = Some(traced);
        }
        let Some(opened) = opened else { return Err(Error::refused("fit readout", "no pictures are named")) };
        let top = opened.model.num_layers();
        if training.layer == 0 || training.layer > top {
            return Err(Error::refused(format!("--layer {}", training.layer), "has no attention below it")
                .expected(format!("layers 1..{top}")));
        }
        let readout = train(&opened.model, &seen, training, control)?;
        let width = opened.model.width();
        let words = [
            ("what", "ULTra read-out: token i is read along W z_i / |z_i|".to_owned()),
            ("model", opened.scene.model.name.clone()),
            ("layer", training.layer.to_string()),
            ("pictures", pictures.len().to_string()),
            ("loss", format!("{:.5} held out, {:.5} without W", readout.after, readout.before)),
        ];
        let mut file = TensorsOut::create(out, &[("W".to_owned(), vec![width, width])], &words)?;
        file.put(&readout.matrix)?;
        file.finish()?;
        Ok(readout)
    }
}
