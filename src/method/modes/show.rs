//! What is seen beside a mode: both of its maps in one picture, the head's spectrum, how alike the layers' modes are, and which modes
//! matter to the target.

use super::{Reading, SIDE};
use crate::domain::Result;
use crate::domain::exhibit::{Cell, Chart, Exhibit, Paint, Series, Shown, Table};
use crate::method::{Control, Target};
use crate::model::block::NormPlace;
use crate::model::trace::values;

/// Modes in the table.
const TOP: usize = 8;

pub(super) fn shown(read: &Reading<'_>, target: &Target<'_>, control: &Control) -> Result<Shown> {
    let is_pair = target.params.knobs.choice(&SIDE)? == "pair";
    let position = target.positions.first().copied().unwrap_or_default();
    let exhibits = vec![
        Exhibit::Table(top_modes(read, target, position)?),
        Exhibit::Chart(spectrum(read)),
        Exhibit::Chart(similarities(read, control)?),
        Exhibit::Table(left_out(read, position)?),
    ];
    Ok(Shown { paint: is_pair.then(|| paint(read)), exhibits })
}

/// Red where the query side is high, cyan where the key side is, white where both are.
fn paint(read: &Reading<'_>) -> Paint {
    let (layout, sign) = (&read.trace.layout, read.sign());
    let map = |side: &[f64]| {
        let all: Vec<f64> = read.column(side, read.mode).map(|x| (sign * x).max(0.0)).collect();
        let highest = layout.ranged().map(|patch| all[layout.position_of(patch)]).fold(0.0, f64::max);
        let scale = if highest > 0.0 { highest.recip() } else { 0.0 };
        (0..layout.grid.len()).map(|patch| (all[layout.position_of(patch)] * scale).min(1.0) as f32).collect::<Vec<_>>()
    };
    let (query, key) = (map(&read.scores.query), map(&read.scores.key));
    let legend = [("queries that look", [1.0, 0.0, 0.0]), ("keys that are looked for", [0.0, 1.0, 1.0]), ("both", [1.0; 3])];
    Paint {
        colours: query.into_iter().zip(key).map(|(q, k)| [q, k, k]).collect(),
        legend: legend.map(|(name, colour)| (name.to_owned(), colour)).to_vec(),
    }
}

fn spectrum(read: &Reading<'_>) -> Chart {
    let points = read.modes.values.iter().enumerate().map(|(m, s)| [m as f64, *s]).collect();
    Chart {
        title: format!("Singular values, layer {} head {}", read.layer, read.head),
        x_label: "mode".to_owned(),
        y_label: "singular value".to_owned(),
        series: vec![Series { name: String::new(), points }],
        mark: Some(read.mode as f64),
        bars: true,
    }
}

/// Blocks may take a while the first time, and are remembered; of a model so large that all would take minutes, those that were
/// looked at are drawn.
fn similarities(read: &Reading<'_>, control: &Control) -> Result<Chart> {
    let layers = read.trace.num_layers();
    control.progress.start(layers);
    let mut points = Vec::with_capacity(layers);
    for layer in 1..=layers {
        let is_asked = layer == read.layer || mode_work(read) * layers as f64 <= MOST_WORK;
        let known =
            if is_asked { Some(read.model.mode_similarity(layer, &control.cancel)?) } else { read.model.known_similarity(layer) };
        points.extend(known.map(|similarity| [layer as f64, similarity]));
        control.progress.step();
    }
    Ok(Chart {
        title: "From similar to dissimilar: cosine of the sides of modes, weighted by singular value".to_owned(),
        x_label: "layer".to_owned(),
        y_label: "cosine".to_owned(),
        series: vec![Series { name: String::new(), points }],
        mark: Some(read.layer as f64),
        bars: false,
    })
}

/// Multiplications for all heads of a layer, roughly: two QR decompositions and what they are multiplied with, and one SVD.
fn mode_work(read: &Reading<'_>) -> f64 {
    let (heads, width) = (read.model.blocks[read.layer - 1].heads, read.model.width() as f64);
    let (count, dim) = (heads.num_heads as f64, heads.head_dim as f64);
    count * (8.0 * width * dim.powi(2) + 30.0 * dim.powi(3))
}

/// Beyond this many the curve is drawn layer by layer, as they are looked at.
const MOST_WORK: f64 = 2e10;

/// The modes that add most between the target and its partner.
fn top_modes(read: &Reading<'_>, target: &Target<'_>, position: usize) -> Result<Table> {
    let (layout, partner) = (&read.trace.layout, read.partner(target)?);
    let strongest = |mode: usize| {
        let all = read.contributions(mode, position).enumerate().filter(|(j, x)| !x.is_nan() && partner.is_none_or(|p| p == *j));
        all.reduce(|top, next| if next.1.abs() > top.1.abs() { next } else { top }).map(|(j, x)| (mode, j, x))
    };
    let mut ranked: Vec<(usize, usize, f64)> = (0..read.modes.len()).filter_map(strongest).collect();
    ranked.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()).then(a.0.cmp(&b.0)));
    ranked.truncate(TOP);
    let name = |p: usize| layout.label(p);
    let row = |&(mode, partner, added): &(usize, usize, f64)| -> Vec<Cell> {
        vec![
            format!("L{} H{} M{mode}", read.layer, read.head).into(),
            name(partner).into(),
            added.into(),
            read.modes.values[mode].into(),
            read.modes.cosines[mode].into(),
        ]
    };
    Ok(Table {
        title: format!("Modes by which {} finds others", name(position)),
        columns: ["mode", "token found", "added to its score", "singular value", "cosine of sides"].map(str::to_owned).to_vec(),
        rows: ranked.iter().map(row).collect(),
        mark: ranked.iter().position(|(mode, ..)| *mode == read.mode),
    })
}

/// How far all modes together explain the target's scores, and what they know nothing of.
fn left_out(read: &Reading<'_>, position: usize) -> Result<Table> {
    let block = &read.model.blocks[read.layer - 1];
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut say = |what: &str, value: Cell| rows.push(vec![what.into(), value]);
    if let Some(correlation) = agreement(read, position)? {
        say("correlation of all modes together with the head's own scores", correlation.into());
    }
    let has_bias = values(&block.qkv.bias)?.iter().any(|b| *b != 0.0);
    let has_norm_bias = block.norm_place == NormPlace::Before && values(&block.norm1.bias)?.iter().any(|b| *b != 0.0);
    let parts = [
        (has_bias || has_norm_bias, "biases of queries, keys and the norm before them"),
        (block.rotary.is_some(), "rotary positions: modes compare tokens as if they stood at one place"),
        (block.relative_bias.is_some(), "biases by relative position"),
        (block.heads.softcap.is_some(), "the soft cap of scores"),
    ];
    if block.qk_norms.is_some() {
        say("norms of queries and keys", "folded in: their gains, and each token's own length".into());
    }
    for (_, part) in parts.iter().filter(|(is_there, _)| *is_there) {
        say("left out", (*part).into());
    }
    if block.heads.group() > 1 {
        let shared = format!("{} query heads share its keys", block.heads.group());
        say("grouped heads", shared.into());
    }
    Ok(Table {
        title: "What modes explain".to_owned(),
        columns: vec!["of the target's scores".to_owned(), String::new()],
        rows,
        mark: None,
    })
}

/// Pearson's correlation over the tokens that the target sees; none where one side does not vary.
fn agreement(read: &Reading<'_>, position: usize) -> Result<Option<f64>> {
    let (heads, tokens) = (read.model.blocks[read.layer - 1].heads, read.trace.num_tokens());
    let qkv = &read.trace.blocks[read.layer - 1].qkv;
    let query = values(&qkv.narrow(0, position, 1)?.narrow(1, read.head * heads.head_dim, heads.head_dim)?)?;
    let keys = values(&qkv.narrow(1, heads.key_column(read.head / heads.group().max(1)), heads.head_dim)?)?;
    let score = |key: &[f32]| heads.scale * query.iter().zip(key).map(|(q, k)| f64::from(q * k)).sum::<f64>();
    let scores: Vec<f64> = keys.chunks_exact(heads.head_dim.max(1)).map(score).collect();
    let mut sums = vec![0.0; tokens];
    for mode in 0..read.modes.len() {
        sums.iter_mut().zip(read.contributions(mode, position)).for_each(|(sum, x)| *sum += x);
    }
    let seen: Vec<(f64, f64)> = sums.into_iter().zip(scores).filter(|(sum, _)| !sum.is_nan()).collect();
    let n = seen.len().max(1) as f64;
    let (a, b) = seen.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / n, b + y / n));
    let product = |f: fn(f64, f64) -> f64| seen.iter().map(|(x, y)| f(x - a, y - b)).sum::<f64>();
    let spread = (product(|x, _| x * x) * product(|_, y| y * y)).sqrt();
    Ok((spread > 0.0).then(|| product(|x, y| x * y) / spread))
}
