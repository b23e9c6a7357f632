//! Norms of tokens: a few that are far longer than the rest hold what the model keeps of the whole picture.

use super::{Control, Info, Method, Reach, Target, Uses};
use crate::domain::Result;
use crate::domain::exhibit::{Chart, Exhibit, Histogram, Series, Shown, Table};
use crate::domain::request::Facet;
use crate::model::features::features;
use crate::model::outliers::{MADS, cut, norms};
use crate::model::{Model, Trace};

/// The length of every token's vector.
#[derive(Debug)]
pub struct Norms;

static INFO: Info = Info {
    id: "token-norms",
    name: "Token norms",
    summary: "How long every token's vector is: outliers hold global facts in place of what their patch shows, where registers are missing",
    formula: "|z_j|, before the model's last norm; outliers: |z_j| > median + --mads MAD over the patches",
    citation: "Darcet et al., Vision Transformers Need Registers, ICLR 2024",
    cost: "T D multiplications",
    unit: "norm",
    signed: false,
    min_layer: 0,
    needs: &[],
    reach: Reach::Whole,
    uses: &[Uses::Facet],
    knobs: &[&MADS],
};

/// Bars of the histogram.
const BINS: usize = 32;
/// Rows of the table.
const MAX_ROWS: usize = 20;

impl Method for Norms {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, _: &Control) -> Result<Vec<f32>> {
        Ok(of_layer(model, trace, target.layer, target.params.facet)?.repeat(target.positions.len()))
    }

    fn show(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Shown> {
        let (facet, mads) = (target.params.facet, target.params.knobs.real(&MADS)?);
        let all = of_layer(model, trace, target.layer, facet)?;
        let lowest = usize::from(facet != Facet::Residual);
        let share = |layer: usize| {
            control.cancel.check()?;
            let all = of_layer(model, trace, layer, facet)?;
            let (patches, cut) = judged(trace, &all, mads);
            Ok([layer as f64, 100.0 * patches.iter().filter(|n| **n > cut).count() as f64 / patches.len().max(1) as f64])
        };
        let chart = Chart {
            title: "Outliers among the patches".to_owned(),
            x_label: "layer".to_owned(),
            y_label: "per cent".to_owned(),
            series: vec![Series {
                name: String::new(),
                points: (lowest..=trace.num_layers()).map(share).collect::<Result<_>>()?,
            }],
            mark: Some(target.layer as f64),
            bars: false,
        };
        let (patches, cut) = judged(trace, &all, mads);
        let histogram = Exhibit::Histogram(histogram(&patches, cut, mads));
        let table = Exhibit::Table(outliers(trace, &all, cut, target));
        Ok(Shown { paint: None, exhibits: vec![histogram, Exhibit::Chart(chart), table] })
    }
}

/// Norms of every token, `[T]`.
fn of_layer(model: &Model, trace: &Trace, layer: usize, facet: Facet) -> Result<Vec<f32>> {
    let features = features(model, trace, layer, facet)?;
    Ok(norms(&features.values, features.width))
}

/// Norms of the patches, and where outliers begin among them.
fn judged(trace: &Trace, all: &[f32], mads: f64) -> (Vec<f32>, f32) {
    let layout = &trace.layout;
    let patches: Vec<f32> = layout.ranged().map(|patch| all[layout.position_of(patch)]).collect();
    let cut = cut(patches.iter().copied(), mads);
    (patches, cut)
}

fn histogram(patches: &[f32], cut: f32, mads: f64) -> Histogram {
    let (low, high) = patches.iter().fold((f64::INFINITY, 0.0_f64), |(l, h), x| (l.min(f64::from(*x)), h.max(f64::from(*x))));
    let (low, high) = if low < high { (low, high) } else { (high - 0.5, high + 0.5) };
    let width = (high - low) / BINS as f64;
    let mut counts = vec![0; BINS];
    for norm in patches {
        counts[(((f64::from(*norm) - low) / width) as usize).min(BINS - 1)] += 1;
    }
    Histogram {
        title: "Norms of the patches".to_owned(),
        x_label: "L2 norm".to_owned(),
        edges: (0..=BINS).map(|i| low + width * i as f64).collect(),
        counts,
        cut: Some((f64::from(cut), format!("median + {mads} MAD"))),
    }
}

/// The longest tokens above the cut, prefix tokens among them.
fn outliers(trace: &Trace, all: &[f32], cut: f32, target: &Target<'_>) -> Table {
    let mut found: Vec<usize> = (0..all.len()).filter(|&position| all[position] > cut).collect();
    found.sort_by(|&a, &b| all[b].total_cmp(&all[a]));
    let title = format!("{} of {} tokens are outliers", found.len(), all.len());
    found.truncate(MAX_ROWS);
    let name = |position: usize| trace.layout.label(position);
    let row = |&position: &usize| vec![name(position).into(), f64::from(all[position]).into()];
    Table {
        title,
        columns: vec!["token".to_owned(), "norm".to_owned()],
        rows: found.iter().map(row).collect(),
        mark: target.positions.first().and_then(|target| found.iter().position(|position| position == target)),
    }
}
