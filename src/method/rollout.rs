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
    help: "per cent of the entries of each block's fused attention, the lowest, that count as 0; those of the class token's column stay",
    kind: KnobKind::Real { min: 0.0, max: 99.9, default: 0.0 },
    given: None,
};

const NORMALISE: Knob = Knob {
    id: "normalisation",
    name: "Normalised",
    help: "rows: each row of A + I is divided by its own sum; vit-explain: exactly as that code does, column j is divided by the sum \
           of row j, and of the entries --discard takes only A[0,0] stays. Both are the same for --head mean without --discard",
    kind: KnobKind::Choice(&["rows", "vit-explain"]),
    given: None,
};

static INFO: Info = Info {
    id: "rollout",
    name: "Rollout",
    summary: "How much of the token comes from each input token if attention alone moved information",
    formula: "R = A'_l ... A'_1, row i of R; A' = (A + I) / 2 with its rows divided by their sums, A the mean, max or min over heads. \
              --discard: the lowest entries of A are 0 first. --normalisation vit-explain differs",
    citation: "Abnar and Zuidema, Quantifying Attention Flow in Transformers, ACL 2020; max, min and --discard: Gildenblat, vit-explain, \
               github.com/jacobgil/vit-explain (2020)",
    cost: "L T^2 multiplications a token",
    unit: "share",
    signed: false,
    min_layer: 0,
    needs: &[],
    reach: Reach::Rows,
    uses: &[Uses::Head],
    knobs: &[&DISCARD, &NORMALISE],
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
        let is_vit_explain = target.params.knobs.choice(&NORMALISE)? == "vit-explain";
        let kept = if is_vit_explain { Kept::First } else { class_column(&trace.layout) };
        control.progress.start(target.layer);
        for layer in (1..=target.layer).rev() {
            control.cancel.check()?;
            let mut attention = fused_attention(model, trace, layer, target.params.head)?;
            if discard > 0.0 {
                discard_lowest(&mut attention, tokens, discard, kept);
            }
            let sums = add_identity(&mut attention, tokens);
            divide(&mut attention, &sums, is_vit_explain);
            rows.par_chunks_exact_mut(tokens).for_each(|row| pass_down(row, &attention));
            control.progress.step();
        }
        Ok(rows)
    }
}

/// Entries that are not discarded however low they are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kept {
    Nothing,
    /// `A[0,0]`.
    First,
    /// Column 0.
    Column,
}

/// The class token's column, or that of what begins a text in its place.
fn class_column(layout: &TokenLayout) -> Kept {
    match layout.kind(0) {
        Some(TokenKind::Cls | TokenKind::Special(_)) => Kept::Column,
        _ => Kept::Nothing,
    }
}

/// Makes the lowest entries zero, of equal ones the first.
fn discard_lowest(attention: &mut [f32], tokens: usize, share: f64, kept: Kept) {
    let mut order: Vec<usize> = (0..attention.len()).collect();
    let count = (share * attention.len() as f64) as usize;
    order.select_nth_unstable_by(count, |&a, &b| attention[a].total_cmp(&attention[b]).then(a.cmp(&b)));
    let stays = |entry: usize| match kept {
        Kept::Nothing => false,
        Kept::First => entry == 0,
        Kept::Column => entry.is_multiple_of(tokens),
    };
    for &entry in order[..count].iter().filter(|&&entry| !stays(entry)) {
        attention[entry] = 0.0;
    }
}

/// A becomes A + I; the sums of its rows. The halves of (A + I) / 2 cancel in what follows.
fn add_identity(attention: &mut [f32], tokens: usize) -> Vec<f32> {
    let add = |(position, row): (usize, &mut [f32])| {
        row[position] += 1.0;
        row.iter().sum()
    };
    attention.par_chunks_exact_mut(tokens).enumerate().map(add).collect()
}

/// Divides each row by its sum, or each column j by the sum of row j.
fn divide(attention: &mut [f32], sums: &[f32], is_by_column: bool) {
    attention.par_chunks_exact_mut(sums.len()).zip(sums).for_each(|(row, own)| {
        row.iter_mut().zip(sums).for_each(|(a, sum)| *a /= if is_by_column { sum } else { own });
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
        let sums = add_identity(&mut attention, 2);
        divide(&mut attention, &sums, false);
        let mut row = [0.0, 1.0];
        pass_down(&mut row, &attention);
        assert!((row[0] - 0.25).abs() < 1e-6 && (row[1] - 0.75).abs() < 1e-6);
        pass_down(&mut row, &attention);
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_lowest_entries_are_discarded_but_for_the_class_column() {
        let mut attention = [0.1, 0.6, 0.3, 0.2, 0.2, 0.6, 0.05, 0.15, 0.8];
        let mut literal = attention;
        discard_lowest(&mut literal, 3, 0.5, Kept::First);
        assert_eq!(literal, [0.1, 0.6, 0.3, 0.0, 0.2, 0.6, 0.0, 0.0, 0.8]);
        discard_lowest(&mut attention, 3, 0.5, Kept::Column);
        assert_eq!(attention, [0.1, 0.6, 0.3, 0.2, 0.2, 0.6, 0.05, 0.0, 0.8]);
        let sums = add_identity(&mut attention, 3);
        divide(&mut attention, &sums, false);
        let mut row = [0.0, 0.0, 1.0];
        pass_down(&mut row, &attention);
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6 && (row[2] - 1.8 / 1.85).abs() < 1e-6);
    }
}
