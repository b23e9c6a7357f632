//! How large a tokenizer may make a text. A few lines of tokenizer.json can double every letter two dozen times: what its parts
//! would make of a text is bounded before they are let at it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokenizers::normalizers::{Precompiled, Replace};
use tokenizers::tokenizer::Tokenizer as Inner;
use tokenizers::{ModelWrapper, NormalizedString, Normalizer, NormalizerWrapper};

/// Bytes that any text may become inside a tokenizer.
const SPARE: usize = 1 << 20;
/// Bytes that each byte of a text may become beyond that. Tokenizers in use stay below 6.
const FACTOR: usize = 16;
/// Bytes that one letter may become in a step whose matches cannot be counted beforehand.
const MAX_LETTER: usize = 1024;
/// How often the parts after the normalizer, or those that spell tokens, may multiply a text. Tokenizers in use stay below 16.
const MAX_LATER: usize = 64;
/// Bytes of a name that stands for letters which the text lacks: it is repeated for every token.
const MAX_NAME: usize = 1024;

/// What a tokenizer's parts may make of a text.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    steps: Vec<Step>,
    /// Bytes that the parts after the normalizer may make of one.
    later: usize,
}

/// A step of a normalizer.
#[derive(Clone, Debug)]
struct Step {
    part: NormalizerWrapper,
    /// Bytes that one byte may become.
    growth: usize,
    /// The letters that are replaced, and by what, where they are literal.
    literal: Option<(String, String)>,
}

/// Why a tokenizer, or a text that it would cut, is refused.
pub(super) type Reason = String;

impl Bounds {
    /// Of a tokenizer.
    ///
    /// # Errors
    /// Parts that no tokenizer in use comes near.
    pub(super) fn of(inner: &Inner) -> Result<Self, Reason> {
        check_names(inner.get_model())?;
        check_around(&json!(inner.get_post_processor()))?;
        check_decoder(&json!(inner.get_decoder()))?;
        Self::of_parts(inner.get_normalizer(), &json!(inner.get_pre_tokenizer()))
    }

    /// Of a normalizer, and of what cuts words, as tokenizer.json spells it.
    ///
    /// # Errors
    /// Parts that no tokenizer in use comes near.
    pub(super) fn of_parts(normalizer: Option<&NormalizerWrapper>, words: &Value) -> Result<Self, Reason> {
        let later = growth_of_words(words);
        if later > MAX_LATER {
            return Err(format!("its pre-tokenizers can make a text {later} times as long"));
        }
        let mut steps = Vec::new();
        if let Some(normalizer) = normalizer {
            collect(normalizer, &mut steps);
        }
        Ok(Self { steps, later })
    }

    /// Whether a text, or an added token, stays within the budget; the parts run over it only where it might not.
    ///
    /// # Errors
    /// That it does not.
    pub(super) fn check(&self, text: &str) -> Result<(), Reason> {
        let budget = SPARE.saturating_add(text.len().saturating_mul(FACTOR));
        let too_long = || format!("grows beyond {budget} bytes inside the model's tokenizer");
        let most = self.steps.iter().fold(text.len().max(1), |most, step| most.saturating_mul(step.growth));
        if most.saturating_mul(self.later) <= budget {
            return Ok(());
        }
        let (mut text, mut later) = (text.to_owned(), self.later);
        for step in &self.steps {
            if let NormalizerWrapper::Prepend(_) = step.part {
                // It stands once before each stretch between added tokens, of which there may be as many as letters.
                later = later.saturating_mul(step.growth);
            } else {
                text = step.applied(&text, budget).ok_or_else(too_long)?;
            }
            if text.len().saturating_mul(later) > budget {
                return Err(too_long());
            }
        }
        Ok(())
    }
}

impl Step {
    fn of(part: &NormalizerWrapper) -> Self {
        use NormalizerWrapper as N;
        let mut literal = None;
        let growth = match part {
            N::Replace(replace) => {
                literal = literal_of(replace);
                match &literal {
                    Some((pattern, content)) if !pattern.is_empty() => content.len().div_ceil(pattern.len()).max(1),
                    _ => replace.content.len().saturating_add(1),
                }
            }
            N::Prepend(prepend) => prepend.prepend.len().saturating_add(1),
            N::Precompiled(map) => longest_letter(map),
            // The longest is U+FDFA: 3 bytes become 33.
            N::NFKC(_) | N::NFKD(_) => 11,
            N::BertNormalizer(_) | N::NFC(_) | N::NFD(_) | N::Lowercase(_) => 3,
            N::ByteLevel(_) => 2,
            N::StripNormalizer(_) | N::StripAccents(_) | N::Nmt(_) | N::Sequence(_) => 1,
        };
        Self { part: part.clone(), growth, literal }
    }

    /// What becomes of a text, about: pieces of it are normalised by themselves, so that none grows out of hand. `None` where it would
    /// pass the budget, or cannot be told.
    fn applied(&self, text: &str, budget: usize) -> Option<String> {
        if let Some((pattern, content)) = &self.literal {
            let grown = text.matches(pattern.as_str()).count().saturating_mul(content.len());
            return (grown <= budget).then(|| text.replace(pattern, content));
        }
        if self.growth > MAX_LETTER {
            return None;
        }
        let (mut rest, mut whole) = (text, String::new());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.ceil_char_boundary(SPARE / MAX_LETTER));
            let mut normalized = NormalizedString::from(piece);
            self.part.normalize(&mut normalized).ok()?;
            whole.push_str(normalized.get());
            if whole.len() > budget {
                return None;
            }
            rest = after;
        }
        Some(whole)
    }
}

/// The steps of a normalizer in their order.
fn collect(part: &NormalizerWrapper, steps: &mut Vec<Step>) {
    match part {
        NormalizerWrapper::Sequence(sequence) => sequence.as_ref().iter().for_each(|part| collect(part, steps)),
        part => steps.push(Step::of(part)),
    }
}

fn literal_of(replace: &Replace) -> Option<(String, String)> {
    let pattern = json!(replace)["pattern"]["String"].as_str()?.to_owned();
    Some((pattern, replace.content.clone()))
}

/// Bytes of the longest string that a letter becomes. The map begins with the length of its index in 4 bytes; after the index follow
/// the strings, each with a zero at its end (`precompiled_charsmap` of SentencePiece).
fn longest_letter(map: &Precompiled) -> usize {
    let encoded = json!(map);
    let bytes = encoded["precompiled_charsmap"].as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
    let Some((length, rest)) = bytes.split_first_chunk() else { return 1 };
    let strings = rest.get(u32::from_le_bytes(*length) as usize / 4 * 4..).unwrap_or_default();
    strings.split(|&byte| byte == 0).map(<[u8]>::len).max().unwrap_or(0).max(1)
}

/// Bytes that the parts that cut words may make of one byte.
fn growth_of_words(part: &Value) -> usize {
    let own = match part.get("type").and_then(Value::as_str) {
        // A space before each part of a word, and two letters for a byte.
        Some("ByteLevel") => 4,
        // A letter of up to 4 bytes before each part.
        Some("Metaspace") => 5,
        _ => 1,
    };
    let parts = part.get("pretokenizers").and_then(Value::as_array).into_iter().flatten();
    parts.fold(own, |product, part| product.saturating_mul(growth_of_words(part)))
}

/// Refuses a normalizer and added tokens, as tokenizer.json spells them, which the reader would normalise while it reads.
///
/// # Errors
/// What cannot be read, or is too large.
pub(super) fn check_written<'a>(normalizer: &Value, added: impl Iterator<Item = &'a str>) -> Result<(), Reason> {
    check_maps(normalizer)?;
    let part: Option<NormalizerWrapper> = serde_json::from_value(normalizer.clone()).map_err(|err| err.to_string())?;
    let bounds = Bounds::of_parts(part.as_ref(), &Value::Null)?;
    for content in added {
        bounds.check(content).map_err(|why| format!("an added token {why}"))?;
    }
    Ok(())
}

/// Refuses maps of letters that claim to be longer than they are: their reader would take the memory first.
fn check_maps(part: &Value) -> Result<(), Reason> {
    match part {
        Value::Object(fields) => {
            if let Some(map) = fields.get("precompiled_charsmap").and_then(Value::as_str) {
                check_map(&STANDARD.decode(map).unwrap_or_default())?;
            }
            fields.values().try_for_each(check_maps)
        }
        Value::Array(parts) => parts.iter().try_for_each(check_maps),
        _ => Ok(()),
    }
}

/// The same for the bytes of a map.
///
/// # Errors
/// That it is cut off.
pub(super) fn check_map(map: &[u8]) -> Result<(), Reason> {
    match map.split_first_chunk() {
        Some((length, rest)) if u32::from_le_bytes(*length) as usize <= rest.len() => Ok(()),
        _ => Err("its map of letters is cut off".to_owned()),
    }
}

/// Refuses a decoder whose replacements multiply the letters of a token.
fn check_decoder(part: &Value) -> Result<(), Reason> {
    let growth = growth_of_decoder(part);
    if growth > MAX_LATER { Err(format!("its decoder can make a token {growth} times as long")) } else { Ok(()) }
}

fn growth_of_decoder(part: &Value) -> usize {
    let content = part.get("content").and_then(Value::as_str).unwrap_or("").len();
    let pattern = part.get("pattern");
    let literal = pattern.and_then(|pattern| pattern.get("String")).and_then(Value::as_str).filter(|p| !p.is_empty());
    let own = match (pattern, literal) {
        (None, _) => 1,
        (Some(_), Some(literal)) => content.div_ceil(literal.len()).max(1),
        (Some(_), None) => content.saturating_add(1),
    };
    let parts = part.get("decoders").and_then(Value::as_array).into_iter().flatten();
    parts.fold(own, |product, part| product.saturating_mul(growth_of_decoder(part)))
}

/// Refuses long names for what has no piece, and long letters around pieces.
fn check_names(model: &ModelWrapper) -> Result<(), Reason> {
    let names = match model {
        ModelWrapper::WordPiece(model) => vec![&model.unk_token, &model.continuing_subword_prefix],
        ModelWrapper::WordLevel(model) => vec![&model.unk_token],
        ModelWrapper::BPE(model) => {
            [&model.unk_token, &model.continuing_subword_prefix, &model.end_of_word_suffix].into_iter().flatten().collect()
        }
        ModelWrapper::Unigram(_) => Vec::new(),
    };
    match names.iter().find(|name| name.len() > MAX_NAME) {
        Some(name) => Err(format!("a name of {} bytes stands for each unknown word", name.len())),
        None => Ok(()),
    }
}

/// Refuses templates that do not hold the text just once, or whose tokens contradict their numbers.
pub(super) fn check_around(part: &Value) -> Result<(), Reason> {
    for part in part.get("processors").and_then(Value::as_array).into_iter().flatten() {
        check_around(part)?;
    }
    let Some(single) = part.get("single").and_then(Value::as_array) else { return Ok(()) };
    let texts: Vec<&Value> = single.iter().filter_map(|piece| piece.get("Sequence")).collect();
    if texts.len() != 1 || texts[0]["id"] != "A" {
        return Err(format!("its template holds the text {} times", texts.iter().filter(|text| text["id"] == "A").count()));
    }
    for piece in single.iter().filter_map(|piece| piece.get("SpecialToken")) {
        let id = piece["id"].as_str().unwrap_or("");
        let token = part.get("special_tokens").and_then(|tokens| tokens.get(id));
        let length = |field: &str| token.and_then(|token| token.get(field)).and_then(Value::as_array).map(Vec::len);
        if length("ids").is_none() || length("ids") != length("tokens") {
            return Err(format!("its template sets {id:?} around a text, which has no numbers or others than names"));
        }
        let names = token.and_then(|token| token["tokens"].as_array()).into_iter().flatten().filter_map(Value::as_str);
        if names.map(str::len).max().unwrap_or(0) > MAX_NAME {
            return Err(format!("its template sets a token of more than {MAX_NAME} bytes around a text"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(normalizer: &Value, words: &Value) -> Result<Bounds, Reason> {
        let part: Option<NormalizerWrapper> = serde_json::from_value(normalizer.clone()).unwrap();
        Bounds::of_parts(part.as_ref(), words)
    }

    fn replace(pattern: &Value, content: &str) -> Value {
        json!({"type": "Replace", "pattern": pattern, "content": content})
    }

    fn sequence(parts: &[Value]) -> Value {
        json!({"type": "Sequence", "normalizers": parts})
    }

    #[test]
    fn texts_that_grow_without_end_are_found_before_they_do() {
        let doubling = [replace(&json!({"String": "a"}), "aa"), replace(&json!({"Regex": "a"}), "aa")];
        let long = "x".repeat(4 << 20);
        for (normalizer, text) in [
            (sequence(&vec![doubling[0].clone(); 24]), "aaaa"),
            (sequence(&vec![doubling[1].clone(); 24]), "aaaa"),
            (sequence(&[sequence(&vec![doubling[0].clone(); 12]), sequence(&vec![doubling[0].clone(); 12])]), "a"),
            (replace(&json!({"String": ""}), &long), "b"),
            (replace(&json!({"String": "b"}), &long), "abc"),
            (replace(&json!({"Regex": "b"}), &long), "abc"),
            (json!({"type": "Prepend", "prepend": long}), "abc"),
            (sequence(&vec![json!({"type": "ByteLevel"}); 40]), "é"),
        ] {
            let bounds = bounds(&normalizer, &Value::Null).unwrap();
            assert!(bounds.check(text).unwrap_err().contains("grows beyond"), "{normalizer:.200}");
        }
        // The same rules do no harm to texts that they do not touch.
        assert_eq!(bounds(&sequence(&vec![doubling[0].clone(); 24]), &Value::Null).unwrap().check("bbbb"), Ok(()));
        assert_eq!(bounds(&replace(&json!({"String": "b"}), &long), &Value::Null).unwrap().check("ac"), Ok(()));
        assert!(
            bounds(&Value::Null, &json!({"type": "Sequence", "pretokenizers": vec![json!({"type": "ByteLevel"}); 4]})).is_err()
        );
    }

    #[test]
    fn tokenizers_in_use_have_room() {
        let text = "été 漢字 ½ ﷺ the bank\n".repeat(20_000);
        let llama = sequence(&[json!({"type": "Prepend", "prepend": "▁"}), replace(&json!({"String": " "}), "▁")]);
        let bert = json!({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
            "lowercase": true});
        let metaspace = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true});
        let bytes = json!({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true},
            {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}]});
        let clip = sequence(&[json!({"type": "NFC"}), replace(&json!({"Regex": "\\s+"}), " "), json!({"type": "Lowercase"})]);
        let t5 = sequence(&[json!({"type": "NFKC"}), replace(&json!({"Regex": " {2,}"}), "▁")]);
        for (normalizer, words) in
            [(llama, Value::Null), (bert, json!({"type": "BertPreTokenizer"})), (clip, bytes.clone()), (t5, metaspace)]
        {
            assert_eq!(bounds(&normalizer, &words).unwrap().check(&text), Ok(()), "{normalizer}");
        }
        assert_eq!(bounds(&Value::Null, &bytes).unwrap().check(&text), Ok(()));
    }

    #[test]
    fn a_letter_that_becomes_a_book_is_refused() {
        let map = |string: &str| [&4_u32.to_le_bytes()[..], &[0; 4], string.as_bytes(), b"\0"].concat();
        for (length, most) in [(33, 33), (5000, 5000)] {
            let map = Precompiled::from(&map(&"x".repeat(length))).unwrap();
            assert_eq!(longest_letter(&map), most);
        }
        assert_eq!(longest_letter(&Precompiled::from(&map("")).unwrap()), 1);
        let cut = [&u32::MAX.to_le_bytes()[..], &[0; 4]].concat();
        assert!(check_map(&cut).is_err() && check_map(b"").is_err() && check_map(&map("x")).is_ok());
        let written = json!({"normalizers": [{"precompiled_charsmap": STANDARD.encode(cut)}]});
        assert!(check_written(&written, std::iter::empty()).is_err_and(|why| why.contains("cut off")));
    }

    #[test]
    fn templates_hold_the_text_once_and_know_their_tokens() {
        let template =
            |single: Value, tokens: Value| json!({"type": "TemplateProcessing", "single": single, "special_tokens": tokens});
        let text = json!({"Sequence": {"id": "A", "type_id": 0}});
        let other = json!({"Sequence": {"id": "B", "type_id": 0}});
        let token = json!({"SpecialToken": {"id": "q", "type_id": 0}});
        let q = |ids: &[u32], tokens: &[&str]| json!({"q": {"id": "q", "ids": ids, "tokens": tokens}});
        assert_eq!(check_around(&template(json!([token, text, token]), q(&[1, 2], &["q", "r"]))), Ok(()));
        for (single, tokens, word) in [
            (json!([]), json!({}), "the text 0 times"),
            (json!([other]), json!({}), "the text 0 times"),
            (json!([text, text]), json!({}), "the text 2 times"),
            (json!([text, token]), json!({}), "\"q\""),
            (json!([text, token]), q(&[1, 1], &[]), "\"q\""),
            (json!([text, token]), q(&[1], &[&"x".repeat(2000)]), "1024 bytes"),
        ] {
            let bad = template(single, tokens);
            assert!(check_around(&bad).is_err_and(|why| why.contains(word)), "{bad:.300}");
            assert!(check_around(&json!({"type": "Sequence", "processors": [bad]})).is_err());
        }
    }

    #[test]
    fn decoders_that_multiply_are_found() {
        let doubling = replace(&json!({"String": "a"}), "aa");
        assert!(check_decoder(&json!({"type": "Sequence", "decoders": vec![doubling.clone(); 7]})).is_err());
        let llama = json!({"type": "Sequence", "decoders": [replace(&json!({"String": "▁"}), " "), {"type": "ByteFallback"},
            {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]});
        assert_eq!((check_decoder(&llama), check_decoder(&Value::Null)), (Ok(()), Ok(())));
    }
}
