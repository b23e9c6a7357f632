//! Attention rollout: attention multiplied through the blocks, half of it staying on the residual stream.

use rayon::prelude::*;

use super::attention::fused_attention;
use super::{Control, Info, Method, Reach, Target, Uses};
use crate::domain::Result;
use crate::model::{Model, Trace};

/// Abnar and Zuidema's rollout from layer 1 to the token's layer.
#[derive(Debug)]
pub struct Rollout;

static INFO: Info = Info {
    id: "rollout",
    name: "Rollout",
    summary: "How much of the token comes from each input token if attention alone moved information",
    formula: "R = A'_l ... A'_1 with A' = (A + I) / 2, A fused over heads, rows renormalised; row i of R",
    citation: "Abnar and Zuidema, Quantifying Attention Flow in Transformers, ACL 2020",
    cost: "L T^2 multiplications a token",
    unit: "share",
    signed: false,
    min_layer: 0,
    needs: &[],
    reach: Reach::Rows,
    uses: &[Uses::Head],
    knobs: &[],
};

impl Method for Rollout {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Vec<f32>> {
        let tokens = trace.num_tokens();
        let mut rows = vec![0.0; target.positions.len() * tokens];
        for (row, &position) in rows.chunks_exact_mut(tokens).zip(target.positions) {
            row[position] = 1.0;
        }
        control.progress.start(target.layer);
        for layer in (1..=target.layer).rev() {
            control.cancel.check()?;
            let mut attention = fused_attention(model, trace, layer, target.params.head)?;
            normalise_rows(&mut attention, tokens);
            rows.par_chunks_exact_mut(tokens).for_each(|row| pass_down(row, &attention));
            control.progress.step();
        }
        Ok(rows)
    }
}

/// Max and min over heads do not sum to one.
fn normalise_rows(attention: &mut [f32], tokens: usize) {
    attention.par_chunks_exact_mut(tokens).for_each(|row| {
        let sum: f32 = row.iter().sum();
        if sum > 0.0 {
            row.iter_mut().for_each(|a| *a /= sum);
        }
    });
}

/// `row <- row (A + I) / 2`.
fn pass_down(row: &mut [f32], attention: &[f32]) {
    let mut moved = vec![0.0; row.len()];
    for (&share, from) in row.iter().zip(attention.chunks_exact(row.len())).filter(|(share, _)| **share != 0.0) {
        moved.iter_mut().zip(from).for_each(|(m, &a)| *m += share * a);
    }
    row.iter_mut().zip(moved).for_each(|(r, m)| *r = 0.5 * (*r + m));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_keep_summing_to_one() {
        let attention = [0.2, 0.8, 0.5, 0.5];
        let mut row = [0.0, 1.0];
        pass_down(&mut row, &attention);
        assert_eq!(row, [0.25, 0.75]);
        pass_down(&mut row, &attention);
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
