//! From the bytes of a file to numbers in single precision.

use rayon::prelude::*;

/// Bytes of one number; `None` for types that have no size of their own here.
pub(super) fn size_of(dtype: &str) -> Option<u64> {
    match dtype {
        "F64" | "I64" | "U64" => Some(8),
        "F32" | "I32" | "U32" => Some(4),
        "F16" | "BF16" | "I16" | "U16" => Some(2),
        "I8" | "U8" | "BOOL" | "F8_E4M3" | "F8_E5M2" => Some(1),
        _ => None,
    }
}

/// The types that [`to_f32`] reads, as a refusal lists them.
pub(super) const READABLE: &str = "F32, F16, BF16 or F64";

/// Numbers, the least significant byte first; `None` for types that no weight has.
pub(super) fn to_f32(dtype: &str, bytes: &[u8]) -> Option<Vec<f32>> {
    match dtype {
        "F32" => Some(converted(bytes, f32::from_le_bytes)),
        "F64" => Some(converted(bytes, |b| f64::from_le_bytes(b) as f32)),
        "BF16" => Some(converted(bytes, |b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16))),
        "F16" => Some(converted(bytes, |b| f32_from_f16(u16::from_le_bytes(b)))),
        _ => None,
    }
}

/// Values that one thread converts at a time.
const VALUES_PER_TASK: usize = 1 << 16;

fn converted<const N: usize>(bytes: &[u8], convert: impl Fn([u8; N]) -> f32 + Sync) -> Vec<f32> {
    let (from, _) = bytes.as_chunks::<N>();
    let mut values = vec![0.0; from.len()];
    let tasks = values.par_chunks_mut(VALUES_PER_TASK).zip(from.par_chunks(VALUES_PER_TASK));
    tasks.for_each(|(values, from)| values.iter_mut().zip(from).for_each(|(value, &bytes)| *value = convert(bytes)));
    values
}

/// IEEE half precision: sign, 5 bits of exponent, 10 of fraction. Shifted to where `f32` has them, the exponent is 112 too small,
/// which a product puts right, for subnormal numbers too. Without a branch, so that the loop around it is vectorised: start-up
/// waits for it.
fn f32_from_f16(bits: u16) -> f32 {
    let magnitude = u32::from(bits & 0x7fff) << 13;
    let finite = (f32::from_bits(magnitude) * f32::from_bits((112 + 127) << 23)).to_bits();
    let special = magnitude | (255 << 23);
    let size = if magnitude >= 31 << 23 { special } else { finite };
    f32::from_bits(size | u32::from(bits & 0x8000) << 16)
}

/// The first value that is no finite number; blocks are looked at as a whole first, which is quick.
pub fn first_not_finite(values: &[f32]) -> Option<f32> {
    let is_finite = |block: &[f32]| block.iter().fold(true, |all, v| all & v.is_finite());
    let block = values.par_chunks(VALUES_PER_TASK).find_first(|block| !is_finite(block))?;
    block.iter().copied().find(|v| !v.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_read() {
        for bits in 0..0x7c00_u16 {
            let (exponent, fraction) = (i32::from(bits >> 10), f32::from(bits & 1023) / 1024.0);
            let value = if exponent == 0 { fraction * 2.0_f32.powi(-14) } else { (1.0 + fraction) * 2.0_f32.powi(exponent - 15) };
            assert_eq!((f32_from_f16(bits), f32_from_f16(bits | 0x8000)), (value, -value), "{bits:x}");
        }
        assert!(f32_from_f16(0xfc00) == f32::NEG_INFINITY && f32_from_f16(0x7e00).is_nan());
        assert_eq!(to_f32("BF16", &[0x80, 0x3f]), Some(vec![1.0]));
    }
}
