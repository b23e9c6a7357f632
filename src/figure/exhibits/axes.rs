//! The two axes of a chart: round numbers, ticks, and where values lie.

use super::super::bar::step_of;
use super::super::layout::{Anchor, INK, Mark, Rect};
use super::super::text::{number, shortened, width};
use super::{SIZE, text, upright};

/// Between a number and its axis.
const GAP: f64 = 2.5;
/// A line of numbers, or of a name.
const LINE: f64 = 8.5;
const TICK: f64 = 2.0;

/// Limits of an axis, and what runs along it.
pub(super) struct Axis<'a> {
    /// From, to.
    pub(super) limits: (f64, f64),
    /// Its name.
    pub(super) label: &'a str,
}

/// A number beside an axis.
struct Tick {
    value: f64,
    text: String,
}

impl Axis<'_> {
    /// Round numbers, about so many, and the power of ten that multiplies them.
    fn ticks(&self, count: f64) -> (Vec<Tick>, i32) {
        let (low, high) = self.limits;
        let magnitude = low.abs().max(high.abs()).log10().floor();
        let exponent = if (-3.0..5.0).contains(&magnitude) || !magnitude.is_finite() { 0 } else { magnitude as i32 };
        let unit = 10.0_f64.powi(exponent);
        let step = step_of((high - low) / unit, count);
        let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
        let first = (low / unit / step - 1e-9).ceil() as i64;
        let last = (high / unit / step + 1e-9).floor() as i64;
        let tick = |i: i64| Tick { value: i as f64 * step * unit, text: number(i as f64 * step, decimals) };
        ((first..=last.min(first + 50)).map(tick).collect(), exponent)
    }

    fn name(&self, exponent: i32) -> String {
        if exponent == 0 { self.label.to_owned() } else { format!("{} (10^{exponent})", self.label) }
    }
}

/// Where a chart's values lie on the page.
pub(super) struct Frame {
    /// The ground of the curves.
    pub(super) rect: Rect,
    x: (f64, f64),
    y: (f64, f64),
}

impl Frame {
    /// A point of the page.
    pub(super) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let part = |value: f64, (low, high): (f64, f64)| ((value - low) / (high - low)).clamp(-0.01, 1.01);
        (self.rect.x + part(x, self.x) * self.rect.width, self.rect.bottom() - part(y, self.y) * self.rect.height)
    }

    /// Makes room for the numbers and names of two axes, and draws them.
    pub(super) fn drawn(place: Rect, x: &Axis<'_>, y: &Axis<'_>) -> (Self, Vec<Mark>) {
        let below = TICK + 2.0 * LINE;
        let (y_ticks, y_exponent) = y.ticks(((place.height - below) / 18.0).clamp(2.0, 6.0));
        let numbers = y_ticks.iter().map(|tick| width(&tick.text, SIZE)).fold(0.0, f64::max);
        let left = LINE + numbers + GAP + TICK;
        let rect = Rect {
            x: place.x + left,
            y: place.y + 2.0,
            width: (place.width - left - 4.0).max(10.0),
            height: (place.height - below - 2.0).max(10.0),
        };
        let frame = Self { rect, x: x.limits, y: y.limits };
        let mut marks = vec![Mark::Box { rect, stroke: Some((INK, 0.4)), fill: None }];
        for tick in y_ticks {
            let (_, at) = frame.at(x.limits.0, tick.value);
            marks.push(Mark::Line { from: (rect.x - TICK, at), to: (rect.x, at), width: 0.4 });
            marks.push(text((rect.x - TICK - GAP, at + 0.36 * SIZE), Anchor::End, tick.text));
        }
        let (x_ticks, x_exponent) = x.ticks((rect.width / 30.0).clamp(2.0, 8.0));
        for tick in x_ticks {
            let (at, _) = frame.at(tick.value, y.limits.0);
            marks.push(Mark::Line { from: (at, rect.bottom()), to: (at, rect.bottom() + TICK), width: 0.4 });
            marks.push(text((at, rect.bottom() + TICK + 0.8 * LINE), Anchor::Middle, tick.text));
        }
        let name = shortened(&x.name(x_exponent), SIZE, rect.width);
        marks.push(text((rect.x + rect.width / 2.0, rect.bottom() + TICK + 1.8 * LINE), Anchor::Middle, name));
        let name = shortened(&y.name(y_exponent), SIZE, rect.height);
        marks.push(upright((place.x + 0.8 * SIZE, rect.y + rect.height / 2.0), Anchor::Middle, name));
        (frame, marks)
    }
}
