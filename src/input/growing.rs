//! A text that a model continues: tokens become letters one after the other. The ids stay those that the model chose; the string
//! is what the tokenizer makes of them, and is never cut into tokens again.

use super::spans::{UNFINISHED, joins};
use super::words::{Encoded, Tokenizer};
use crate::domain::text::{Piece, Seam, Text};
use crate::domain::vocabulary::Vocabulary;
use crate::guard;

/// Tokens before the new one that are spelled with it: what a token's letters are may depend on those before (a space between
/// words, the earlier bytes of a character), but not on any so far away.
const CONTEXT: usize = 16;
/// No character has more bytes, and so no more tokens are waited for.
const MAX_HELD: usize = 4;

/// A text and what was added to it.
#[derive(Clone, Debug)]
pub struct Growing {
    encoded: Encoded,
    /// Tokens at the end that the string does not spell yet: the first bytes of a character.
    held: usize,
}

impl Growing {
    /// A text that is about to be continued. Special tokens that the tokenizer sets at its end are taken off: they would say that
    /// nothing follows.
    pub fn new(mut encoded: Encoded) -> Self {
        let kept = encoded.text.pieces.iter().rposition(|p| !p.special).map_or(encoded.ids.len(), |last| last + 1);
        encoded.ids.truncate(kept);
        encoded.text.pieces.truncate(kept);
        encoded.text.generated_from = Some(Seam { position: kept, byte: encoded.text.string.len() });
        Self { encoded, held: 0 }
    }

    /// `[T]`, every token so far.
    pub fn ids(&self) -> &[u32] {
        &self.encoded.ids
    }

    /// The string and its pieces, `[T]`.
    pub fn text(&self) -> &Text {
        &self.encoded.text
    }

    /// Tokens that were added.
    pub fn num_generated(&self) -> usize {
        self.ids().len() - self.encoded.text.generated_from.map_or(0, |seam| seam.position)
    }

    /// As it was with so many tokens added.
    #[must_use]
    pub fn with_generated(&self, count: usize, tokenizer: Option<&Tokenizer>) -> Self {
        let all = self.encoded.ids.clone();
        let mut shorter = self.clone();
        let Some(seam) = shorter.encoded.text.generated_from.filter(|_| count < self.num_generated()) else { return shorter };
        shorter.encoded.ids.truncate(seam.position);
        shorter.encoded.text.pieces.truncate(seam.position);
        shorter.encoded.text.string.truncate(seam.byte);
        shorter.held = 0;
        all.iter().skip(seam.position).take(count).for_each(|&id| shorter.push(id, tokenizer));
        shorter
    }

    /// Adds the token that the model chose.
    pub fn push(&mut self, id: u32, tokenizer: Option<&Tokenizer>) {
        let Some(tokenizer) = tokenizer else {
            self.encoded.ids.push(id);
            self.encoded.text.push_id(id);
            return;
        };
        let first = self.encoded.ids.len().saturating_sub(CONTEXT);
        let spelled = self.encoded.ids.len() - self.held;
        let before = tokenizer.spell(&self.encoded.ids[first.min(spelled)..spelled]);
        self.encoded.ids.push(id);
        let after = tokenizer.spell(&self.encoded.ids[first.min(spelled)..]);
        let special = tokenizer.is_special(id);
        let end = self.encoded.text.string.len();
        self.encoded.text.pieces.push(Piece { piece: tokenizer.piece(id), span: end..end, special, word: None });
        if after.ends_with(UNFINISHED) && self.held + 1 < MAX_HELD && !special {
            self.held += 1;
            return;
        }
        self.write(added(&before, &after), special);
    }

    /// Writes what the last token, and those held back with it, spell.
    fn write(&mut self, letters: &str, special: bool) {
        let (text, held) = (&mut self.encoded.text, std::mem::take(&mut self.held));
        let start = text.string.len();
        let joins = joins(&text.string, letters);
        text.string.push_str(letters);
        let first = letters.chars().next().map_or(0, char::len_utf8);
        let last = text.pieces.len() - 1;
        let word_before = (last - held).checked_sub(1).and_then(|p| text.pieces.get(p)).and_then(|p| p.word);
        let word = word_before.filter(|_| joins).unwrap_or_else(|| text.next_word());
        let length = text.string.len();
        for (i, piece) in text.pieces.iter_mut().enumerate().skip(last - held) {
            // Tokens that are part of one character all stand for it, as tokenizers have it.
            piece.span = start..if i < last { start + first } else { length };
            piece.word = (!special).then_some(word);
        }
    }
}

impl From<Growing> for Encoded {
    fn from(growing: Growing) -> Self {
        growing.encoded
    }
}

/// What `after` has and `before` has not, at its end.
fn added<'a>(before: &str, after: &'a str) -> &'a str {
    let same = before.chars().zip(after.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    after.get(same..).unwrap_or("")
}

impl Tokenizer {
    /// The letters of some tokens, special ones left out. Nothing where the tokenizer cannot say.
    pub fn spell(&self, ids: &[u32]) -> String {
        guard::quietly(|| self.inner.decode(ids, true)).and_then(Result::ok).unwrap_or_default()
    }

    /// A token as the vocabulary spells it.
    pub fn piece(&self, id: u32) -> String {
        self.inner.id_to_token(id).unwrap_or_else(|| format!("#{id}"))
    }

    /// The token that a string is, where it is one with letters. A special one stands for what the vocabulary lacks.
    fn single(&self, string: &str) -> Option<u32> {
        self.bounds.check(string).ok()?;
        let encoded = guard::quietly(|| self.inner.encode(string, false))?.ok()?;
        // Some models are trained on texts that are filled up.
        let mut ids = encoded.get_ids().iter().zip(encoded.get_attention_mask()).filter(|(_, seen)| **seen == 1);
        let (&id, _) = ids.next()?;
        (ids.next().is_none() && !self.is_special(id) && !self.spell(&[id]).trim().is_empty()).then_some(id)
    }

    fn is_special(&self, id: u32) -> bool {
        self.inner.get_added_tokens_decoder().get(&id).is_some_and(|token| token.special)
    }
}

impl Vocabulary for Tokenizer {
    fn shown(&self, id: u32) -> String {
        let (letters, piece) = (self.spell(&[id]), self.piece(id));
        if letters.trim().is_empty() || letters.contains(UNFINISHED) {
            return piece;
        }
        let space = if letters.starts_with(' ') || piece.starts_with('\u{2581}') { "\u{b7}" } else { "" };
        format!("{space}{}", letters.trim())
    }

    fn id_of(&self, word: &str) -> Option<u32> {
        let spelled = |piece: &str| self.inner.token_to_id(piece);
        let letters = word.strip_prefix(['\u{b7}', ' ']);
        // Byte-level and SentencePiece tokenizers have their own letters for a space.
        let spaced = |letters: &str| {
            let pieces = [format!("\u{120}{letters}"), format!("\u{2581}{letters}")];
            pieces.iter().find_map(|piece| spelled(piece)).or_else(|| self.single(&format!(" {letters}")))
        };
        let plain = || spelled(word).or_else(|| self.single(word)).or_else(|| spaced(word));
        letters.and_then(spaced).or_else(plain)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Bytes in GPT-2's letters, and SentencePiece's with bytes for what it lacks; the last id of each is special.
    fn tokenizer(sentence_piece: bool) -> Tokenizer {
        let (words, rest) = if sentence_piece {
            (
                r#""<unk>": 0, "▁a": 1, "▁b": 2, "c": 3, "<0xC3>": 4, "<0xA9>": 5, "<0x0A>": 6"#,
                r#""normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
                   "pre_tokenizer": null, "post_processor": null,
                   "decoder": {"type": "Sequence", "decoders": [
                    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
                    {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}"#,
            )
        } else {
            (
                r#""?": 0, "Ġa": 1, "Ġb": 2, "c": 3, "Ã": 4, "©": 5, "Ċ": 6, "a": 8"#,
                r#""normalizer": null, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false,
                    "use_regex": true}, "post_processor": null,
                   "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": true}"#,
            )
        };
        let special = r#"{"id": 7, "content": "<end>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true}"#;
        let json = format!(
            r#"{{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [{special}], {rest},
                "model": {{"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": {sentence_piece},
                "vocab": {{{words}, "<end>": 7}}, "merges": []}}}}"#
        );
        let json = if sentence_piece {
            json.replace(r#""merges": []"#, r#""merges": [["▁", "a"]]"#).replace(r#""c": 3"#, r#""c": 3, "▁": 8, "a": 9"#)
        } else {
            json
        };
        Tokenizer::parse(Path::new("tokenizer.json"), json.as_bytes(), 64).unwrap()
    }

    #[test]
    fn letters_come_as_the_tokens_do_and_bytes_wait_for_their_character() {
        for sentence_piece in [true, false] {
            let tokenizer = tokenizer(sentence_piece);
            let mut growing = Growing::new(tokenizer.encode("a").unwrap());
            let mut strings = Vec::new();
            for id in [2, 3, 4, 5, 3, 6, 1, 7] {
                growing.push(id, Some(&tokenizer));
                strings.push(growing.text().generated().to_owned());
            }
            let want = [" b", " bc", " bc", " bcé", " bcéc", " bcéc\n", " bcéc\n a", " bcéc\n a"];
            assert_eq!(strings, want, "SentencePiece: {sentence_piece}");
            let text = growing.text();
            let shown: Vec<&str> = (1..text.pieces.len()).map(|p| text.shown(p)).collect();
            assert_eq!(shown, [" b", "c", "é", "é", "c", "\n", " a", "<end>"]);
            assert_eq!((text.shown(0), text.is_generated(0), text.is_generated(1)), ("a", false, true));
            let words: Vec<&str> = text.words().iter().map(|w| &text.string[w.span.clone()]).collect();
            assert_eq!(words, ["a", "bcéc", "\n", "a"]);
            assert_eq!([1, 3, 7].map(|id| tokenizer.shown(id)), ["\u{b7}a", "c", "<end>"]);
            let ids = ["\u{b7}a", " b", "b", "c", "<end>", "no"].map(|word| tokenizer.id_of(word));
            assert_eq!(ids, [Some(1), Some(2), Some(2), Some(3), Some(7), None]);
            assert!(text.pieces[8].special && growing.num_generated() == 8);
            for count in 0..=8 {
                let shorter = growing.with_generated(count, Some(&tokenizer));
                assert_eq!(shorter.num_generated(), count);
                assert_eq!(shorter.text().generated(), if count == 0 { "" } else { want[count - 1] });
            }
        }
    }

    #[test]
    fn bytes_that_never_make_a_character_are_shown_in_the_end() {
        let tokenizer = tokenizer(false);
        let mut growing = Growing::new(tokenizer.encode("a").unwrap());
        for id in [4, 3, 5, 5, 5, 5, 5] {
            growing.push(id, Some(&tokenizer));
        }
        assert!(growing.text().generated().starts_with("\u{fffd}c\u{fffd}"), "{:?}", growing.text());
    }

    #[test]
    fn without_a_tokenizer_numbers_follow() {
        let ids = vec![3, 9];
        let mut growing = Growing::new(Encoded { text: Text::of_ids(&ids), ids });
        growing.push(4, None);
        let text = growing.text();
        assert_eq!((text.string.as_str(), text.generated(), text.words().len()), ("#3 #9 #4", " #4", 3));
        assert_eq!(growing.with_generated(0, None).text().string, "#3 #9");
    }

    #[test]
    fn a_mark_at_the_end_of_a_text_is_taken_off() {
        let piece = |piece: &str, special| Piece { piece: piece.into(), span: 0..1, special, word: None };
        let pieces = vec![piece("<s>", true), piece("a", false), piece("</s>", true)];
        let text = Text { string: "a".into(), pieces, cut_at: None, generated_from: None, notices: Vec::new() };
        let growing = Growing::new(Encoded { ids: vec![1, 5, 2], text });
        assert_eq!((growing.ids(), growing.text().generated_from), (&[1, 5][..], Some(Seam { position: 2, byte: 1 })));
    }
}
