//! Files that look like PyTorch's and are not: archives and pickles that lie, repeat themselves, nest, or ask for programs.

use crate::checkpoint::{Checkpoint, FIRST, refuse_model};
use crate::program::Desk;

/// An entry of an archive: its name, its bytes, how they are packed, and how many they claim to be.
struct Entry<'a> {
    name: &'a str,
    bytes: &'a [u8],
    method: u16,
    claimed: u32,
}

fn entry<'a>(name: &'a str, bytes: &'a [u8]) -> Entry<'a> {
    Entry { name, bytes, method: 0, claimed: bytes.len() as u32 }
}

/// A zip archive.
fn archive(entries: &[Entry<'_>]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for Entry { name, bytes, method, claimed } in entries {
        let packed = if *method == 0 { *claimed } else { bytes.len() as u32 };
        let sizes = [[0; 4], packed.to_le_bytes(), claimed.to_le_bytes()].concat();
        let length = (name.len() as u16).to_le_bytes();
        let start = file.len() as u32;
        for (target, magic) in [(&mut file, b"PK\x03\x04".as_slice()), (&mut directory, b"PK\x01\x02\x14\0")] {
            target.extend([magic, &[20, 0, 0, 0], &method.to_le_bytes(), &[0; 4], &sizes, &length, &[0; 2]].concat());
        }
        directory.extend([&[0; 10][..], &start.to_le_bytes(), name.as_bytes()].concat());
        file.extend([name.as_bytes(), bytes].concat());
    }
    let (start, size, count) = (file.len() as u32, directory.len() as u32, (entries.len() as u16).to_le_bytes());
    file.extend([&directory[..], b"PK\x05\x06\0\0\0\0", &count, &count].concat());
    file.extend([&size.to_le_bytes()[..], &start.to_le_bytes(), &[0; 2]].concat());
    file
}

/// An archive of a pickle and a storage of 24 numbers.
fn pickled(pickle: &[u8]) -> Vec<u8> {
    archive(&[entry("a/data.pkl", pickle), entry("a/data/0", &[0; 96])])
}

fn text(text: &str) -> Vec<u8> {
    [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

fn int(value: i64) -> Vec<u8> {
    [b"\x8a\x08".as_slice(), &value.to_le_bytes()].concat()
}

fn ints(values: &[i64]) -> Vec<u8> {
    [b"(".to_vec(), values.iter().flat_map(|&v| int(v)).collect(), b"t".to_vec()].concat()
}

/// A tensor as `torch.save` pickles it: its storage's name and length, its offset, shape and strides.
fn tensor(storage: &str, count: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    let storage =
        [b"(".to_vec(), text("storage"), b"ctorch\nFloatStorage\n".to_vec(), text(storage), text("cpu"), int(count)].concat();
    let rest = [int(offset), ints(shape), ints(strides), b"\x89}t".to_vec()].concat();
    [b"ctorch._utils\n_rebuild_tensor_v2\n(".to_vec(), storage, b"tQ".to_vec(), rest, b"R".to_vec()].concat()
}

/// A pickle of a state dict with one weight.
fn state_dict(value: &[u8]) -> Vec<u8> {
    [b"\x80\x02}".to_vec(), text(FIRST), value.to_vec(), b"s.".to_vec()].concat()
}

fn refuse_all<const N: usize>(cases: [(Vec<u8>, &[&str]); N]) {
    let desk = Desk::new();
    desk.write("m/config.json", Checkpoint::new().config.to_string());
    for (bytes, words) in cases {
        desk.write("m/pytorch_model.bin", bytes);
        refuse_model(&desk, &[&["m/pytorch_model.bin"], words].concat());
    }
}

fn real() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/variants/plain/vit/pytorch_model.bin")).unwrap()
}

#[test]
fn the_archives_below_are_broken_in_one_place_only() {
    let whole = pickled(&state_dict(&tensor("0", 24, 0, &[1, 1, 24], &[24, 24, 1])));
    // The first weight is taken, and the next one is missed.
    refuse_all([(whole, &["position_embeddings", "is missing"])]);
}

#[test]
fn archives_that_are_not_whole_are_refused() {
    let (whole, pickle) = (real(), state_dict(&tensor("0", 24, 0, &[1, 1, 24], &[24, 24, 1])));
    let end = whole.len() - 22;
    let mut misled = whole.clone();
    misled[end - 20 + 8..end - 20 + 16].copy_from_slice(&u64::MAX.to_le_bytes());
    let changed = |at: usize, bytes: &[u8]| {
        let mut changed = pickled(&pickle);
        let from = changed.len() - 22 + at;
        changed[from..from + bytes.len()].copy_from_slice(bytes);
        changed
    };
    let sized = |claimed| Entry { claimed, ..entry("a/data.pkl", &pickle) };
    refuse_all([
        (Vec::new(), &["no file of torch.save"]),
        (whole[..3].to_vec(), &["no file of torch.save"]),
        (b"version https://git-lfs.github.com/spec/v1\n".to_vec(), &["is a git-lfs pointer", "git lfs pull"]),
        (whole[..10].to_vec(), &["cut off"]),
        (whole[..whole.len() / 2].to_vec(), &["cut off"]),
        (whole[..whole.len() - 1].to_vec(), &["cut off"]),
        (whole[..end].to_vec(), &["cut off"]),
        (misled, &["cut off"]),
        (changed(12, &[0xf0; 4]), &["its directory claims 4042322160 bytes"]),
        (changed(12, &[0xff; 4]), &["its directory is missing"]),
        (changed(16, &[0xf0; 4]), &["cut off"]),
        (changed(16, &[0; 4]), &["its directory is cut off"]),
        (archive(&[]), &["no file of torch.save"]),
        (archive(&[entry("a/other", &pickle)]), &["no data.pkl"]),
        (archive(&[entry("a/data.pkl", &pickle)]), &[FIRST, "data/0 is missing"]),
        (archive(&[entry("a/data.pkl", &pickle), entry("a/data.pkl", &pickle)]), &["an entry twice"]),
        (archive(&[sized(1 << 20)]), &["past the end"]),
        (archive(&[sized(1 << 30)]), &["data.pkl has 1073741824 bytes"]),
        (archive(&[Entry { method: 8, ..sized(1 << 30) }]), &["data.pkl is compressed"]),
        (
            archive(&[entry("a/data.pkl", &pickle), Entry { method: 8, claimed: 1 << 30, ..entry("a/data/0", &[0; 9]) }]),
            &[FIRST, "data/0 is compressed"],
        ),
        (archive(&[entry("a/data.pkl", &pickle), entry("a/byteorder", b"big")]), &["most significant byte first"]),
    ]);
}

#[test]
fn tensors_that_do_not_fit_their_storage_are_refused() {
    let of = |tensor: Vec<u8>| pickled(&state_dict(&tensor));
    refuse_all([
        (of(tensor("0", 1 << 60, 0, &[1, 1, 24], &[24, 24, 1])), &[FIRST, "claims 1152921504606846976 numbers", "96 bytes"]),
        (of(tensor("0", i64::MAX, 0, &[1], &[1])), &[FIRST, "claims"]),
        (of(tensor("0", -1, 0, &[1], &[1])), &[FIRST, "not described"]),
        (of(tensor("0", 24, 1, &[24], &[1])), &[FIRST, "does not fit into 24 numbers"]),
        (of(tensor("0", 24, i64::MAX, &[1], &[1])), &[FIRST, "does not fit"]),
        (of(tensor("0", 24, -1, &[1], &[1])), &[FIRST, "not described"]),
        (of(tensor("0", 24, 0, &[1, 1, 24], &[24, 24, 2])), &[FIRST, "does not fit"]),
        (of(tensor("0", 24, 23, &[1, 1, 24], &[24, 24, -1])), &[FIRST, "not described"]),
        (of(tensor("0", 24, 0, &[1 << 30, 1 << 30], &[0, 0])), &[FIRST, "does not fit"]),
        (of(tensor("0", 24, 0, &[1 << 60, 24], &[1 << 60, 1])), &[FIRST, "does not fit"]),
        (of(tensor("0", 24, 0, &[1; 100_000], &[1; 100_000])), &[FIRST, "not described"]),
        (of(tensor("0", 24, 0, &[24], &[1, 1])), &[FIRST, "not described"]),
        (of(tensor("../data.pkl", 24, 0, &[24], &[1])), &[FIRST, "is missing"]),
    ]);
}

#[test]
fn pickles_that_are_no_state_dicts_are_refused() {
    let of = |parts: &[&[u8]]| pickled(&parts.concat());
    let value = |value: &[u8]| pickled(&state_dict(value));
    // Each tuple holds the one before it twice.
    let doubled = [b"\x80\x02)q\0".to_vec(), b"h\0h\0\x86q\0".repeat(1000), b".".to_vec()].concat();
    let command = [text("echo taken > /tmp/taken"), b"\x85R".to_vec()].concat();
    refuse_all([
        (value(&[b"cos\nsystem\n".as_slice(), &command].concat()), &["os.system", "never run"]),
        (value(&[&text("posix")[..], &text("system"), b"\x93", &command].concat()), &["posix.system", "never run"]),
        (value(&[b"cbuiltins\neval\n".as_slice(), &command].concat()), &["builtins.eval", "never run"]),
        (value(b"cnumpy.core.multiarray\nscalar\n"), &["numpy.core.multiarray.scalar", "never run"]),
        (value(b"ctorch\nload\n"), &["torch.load", "never run"]),
        (value(&[b"ctorch\nFloatStorage\n".as_slice(), &command].concat()), &["cannot be called"]),
        (value(b"(ios\nsystem\n"), &["operation 0x69"]),
        (value(&[b"c".as_slice(), &[b'o'; 1 << 20], b"\nx\n"].concat()), &["never run"]),
        (of(&[b"\x80\x02", &b"(".repeat(100_000), b"."]), &["nests more than 1000 deep"]),
        (of(&[b"\x80\x02)", &b"\x85".repeat(100_000), b"."]), &["no dict of tensors"]),
        (of(&[b"\x80\x02]", &b"](".repeat(100_000)]), &["nests more than 1000 deep"]),
        (pickled(&doubled), &["no dict of tensors"]),
        (of(&[b"\x80\x02", &b"}".repeat(8_000_000)]), &["makes more than 1048576 values"]),
        (of(&[b"\x80\x02}q\0", &b"h\0".repeat(4_000_000), b"."]), &["no weight"]),
        (of(&[b"\x80\x02}q\0", &text("state_dict"), b"h\0s."]), &["no tensors, but the keys state_dict"]),
        (of(&[b"\x80\x02}", &text(FIRST), b"Ns."]), &["no tensors, but the keys vit.embeddings.cls_token"]),
        (of(&[b"\x80\x02\x8d", &[0xff; 8], b"."]), &["cut off"]),
        (of(&[b"\x80\x02X\xff\xff\xff\xff."]), &["cut off"]),
        (of(&[b"\x80\x02X\x02\0\0\0\xff\xff."]), &["no UTF-8"]),
        (of(&[b"\x80\x02s."]), &["what it did not make"]),
        (of(&[b"\x80\x02h\x07."]), &["did not remember"]),
        (of(&[b"\x80\x02t."]), &["did not begin"]),
        (of(&[b"\x80\x02K\x01."]), &["no dict of tensors"]),
        (of(&[b"."]), &["what it did not make"]),
        (of(&[b""]), &["cut off"]),
        (of(&[b"}"]), &["cut off"]),
    ]);
    assert!(!std::path::Path::new("/tmp/taken").exists());
}

/// Every file that begins like a real one.
#[test]
fn pickles_that_end_early_are_refused() {
    let whole = state_dict(&tensor("0", 24, 0, &[1, 1, 24], &[24, 24, 1]));
    let desk = Desk::new();
    desk.write("m/config.json", Checkpoint::new().config.to_string());
    for length in 0..whole.len() {
        desk.write("m/pytorch_model.bin", pickled(&whole[..length]));
        let line = tokenscope::model::Model::load(&desk.path("m"), &candle_core::Device::Cpu).unwrap_err().to_string();
        assert!(line.contains("cut off"), "{length}: {line}");
    }
}

/// Bytes of the pickle and of the directory changed at random: refused or read, never a panic.
#[test]
fn changed_bytes_never_panic() {
    let desk = Desk::new();
    desk.write("m/config.json", Checkpoint::new().config.to_string());
    let whole = real();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let mut refused = 0;
    for _ in 0..1500 {
        let mut changed = whole.clone();
        for _ in 0..=random(3) {
            let at = if random(2) == 0 { random(10_000) } else { whole.len() - 1 - random(7000) };
            changed[at] = [0, 1, 0x7f, 0x80, 0xff, b'(', b'h', b'R', random(256) as u8][random(9)];
        }
        desk.write("m/pytorch_model.bin", changed);
        refused += usize::from(tokenscope::model::Model::load(&desk.path("m"), &candle_core::Device::Cpu).is_err());
    }
    assert!((500..1500).contains(&refused), "{refused}");
}

/// What a training saved: the only state dict in it is read, and of several none is guessed.
#[test]
fn the_state_dict_of_a_training_is_found() {
    let weight = tensor("0", 24, 0, &[1, 1, 24], &[24, 24, 1]);
    let dict = |entries: &[(&str, &[u8])]| {
        let items: Vec<u8> =
            entries.iter().flat_map(|(key, value)| [text(key), value.to_vec(), b"s".to_vec()].concat()).collect();
        [b"}".to_vec(), items].concat()
    };
    let whole = |value: Vec<u8>| pickled(&[b"\x80\x02".to_vec(), value, b".".to_vec()].concat());
    let inner = dict(&[(FIRST, &weight)]);
    let scalar = tensor("0", 24, 0, &[], &[]);
    let (epoch, nested) = (int(3), dict(&[("state", &dict(&[("0", &weight)]))]));
    // The first weight is taken, and the next one is missed.
    let taken: &[&str] = &["position_embeddings", "is missing"];
    refuse_all([
        (whole(dict(&[("model", &inner), ("epoch", &epoch)])), taken),
        (whole(dict(&[("epoch", &epoch), ("model_state_dict", &inner), ("best", &scalar)])), taken),
        (whole(dict(&[("state_dict", &inner), ("optimizer", &nested)])), taken),
        (whole(dict(&[("student", &inner), ("teacher", &inner)])), &["by the keys student, teacher", "torch.save(torch.load("]),
        (whole(dict(&[("ema", &inner), (FIRST, &weight)])), &["by the keys ema beside tensors of its own"]),
        (whole(dict(&[("epoch", &epoch), ("loss", &epoch)])), &["no tensors, but the keys epoch, loss"]),
    ]);
}
