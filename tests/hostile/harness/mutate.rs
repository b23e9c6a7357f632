//! Files that are nearly right: changed where their format has its joints, so that readers get past the first check.

use serde_json::{Map, Value, json};

use super::formats::{message, npy, png, tensors};
use super::random::Random;

/// The format of a file, as far as a change minds it.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Anything; the first bytes matter most.
    Bytes,
    /// One JSON document.
    Json,
    /// A JSON document a line.
    JsonLines,
    /// A line an entry.
    Lines,
    /// .safetensors.
    Tensors,
    /// A zip archive of stored entries, with a pickle near its beginning.
    Archive,
    /// PNG.
    Png,
    /// .npy.
    Npy,
    /// Protocol buffers.
    Message,
}

/// The bytes of a file with one change or two.
pub fn mutated(kind: Kind, bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    for _ in 0..=random.below(2) {
        changed = match kind {
            _ if random.once_in(20) => of_bytes(&changed, random),
            Kind::Bytes => of_bytes(&changed, random),
            Kind::Json => of_json(&changed, random),
            Kind::JsonLines => of_lines(&changed, random, of_json),
            Kind::Lines => of_lines(&changed, random, of_bytes),
            Kind::Tensors => tensors(&changed, random),
            Kind::Archive => of_archive(&changed, random),
            Kind::Png => png(&changed, random),
            Kind::Npy => npy(&changed, random),
            Kind::Message => message(&changed, random),
        };
    }
    changed
}

/// Numbers at which readers stumble.
const NUMBERS: [u64; 16] =
    [0, 1, 2, 7, 8, 127, 255, 256, 65_535, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 32, 1 << 63, u64::MAX];

/// A changed place: half of all changes are among the first bytes, where headers are.
fn place(length: usize, random: &mut Random) -> usize {
    if random.once_in(2) { random.below(length.min(64)) } else { random.below(length) }
}

pub fn of_bytes(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    let at = place(bytes.len(), random);
    let length = 1 + random.below(16).min(bytes.len().saturating_sub(at + 1));
    let end = (at + length).min(bytes.len());
    match random.below(9) {
        0 => changed.truncate(random.below(bytes.len() + 1)),
        1 => drop(changed.drain(at..end)),
        2 => {
            let part = bytes[at..end].repeat(1 + random.below(200));
            changed.splice(at..at, part);
        }
        3 => {
            let from = random.below(bytes.len());
            let part = bytes[from..(from + 1 + random.below(64)).min(bytes.len())].to_vec();
            changed.splice(at..end, part);
        }
        4 | 5 => overwrite(&mut changed, at, random),
        _ => {
            if let Some(byte) = changed.get_mut(at) {
                *byte = if random.once_in(2) { *byte ^ (1 << random.below(8)) } else { random.bits() as u8 };
            }
        }
    }
    changed
}

/// Writes a number of 1, 2, 4 or 8 bytes over those that are there.
fn overwrite(bytes: &mut [u8], at: usize, random: &mut Random) {
    let (number, width) = (*random.pick(&NUMBERS), 1 << random.below(4));
    let (little, big) = (number.to_le_bytes(), number.to_be_bytes());
    let number = if random.once_in(2) { &little[..width] } else { &big[8 - width..] };
    bytes.iter_mut().skip(at).zip(number).for_each(|(byte, value)| *byte = *value);
}

/// In an archive lengths stand everywhere: most changes keep them.
fn of_archive(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    const OPCODES: &[u8] = b"().0123(IJKLMNQRTUVXZ[]abcdeghijlopqrstu}\x80\x81\x85\x86\x87\x88\x89\x8a\x8c\x8e\x93\x94\x95";
    let mut changed = bytes.to_vec();
    let end = bytes.len();
    let at = match random.below(4) {
        0 => end - 1 - random.below(end.min(1200)),
        1 => random.below(end),
        _ => random.below(end.min(3000)),
    };
    match random.below(3) {
        0 => changed[at] = *random.pick(OPCODES),
        1 => overwrite(&mut changed, at, random),
        _ => changed = of_bytes(bytes, random),
    }
    changed
}

fn of_lines(bytes: &[u8], random: &mut Random, change: fn(&[u8], &mut Random) -> Vec<u8>) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    let (at, other) = (random.below(lines.len()), random.below(lines.len()));
    match random.below(8) {
        0 => drop(lines.remove(at)),
        1 => lines.swap(at, other),
        2 => lines[at] = lines[other].clone(),
        3 => {
            let part = vec![lines[at].clone(); 1 + random.below(50)];
            lines.splice(at..at, part);
        }
        4 => lines.truncate(at),
        _ => lines[at] = change(&lines[at], random),
    }
    lines.join(&b'\n')
}

pub fn of_json(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let Ok(mut root) = serde_json::from_slice::<Value>(bytes) else { return of_bytes(bytes, random) };
    let other = descend(&root, random).clone();
    // A document of another kind is refused at once: its root stays what it is.
    match &mut root {
        Value::Object(fields) if !fields.is_empty() && !random.once_in(8) => {
            let key = fields.keys().nth(random.below(fields.len())).cloned().unwrap();
            change(descend_mut(&mut fields[&key], random), other, random);
        }
        root => change(descend_mut(root, random), other, random),
    }
    root.to_string().into_bytes()
}

/// A node, by a walk that ends on every floor once in six times: large tables do not draw all changes to themselves.
fn descend<'a>(mut node: &'a Value, random: &mut Random) -> &'a Value {
    while !random.once_in(6) {
        let below = match node {
            Value::Object(fields) => fields.values().nth(random.below(fields.len())),
            Value::Array(values) => values.get(random.below(values.len())),
            _ => None,
        };
        let Some(below) = below else { break };
        node = below;
    }
    node
}

fn descend_mut<'a>(node: &'a mut Value, random: &mut Random) -> &'a mut Value {
    let is_leaf = match &*node {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(values) => values.is_empty(),
        _ => true,
    };
    if is_leaf || random.once_in(6) {
        return node;
    }
    match node {
        Value::Array(values) => {
            let at = random.below(values.len());
            descend_mut(&mut values[at], random)
        }
        fields => {
            let count = fields.as_object().map_or(0, Map::len);
            let key = fields.as_object().and_then(|fields| fields.keys().nth(random.below(count))).cloned().unwrap();
            descend_mut(&mut fields[&key], random)
        }
    }
}

fn change(node: &mut Value, other: Value, random: &mut Random) {
    match (random.below(4), &mut *node) {
        (0, node) => *node = odd(random),
        (1, node) => *node = other,
        (_, Value::Object(fields)) => of_object(fields, other, random),
        (_, Value::Array(values)) => of_array(values, other, random),
        (_, Value::String(text)) => *text = of_text(text, random),
        (_, Value::Bool(is)) => *is = !*is,
        (_, node) => *node = odd_number(random),
    }
}

fn of_object(fields: &mut Map<String, Value>, other: Value, random: &mut Random) {
    let at = random.below(fields.len());
    let Some(key) = fields.keys().nth(at).cloned() else { return };
    match random.below(4) {
        0 => drop(fields.insert(of_text(&key, random), other)),
        1 => {
            let value = fields.remove(&key).unwrap();
            fields.insert(of_text(&key, random), value);
        }
        2 => fields[&key] = other,
        _ => drop(fields.remove(&key)),
    }
}

fn of_array(values: &mut Vec<Value>, other: Value, random: &mut Random) {
    let (at, from) = (random.below(values.len()), random.below(values.len()));
    match random.below(5) {
        0 if !values.is_empty() => drop(values.remove(at)),
        1 if !values.is_empty() => values.swap(at, from),
        2 => values.insert(at, other),
        // Many of one kind: what doubles a text does so often.
        _ => {
            let Some(value) = values.get(at).filter(|value| value.to_string().len() < 2000).cloned() else { return };
            let count = *random.pick(&[1, 2, 30, 500]);
            values.splice(at..at, vec![value; count]);
        }
    }
}

fn of_text(text: &str, random: &mut Random) -> String {
    const LETTERS: [&str; 12] = ["", "a", " ", "\u{0}", "é", "\u{301}", "\u{fffd}", "\u{202e}", "🦊", "\\s*", "(a|a)*b", "##"];
    match random.below(5) {
        0 => (*random.pick(&LETTERS)).to_owned(),
        1 => format!("{}{text}", random.pick(&LETTERS)),
        2 => format!("{text}{}", random.pick(&LETTERS)),
        3 => text.chars().take(random.below(text.chars().count())).collect(),
        _ => {
            let times = if text.len() < 200 { *random.pick(&[2, 40, 3000]) } else { 2 };
            text.repeat(times)
        }
    }
}

fn odd(random: &mut Random) -> Value {
    let deep = |depth: usize| (0..depth).fold(Value::Null, |inner, _| json!([inner]));
    match random.below(9) {
        0 => Value::Null,
        1 => Value::Bool(true),
        2 => json!([]),
        3 => json!({}),
        4 => Value::String(of_text("the", random)),
        5 => deep(*random.pick(&[2, 100, 200])),
        _ => odd_number(random),
    }
}

fn odd_number(random: &mut Random) -> Value {
    const REAL: [f64; 8] = [-1.0, 0.5, -0.0, 1e-320, 1e38, -1e38, 1e300, 2.5e9];
    match random.below(3) {
        0 => json!(random.pick(&REAL)),
        1 => json!((*random.pick(&NUMBERS) as i64).wrapping_neg()),
        _ => json!(random.pick(&NUMBERS)),
    }
}
