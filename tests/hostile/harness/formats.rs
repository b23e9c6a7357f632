//! Changes inside formats that would otherwise be refused at their first checksum or length.

use super::mutate::{of_bytes, of_json};
use super::random::Random;

/// The header, with its length set right, or numbers.
pub fn tensors(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let parts = bytes.split_first_chunk().and_then(|(length, rest)| rest.split_at_checked(u64::from_le_bytes(*length) as usize));
    let Some((header, data)) = parts else { return of_bytes(bytes, random) };
    let (mut header, mut data) = (header.to_vec(), data.to_vec());
    if random.once_in(3) {
        const VALUES: [f32; 8] = [f32::NAN, f32::INFINITY, f32::MIN, f32::MAX, 1e-40, 0.0, -1.0, 1e20];
        let value = random.pick(&VALUES).to_le_bytes();
        let (mut at, count) = (random.below(data.len() / 4) * 4, 1 + random.below(64));
        for _ in 0..count {
            data.iter_mut().skip(at).zip(value).for_each(|(byte, value)| *byte = value);
            at += 4;
        }
    } else {
        header = of_json(&header, random);
    }
    [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()
}

/// Chunks, with right checksums.
pub fn png(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut chunks: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some(length) = rest.first_chunk() {
        let end = (u32::from_be_bytes(*length) as usize).saturating_add(8);
        let (Some(kind), Some(data)) = (rest.get(4..8), rest.get(8..end)) else { break };
        chunks.push((kind.to_vec(), data.to_vec()));
        rest = rest.get(end + 4..).unwrap_or_default();
    }
    if chunks.is_empty() {
        return of_bytes(bytes, random);
    }
    let at = if random.once_in(3) { 0 } else { random.below(chunks.len()) };
    let other = random.below(chunks.len());
    match random.below(6) {
        0 => drop(chunks.remove(at)),
        1 => chunks.insert(other, chunks[at].clone()),
        2 => chunks.swap(at, other),
        3 => chunks[at].0 = chunks[other].0.clone(),
        _ => chunks[at].1 = of_bytes(&chunks[at].1, random),
    }
    let written = chunks.iter().flat_map(|(kind, data)| {
        let checked = [&kind[..], data].concat();
        [&(data.len() as u32).to_be_bytes()[..], &checked, &crc(&checked).to_be_bytes()].concat()
    });
    bytes.iter().take(8).copied().chain(written).collect()
}

fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
    !bytes.iter().fold(!0_u32, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc)))
}

/// The header, with its length set right.
pub fn npy(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let length = bytes.get(8..10).map_or(0, |length| usize::from(u16::from_le_bytes([length[0], length[1]])));
    let Some((header, data)) = bytes.get(10..).and_then(|rest| rest.split_at_checked(length)) else {
        return of_bytes(bytes, random);
    };
    let header = match random.below(3) {
        0 => of_bytes(header, random),
        1 => {
            const PARTS: [(&str, &str); 8] = [
                ("<f4", "<f8"),
                ("<f4", "|O"),
                ("<f4", "<f2"),
                ("False", "True"),
                ("(4, 3)", "(4294967296, 4294967296)"),
                ("(4, 3)", "(0, 3)"),
                ("(4, 3)", "()"),
                ("(4, 3)", "(-4, 3)"),
            ];
            let (from, to) = random.pick(&PARTS);
            String::from_utf8_lossy(header).replace(from, to).into_bytes()
        }
        _ => return [&bytes[..10 + length], &of_bytes(data, random)].concat(),
    };
    [&bytes[..8], &(header.len() as u16).to_le_bytes()[..], &header, data].concat()
}

/// Fields of a message, with right lengths; a field may be a message itself.
pub fn message(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut fields: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut rest = bytes;
    while let Some((tag, after)) = varint(rest) {
        let (length, after) = match (tag & 7, varint(after)) {
            (2, Some((length, after))) => (length as usize, after),
            (5, _) => (4, after),
            (0, Some((_, next))) => (after.len() - next.len(), after),
            _ => break,
        };
        let Some((payload, next)) = after.split_at_checked(length) else { break };
        fields.push((tag, payload.to_vec()));
        rest = next;
    }
    if fields.is_empty() || !rest.is_empty() {
        return of_bytes(bytes, random);
    }
    let (at, other) = (random.below(fields.len()), random.below(fields.len()));
    match random.below(7) {
        0 => drop(fields.remove(at)),
        1 => fields.swap(at, other),
        2 => {
            let many = vec![fields[at].clone(); *random.pick(&[1, 20, 400])];
            fields.splice(at..at, many);
        }
        3 => fields.truncate(at),
        4 => fields[at].0 = *random.pick(&[0, 8, 10, 18, 26, 0x15, u64::MAX - 5]),
        _ => fields[at].1 = if fields[at].1.len() > 3 { message(&fields[at].1, random) } else { of_bytes(&fields[at].1, random) },
    }
    let mut written = Vec::new();
    for (tag, payload) in fields {
        put(&mut written, tag);
        if tag & 7 == 2 {
            put(&mut written, payload.len() as u64);
        }
        written.extend(payload);
    }
    written
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = 1 + bytes.iter().take(9).position(|byte| byte & 0x80 == 0)?;
    let number = bytes[..length].iter().rev().fold(0, |sum: u64, byte| sum << 7 | u64::from(byte & 0x7f));
    Some((number, &bytes[length..]))
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}
