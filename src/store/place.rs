//! Where a tensor lies in a file, and how it is read from there.

use std::io;

use super::bytes::Bytes;
use super::convert::size_of;

/// Where a tensor lies in its file. Whoever makes one has checked that it ends inside the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// As the safetensors format calls it: F32, BF16, I64, ..
    pub dtype: String,
    /// Numbers along each axis.
    pub shape: Vec<usize>,
    /// Byte of the file at which its first number stands.
    pub start: u64,
    /// Numbers from one entry to the next along each axis; `None` where rows follow one another.
    pub strides: Option<Vec<usize>>,
}

/// Numbers of a tensor with gaps that are read at once, gaps included.
const FEW: u64 = 1 << 16;

impl Place {
    /// Numbers in the tensor.
    pub fn num_elements(&self) -> u64 {
        self.shape.iter().fold(1, |n: u64, &d| n.saturating_mul(d as u64))
    }

    /// The tensor's bytes, row by row whatever its strides.
    ///
    /// # Errors
    /// Those of the file, and a type without a size.
    pub fn read(&self, bytes: &Bytes) -> io::Result<std::borrow::Cow<'static, [u8]>> {
        let size = size_of(&self.dtype).ok_or(io::ErrorKind::Unsupported)?;
        let length = usize::try_from(self.num_elements().saturating_mul(size)).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let Some(strides) = self.strides.as_deref().filter(|_| length > 0) else { return bytes.read(self.start, length) };
        let mut values = Vec::with_capacity(length);
        gather(bytes, (self.start, size), (&self.shape, strides), &mut values)?;
        Ok(values.into())
    }
}

/// Reads a tensor with gaps: at once where the gaps are small, else entry by entry of the first axis, so that a column of a large
/// table costs no memory for the table.
fn gather(bytes: &Bytes, at: (u64, u64), layout: (&[usize], &[usize]), values: &mut Vec<u8>) -> io::Result<()> {
    let ((start, size), (shape, strides)) = (at, layout);
    let count: u64 = shape.iter().map(|&n| n as u64).product();
    let span = 1 + shape.iter().zip(strides).map(|(&n, &stride)| (n as u64 - 1) * stride as u64).sum::<u64>();
    if shape.is_empty() || span <= FEW.max(4 * count) {
        let raw = bytes.read(start, (span * size) as usize)?;
        pick(&raw, size as usize, layout, values);
        return Ok(());
    }
    (0..shape[0] as u64).try_for_each(|i| {
        let from = start + i * strides[0] as u64 * size;
        gather(bytes, (from, size), (&shape[1..], &strides[1..]), values)
    })
}

fn pick(raw: &[u8], size: usize, layout: (&[usize], &[usize]), values: &mut Vec<u8>) {
    let (shape, strides) = layout;
    let Some((&count, inner)) = shape.split_first() else {
        return values.extend_from_slice(&raw[..size]);
    };
    for i in 0..count {
        pick(&raw[i * strides[0] * size..], size, (inner, &strides[1..]), values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of a file of 400,000 are their own positions.
    fn read(start: u64, shape: &[usize], strides: &[usize]) -> Vec<u32> {
        let numbers: Vec<u8> = (0..400_000_u32).flat_map(u32::to_le_bytes).collect();
        let bytes = Bytes::embedded(String::new(), numbers.leak());
        let place = Place { dtype: "I32".to_owned(), shape: shape.to_vec(), start: 4 * start, strides: Some(strides.to_vec()) };
        place.read(&bytes).unwrap().as_chunks().0.iter().copied().map(u32::from_le_bytes).collect()
    }

    #[test]
    fn gaps_are_passed_over() {
        assert_eq!(read(5, &[2, 3], &[3, 1]), [5, 6, 7, 8, 9, 10]);
        assert_eq!(read(5, &[3, 2], &[1, 3]), [5, 8, 6, 9, 7, 10]);
        assert_eq!(read(1, &[2, 2, 2], &[100_000, 9, 70_000]), [1, 70_001, 10, 70_010, 100_001, 170_001, 100_010, 170_010]);
        assert_eq!(read(399_999, &[], &[]), [399_999]);
        assert_eq!(read(7, &[2, 0], &[9, 9]), [0_u32; 0]);
        assert_eq!(read(0, &[3], &[133_333]), [0, 133_333, 266_666]);
    }
}
