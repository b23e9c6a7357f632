//! Which of the tokens that may come next is taken.

use std::fmt;

use candle_core::{Device, Tensor};
use candle_transformers::generation::{LogitsProcessor, Sampling};

use crate::domain::Result;
use crate::domain::generation::Generation;

/// Takes one token after the other; the same numbers and the same scores give the same tokens.
pub struct Sampler(LogitsProcessor);

impl fmt::Debug for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampler").finish_non_exhaustive()
    }
}

impl Sampler {
    /// A sampler that has taken nothing.
    pub fn new(generation: &Generation) -> Self {
        let &Generation { temperature, top_p, seed, .. } = generation;
        let sampling = match (generation.is_greedy(), top_p < 1.0) {
            (true, _) => Sampling::ArgMax,
            (false, true) => Sampling::TopP { p: top_p, temperature },
            (false, false) => Sampling::All { temperature },
        };
        Self(LogitsProcessor::from_sampling(seed, sampling))
    }

    /// The next token, by the scores of every word, `[V]`.
    ///
    /// # Errors
    /// [`crate::domain::Error::Internal`] when there are no scores.
    pub fn next(&mut self, scores: &[f32]) -> Result<u32> {
        Ok(self.0.sample(&Tensor::new(scores, &Device::Cpu)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(generation: Generation, count: usize) -> Vec<u32> {
        let mut sampler = Sampler::new(&generation);
        (0..count).map(|_| sampler.next(&[0.0, 2.0, 1.0, 2.0, -30.0]).unwrap()).collect()
    }

    #[test]
    fn without_a_temperature_the_first_of_the_best_is_taken() {
        assert_eq!(taken(Generation::default(), 3), [1, 1, 1]);
    }

    #[test]
    fn a_seed_decides_what_is_drawn_and_top_p_among_which() {
        let drawn = Generation { temperature: 1.0, seed: 3, ..Generation::default() };
        let all = taken(drawn, 200);
        assert_eq!(all, taken(drawn, 200));
        assert_ne!(all, taken(Generation { seed: 4, ..drawn }, 200));
        // Probabilities 0.06, 0.41, 0.15, 0.41, 0.
        assert!((0..4).all(|id| all.contains(&id)) && !all.contains(&4));
        let few = taken(Generation { top_p: 0.5, ..drawn }, 200);
        assert!(few.contains(&1) && few.contains(&3) && few.iter().all(|id| [1, 3].contains(id)));
        assert!(taken(Generation { temperature: 0.01, top_p: 0.5, ..drawn }, 50).iter().all(|id| [1, 3].contains(id)));
    }
}
