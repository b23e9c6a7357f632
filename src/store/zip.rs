//! What a zip archive holds and where, as far as PyTorch's files need it: entries that are stored as they are. Nothing is ever
//! inflated. General readers of zip allocate by the number of entries that an archive claims; here the directory is read only as
//! far as it is there.

use std::collections::BTreeMap;

use super::bytes::Bytes;

type Result<T> = std::result::Result<T, String>;

/// An entry of an archive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Whether its bytes stand in the archive as they are.
    pub(super) is_stored: bool,
    /// Bytes that it takes in the archive.
    pub(super) size: u64,
    /// Byte at which its local header stands.
    header: u64,
}

/// Bytes of a directory; one of 100,000 tensors is smaller.
const MAX_DIRECTORY: u64 = 16 << 20;
/// Bytes of the record that ends an archive, without its comment.
const END: usize = 22;
const MAX_COMMENT: u64 = u16::MAX as u64;
/// Stands where a number is too large for its 32 bits.
const ELSEWHERE: u64 = u32::MAX as u64;

/// The entries of an archive, by name.
///
/// # Errors
/// What is wrong with it.
pub(super) fn entries(bytes: &Bytes) -> Result<BTreeMap<String, Entry>> {
    let (start, size) = find_directory(bytes)?;
    if size > MAX_DIRECTORY {
        return Err(format!("its directory claims {size} bytes"));
    }
    let directory = read(bytes, start, size as usize)?;
    let (mut entries, mut rest) = (BTreeMap::new(), directory.as_slice());
    while !rest.is_empty() {
        let (name, entry, length) = parse(rest).ok_or("its directory is cut off")?;
        // A name that stands twice would leave it open which one is meant.
        if entries.insert(name, entry).is_some() {
            return Err("its directory names an entry twice".to_owned());
        }
        rest = &rest[length..];
    }
    Ok(entries)
}

impl Entry {
    /// The byte at which the entry's own bytes begin.
    ///
    /// # Errors
    /// That they do not lie inside the file.
    pub(super) fn start(&self, bytes: &Bytes) -> Result<u64> {
        let header = read(bytes, self.header, 30)?;
        if !header.starts_with(b"PK\x03\x04") {
            return Err("an entry does not stand where its directory says".to_owned());
        }
        let names = number(&header, 26, 2).zip(number(&header, 28, 2)).map_or(0, |(name, extra)| name + extra);
        let start = self.header + 30 + names;
        match start.checked_add(self.size) {
            Some(end) if end <= bytes.len() => Ok(start),
            _ => Err("an entry reaches past the end of the file".to_owned()),
        }
    }
}

/// Where the directory begins, and its bytes.
fn find_directory(bytes: &Bytes) -> Result<(u64, u64)> {
    let tail_start = bytes.len().saturating_sub(END as u64 + MAX_COMMENT);
    let tail = read(bytes, tail_start, (bytes.len() - tail_start) as usize)?;
    let at = tail.windows(END).rposition(|w| w.starts_with(b"PK\x05\x06")).ok_or("it is cut off: its directory is missing")?;
    let end = &tail[at..];
    let (size, start) = number(end, 12, 4).zip(number(end, 16, 4)).ok_or("it is cut off")?;
    let end_start = tail_start + at as u64;
    let is_large = [size, start].contains(&ELSEWHERE) || number(end, 10, 2) == Some(u64::from(u16::MAX));
    // Archives of more than 4 GB, and all that PyTorch writes, say it in a second record, which a pointer before the first leads to.
    let pointer = end_start.checked_sub(20).and_then(|at| bytes.read(at, 20).ok());
    let Some(pointer) = pointer.filter(|p| p.starts_with(b"PK\x06\x07")) else {
        return if is_large { Err("its directory is missing".to_owned()) } else { Ok((start, size)) };
    };
    let record = read(bytes, number(&pointer, 8, 8).unwrap_or(u64::MAX), 56)?;
    let found = number(&record, 48, 8).zip(number(&record, 40, 8)).filter(|_| record.starts_with(b"PK\x06\x06"));
    found.ok_or_else(|| "its directory is missing".to_owned())
}

/// The first entry of a directory, and the bytes that it takes there.
fn parse(directory: &[u8]) -> Option<(String, Entry, usize)> {
    if !directory.starts_with(b"PK\x01\x02") {
        return None;
    }
    let field = |at, count| number(directory, at, count);
    let (is_encrypted, method) = (field(8, 2)? & 1 == 1, field(10, 2)?);
    let [name, extra, comment] = [28, 30, 32].map(|at| field(at, 2).map(|n| n as usize));
    let (name_end, extra_length) = (46 + name?, extra?);
    let text = String::from_utf8_lossy(directory.get(46..name_end)?).into_owned();
    let extra = directory.get(name_end..name_end + extra_length)?;
    let length = name_end + extra_length + comment?;
    // In this order: those that do not fit into 32 bits follow in the extra field.
    let mut sizes = [field(24, 4)?, field(20, 4)?, field(42, 4)?];
    let mut large = large_numbers(extra).chunks_exact(8);
    for size in sizes.iter_mut().filter(|size| **size == ELSEWHERE) {
        *size = number(large.next()?, 0, 8)?;
    }
    let [whole, size, header] = sizes;
    let is_stored = method == 0 && !is_encrypted && whole == size;
    (length <= directory.len()).then_some((text, Entry { is_stored, size, header }, length))
}

/// The field of numbers with 64 bits among the extra fields of an entry.
fn large_numbers(mut extra: &[u8]) -> &[u8] {
    while let Some((kind, length)) = number(extra, 0, 2).zip(number(extra, 2, 2)) {
        let end = (4 + length as usize).min(extra.len());
        if kind == 1 {
            return &extra[4..end];
        }
        extra = &extra[end..];
    }
    &[]
}

/// `count` bytes as a number, the least significant first.
fn number(bytes: &[u8], at: usize, count: usize) -> Option<u64> {
    Some(bytes.get(at..at + count)?.iter().rev().fold(0, |sum, &byte| (sum << 8) | u64::from(byte)))
}

fn read(bytes: &Bytes, start: u64, count: usize) -> Result<Vec<u8>> {
    bytes.read(start, count).map(std::borrow::Cow::into_owned).map_err(|err| format!("it is cut off, {err}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes that do not fit into 32 bits stand in an extra field, among others, those that fit do not.
    #[test]
    fn large_entries_are_read() {
        let extra = [&[9, 9, 2, 0, 7, 7, 1, 0, 16, 0][..], &(5_u64 << 32).to_le_bytes(), &(6_u64 << 32).to_le_bytes()].concat();
        let sizes = [[0xff; 4], [0xff; 4]].concat();
        let lengths = [1_u16, extra.len() as u16, 3].map(u16::to_le_bytes).concat();
        let header =
            [b"PK\x01\x02".as_slice(), &[0; 16], &sizes, &lengths, &[0; 8], &[4, 0, 0, 0], b"n", &extra, b"!!!"].concat();
        let (name, Entry { is_stored, size, header: at }, length) = parse(&header).unwrap();
        assert_eq!((name.as_str(), is_stored, size, at, length), ("n", false, 6 << 32, 4, header.len()));
        assert!((0..header.len()).all(|end| parse(&header[..end]).is_none()));
    }
}
