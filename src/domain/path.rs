//! Names of files in JSON. On Unix a name may be any bytes, and JSON holds Unicode alone: a name that is no Unicode is written as
//! `{"escaped": "caf\\xe9.jpg"}`, its bytes by their hexadecimal numbers and each backslash twice, and read back as what it was.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A path as JSON holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PathText {
    /// Unicode, as it is.
    Plain(String),
    /// Anything else.
    Escaped {
        /// As [`escaped`] writes it.
        escaped: String,
    },
}

impl From<&Path> for PathText {
    fn from(path: &Path) -> Self {
        match path.to_str() {
            Some(text) => Self::Plain(text.to_owned()),
            None => Self::Escaped { escaped: escaped(path).into_owned() },
        }
    }
}

impl From<PathText> for PathBuf {
    fn from(text: PathText) -> Self {
        match text {
            PathText::Plain(text) => text.into(),
            PathText::Escaped { escaped } => unescaped(&escaped),
        }
    }
}

/// For `#[serde(serialize_with)]`.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    PathText::from(path).serialize(serializer)
}

/// For `#[serde(deserialize_with)]`.
///
/// # Errors
/// Those of the deserializer.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    PathText::deserialize(deserializer).map(PathBuf::from)
}

/// As [`serialize`] and [`deserialize`], of a path that may be missing.
pub mod option {
    use super::{Deserialize, Deserializer, Path, PathBuf, PathText, Serialize, Serializer};

    /// For `#[serde(serialize_with)]`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer, P: AsRef<Path>>(path: &Option<P>, serializer: S) -> Result<S::Ok, S::Error> {
        path.as_ref().map(|path| PathText::from(path.as_ref())).serialize(serializer)
    }

    /// For `#[serde(deserialize_with)]`.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
        Ok(Option::<PathText>::deserialize(deserializer)?.map(PathBuf::from))
    }
}

/// A name that tells a path from all others, unlike `Path::display`: Unicode as it is, the bytes of any other name as `\xff`, and in
/// such a name each backslash twice.
pub fn escaped(path: &Path) -> Cow<'_, str> {
    if let Some(text) = path.to_str() {
        return text.into();
    }
    let mut text = String::new();
    for chunk in bytes_of(path.as_os_str()).utf8_chunks() {
        text += &chunk.valid().replace('\\', r"\\");
        chunk.invalid().iter().for_each(|byte| text += &format!("\\x{byte:02x}"));
    }
    text.into()
}

/// Reads what [`escaped`] writes of a name that is no Unicode.
fn unescaped(text: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('\\') {
        bytes.extend(plain.bytes());
        let byte = after.strip_prefix('x').and_then(|hex| hex.get(..2)).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        rest = match byte {
            Some(byte) => {
                bytes.push(byte);
                &after[3..]
            }
            None => {
                bytes.push(b'\\');
                after.strip_prefix('\\').unwrap_or(after)
            }
        };
    }
    bytes.extend(rest.bytes());
    of_bytes(bytes)
}

/// The bytes of a name: on Unix those of the file system, elsewhere Rust's own, which hold every name too.
pub fn bytes_of(name: &OsStr) -> &[u8] {
    name.as_encoded_bytes()
}

#[cfg(unix)]
fn of_bytes(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

/// Names that are no Unicode are read back on Unix alone.
#[cfg(not(unix))]
fn of_bytes(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn every_name_is_read_back() {
        for bytes in [
            &b"plain.jpg"[..],
            b"caf\xc3\xa9 \\x41.jpg",
            b"caf\xe9.jpg",
            b"\\\xff\\x41\\",
            b"\\\\xff",
            b"a\xffb\xfe\xc3\xa9/\\\xe9",
        ] {
            let path = of_bytes(bytes.to_vec());
            let json = serde_json::to_string(&PathText::from(path.as_path())).unwrap();
            let back: PathText = serde_json::from_str(&json).unwrap();
            assert_eq!(PathBuf::from(back), path, "{json}");
            assert_eq!(json.starts_with('"'), path.to_str().is_some());
        }
        assert_eq!(escaped(&of_bytes(b"caf\xe9\\.jpg".to_vec())), r"caf\xe9\\.jpg");
        assert_ne!(escaped(&of_bytes(b"a\xe9".to_vec())), escaped(&of_bytes(b"a\xe8".to_vec())));
    }
}
