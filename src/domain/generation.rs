//! How a causal language model continues a text.

use serde::{Deserialize, Serialize};

use super::{Error, Result};

/// How many tokens, and how each is chosen among those that may come next.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Generation {
    /// At most so many; fewer where the model ends the text or can read no more.
    pub tokens: usize,
    /// 0 takes the most probable token; scores are divided by any other before the softmax.
    pub temperature: f64,
    /// Only the fewest tokens whose probabilities reach this sum are drawn from, 0..1.
    pub top_p: f64,
    /// Where the random numbers begin.
    pub seed: u64,
}

impl Default for Generation {
    fn default() -> Self {
        Self { tokens: 60, temperature: 0.0, top_p: 1.0, seed: 0 }
    }
}

impl Generation {
    /// Temperatures other than 0: below, scores leave what a float holds; above, every token is as good as another.
    pub const TEMPERATURES: std::ops::RangeInclusive<f64> = 0.01..=100.0;

    /// Whether the most probable token is taken every time.
    pub fn is_greedy(&self) -> bool {
        self.temperature == 0.0
    }

    /// The same without what makes no difference: where nothing is drawn, neither `top_p` nor the seed is looked at.
    #[must_use]
    pub fn canonical(self) -> Self {
        if self.is_greedy() { Self { tokens: self.tokens, ..Self::default() } } else { self }
    }

    /// Refuses numbers that cannot be drawn with.
    ///
    /// # Errors
    /// A refusal that names the flag.
    pub fn check(&self) -> Result<()> {
        if !self.is_greedy() && !Self::TEMPERATURES.contains(&self.temperature) {
            return Err(Error::refused(format!("--temperature {}", self.temperature), "cannot be drawn with")
                .expected("0, which takes the most probable token, or 0.01 to 100")
                .remedy("1 draws as the model was trained"));
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return Err(Error::refused(format!("--top-p {}", self.top_p), "is no share of the probability")
                .expected("above 0 and at most 1")
                .remedy("1 draws from all tokens"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_cannot_be_drawn_with_are_refused() {
        for temperature in [0.0, 0.01, 0.7, 100.0] {
            Generation { temperature, ..Generation::default() }.check().unwrap();
        }
        for temperature in [-1.0, 1e-9, 1e9, f64::NAN, f64::INFINITY] {
            let err = Generation { temperature, ..Generation::default() }.check().unwrap_err();
            assert!(err.to_string().starts_with("--temperature"), "{err}");
        }
        for top_p in [0.0, -0.1, 1.1, f64::NAN] {
            assert!(Generation { top_p, ..Generation::default() }.check().is_err(), "{top_p}");
        }
    }

    #[test]
    fn a_seed_makes_no_other_question_where_nothing_is_drawn() {
        let greedy = Generation { tokens: 5, seed: 7, top_p: 0.5, temperature: 0.0 };
        assert_eq!(greedy.canonical(), Generation { tokens: 5, ..Generation::default() });
        let drawn = Generation { temperature: 0.7, ..greedy };
        assert_eq!(drawn.canonical(), drawn);
    }
}
