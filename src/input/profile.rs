//! ICC profiles: only their names, so that one that is not applied can be named.

/// The description of a profile of other colours than sRGB; `None` for sRGB and for bytes that are no profile.
pub(super) fn name_unless_srgb(profile: &[u8]) -> Option<String> {
    let name = description(profile)?;
    let lower = name.to_lowercase();
    (!lower.contains("srgb") || lower.contains("linear")).then_some(name)
}

/// The text of the tag `desc`: ASCII in version 2 of ICC.1, UTF-16 in version 4.
fn description(profile: &[u8]) -> Option<String> {
    let number = |at: usize| profile.get(at..at.checked_add(4)?).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize);
    if profile.get(36..40)? != b"acsp" {
        return None;
    }
    let entry = (0..number(128)?.min(256)).map(|i| 132 + 12 * i).find(|&at| profile.get(at..at + 4) == Some(b"desc"))?;
    let (start, length) = (number(entry + 4)?, number(entry + 8)?);
    let tag = profile.get(start..start.checked_add(length)?)?;
    let text = match tag.get(..4)? {
        b"desc" => {
            let length = number(start + 8)?;
            String::from_utf8_lossy(tag.get(12..)?.get(..length)?).into_owned()
        }
        b"mluc" => {
            let (length, offset) = (number(start + 20)?, number(start + 24)?);
            let units = tag.get(offset..)?.get(..length)?.as_chunks().0.iter().map(|&pair| u16::from_be_bytes(pair));
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        _ => return None,
    };
    Some(text.trim_matches(|c: char| c == '\0' || c.is_whitespace()).chars().take(60).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A profile that holds nothing but a description.
    fn profile(tag: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 128];
        bytes[36..40].copy_from_slice(b"acsp");
        for part in [&1_u32.to_be_bytes()[..], b"desc", &144_u32.to_be_bytes(), &(tag.len() as u32).to_be_bytes(), tag] {
            bytes.extend(part);
        }
        bytes
    }

    #[test]
    fn both_versions_of_a_name_are_read() {
        let old = |name: &str| [b"desc\0\0\0\0", &(name.len() as u32 + 1).to_be_bytes()[..], name.as_bytes(), b"\0"].concat();
        assert_eq!(name_unless_srgb(&profile(&old("Adobe RGB (1998)"))).as_deref(), Some("Adobe RGB (1998)"));
        assert_eq!(name_unless_srgb(&profile(&old("sRGB IEC61966-2.1"))), None);
        let wide: Vec<u8> = "Display P3".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let head = [&b"mluc\0\0\0\0"[..], &[0, 0, 0, 1, 0, 0, 0, 12], b"enUS", &[0, 0, 0, 20, 0, 0, 0, 28]].concat();
        assert_eq!(name_unless_srgb(&profile(&[head, wide].concat())).as_deref(), Some("Display P3"));
    }

    #[test]
    fn damaged_profiles_have_no_name() {
        let whole = profile(b"desc\0\0\0\0\xff\xff\xff\xffname");
        for cut in 0..=whole.len() {
            assert_eq!(name_unless_srgb(&whole[..cut]), None);
        }
    }
}
