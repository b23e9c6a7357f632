//! What the integration tests share: fixtures, tolerances, comparisons.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use tokenscope::domain::request::Tower;
use tokenscope::domain::text::Text;
use tokenscope::domain::{Cancel, Progress};
use tokenscope::model::{Model, ModelInput, Trace};

/// The project's own tiny checkpoints.
pub fn own_models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models")
}

/// Folders of tiny checkpoints, by name.
pub fn model_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(own_models()).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 25, "tests/fixtures/models is not whole");
    folders
}

/// Every expected*.safetensors of a folder.
pub fn expectations(folder: &Path) -> Vec<HashMap<String, Tensor>> {
    let files = ["expected.safetensors", "expected_wide.safetensors", "expected_text.safetensors"].map(|f| folder.join(f));
    let there = files.iter().filter(|f| f.exists());
    there.map(|f| candle_core::safetensors::load(f, &Device::Cpu).unwrap()).collect()
}

/// An input of either kind, with what it borrows.
pub enum Given {
    Pixels { values: Vec<f32>, height: usize, width: usize },
    Words { ids: Vec<u32>, text: Arc<Text> },
}

impl Given {
    /// The input that PyTorch was given.
    pub fn expected(want: &HashMap<String, Tensor>) -> Self {
        if let Some(ids) = want.get("input_ids") {
            return Self::words(positions(ids).into_iter().map(|id| id as u32).collect());
        }
        let (_, height, width) = want["pixel_values"].dims3().unwrap();
        Self::Pixels { values: floats(&want["pixel_values"]), height, width }
    }

    /// The tower that takes such an input.
    pub fn tower(&self) -> Tower {
        match self {
            Self::Pixels { .. } => Tower::Image,
            Self::Words { .. } => Tower::Text,
        }
    }

    /// Numbers that mean nothing: 32 x 40 pixels, or twelve words.
    pub fn any(model: &Model) -> Self {
        if let Some(vocab) = model.vocab_size() {
            return Self::words((0..12).map(|i| (i * 7919 % vocab) as u32).collect());
        }
        let values = (0..3 * 32 * 40).map(|i| ((i * 7919 % 1009) as f32 / 504.5 - 1.0) * 1.3).collect();
        Self::Pixels { values, height: 32, width: 40 }
    }

    pub fn words(ids: Vec<u32>) -> Self {
        Self::Words { text: Arc::new(Text::of_ids(&ids)), ids }
    }

    pub fn input(&self) -> ModelInput<'_> {
        match self {
            Self::Pixels { values, height, width } => ModelInput::Pixels { values, height: *height, width: *width },
            Self::Words { ids, text } => ModelInput::Words { ids, text: text.clone() },
        }
    }

    pub fn trace(&self, model: &Model) -> Trace {
        model.trace(&self.input(), &Cancel::default(), &Progress::default()).unwrap()
    }

    /// As a message names it.
    pub fn shape(&self) -> String {
        match self {
            Self::Pixels { height, width, .. } => format!("{height}x{width}"),
            Self::Words { ids, .. } => format!("{} words", ids.len()),
        }
    }
}

pub fn floats(tensor: &Tensor) -> Vec<f32> {
    tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

pub fn positions(tensor: &Tensor) -> Vec<usize> {
    tensor.to_vec1::<i64>().unwrap().into_iter().map(|p| p as usize).collect()
}

/// Largest |got - want|.
pub fn largest_difference(got: &[f32], want: &[f32]) -> f32 {
    assert_eq!(got.len(), want.len());
    got.iter().zip(want).map(|(g, w)| if g.is_nan() { f32::INFINITY } else { (g - w).abs() }).fold(0.0, f32::max)
}

/// |got - want| <= tolerance * max |want|.
pub fn assert_close(what: &str, got: &[f32], want: &[f32], tolerance: f32) {
    let scale = want.iter().fold(0.0_f32, |m, w| m.max(w.abs()));
    let apart = largest_difference(got, want);
    assert!(apart <= tolerance * scale, "{what}: differs by {apart:e}, allowed {tolerance:e} of {scale}");
}

/// Relevance rows within 1e-3 of the largest entry other than the target's own. Where there is no other (the first token of a
/// causal model sees itself alone), within 1e-5 of that own entry, which is a product over all blocks: PyTorch's, in f32, is itself
/// up to 2e-6 of it away from what f64 gives.
pub fn assert_rows_close(what: &str, got: &[f32], want: &[f32], targets: &[usize], tolerance: f32) {
    let tokens = want.len() / targets.len();
    for (i, &target) in targets.iter().enumerate() {
        let (got, want) = (&got[i * tokens..][..tokens], &want[i * tokens..][..tokens]);
        let others = want.iter().enumerate().filter(|(j, _)| *j != target).map(|(_, w)| w.abs()).fold(0.0, f32::max);
        let bound = if others > 0.0 { (tolerance * others).max(1e-6) } else { 1e-5 * want[target].abs() };
        let apart = largest_difference(got, want);
        assert!(apart <= bound, "{what}, target {target}: differs by {apart:e}, allowed {bound:e}");
    }
}
