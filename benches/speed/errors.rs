//! How far K rows are from exact: relative L2 error and correlation of maps without their own entry, and agreement of the
//! segmentations, over photos.

use std::path::{Path, PathBuf};

use candle_core::Device;
use tokenscope::domain::heatmap::Heatmap;
use tokenscope::domain::request::{Cut, Own, Rows};
use tokenscope::domain::{Cancel, Progress};
use tokenscope::model::{Model, ModelInput};
use tokenscope::segment::MapTree;

use super::{prepared, rows};

pub fn table(folder: &Path, photos: &[PathBuf]) {
    let model = Model::load(folder, &Device::Cpu).expect("a checkpoint");
    let keeps = [1, 4, 8, 16, 32];
    let mut sums = vec![Summary::default(); keeps.len()];
    for photo in photos {
        let (pixels, size) = prepared(&model, photo);
        let input = ModelInput::Pixels { values: &pixels, height: size.0, width: size.1 };
        let trace = model.trace(&input, &Cancel::default(), &Progress::default()).expect("a trace");
        let patches: Vec<usize> = (trace.layout.prefix.len()..trace.num_tokens()).collect();
        let maps = |keep: Rows| rows(&model, &trace, &patches, keep);
        let tree = |relevance: &[f32]| {
            let of =
                |(n, row): (usize, &[f32])| Heatmap::from_relevance(&trace.layout, row, patches[n], Own::Max).values.to_vec();
            let maps = relevance.chunks_exact(trace.num_tokens()).enumerate().flat_map(of).collect();
            MapTree::new(maps, trace.layout.grid, size, &Cancel::default()).expect("a tree")
        };
        let exact = maps(Rows::All);
        let exact_tree = tree(&exact);
        for (sum, &keep) in sums.iter_mut().zip(&keeps) {
            let some = maps(Rows::Some(keep));
            sum.add(&exact, &some, &patches, trace.num_tokens());
            let some_tree = tree(&some);
            for k in [4, 6, 10] {
                let labels = |t: &MapTree| t.segmentation(Cut::Clusters(k)).labels;
                sum.ari.push(adjusted_rand_index(&labels(&exact_tree), &labels(&some_tree)));
            }
        }
    }
    println!("K rows against exact, last layer, every patch of {} photos; segmentations at 4, 6 and 10 clusters", photos.len());
    println!("  {:>4}{:>12}{:>12}{:>14}{:>12}{:>12}", "K", "mean error", "worst photo", "lowest corr.", "mean ARI", "lowest ARI");
    for (sum, keep) in sums.iter().zip(keeps) {
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
        let worst = sum.error.iter().copied().fold(0.0, f64::max);
        let lowest = sum.ari.iter().copied().fold(1.0, f64::min);
        println!(
            "  {keep:>4}{:>11.2}%{:>11.2}%{:>14.4}{:>12.3}{lowest:>12.3}",
            100.0 * mean(&sum.error),
            100.0 * worst,
            sum.correlation,
            mean(&sum.ari)
        );
    }
}

#[derive(Clone)]
struct Summary {
    /// Mean relative error of each photo.
    error: Vec<f64>,
    correlation: f64,
    ari: Vec<f64>,
}

impl Default for Summary {
    fn default() -> Self {
        Self { error: Vec::new(), correlation: 1.0, ari: Vec::new() }
    }
}

impl Summary {
    fn add(&mut self, exact: &[f32], some: &[f32], targets: &[usize], tokens: usize) {
        let mut total = 0.0;
        for (i, &target) in targets.iter().enumerate() {
            let rest = |rows: &[f32]| -> Vec<f64> {
                let row = rows[i * tokens..][..tokens].iter().enumerate();
                row.filter(|(j, _)| *j != target).map(|(_, v)| f64::from(*v)).collect()
            };
            let (exact, some) = (rest(exact), rest(some));
            let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
            total += norm(&mut exact.iter().zip(&some).map(|(e, s)| e - s)) / norm(&mut exact.iter().copied());
            self.correlation = self.correlation.min(correlation(&exact, &some));
        }
        self.error.push(total / targets.len() as f64);
    }
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(x, y)| f(x - ma, y - mb)).sum::<f64>();
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}

/// Hubert and Arabie's index of two labellings of the same pixels.
fn adjusted_rand_index(a: &[u16], b: &[u16]) -> f64 {
    let (rows, cols) = (1 + usize::from(*a.iter().max().unwrap_or(&0)), 1 + usize::from(*b.iter().max().unwrap_or(&0)));
    let mut table = vec![0.0; rows * cols];
    a.iter().zip(b).for_each(|(&i, &j)| table[usize::from(i) * cols + usize::from(j)] += 1.0);
    let pairs = |n: f64| n * (n - 1.0) / 2.0;
    let both: f64 = table.iter().map(|&n| pairs(n)).sum();
    let first: f64 = table.chunks(cols).map(|row| pairs(row.iter().sum())).sum();
    let second: f64 = (0..cols).map(|j| pairs(table.iter().skip(j).step_by(cols).sum())).sum();
    let expected = first * second / pairs(a.len() as f64);
    let limit = f64::midpoint(first, second);
    if limit > expected { (both - expected) / (limit - expected) } else { 1.0 }
}
