//! Charts and histograms: curves or bars over one axis, a mark, and the names of the curves below.

use super::super::layout::{Anchor, INK, Mark, Rect};
use super::super::text::width;
use super::SIZE;
use super::axes::{Axis, Frame};
use super::text;
use crate::domain::exhibit::{Chart, Histogram, Series};

/// Of the whole, without the names of curves.
const HIGHEST: f64 = 120.0;
const LINE: f64 = 9.0;
/// Length of a curve's colour beside its name.
const SAMPLE: f64 = 10.0;
/// Curves of fewer points have a dot at each.
const DOTTED: usize = 48;
/// Of dots, across.
const DOT: f64 = 2.0;

/// What both kinds come down to.
pub(super) struct Plot<'a> {
    x_label: &'a str,
    y_label: &'a str,
    curves: Vec<(&'a str, Vec<[f64; 2]>)>,
    /// Left edge, right edge, height and series.
    bars: Vec<(f64, f64, f64, usize)>,
    mark: Option<(f64, &'a str)>,
}

/// A colour that readers with any colour vision tell from the five others on white.
fn colour(index: usize) -> [u8; 3] {
    [[0, 100, 170], [200, 80, 0], [0, 125, 90], [165, 65, 120], [125, 100, 0], [70, 70, 70]][index % 6]
}

/// A chart.
pub(super) fn of_chart(chart: &Chart) -> Plot<'_> {
    let count = chart.series.len().max(1);
    let bars = |(n, series): (usize, &Series)| {
        let gaps = series.points.windows(2).map(|pair| (pair[1][0] - pair[0][0]).abs()).filter(|gap| *gap > 0.0);
        let pitch = Some(gaps.fold(f64::INFINITY, f64::min)).filter(|gap| gap.is_finite()).unwrap_or(1.0) * 0.8;
        let width = pitch / count as f64;
        let left = move |x: f64| x - pitch / 2.0 + n as f64 * width;
        series.points.iter().map(move |&[x, y]| (left(x), left(x) + width, y, n)).collect::<Vec<_>>()
    };
    let of_series = chart.series.iter().enumerate();
    Plot {
        x_label: &chart.x_label,
        y_label: &chart.y_label,
        curves: chart.series.iter().map(|s| (s.name.as_str(), if chart.bars { Vec::new() } else { s.points.clone() })).collect(),
        bars: if chart.bars { of_series.flat_map(bars).collect() } else { Vec::new() },
        mark: chart.mark.map(|at| (at, "")),
    }
}

/// A histogram.
pub(super) fn of_histogram(histogram: &Histogram) -> Plot<'_> {
    let bar = |(edge, &count): (&[f64], &usize)| (edge[0], edge[1], count as f64, 0);
    Plot {
        x_label: &histogram.x_label,
        y_label: "count",
        curves: Vec::new(),
        bars: histogram.edges.windows(2).zip(&histogram.counts).map(bar).collect(),
        mark: histogram.cut.as_ref().map(|(at, name)| (*at, name.as_str())),
    }
}

/// Height at a width.
pub(super) fn height(plot: &Plot<'_>, width: f64) -> f64 {
    (0.55 * width).min(HIGHEST) + names(plot, width).len() as f64 * LINE
}

/// The marks of a plot.
pub(super) fn marks(plot: &Plot<'_>, place: Rect) -> Vec<Mark> {
    let names = names(plot, place.width);
    let plotted = Rect { height: place.height - names.len() as f64 * LINE, ..place };
    let x = Axis { limits: limits(plot, 0), label: plot.x_label };
    let y = Axis { limits: limits(plot, 1), label: plot.y_label };
    let (frame, mut marks) = Frame::drawn(plotted, &x, &y);
    let zero = 0.0_f64.clamp(y.limits.0, y.limits.1);
    for &(left, right, value, series) in plot.bars.iter().filter(|bar| bar.2.is_finite()) {
        let ((x0, y0), (x1, y1)) = (frame.at(left, zero), frame.at(right, value));
        let rect = Rect { x: x0, y: y0.min(y1), width: x1 - x0, height: (y1 - y0).abs() };
        marks.push(Mark::Box { rect, stroke: Some(([255; 3], 0.3)), fill: Some(colour(series)) });
    }
    for (n, (_, points)) in plot.curves.iter().enumerate() {
        marks.extend(curve(points, colour(n), &frame));
    }
    if let Some((at, name)) = plot.mark.filter(|(at, _)| (x.limits.0..=x.limits.1).contains(at)) {
        let (across, rect) = (frame.at(at, y.limits.0).0, frame.rect);
        marks.push(Mark::Path { points: vec![(across, rect.y), (across, rect.bottom())], colour: INK, width: 0.7, dashed: true });
        let room = width(name, SIZE) + 3.0;
        let (x, anchor) = if across + room < rect.right() { (across + 2.0, Anchor::Start) } else { (across - 2.0, Anchor::End) };
        marks.extend((!name.is_empty()).then(|| text((x, rect.y + SIZE), anchor, name.to_owned())));
    }
    for (row, line) in names.into_iter().enumerate() {
        let y = plotted.bottom() + (row as f64 + 0.75) * LINE;
        for (x, name, series) in line {
            let left = frame.rect.x + x;
            let rect = Rect { x: left, y: y - 0.55 * SIZE, width: SAMPLE, height: 2.0 };
            marks.push(Mark::Box { rect, stroke: None, fill: Some(colour(series)) });
            marks.push(text((left + SAMPLE + 3.0, y), Anchor::Start, name));
        }
    }
    marks
}

/// Its stretches between gaps; a dot at each point where they are few.
fn curve(points: &[[f64; 2]], colour: [u8; 3], frame: &Frame) -> Vec<Mark> {
    let has_value = |point: &[f64; 2]| point.iter().all(|v| v.is_finite());
    let mut marks = Vec::new();
    for run in points.chunk_by(|a, b| has_value(a) == has_value(b)).filter(|run| run.first().is_some_and(has_value)) {
        let on_page: Vec<(f64, f64)> = run.iter().map(|&[x, y]| frame.at(x, y)).collect();
        if on_page.len() == 1 || points.len() <= DOTTED {
            let dot = |&(x, y): &(f64, f64)| Rect { x: x - DOT / 2.0, y: y - DOT / 2.0, width: DOT, height: DOT };
            marks.extend(on_page.iter().map(|at| Mark::Box { rect: dot(at), stroke: None, fill: Some(colour) }));
        }
        if on_page.len() > 1 {
            marks.push(Mark::Path { points: on_page, colour, width: 1.0, dashed: false });
        }
    }
    marks
}

/// Names of the curves in lines: how far from the left, the name, and which.
fn names(plot: &Plot<'_>, available: f64) -> Vec<Vec<(f64, String, usize)>> {
    let named = plot.curves.iter().enumerate().filter(|(_, (name, _))| !name.is_empty());
    if named.clone().count() < 2 {
        return Vec::new();
    }
    let mut lines: Vec<Vec<(f64, String, usize)>> = vec![Vec::new()];
    let mut x = 0.0;
    for (n, (name, _)) in named {
        let room = SAMPLE + 3.0 + width(name, SIZE) + 8.0;
        if x > 0.0 && x + room > available - 30.0 {
            lines.push(Vec::new());
            x = 0.0;
        }
        lines.last_mut().into_iter().for_each(|line| line.push((x, (*name).to_owned(), n)));
        x += room;
    }
    lines
}

/// Smallest and largest along an axis, with a little room; bars stand on 0.
fn limits(plot: &Plot<'_>, axis: usize) -> (f64, f64) {
    let of_curves = plot.curves.iter().flat_map(|(_, points)| points.iter().map(|point| point[axis]));
    let of_bars = plot.bars.iter().flat_map(|&(left, right, value, _)| if axis == 0 { [left, right] } else { [0.0, value] });
    let of_mark = plot.mark.iter().map(|(at, _)| *at).filter(|_| axis == 0);
    let all: Vec<f64> = of_curves.chain(of_bars).chain(of_mark).filter(|v| v.is_finite()).collect();
    let (low, high) = all.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    if !(low.is_finite() && high.is_finite()) {
        return (0.0, 1.0);
    }
    if high <= low {
        let room = (low.abs() * 0.1).max(1e-6);
        return (low - room, high + room);
    }
    let room = 0.04 * (high - low);
    let stands = !plot.bars.is_empty() && axis == 1;
    (if stands && low == 0.0 { low } else { low - room }, if stands && high == 0.0 { high } else { high + room })
}
