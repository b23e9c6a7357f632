//! Vectors and matrices that a user made elsewhere: a .npy file, or the tensor `W` of a .safetensors file.

use std::path::Path;

use npyz::{NpyFile, Order};

use crate::domain::{Error, Result};
use crate::guard;
use crate::store::{Location, TensorFiles, read_file};

/// The tensor that is read of a .safetensors file.
const TENSOR: &str = "W";
/// Bytes of a file; a matrix of 8192 x 8192 in double precision.
const MAX_FILE: u64 = 512 << 20;
/// Bytes of a header that names one type and one shape.
const MAX_HEADER: usize = 4096;
/// Brackets of such a header: a dictionary and a tuple.
const MAX_BRACKETS: usize = 4;
const EXPECTED: &str = "numbers of one or two axes in C order, in single or double precision";

/// Numbers in rows.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberFile {
    /// Row-major.
    pub values: Vec<f32>,
    /// One axis, or two.
    pub shape: Vec<usize>,
}

/// Reads a vector or a matrix.
///
/// # Errors
/// A file that cannot be read, is neither .npy nor .safetensors, or holds something else or numbers that are not finite.
pub fn read_numbers(path: &Path) -> Result<NumberFile> {
    let is = |ending: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(ending));
    let numbers = if is("safetensors") {
        of_tensors(path)?
    } else if is("npy") {
        of_array(path)?
    } else {
        return Err(Error::refused(path.display(), "holds no directions").expected("a .npy file, or a .safetensors file with W"));
    };
    let refused = |what: String| Error::refused(path.display(), what).expected(EXPECTED);
    if !(1..=2).contains(&numbers.shape.len()) || numbers.values.is_empty() {
        return Err(refused(format!("has the shape {:?}", numbers.shape)));
    }
    match numbers.values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(refused(format!("the number at {at} is {}", numbers.values[at]))),
        None => Ok(numbers),
    }
}

fn of_tensors(path: &Path) -> Result<NumberFile> {
    let files = TensorFiles::open(&Location::find(path)?)?;
    let shape = files.shape(TENSOR).map(<[usize]>::to_vec).ok_or_else(|| {
        let names: Vec<&str> = files.names().take(8).collect();
        Error::refused(path.display(), format!("has no tensor {TENSOR}, but {}", names.join(", "))).expected(EXPECTED)
    })?;
    Ok(NumberFile { values: files.read(TENSOR, &shape)?, shape })
}

fn of_array(path: &Path) -> Result<NumberFile> {
    let bytes = read_file(path, MAX_FILE, "a .npy file")?;
    let refused = |what: &str| Error::refused(path.display(), what).expected(EXPECTED).remedy("write it with numpy.save");
    if !has_short_header(&bytes) {
        return Err(refused("is no .npy file"));
    }
    // The reader is other people's code and meets any bytes here: a panic in it is a refusal.
    let read = guard::quietly(|| values_of(&bytes)).ok_or_else(|| refused("is damaged"))?;
    read.map_err(|what| refused(&what))
}

/// The reader follows brackets as deep as they go; a header that it may see has few.
fn has_short_header(bytes: &[u8]) -> bool {
    let Some(&[a, b]) = bytes.get(8..10).and_then(|length| length.first_chunk()) else { return false };
    let length = usize::from(u16::from_le_bytes([a, b]));
    let header = bytes.get(10..10 + length).filter(|_| length <= MAX_HEADER && bytes.starts_with(b"\x93NUMPY\x01"));
    header.is_some_and(|header| header.iter().filter(|byte| b"([{".contains(byte)).count() <= MAX_BRACKETS)
}

fn values_of(bytes: &[u8]) -> std::result::Result<NumberFile, String> {
    let npy = NpyFile::new(bytes).map_err(|err| err.to_string())?;
    let shape: Vec<usize> = npy.shape().iter().filter_map(|&n| usize::try_from(n).ok()).collect();
    let count = shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
    if npy.order() != Order::C && shape.len() > 1 {
        return Err("is in Fortran order".to_owned());
    }
    if count.is_none_or(|count| count > bytes.len() / 4) {
        return Err(format!("claims the shape {shape:?} in {} bytes", bytes.len()));
    }
    let cut = |err: std::io::Error| format!("is cut off ({err})");
    let values = match npy.try_data::<f32>() {
        Ok(data) => data.collect::<std::io::Result<Vec<f32>>>().map_err(cut)?,
        Err(npy) => match npy.try_data::<f64>() {
            Ok(data) => data.map(|value| value.map(|x| x as f32)).collect::<std::io::Result<_>>().map_err(cut)?,
            Err(npy) => return Err(format!("holds {}", npy.dtype().descr())),
        },
    };
    Ok(NumberFile { values, shape })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
    }

    #[test]
    fn arrays_are_read_and_what_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.npy");
        let read = |bytes: Vec<u8>| {
            std::fs::write(&path, bytes).unwrap();
            read_numbers(&path)
        };
        let six: Vec<u8> = (0..6).flat_map(|i| (i as f64).to_le_bytes()).collect();
        let numbers = read(array("<f8", "False", "(2, 3)", &six)).unwrap();
        assert_eq!((numbers.shape, numbers.values), (vec![2, 3], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
        for (bytes, word) in [
            (b"hello".to_vec(), "no .npy"),
            (array("<f8", "True", "(2, 3)", &six), "Fortran"),
            (array("<f8", "False", "(2, 30)", &six), "claims"),
            (array("<f8", "False", "(2, 4)", &six), "cut off"),
            (array("<i2", "False", "(2, 3)", &six), "holds"),
            (array("<f8", "False", "(1, 2, 3)", &six), "shape"),
            (array("<f4", "False", "(1,)", &f32::NAN.to_le_bytes()), "NaN"),
            (array(&"[".repeat(3000), "False", "(1,)", &[]), "no .npy"),
        ] {
            let err = read(bytes).unwrap_err().to_string();
            assert!(err.contains(word), "{err} lacks {word}");
        }
    }
}
