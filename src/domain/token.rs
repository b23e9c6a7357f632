//! Tokens: what stands at each position of a model's sequence, and how a user names one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::grid::Grid;
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
}

impl TokenKind {
    /// The kind as the `kind` column of a CSV names it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cls => "cls",
            Self::Dist => "dist",
            Self::Register(_) => "reg",
            Self::Patch { .. } => "patch",
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
        }
    }
}

/// The sequence of a model for one input: prefix tokens, then patches in row-major order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenLayout {
    /// Prefix tokens, from position 0.
    pub prefix: Vec<TokenKind>,
    /// The patches that follow them.
    pub grid: Grid,
}

impl TokenLayout {
    /// T, the number of tokens.
    pub fn len(&self) -> usize {
        self.prefix.len() + self.grid.len()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What stands at `position`.
    pub fn kind(&self, position: usize) -> Option<TokenKind> {
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

    /// The position that `token` names.
    ///
    /// # Errors
    /// A refusal that says which tokens exist.
    pub fn resolve(&self, token: &TokenRef) -> Result<usize> {
        let found = match token {
            TokenRef::Position(p) => (*p < self.len()).then_some(*p),
            TokenRef::Patch { row, col } => self.grid.patch_at(*row, *col).map(|p| self.position_of(p)),
            TokenRef::Prefix(kind) => self.prefix.iter().position(|k| k == kind),
        };
        found.ok_or_else(|| {
            Error::refused(format!("--token {token}"), "this model has no such token")
                .expected(self.describe())
                .remedy("choose one of these")
        })
    }

    /// The tokens that exist, in words.
    pub fn describe(&self) -> String {
        let prefix: String = self.prefix.iter().map(|k| format!("{k}, ")).collect();
        format!(
            "{prefix}patches 0,0 to {},{} or positions 0 to {}",
            self.grid.rows.saturating_sub(1),
            self.grid.cols.saturating_sub(1),
            self.len().saturating_sub(1)
        )
    }
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
        let number = |t: &str| t.trim().parse::<usize>().ok();
        let parsed = match text.trim() {
            "cls" => Some(Self::Prefix(TokenKind::Cls)),
            "dist" => Some(Self::Prefix(TokenKind::Dist)),
            other => match (other.strip_prefix("reg").and_then(number), other.split_once(',')) {
                (Some(i), _) => Some(Self::Prefix(TokenKind::Register(i))),
                (None, Some((row, col))) => number(row).zip(number(col)).map(|(row, col)| Self::Patch { row, col }),
                (None, None) => number(other).map(Self::Position),
            },
        };
        parsed.ok_or_else(|| {
            Error::refused(format!("--token {text}"), "not a token").expected("a position, `row,col`, cls, dist or reg0, reg1..")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> TokenLayout {
        TokenLayout { prefix: vec![TokenKind::Cls, TokenKind::Register(0)], grid: Grid { rows: 2, cols: 3 } }
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
        for name in ["dist", "reg1", "2,0", "8"] {
            let err = layout().resolve(&name.parse().unwrap()).unwrap_err();
            assert!(err.to_string().contains("cls, reg0, patches 0,0 to 1,2 or positions 0 to 7"), "{err}");
        }
        assert!("-1".parse::<TokenRef>().is_err());
        assert!("cat".parse::<TokenRef>().is_err());
    }
}
