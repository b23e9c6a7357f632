//! What the integration tests share: fixtures, tolerances, comparisons.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};

/// The project's own tiny checkpoints.
pub fn own_models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models")
}

/// Folders of tiny checkpoints, by name.
pub fn model_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(own_models()).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 7, "tests/fixtures/models is not whole");
    folders
}

/// Every expected*.safetensors of a folder.
pub fn expectations(folder: &Path) -> Vec<HashMap<String, Tensor>> {
    let files = ["expected.safetensors", "expected_wide.safetensors"].map(|f| folder.join(f));
    let there = files.iter().filter(|f| f.exists());
    there.map(|f| candle_core::safetensors::load(f, &Device::Cpu).unwrap()).collect()
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

/// Relevance rows within 1e-3 of the largest entry other than the target's own, or 1e-6 where that is 0.
pub fn assert_rows_close(what: &str, got: &[f32], want: &[f32], targets: &[usize], tolerance: f32) {
    let tokens = want.len() / targets.len();
    for (i, &target) in targets.iter().enumerate() {
        let (got, want) = (&got[i * tokens..][..tokens], &want[i * tokens..][..tokens]);
        let others = want.iter().enumerate().filter(|(j, _)| *j != target).map(|(_, w)| w.abs());
        let bound = (tolerance * others.fold(0.0, f32::max)).max(1e-6);
        let apart = largest_difference(got, want);
        assert!(apart <= bound, "{what}, target {target}: differs by {apart:e}, allowed {bound:e}");
    }
}
