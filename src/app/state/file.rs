//! Session files: a document on disk. Older versions are read; what is newer, or holds what no version had, is refused by name.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::{Document, MOST_LANES};
use super::file_v1::Version1;
use crate::domain::{Error, Result};
use crate::method;

/// Of the files that are written.
const VERSION: u32 = 2;

const EXPECTED: &str = "a session that this program saved";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Version2 {
    version: u32,
    document: Document,
}

/// A document as JSON.
///
/// # Errors
/// [`Error::Internal`] if it cannot be written as JSON.
pub fn write(document: &Document) -> Result<String> {
    let file = Version2 { version: VERSION, document: document.clone() };
    serde_json::to_string_pretty(&file).map_err(|err| Error::Internal(err.to_string()))
}

/// The document in the bytes of a file, of this version or an older one.
///
/// # Errors
/// A refusal of what is no session, of a newer version, of unknown fields and of unknown methods, that names `place`.
pub fn read(place: &str, bytes: &[u8]) -> Result<Document> {
    let refused = |what: String| Error::refused(place, what).expected(EXPECTED);
    let json: Value = serde_json::from_slice(bytes).map_err(|err| refused(format!("is no session ({err})")))?;
    let version = json.get("version").ok_or_else(|| refused("is no session: it has no version".to_owned()))?.as_u64();
    let broken = |err: serde_json::Error| refused(format!("is no session ({err})"));
    let document = match version {
        Some(1) => serde_json::from_value::<Version1>(json).map_err(broken)?.into(),
        Some(2) => serde_json::from_value::<Version2>(json).map_err(broken)?.document,
        Some(newer) if newer > u64::from(VERSION) => {
            return Err(refused(format!("is a session of version {newer}"))
                .expected(format!("version 1 to {VERSION}"))
                .remedy("update the program"));
        }
        _ => return Err(refused("is no session: its version is no number".to_owned())),
    };
    check(place, document)
}

/// Refuses what the types allow and no program wrote.
fn check(place: &str, document: Document) -> Result<Document> {
    let refused = |what: String| Error::refused(place, what).expected(EXPECTED);
    if document.lanes.is_empty() {
        return Err(refused("holds no lane".to_owned()));
    }
    for (at, lane) in document.lanes.iter().enumerate() {
        if document.lanes[..at].iter().any(|other| other.id == lane.id) {
            return Err(refused(format!("holds two lanes of number {}", lane.id.0)));
        }
        method::by_id(&lane.question.method)?;
    }
    if document.lanes.len() > MOST_LANES {
        return Err(refused(format!("holds {} lanes", document.lanes.len())).expected(format!("at most {MOST_LANES}")));
    }
    if !document.is_laid_out() {
        return Err(refused("holds lanes that its layout does not place, or places twice".to_owned()));
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::super::{Lane, Selection};
    use super::*;

    fn refusal(text: &str) -> String {
        read("s.json", text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_document_survives_its_file() {
        let mut lane = Lane { selection: Selection::Token("2,3".parse().unwrap()), ..Lane::default() };
        lane.question.layer = 4;
        let mut document: Document = lane.into();
        assert!(document.split());
        document.lane_mut().selection = Selection::None;
        assert_eq!(read("s.json", write(&document).unwrap().as_bytes()).unwrap(), document);
    }

    #[test]
    fn what_is_no_session_is_refused_by_name() {
        for (text, why) in [
            ("{}", "s.json: is no session: it has no version"),
            ("[]", "s.json: is no session: it has no version"),
            ("{\"version\": 2, \"docu", "s.json: is no session (EOF"),
            (r#"{"version": "two"}"#, "its version is no number"),
            (r#"{"version": 3, "document": 1}"#, "is a session of version 3"),
            (r#"{"version": 2, "document": {"lanes": [], "focus": 0, "layout": {"lane": 0}}}"#, "holds no lane"),
            (
                r#"{"version": 2, "document": {"lanes": [{}, {}], "focus": 0, "layout": {"lane": 0}}}"#,
                "holds two lanes of number 0",
            ),
            (
                r#"{"version": 2, "document": {"lanes": [{"colour": 1}], "focus": 0, "layout": {"lane": 0}}}"#,
                "unknown field `colour`",
            ),
            (
                r#"{"version": 2, "document": {"lanes": [{"question": {"layers": 1}}], "focus": 0, "layout": {"lane": 0}}}"#,
                "unknown field `layers`",
            ),
            (r#"{"version": 2, "document": {"lanes": [{}], "focus": 0, "layout": {"lane": 1}}}"#, "its layout does not place"),
            (r#"{"version": 1, "layers": 3}"#, "unknown field `layers`"),
            (r#"{"version": 1, "method": "none"}"#, "none"),
        ] {
            let said = refusal(text);
            assert!(said.contains(why), "{text}: {said}");
        }
        assert!(refusal(r#"{"version": 3}"#).contains("update the program"));
    }
}
