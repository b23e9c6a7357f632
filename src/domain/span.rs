//! A run of tokens that is asked about as a whole: "which input was this written from".

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::token::TokenLayout;
use super::{Error, Result};

/// Positions `from..to`, the end exclusive; written `12..40`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Span {
    /// The first position.
    pub from: usize,
    /// The position after the last.
    pub to: usize,
}

impl From<usize> for Span {
    /// One position.
    fn from(position: usize) -> Self {
        Self::between(position, position)
    }
}

impl Span {
    /// Everything between two positions, both of them included, whichever comes first.
    pub fn between(a: usize, b: usize) -> Self {
        Self { from: a.min(b), to: a.max(b) + 1 }
    }

    /// Its positions.
    pub fn positions(self) -> Range<usize> {
        self.from..self.to
    }

    /// Tokens in it.
    pub fn len(self) -> usize {
        self.positions().len()
    }

    /// Whether it holds no token.
    pub fn is_empty(self) -> bool {
        self.positions().is_empty()
    }

    /// Whether a position is in it.
    pub fn contains(self, position: usize) -> bool {
        self.positions().contains(&position)
    }

    /// Reads `12..40`; `None` where the text is spelled differently, and may name a word.
    pub fn read(text: &str) -> Option<Self> {
        let (from, to) = text.trim().split_once("..")?;
        Some(Self { from: from.trim().parse().ok()?, to: to.trim().parse().ok()? })
    }

    /// Checks that the span lies in a sequence and leaves something to explain it by: for a causal model a token before it, which
    /// also predicted its first token; for any other a token outside.
    ///
    /// # Errors
    /// A refusal that says which spans exist.
    pub fn check(self, layout: &TokenLayout, is_causal: bool) -> Result<()> {
        let (tokens, first) = (layout.len(), usize::from(is_causal));
        let refuse = |what: &str| Error::refused(format!("--token {self}"), what);
        if layout.text.is_none() {
            return Err(refuse("a span is a part of a text, and the input is a picture")
                .expected(layout.describe())
                .remedy("name patches one by one"));
        }
        if is_causal && self.from == 0 {
            return Err(refuse("no token predicted the first one").expected(format!("A..B with 1 <= A < B <= {tokens}")));
        }
        if self.is_empty() || self.to > tokens {
            return Err(refuse("the model's sequence has no such span")
                .expected(format!("A..B with {first} <= A < B <= {tokens}, B exclusive"))
                .remedy("choose positions within these"));
        }
        if self.len() == tokens {
            return Err(refuse("nothing is left of the text to explain the span by").remedy("leave some tokens out"));
        }
        Ok(())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.from, self.to)
    }
}

impl FromStr for Span {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::read(text)
            .ok_or_else(|| Error::refused(format!("--token {text}"), "not a span").expected("positions A..B, B exclusive"))
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl TryFrom<String> for Span {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::grid::Grid;
    use crate::domain::text::Text;

    #[test]
    fn spans_are_spelled_by_their_ends() {
        assert_eq!("12..40".parse::<Span>().unwrap(), Span { from: 12, to: 40 });
        assert_eq!(Span { from: 12, to: 40 }.to_string(), "12..40");
        assert_eq!((Span::between(7, 3), Span::between(3, 3).len()), (Span { from: 3, to: 8 }, 1));
        for word in ["a..b", "..", "3..", "3-4", "and...", "-1..4"] {
            assert_eq!(Span::read(word), None, "{word}");
        }
    }

    #[test]
    fn what_cannot_be_explained_is_refused_with_what_exists() {
        let layout = TokenLayout::text(Arc::new(Text::of_ids(&[5; 6])));
        let refusal = |from, to, is_causal| Span { from, to }.check(&layout, is_causal).err().map(|err| err.to_string());
        assert_eq!((refusal(1, 6, true), refusal(0, 5, false), refusal(5, 6, false)), (None, None, None));
        assert!(refusal(0, 3, true).unwrap().contains("no token predicted the first"));
        assert!(refusal(0, 6, false).unwrap().contains("nothing is left"));
        for (from, to) in [(3, 3), (4, 3), (2, 7), (9, 12)] {
            assert!(refusal(from, to, false).unwrap().contains("0 <= A < B <= 6"), "{from}..{to}");
        }
        let image = TokenLayout::image(Vec::new(), Grid { rows: 2, cols: 3 });
        assert!(Span { from: 1, to: 3 }.check(&image, false).unwrap_err().to_string().contains("a picture"));
    }
}
