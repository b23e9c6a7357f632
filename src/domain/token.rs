//! Tokens: what stands at each position of a model's sequence, and how a user names one.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::grid::Grid;
use super::span::Span;
use super::text::Text;
use super::{Error, Result};

/// What one position of the sequence is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenKind {
    /// The class token.
    Cls,
    /// The distillation token (DeiT).
    Dist,
    /// A register token, counted from 0.
    Register(usize),
    /// A patch of the image.
    Patch {
        /// Row, 0 on top.
        row: usize,
        /// Column, 0 on the left.
        col: usize,
    },
    /// A piece of a text, as the vocabulary spells it.
    Piece(String),
    /// A token that the tokenizer added to a text: `[CLS]`, `[SEP]`.
    Special(String),
}

impl TokenKind {
    /// The kind as the `kind` column of a CSV names it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cls => "cls",
            Self::Dist => "dist",
            Self::Register(_) => "reg",
            Self::Patch { .. } => "patch",
            Self::Piece(_) => "piece",
            Self::Special(_) => "special",
        }
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cls => f.write_str("cls"),
            Self::Dist => f.write_str("dist"),
            Self::Register(i) => write!(f, "reg{i}"),
            Self::Patch { row, col } => write!(f, "patch {row},{col}"),
            Self::Piece(piece) | Self::Special(piece) => f.write_str(piece),
        }
    }
}

/// The sequence of a model for one input. Of an image: prefix tokens, then patches in row-major order. Of a text: no prefix, and
/// one row of a grid with a column for every token, so that heatmaps, ranks and ranges mean the same for both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenLayout {
    /// Prefix tokens, from position 0.
    pub prefix: Vec<TokenKind>,
    /// The patches that follow them.
    pub grid: Grid,
    /// The text, where the input is one.
    pub text: Option<Arc<Text>>,
    /// Whether each token sees only itself and those before it.
    pub is_causal: bool,
}

impl TokenLayout {
    /// The sequence of an image.
    pub fn image(prefix: Vec<TokenKind>, grid: Grid) -> Self {
        Self { prefix, grid, text: None, is_causal: false }
    }

    /// The sequence of a text.
    pub fn text(text: Arc<Text>) -> Self {
        Self { prefix: Vec::new(), grid: Grid { rows: 1, cols: text.pieces.len() }, text: Some(text), is_causal: false }
    }

    /// T, the number of tokens.
    pub fn len(&self) -> usize {
        self.prefix.len() + self.grid.len()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What tables call a token: `patch 7,7`, `cls`, of a text the letters that it stands for, or its piece where these are blank.
    pub fn label(&self, position: usize) -> String {
        let shown = self.text.as_ref().map_or("", |text| text.shown(position).trim());
        if shown.is_empty() {
            self.kind(position).map_or_else(|| position.to_string(), |kind| kind.to_string())
        } else {
            shown.to_owned()
        }
    }

    /// What stands at `position`.
    pub fn kind(&self, position: usize) -> Option<TokenKind> {
        if let Some(text) = &self.text {
            let piece = text.pieces.get(position)?;
            let kind = if piece.special { TokenKind::Special } else { TokenKind::Piece };
            return Some(kind(piece.piece.clone()));
        }
        if let Some(kind) = self.prefix.get(position) {
            return Some(kind.clone());
        }
        let patch = position - self.prefix.len();
        let (row, col) = self.grid.row_col(patch);
        (patch < self.grid.len()).then_some(TokenKind::Patch { row, col })
    }

    /// The patch index of a position, if a patch stands there.
    pub fn patch_of(&self, position: usize) -> Option<usize> {
        position.checked_sub(self.prefix.len()).filter(|&p| p < self.grid.len())
    }

    /// The position of a patch index.
    pub fn position_of(&self, patch: usize) -> usize {
        self.prefix.len() + patch
    }

    /// The patches that a colour range is taken over: all of an image; of a text those that are not special, because a model
    /// leaves its largest values on `[SEP]` and its like.
    pub fn ranged(&self) -> impl Iterator<Item = usize> + '_ {
        let special = |p: &usize| self.text.as_ref().is_some_and(|t| t.pieces.get(*p).is_some_and(|piece| piece.special));
        (0..self.grid.len()).filter(move |p| !special(p))
    }

    /// The position that `token` names.
    ///
    /// # Errors
    /// A refusal that says which tokens exist.
    pub fn resolve(&self, token: &TokenRef) -> Result<usize> {
        let span = self.resolve_all(token)?;
        match &self.text {
            Some(text) if span.len() > 1 => Err(several_pieces(token, text, span.positions())),
            _ => Ok(span.from),
        }
    }

    /// The positions that `token` names: of a word those of all its pieces, of all else one.
    ///
    /// # Errors
    /// A refusal that says which tokens exist.
    pub fn resolve_all(&self, token: &TokenRef) -> Result<Span> {
        if let (TokenRef::Word { word, occurrence }, Some(text)) = (token, &self.text)
            && let Some(positions) = text.find(word, *occurrence)
        {
            return Ok(Span { from: positions.start, to: positions.end });
        }
        let found = match (token, &self.text) {
            (TokenRef::Position(p), _) => (*p < self.len()).then_some(*p),
            (TokenRef::Patch { row, col }, None) => self.grid.patch_at(*row, *col).map(|p| self.position_of(p)),
            (TokenRef::Prefix(kind), None) => self.prefix.iter().position(|k| k == kind),
            (TokenRef::Prefix(TokenKind::Cls), Some(text)) => text.pieces.first().filter(|p| p.special).map(|_| 0),
            (TokenRef::Word { .. }, _) | (TokenRef::Patch { .. } | TokenRef::Prefix(_), Some(_)) => None,
        };
        found.map(Span::from).ok_or_else(|| {
            Error::refused(format!("--token {token}"), "the model's sequence has no such token")
                .expected(self.describe())
                .remedy("choose one of these")
        })
    }

    /// The tokens that exist, in words.
    pub fn describe(&self) -> String {
        if let Some(text) = &self.text {
            let words = text.words();
            let mut shown: Vec<&str> = words.iter().take(12).filter_map(|w| text.string.get(w.span.clone())).collect();
            if words.len() > shown.len() {
                shown.push("..");
            }
            return format!("positions 0 to {}, or a word of the text: {}", self.len().saturating_sub(1), shown.join(" "));
        }
        let prefix: String = self.prefix.iter().map(|k| format!("{k}, ")).collect();
        format!(
            "{prefix}patches 0,0 to {},{} or positions 0 to {}",
            self.grid.rows.saturating_sub(1),
            self.grid.cols.saturating_sub(1),
            self.len().saturating_sub(1)
        )
    }
}

/// A word that the vocabulary spells in several pieces has no single position.
fn several_pieces(token: &TokenRef, text: &Text, positions: std::ops::Range<usize>) -> Error {
    let named = |p: usize| format!("{p} ({})", text.pieces[p].piece);
    Error::refused(format!("--token {token}"), format!("the vocabulary spells it in {} pieces", positions.len()))
        .expected("one position")
        .remedy(format!(
            "name a piece by its position: {}; or all of them as the span {}..{}",
            positions.clone().map(named).collect::<Vec<_>>().join(", "),
            positions.start,
            positions.end
        ))
}

/// A token as a user names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum TokenRef {
    /// A position in the sequence, prefix tokens included.
    Position(usize),
    /// A patch.
    Patch {
        /// Row, 0 on top.
        row: usize,
        /// Column, 0 on the left.
        col: usize,
    },
    /// `cls`, `dist` or `reg0`..; never a patch.
    Prefix(TokenKind),
    /// A word of a text.
    Word {
        /// As the text spells it, capitals aside.
        word: String,
        /// Which of several, from 1.
        occurrence: usize,
    },
}

impl std::hash::Hash for TokenKind {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.to_string().hash(state);
    }
}

impl fmt::Display for TokenRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Position(p) => write!(f, "{p}"),
            Self::Patch { row, col } => write!(f, "{row},{col}"),
            Self::Prefix(kind) => write!(f, "{kind}"),
            Self::Word { word, occurrence } => {
                // `all` is every token; what else is not read back as this word is marked as one.
                let alone = word != "all" && !word.contains('#') && word.parse::<TokenRef>() == Ok(parse_word(word));
                let (mark, word) = if alone { ("", word) } else { ("word:", word) };
                if *occurrence == 1 && alone { write!(f, "{mark}{word}") } else { write!(f, "{mark}{word}#{occurrence}") }
            }
        }
    }
}

impl From<TokenRef> for String {
    fn from(token: TokenRef) -> Self {
        token.to_string()
    }
}

impl TryFrom<String> for TokenRef {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl FromStr for TokenRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        if let Some(word) = text.strip_prefix("word:").filter(|w| !w.is_empty()) {
            return Ok(parse_word(word));
        }
        let is_number = text.chars().all(|c| c.is_ascii_digit() || "+-., ".contains(c));
        match parse_name(text) {
            Some(token) => Ok(token),
            None if is_number => Err(Error::refused(format!("--token {text}"), "not a token")
                .expected("a position, `row,col`, cls, dist, reg0, reg1.., a word of the text, or a span of positions A..B")),
            None => Ok(parse_word(text)),
        }
    }
}

/// A position, a patch or a prefix token.
fn parse_name(text: &str) -> Option<TokenRef> {
    let number = |t: &str| t.trim().parse::<usize>().ok();
    match text {
        "cls" => Some(TokenRef::Prefix(TokenKind::Cls)),
        "dist" => Some(TokenRef::Prefix(TokenKind::Dist)),
        other => match (other.strip_prefix("reg").and_then(number), other.split_once(',')) {
            (Some(i), _) => Some(TokenRef::Prefix(TokenKind::Register(i))),
            (None, Some((row, col))) => number(row).zip(number(col)).map(|(row, col)| TokenRef::Patch { row, col }),
            (None, None) => number(other).map(TokenRef::Position),
        },
    }
}

/// `bank` or `bank#2`.
fn parse_word(text: &str) -> TokenRef {
    let counted = text.rsplit_once('#').and_then(|(word, n)| n.parse().ok().filter(|&n| n > 0).map(|n| (word, n)));
    let (word, occurrence) = counted.filter(|(word, _)| !word.is_empty()).unwrap_or((text, 1));
    TokenRef::Word { word: word.to_owned(), occurrence }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> TokenLayout {
        TokenLayout::image(vec![TokenKind::Cls, TokenKind::Register(0)], Grid { rows: 2, cols: 3 })
    }

    #[test]
    fn names_resolve_to_positions_and_back() -> Result<()> {
        for (name, position) in [("cls", 0), ("reg0", 1), ("0,0", 2), ("1,2", 7), ("5", 5)] {
            let token: TokenRef = name.parse()?;
            assert_eq!(layout().resolve(&token)?, position);
            assert_eq!(token.to_string(), name);
        }
        Ok(())
    }

    #[test]
    fn what_the_model_lacks_is_refused_with_what_exists() {
        for name in ["dist", "reg1", "2,0", "8", "cat"] {
            let err = layout().resolve(&name.parse().unwrap()).unwrap_err();
            assert!(err.to_string().contains("cls, reg0, patches 0,0 to 1,2 or positions 0 to 7"), "{err}");
        }
        for name in ["-1", "", "1.5", "-1,2"] {
            assert!(name.parse::<TokenRef>().is_err(), "{name}");
        }
    }

    #[test]
    fn words_are_counted_and_forced() {
        let word = |word: &str, occurrence| TokenRef::Word { word: word.to_owned(), occurrence };
        for (name, token) in
            [("bank", word("bank", 1)), ("bank#2", word("bank", 2)), ("word:7#1", word("7", 1)), ("#", word("#", 1))]
        {
            assert_eq!(name.parse::<TokenRef>().unwrap(), token);
            assert_eq!(token.to_string().parse::<TokenRef>().unwrap(), token);
        }
        assert_eq!("word:7".parse::<TokenRef>().unwrap(), word("7", 1));
        for odd in ["all", ",", ".", "word:x", "a#2", "cls", "7", "3,4"] {
            assert_eq!(word(odd, 1).to_string().parse::<TokenRef>().unwrap(), word(odd, 1), "{odd}");
        }
        assert_eq!((word("all", 1).to_string(), word("bank", 1).to_string()), ("word:all#1".to_owned(), "bank".to_owned()));
    }
}
