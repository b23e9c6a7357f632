//! What scripted models show beside their maps, and pictures divided without a tree.

use std::sync::Arc;

use tokenscope::domain::exhibit::{Chart, Exhibit, Histogram, Matrix, Paint, Series, Shown, Table};
use tokenscope::domain::grid::PixelRect;
use tokenscope::domain::request::{Cut, ModelRef};
use tokenscope::domain::segmentation::Segmentation;
use tokenscope::engine::Scene;
use tokenscope::segment::Partition;

use super::{COLS, PATCH, ROWS};

/// Name of a scripted model whose answers to one token show something of every kind.
pub const SHOWS: &str = "shows";
/// Name of one whose answers are painted too.
pub const PAINTS: &str = "paints";

pub fn shown(model: &ModelRef, scene: &Scene) -> Arc<Shown> {
    let named = |name: &str| *model == ModelRef::from(name);
    if !named(SHOWS) && !named(PAINTS) {
        return Arc::default();
    }
    let exhibits =
        vec![Exhibit::Chart(chart()), Exhibit::Histogram(histogram()), Exhibit::Table(table()), Exhibit::Matrix(matrix(scene))];
    let paint = named(PAINTS).then(|| {
        let count = scene.layout.grid.len();
        let colours = (0..count).map(|n| [n as f32 / count as f32, 0.2, 1.0 - n as f32 / count as f32]).collect();
        Paint { colours, legend: vec![("queries".to_owned(), [1.0, 0.0, 0.0]), ("keys".to_owned(), [0.0, 1.0, 1.0])] }
    });
    Arc::new(Shown { paint, exhibits })
}

fn chart() -> Chart {
    let series = |name: &str, scale: f64| Series {
        name: name.to_owned(),
        points: (0..4).map(|x| [f64::from(x), if x == 2 { f64::NAN } else { scale * f64::from(x) }]).collect(),
    };
    Chart {
        title: "Norms by layer".to_owned(),
        x_label: "layer".to_owned(),
        y_label: "norm".to_owned(),
        series: vec![series("patches", 1.0), series("class token", 2.5)],
        mark: Some(3.0),
        bars: false,
    }
}

fn histogram() -> Histogram {
    Histogram {
        title: "Norms of tokens".to_owned(),
        x_label: "norm".to_owned(),
        edges: vec![0.0, 1.0, 2.0, 3.0],
        counts: vec![12, 9, 2],
        cut: Some((2.2, "outliers".to_owned())),
    }
}

fn table() -> Table {
    let row = |word: &str, number: f64| vec![word.into(), number.into()];
    Table {
        title: "Most probable words".to_owned(),
        columns: vec!["word".to_owned(), "probability".to_owned()],
        rows: vec![row("river", 0.51234), row("money", 0.25)],
        mark: Some(1),
    }
}

/// Layers by tokens.
fn matrix(scene: &Scene) -> Matrix {
    let (rows, columns) = (scene.model.num_layers + 1, scene.layout.len());
    Matrix {
        title: "Words by layer".to_owned(),
        unit: "probability".to_owned(),
        row_label: "layer".to_owned(),
        column_label: "token".to_owned(),
        rows: (0..rows).map(|layer| layer.to_string()).collect(),
        columns: (0..columns).map(|token| format!("t{token}")).collect(),
        values: (0..rows * columns).map(|n| if n == 5 { f32::NAN } else { n as f32 / 100.0 }).collect(),
        signed: false,
        words: Vec::new(),
        mark: Some((3, 0)),
    }
}

/// Upright bands, as many as are asked for, with a box around the second.
pub fn bands(cut: Cut) -> Partition {
    let count = if let Cut::Clusters(count) = cut { count } else { 2 };
    let (height, width) = (ROWS * PATCH, COLS * PATCH);
    let label = |x: usize, width: usize| (x * count / width) as u16;
    let segmentation = Segmentation {
        height,
        width,
        labels: (0..height * width).map(|pixel| label(pixel % width, width)).collect(),
        patch_labels: (0..ROWS * COLS).map(|patch| label(patch % COLS, COLS)).collect(),
        colours: (0..count).collect(),
    };
    let boxes = vec![PixelRect { x: 48.0, y: 8.0, width: 40.0, height: 50.0 }];
    Partition::Flat { segmentation, boxes }
}
