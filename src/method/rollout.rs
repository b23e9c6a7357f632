//! Attention rollout: attention multiplied through the blocks, half of it staying on the residual stream.

use rayon::prelude::*;

use super::attention::fused_attention;
use super::{Control, Info, Method, Reach, Target, Uses};
use crate::domain::Result;
use crate::domain::knob::{Knob, KnobKind};
use crate::domain::token::{TokenKind, TokenLayout};
use crate::model::{Model, Trace};

/// Abnar and Zuidema's rollout from layer 1 to the token's layer.
#[derive(Debug)]
pub struct Rollout;

const DISCARD: Knob = Knob {
    id: "discard",
    name: "Discard",
    help: "per cent of the entries of each block's attention, the lowest, that count as 0; those of the class token's column stay",
    kind: KnobKind::Real { min: 0.0, max: 99.9, default: 0.0 },
    given: None,
};

static INFO: Info = Info {
    id: "rollout",
    name: "Rollout",
    summary: "How much of the token comes from each input token if attention alone moved information",
    formula: "R = A'_l ... A'_1 with A' = (A + I) / 2, A fused over heads, rows renormalised; row i of R. --discard: the lowest entries \
              of A are 0, A' = A + I with rows renormalised",
    citation: "Abnar and Zuidema, Quantifying Attention Flow in Transformers, ACL 2020",
    cost: "L T^2 multiplications a token",
    unit: "share",
    signed: false,
    min_layer: 0,
    needs: &[],
    reach: Reach::Rows,
    uses: &[Uses::Head],
    knobs: &[&DISCARD],
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
        let discard = target.params.knobs.real(&DISCARD)? / 100.0;
        let kept_column = class_column(&trace.layout);
        control.progress.start(target.layer);
        for layer in (1..=target.layer).rev() {
            control.cancel.check()?;
            let mut attention = fused_attention(model, trace, layer, target.params.head)?;
            normalise_rows(&mut attention, tokens);
            if discard > 0.0 {
                discard_lowest(&mut attention, tokens, discard, kept_column);
            }
            mix_in_identity(&mut attention, tokens);
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

/// Where the class token stands, or what begins a text in its place.
fn class_column(layout: &TokenLayout) -> Option<usize> {
    matches!(layout.kind(0), Some(TokenKind::Cls | TokenKind::Special(_))).then_some(0)
}

/// Makes the lowest entries zero, of equal ones the first.
fn discard_lowest(attention: &mut [f32], tokens: usize, share: f64, kept_column: Option<usize>) {
    let mut order: Vec<usize> = (0..attention.len()).collect();
    let count = (share * attention.len() as f64) as usize;
    order.select_nth_unstable_by(count, |&a, &b| attention[a].total_cmp(&attention[b]).then(a.cmp(&b)));
    for &entry in order[..count].iter().filter(|&&entry| kept_column != Some(entry % tokens)) {
        attention[entry] = 0.0;
    }
}

/// A + I with its rows renormalised: (A + I) / 2 where those of A sum to 1.
fn mix_in_identity(attention: &mut [f32], tokens: usize) {
    attention.par_chunks_exact_mut(tokens).enumerate().for_each(|(position, row)| {
        row[position] += 1.0;
        let sum: f32 = row.iter().sum();
        row.iter_mut().for_each(|a| *a /= sum);
    });
}

/// `row <- row A'`.
fn pass_down(row: &mut [f32], attention: &[f32]) {
    let mut moved = vec![0.0; row.len()];
    for (&share, from) in row.iter().zip(attention.chunks_exact(row.len())).filter(|(share, _)| **share != 0.0) {
        moved.iter_mut().zip(from).for_each(|(m, &a)| *m += share * a);
    }
    row.copy_from_slice(&moved);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_keep_summing_to_one() {
        let mut attention = [0.2, 0.8, 0.5, 0.5];
        mix_in_identity(&mut attention, 2);
        let mut row = [0.0, 1.0];
        pass_down(&mut row, &attention);
        assert!((row[0] - 0.25).abs() < 1e-6 && (row[1] - 0.75).abs() < 1e-6);
        pass_down(&mut row, &attention);
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_lowest_entries_are_discarded_but_for_the_class_column() {
        let mut attention = [0.1, 0.6, 0.3, 0.2, 0.2, 0.6, 0.05, 0.15, 0.8];
        discard_lowest(&mut attention, 3, 0.5, Some(0));
        assert_eq!(attention, [0.1, 0.6, 0.3, 0.2, 0.2, 0.6, 0.05, 0.0, 0.8]);
        mix_in_identity(&mut attention, 3);
        let mut row = [0.0, 0.0, 1.0];
        pass_down(&mut row, &attention);
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6 && (row[2] - 1.8 / 1.85).abs() < 1e-6);
    }
}
