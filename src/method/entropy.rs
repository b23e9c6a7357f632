//! How widely tokens spread their attention.

use super::attention::{fused_attention, leave_out_others, patches};
use super::{Control, Gaps, Info, Method, Reach, Target, Uses};
use crate::domain::Result;
use crate::domain::exhibit::{Chart, Exhibit, Series, Shown};
use crate::domain::knob::{Knob, KnobKind};
use crate::model::{Model, Trace};

/// The entropy of every token's attention.
#[derive(Debug)]
pub struct Entropy;

const LAYERS: Knob = Knob {
    id: "average-layers",
    name: "Layers",
    help: "so many layers are averaged, the chosen one being the last",
    kind: KnobKind::Whole { min: 1, max: 64, default: 1 },
    given: None,
};

static INFO: Info = Info {
    id: "attention-entropy",
    name: "Attention entropy",
    summary: "How widely every token spreads its attention over the patches: low on small things that hold together, high on wide areas",
    formula: "-sum_j a_ij log a_ij / log N, a = attention to patches alone, heads fused first, rows renormalised; N = patches that i sees",
    citation: "Lis et al., AttEntropy: Segmenting Unknown Objects in Complex Scenes using the Spatial Attention Entropy of \
               Semantic Segmentation Transformers, arXiv 2212.14397 (2022)",
    cost: "nothing beyond the forward pass",
    unit: "entropy / log N",
    signed: false,
    min_layer: 1,
    needs: &[],
    reach: Reach::Whole,
    uses: &[Uses::Head],
    knobs: &[&LAYERS],
};

impl Method for Entropy {
    fn info(&self) -> &'static Info {
        &INFO
    }

    /// A token that sees fewer than two patches has none.
    fn gaps(&self) -> Gaps {
        Gaps::Anywhere
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Vec<f32>> {
        let count = target.params.knobs.whole(&LAYERS)?.min(target.layer);
        let mut mean = vec![0.0; trace.num_tokens()];
        for layer in target.layer + 1 - count..=target.layer {
            control.cancel.check()?;
            let entropies = entropies(model, trace, layer, target)?;
            mean.iter_mut().zip(entropies).for_each(|(m, e)| *m += e / count as f64);
        }
        let row: Vec<f32> = mean.into_iter().map(|e| e as f32).collect();
        Ok(row.repeat(target.positions.len()))
    }

    fn show(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Shown> {
        let patches = patches(&trace.layout);
        let point = |layer: usize| {
            control.cancel.check()?;
            let all = entropies(model, trace, layer, target)?;
            let there: Vec<f64> = patches.iter().map(|&p| all[p]).filter(|e| !e.is_nan()).collect();
            Ok([layer as f64, there.iter().sum::<f64>() / there.len() as f64])
        };
        let points = (1..=trace.num_layers()).map(point).collect::<Result<_>>()?;
        let chart = Chart {
            title: "Mean attention entropy of the patches".to_owned(),
            x_label: "layer".to_owned(),
            y_label: "entropy / log N".to_owned(),
            series: vec![Series { name: String::new(), points }],
            mark: Some(target.layer as f64),
            bars: false,
        };
        Ok(Shown { paint: None, exhibits: vec![Exhibit::Chart(chart)] })
    }
}

/// Of every token, 0..1; NaN where fewer than two patches are seen.
fn entropies(model: &Model, trace: &Trace, layer: usize, target: &Target<'_>) -> Result<Vec<f64>> {
    let fused = fused_attention(model, trace, layer, target.params.head)?;
    let (tokens, sees) = (trace.num_tokens(), model.blocks[layer - 1].heads.sees);
    let patches = patches(&trace.layout);
    let entropy = |(position, row): (usize, &[f32])| {
        let seen = sees.range(position, tokens);
        let seen: Vec<usize> = patches.iter().copied().filter(|p| seen.contains(p)).collect();
        if seen.len() < 2 {
            return f64::NAN;
        }
        let shares = leave_out_others(row, &seen);
        let bits = seen.iter().map(|&p| f64::from(shares[p])).filter(|a| *a > 0.0).map(|a| -a * a.ln());
        (bits.sum::<f64>() / (seen.len() as f64).ln()).clamp(0.0, 1.0)
    };
    Ok(fused.chunks_exact(tokens).enumerate().map(entropy).collect())
}
