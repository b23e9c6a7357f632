//! Arrays of NumPy.

use std::path::Path;

use tokenscope::domain::Result;
use tokenscope::input::matrix_file::read_numbers;

use crate::harness::{Kind, Reader, Seed};

pub struct Npy;

/// An array of 12 numbers.
pub fn array(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}

impl Reader for Npy {
    fn name(&self) -> &'static str {
        "npy"
    }

    fn seeds(&self) -> Vec<Seed> {
        let single: Vec<u8> = (0..12).flat_map(|i| (i as f32).to_le_bytes()).collect();
        let double: Vec<u8> = (0..12).flat_map(|i| f64::from(i).to_le_bytes()).collect();
        let seed = |bytes: Vec<u8>| Seed::new("a.npy", bytes, Kind::Npy);
        vec![seed(array("<f4", "(4, 3)", &single)), seed(array("<f8", "(12,)", &double))]
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        read_numbers(file).map(drop)
    }
}
