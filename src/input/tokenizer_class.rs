//! Tokenizer classes of transformers 5. Most build their pipeline themselves: of tokenizer.json they take the pieces, and at times
//! what is set around a text; the rest follows from the class and from the switches in `tokenizer_config.json`.

use serde_json::{Value, json};

use super::tokenizer_settings::Settings;

/// How CLIP parts words.
const CLIP_WORDS: &str = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
/// How Qwen 2 and 3 part words.
const QWEN_WORDS: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// How a word becomes pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    WordPiece,
    Bpe(Bpe),
    /// With the number of what has no piece, where the class and not the file says which it is.
    Unigram(Option<usize>),
}

/// Switches of byte-pair encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bpe {
    pub(super) fuse_unk: bool,
    pub(super) byte_fallback: bool,
    /// What the last piece of a word ends in.
    pub(super) suffix: &'static str,
    /// Whether there is a token for what has no piece.
    pub(super) has_unk: bool,
}

/// What is set around a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Around {
    /// The tokens of these uses, before and after.
    Tokens(Option<&'static str>, Option<&'static str>),
    /// What tokenizer.json says; without one, what `add_bos_token` and `add_eos_token` ask for.
    File,
}

/// The files of pieces that a class reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pieces {
    /// vocab.txt, or vocab.json and merges.txt.
    Lists,
    /// A file of SentencePiece.
    SentencePiece(&'static str),
    /// The same, also where there is a tokenizer.json.
    OnlySentencePiece(&'static str),
}

/// What stands in a pipeline for the map of letters that SentencePiece compiled.
pub(super) const CHARSMAP: &str = "charsmap";

/// One class.
pub(super) struct Class {
    /// Its name and those that mean the same, without `Fast` at the end.
    pub(super) names: &'static [&'static str],
    /// The values of `model_type` in config.json that choose it where no class is named.
    pub(super) model_types: &'static [&'static str],
    pub(super) algorithm: Algorithm,
    /// Special tokens by their use, where the folder names no others; empty where there is none.
    pub(super) special: &'static [(&'static str, &'static str)],
    pub(super) around: Around,
    /// Whether short texts are filled up on the left.
    pub(super) pads_left: bool,
    /// Where the folder has its pieces, if not in tokenizer.json.
    pub(super) pieces: Pieces,
    /// Normalizer, pre-tokenizer and decoder, as tokenizer.json spells them; [`CHARSMAP`] in the place of a file's own map.
    pub(super) pipeline: fn(&Settings) -> [Value; 3],
    /// Whether offsets leave out the space before a word, where the class and not tokenizer.json says so.
    pub(super) trims: fn(&Settings) -> bool,
}

/// Classes that say nothing of how a text is read, without `Fast` at the end.
pub(super) const PLAIN: [&str; 4] = ["PreTrainedTokenizer", "TokenizersBackend", "PythonBackend", "AutoTokenizer"];

const BYTE_PAIRS: Bpe = Bpe { fuse_unk: false, byte_fallback: false, suffix: "", has_unk: false };

/// Gemma's pieces and special tokens, which SigLIP 2 shares.
const GEMMA_PAIRS: Bpe = Bpe { fuse_unk: true, byte_fallback: true, suffix: "", has_unk: true };
const GEMMA_SPECIAL: &[(&str, &str)] =
    &[("bos_token", "<bos>"), ("eos_token", "<eos>"), ("unk_token", "<unk>"), ("pad_token", "<pad>"), ("mask_token", "<mask>")];

/// The classes of the families that are read.
pub(super) const CLASSES: &[Class] = &[
    Class {
        names: &[
            "BertTokenizer",
            "DistilBertTokenizer",
            "ElectraTokenizer",
            "MobileBertTokenizer",
            "ConvBertTokenizer",
            "SqueezeBertTokenizer",
            "LayoutLMTokenizer",
        ],
        model_types: &["bert", "distilbert"],
        algorithm: Algorithm::WordPiece,
        special: &[
            ("unk_token", "[UNK]"),
            ("sep_token", "[SEP]"),
            ("pad_token", "[PAD]"),
            ("cls_token", "[CLS]"),
            ("mask_token", "[MASK]"),
        ],
        around: Around::Tokens(Some("cls_token"), Some("sep_token")),
        pads_left: false,
        pieces: Pieces::Lists,
        pipeline: bert,
        trims: |_| false,
    },
    Class {
        names: &["GPT2Tokenizer"],
        model_types: &["gpt2"],
        algorithm: Algorithm::Bpe(BYTE_PAIRS),
        special: &[
            ("bos_token", "<|endoftext|>"),
            ("eos_token", "<|endoftext|>"),
            ("unk_token", "<|endoftext|>"),
            ("pad_token", ""),
        ],
        around: Around::File,
        pads_left: false,
        pieces: Pieces::Lists,
        pipeline: byte_level,
        trims: |_| false,
    },
    Class {
        names: &["RobertaTokenizer", "BartTokenizer", "LongformerTokenizer"],
        model_types: &["roberta"],
        algorithm: Algorithm::Bpe(BYTE_PAIRS),
        special: &[
            ("bos_token", "<s>"),
            ("eos_token", "</s>"),
            ("unk_token", "<unk>"),
            ("sep_token", "</s>"),
            ("pad_token", "<pad>"),
            ("cls_token", "<s>"),
            ("mask_token", "<mask>"),
        ],
        around: Around::Tokens(Some("cls_token"), Some("sep_token")),
        pads_left: false,
        pieces: Pieces::Lists,
        pipeline: byte_level,
        trims: |settings| settings.switch("trim_offsets").unwrap_or(true),
    },
    Class {
        names: &["XLMRobertaTokenizer"],
        model_types: &["xlm-roberta"],
        algorithm: Algorithm::Unigram(Some(3)),
        special: &[
            ("bos_token", "<s>"),
            ("eos_token", "</s>"),
            ("unk_token", "<unk>"),
            ("sep_token", "</s>"),
            ("pad_token", "<pad>"),
            ("cls_token", "<s>"),
            ("mask_token", "<mask>"),
        ],
        around: Around::Tokens(Some("bos_token"), Some("eos_token")),
        pads_left: false,
        pieces: Pieces::SentencePiece("sentencepiece.bpe.model"),
        pipeline: xlm_roberta,
        trims: |_| false,
    },
    Class {
        names: &["LlamaTokenizer"],
        model_types: &[],
        algorithm: Algorithm::Bpe(Bpe { fuse_unk: true, byte_fallback: true, suffix: "", has_unk: false }),
        special: &[("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")],
        around: Around::File,
        pads_left: true,
        pieces: Pieces::SentencePiece("tokenizer.model"),
        pipeline: llama,
        trims: |_| false,
    },
    Class {
        names: &["Qwen2Tokenizer"],
        model_types: &["qwen2", "qwen3"],
        algorithm: Algorithm::Bpe(BYTE_PAIRS),
        special: &[("eos_token", "<|endoftext|>"), ("unk_token", "<|endoftext|>"), ("pad_token", "<|endoftext|>")],
        around: Around::File,
        pads_left: false,
        pieces: Pieces::Lists,
        pipeline: qwen2,
        trims: |_| false,
    },
    Class {
        names: &["GemmaTokenizer"],
        model_types: &["gemma2", "gemma3_text"],
        algorithm: Algorithm::Bpe(GEMMA_PAIRS),
        special: GEMMA_SPECIAL,
        around: Around::File,
        pads_left: true,
        pieces: Pieces::SentencePiece("tokenizer.model"),
        pipeline: gemma,
        trims: |_| false,
    },
    Class {
        names: &["Siglip2Tokenizer"],
        model_types: &[],
        algorithm: Algorithm::Bpe(GEMMA_PAIRS),
        special: GEMMA_SPECIAL,
        around: Around::File,
        pads_left: true,
        pieces: Pieces::SentencePiece("tokenizer.model"),
        pipeline: siglip2,
        trims: |_| false,
    },
    Class {
        names: &["CLIPTokenizer"],
        model_types: &["clip"],
        algorithm: Algorithm::Bpe(Bpe { suffix: "</w>", has_unk: true, ..BYTE_PAIRS }),
        special: &[
            ("bos_token", "<|startoftext|>"),
            ("eos_token", "<|endoftext|>"),
            ("unk_token", "<|endoftext|>"),
            ("pad_token", "<|endoftext|>"),
        ],
        around: Around::Tokens(Some("bos_token"), Some("eos_token")),
        pads_left: false,
        pieces: Pieces::Lists,
        pipeline: clip,
        trims: |_| false,
    },
    Class {
        names: &["SiglipTokenizer"],
        model_types: &["siglip"],
        algorithm: Algorithm::Unigram(None),
        special: &[("eos_token", "</s>"), ("unk_token", "<unk>"), ("pad_token", "</s>")],
        around: Around::Tokens(None, Some("eos_token")),
        pads_left: false,
        pieces: Pieces::OnlySentencePiece("spiece.model"),
        pipeline: siglip,
        trims: |_| false,
    },
];

/// The class that transformers' `AutoTokenizer` chooses; none where tokenizer.json is read as it stands.
pub(super) fn class_of(settings: &Settings, is_byte_level: bool) -> Option<&'static Class> {
    let named = |name: &str| CLASSES.iter().find(|class| class.names.contains(&name));
    match settings.class() {
        // Many folders of Qwen 2 and Llama 3 name a class that does not fit their pieces.
        Some(_) if settings.model_type() == "qwen2" => named("Qwen2Tokenizer"),
        Some("LlamaTokenizer") if is_byte_level => None,
        Some(name) => named(name),
        None => CLASSES.iter().find(|class| class.model_types.contains(&settings.model_type())),
    }
}

fn bert(settings: &Settings) -> [Value; 3] {
    let normalizer = json!({
        "type": "BertNormalizer",
        "clean_text": true,
        "handle_chinese_chars": settings.switch("tokenize_chinese_chars").unwrap_or(true),
        "strip_accents": settings.switch("strip_accents"),
        "lowercase": settings.switch("do_lower_case").unwrap_or(true),
    });
    [normalizer, json!({"type": "BertPreTokenizer"}), json!({"type": "WordPiece", "prefix": "##", "cleanup": true})]
}

fn byte_level(settings: &Settings) -> [Value; 3] {
    [Value::Null, bytes(settings.switch("add_prefix_space").unwrap_or(false)), bytes(true)]
}

fn xlm_roberta(settings: &Settings) -> [Value; 3] {
    let scheme = if settings.switch("add_prefix_space").unwrap_or(true) { "always" } else { "never" };
    let metaspace = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": true});
    let words = json!({"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]});
    [json!(CHARSMAP), words, metaspace]
}

/// A space is set before the text; capitals and ASCII punctuation go, and spaces that are left at the end or beside each other. A
/// text that begins with a space keeps it behind the one that is set, as in transformers.
fn siglip(settings: &Settings) -> [Value; 3] {
    let replaced = |pattern: &str, content: &str| json!({"type": "Replace", "pattern": {"Regex": pattern}, "content": content});
    let lower = settings.switch("do_lower_case").unwrap_or(true).then(|| json!({"type": "Lowercase"}));
    let cleaned = [
        replaced("\u{2581}", " "),
        // Metaspace sets a space before what begins where the text does, so set it here where the first characters go.
        replaced(r"^[!-/:-@\[-`{-~]*\s[\s!-/:-@\[-`{-~]*(?=[^\s!-/:-@\[-`{-~])", "\u{2581}\u{2581}"),
        replaced(r"^[\s!-/:-@\[-`{-~]+", "\u{2581}"),
        replaced(r"[!-/:-@\[-`{-~]", ""),
        json!(CHARSMAP),
        replaced(r"\s+", " "),
        json!({"type": "Strip", "strip_left": false, "strip_right": true}),
    ];
    let normalizers: Vec<Value> = lower.into_iter().chain(cleaned).collect();
    let metaspace = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": true});
    [json!({"type": "Sequence", "normalizers": normalizers}), metaspace.clone(), metaspace]
}

fn llama(settings: &Settings) -> [Value; 3] {
    let adds_space = settings.switch("add_prefix_space").unwrap_or(true);
    let scheme = match settings.switch("legacy") {
        _ if !adds_space => "never",
        Some(true) => "always",
        _ => "first",
    };
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if adds_space {
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    let metaspace = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": false});
    [Value::Null, metaspace, json!({"type": "Sequence", "decoders": decoders})]
}

fn qwen2(settings: &Settings) -> [Value; 3] {
    let words = json!({"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": QWEN_WORDS}, "behavior": "Isolated", "invert": false},
        {"type": "ByteLevel", "add_prefix_space": settings.switch("add_prefix_space").unwrap_or(false), "trim_offsets": true, "use_regex": false},
    ]});
    [json!({"type": "NFC"}), words, bytes(true)]
}

fn gemma(_: &Settings) -> [Value; 3] {
    let decoder = json!({"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]});
    [
        json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"}),
        json!({"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false}),
        decoder,
    ]
}

/// As Gemma's, in small letters.
fn siglip2(settings: &Settings) -> [Value; 3] {
    let [spaces, words, decoder] = gemma(settings);
    [json!({"type": "Sequence", "normalizers": [{"type": "Lowercase"}, spaces]}), words, decoder]
}

fn clip(_: &Settings) -> [Value; 3] {
    let normalizer = json!({"type": "Sequence", "normalizers": [
        {"type": "NFC"},
        {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
        {"type": "Lowercase"},
    ]});
    let words = json!({"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": CLIP_WORDS}, "behavior": "Removed", "invert": true},
        bytes(false),
    ]});
    [normalizer, words, bytes(true)]
}

/// Bytes in the letters that GPT-2 gave them, in GPT-2's words.
fn bytes(add_prefix_space: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": true, "use_regex": true})
}
