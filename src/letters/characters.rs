//! What kind of character decides how it is drawn.

use unicode_properties::{EmojiStatus, UnicodeEmoji};
use unicode_script::{Script, UnicodeScript};

/// Whether a character has no shape of its own: joiners, variation selectors, marks of direction (Unicode's
/// `Default_Ignorable_Code_Point`).
pub fn is_ignorable(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a user-perceived character is meant to be seen as an emoji (UTS #51).
pub fn is_emoji(grapheme: &str) -> bool {
    if grapheme.is_ascii() || grapheme.contains('\u{fe0e}') {
        return false;
    }
    let is_shown = |c: char| {
        c == '\u{fe0f}'
            || matches!(
                c.emoji_status(),
                EmojiStatus::EmojiPresentation
                    | EmojiStatus::EmojiPresentationAndModifierBase
                    | EmojiStatus::EmojiPresentationAndEmojiComponent
                    | EmojiStatus::EmojiPresentationAndModifierAndEmojiComponent
            )
    };
    grapheme.chars().any(is_shown)
}

/// Whether a character modifies the one before it, in any script.
pub fn is_mark(c: char) -> bool {
    use unicode_general_category::{GeneralCategory, get_general_category};
    matches!(
        get_general_category(c),
        GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark | GeneralCategory::EnclosingMark
    )
}

/// Whether a character is as wide as it is high, and a line may end on both sides of it: Chinese, Japanese, Korean, and their
/// punctuation.
pub fn is_wide(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}' | '\u{20000}'..='\u{3ffff}')
}

/// The script of a character; none for what scripts share: punctuation, digits, symbols, most marks.
pub fn script_of(c: char) -> Option<Script> {
    match c {
        // Joins Arabic letters, and so must be shaped with them.
        '\u{640}' => Some(Script::Arabic),
        c => Some(c.script()).filter(|script| !matches!(script, Script::Common | Script::Inherited | Script::Unknown)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emoji_are_known_by_their_presentation() {
        for emoji in ["👨\u{200d}👩\u{200d}👧", "🇩🇪", "👍🏽", "❤\u{fe0f}", "1\u{fe0f}\u{20e3}"] {
            assert!(is_emoji(emoji), "{emoji}");
        }
        for text in ["1", "❤", "❤\u{fe0e}", "é", "我", "©"] {
            assert!(!is_emoji(text), "{text}");
        }
    }

    #[test]
    fn scripts_share_punctuation() {
        assert_eq!(['ש', '(', '1', 'ـ'].map(script_of), [Some(Script::Hebrew), None, None, Some(Script::Arabic)]);
        assert!(is_ignorable('\u{200d}') && is_ignorable('\u{fe0f}') && !is_ignorable('\u{301}') && is_mark('\u{301}'));
    }
}
