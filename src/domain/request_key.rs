//! A short name for a request.

use std::fmt;
use std::io;

use serde::Serialize;

/// 128 bits that tell requests apart: the FNV-1a hash (Fowler, Noll and Vo) of a request's JSON. Equal requests have equal keys.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestKey(u128);

impl RequestKey {
    /// The key of a request, or of a part of one.
    pub fn of(request: &impl Serialize) -> Self {
        let mut hash = Fnv::default();
        // Plain data is always written, and the hash takes every byte.
        drop(serde_json::to_writer(&mut hash, request));
        Self(hash.0)
    }
}

impl fmt::Debug for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

struct Fnv(u128);

impl Default for Fnv {
    fn default() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl io::Write for Fnv {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        const PRIME: u128 = (1 << 88) + 0x13b;
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(PRIME);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        let hash = |text: &[u8]| {
            let mut hash = Fnv::default();
            hash.write_all(text).unwrap();
            hash.0
        };
        // Test vectors of draft-eastlake-fnv.
        assert_eq!(hash(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(hash(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        assert_eq!(hash(b"foobar"), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }
}
