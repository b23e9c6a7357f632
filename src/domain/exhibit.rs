//! What an answer shows beside its heatmap: curves, histograms, tables, matrices, and colours that are no values. Plain data, drawn
//! by the window, printed by figures and written to data files alike.

use serde::Serialize;

/// Everything that an answer shows beside its heatmap.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Shown {
    /// Colours in place of a heatmap's.
    pub paint: Option<Paint>,
    /// In reading order.
    pub exhibits: Vec<Exhibit>,
}

/// A colour for each patch of a picture, or each token of a text, that means itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Paint {
    /// `[N]`, red, green, blue, 0..1, encoded sRGB.
    pub colours: Vec<[f32; 3]>,
    /// What colours mean, with an example of each.
    pub legend: Vec<(String, [f32; 3])>,
}

/// Something to look at beside the picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Exhibit {
    /// Curves.
    Chart(Chart),
    /// Counts.
    Histogram(Histogram),
    /// Words and numbers.
    Table(Table),
    /// Numbers as colours.
    Matrix(Matrix),
}

impl Exhibit {
    /// Its heading.
    pub fn title(&self) -> &str {
        match self {
            Self::Chart(chart) => &chart.title,
            Self::Histogram(histogram) => &histogram.title,
            Self::Table(table) => &table.title,
            Self::Matrix(matrix) => &matrix.title,
        }
    }
}

/// Curves over one axis.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Chart {
    /// Heading.
    pub title: String,
    /// What runs from left to right.
    pub x_label: String,
    /// What runs upwards.
    pub y_label: String,
    /// The curves.
    pub series: Vec<Series>,
    /// Where the picture beside it is on the axis: the current layer, the chosen mode.
    pub mark: Option<f64>,
    /// Whether points stand alone, in place of a line through them.
    pub bars: bool,
}

/// A curve; NaN where it has a gap.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Series {
    /// What it is; may be empty where there is only one.
    pub name: String,
    /// x, y.
    pub points: Vec<[f64; 2]>,
}

/// Counts of values.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Histogram {
    /// Heading.
    pub title: String,
    /// What is counted, with its unit.
    pub x_label: String,
    /// `[bins + 1]`, ascending.
    pub edges: Vec<f64>,
    /// `[bins]`.
    pub counts: Vec<usize>,
    /// A limit and its name.
    pub cut: Option<(f64, String)>,
}

/// Words and numbers in rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Table {
    /// Heading.
    pub title: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// `[rows][columns]`.
    pub rows: Vec<Vec<Cell>>,
    /// The row that the picture beside it is of.
    pub mark: Option<usize>,
}

/// One cell of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// As it is.
    Words(String),
    /// A number, printed with four digits.
    Number(f64),
    /// Words with a shade, 0..1.
    Shaded(String, f64),
}

impl From<&str> for Cell {
    fn from(words: &str) -> Self {
        Self::Words(words.to_owned())
    }
}

impl From<String> for Cell {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

/// Numbers in rows and columns, drawn as colours.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Matrix {
    /// Heading.
    pub title: String,
    /// What the numbers are.
    pub unit: String,
    /// What rows are.
    pub row_label: String,
    /// What columns are.
    pub column_label: String,
    /// Names of the rows.
    pub rows: Vec<String>,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// `[rows, columns]`, row-major; NaN where there is none.
    pub values: Vec<f32>,
    /// Whether values have a sign: drawn symmetric around 0.
    pub signed: bool,
    /// Words in the cells, in place of their numbers; empty or `[rows, columns]`.
    pub words: Vec<String>,
    /// A row, and a column, that the picture beside it is of.
    pub mark: Option<(usize, usize)>,
}
