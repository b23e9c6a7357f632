//! Colour bars: the colours of a map beside numbers. The two limits are always named; round numbers stand between them where
//! there is room. Arrow heads say that values lie beyond the limits.

use super::layout::{Anchor, INK, Mark, Rect, Source};
use super::panels::Bar;
use super::text::{number, shortened, width};
use crate::domain::colormap::over_white;

/// Type size of the numbers.
const SIZE: f64 = 7.0;
/// Type size of the unit.
const UNIT_SIZE: f64 = 7.0;
/// Smallest type of a figure.
const SMALLEST: f64 = 6.0;
/// Free height above a bar, beside the captions.
const HEADROOM: f64 = 9.0;
/// Width of the colours.
const THICKNESS: f64 = 7.0;
/// Between colours and numbers.
const TICK: f64 = 2.0;
/// Height of an arrow head.
const HEAD: f64 = 5.0;

/// Lower bars have no room for two numbers.
pub const LEAST_HEIGHT: f64 = 24.0;

/// A number beside the bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where, 0 at the low end and 1 at the high end.
    pub unit: f64,
    /// The number, after the common power of ten is taken out.
    pub text: String,
}

/// Numbers of a scale and the power of ten that multiplies them.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    /// From low to high.
    pub ticks: Vec<Tick>,
    /// Usually 0.
    pub exponent: i32,
}

/// The one number of a map that is the same everywhere.
fn alone(value: f64) -> String {
    let magnitude = value.abs().log10().floor();
    match magnitude as i32 {
        _ if value == 0.0 => "0".to_owned(),
        -3..5 => number(value, (2.0 - magnitude).clamp(0.0, 5.0) as usize),
        _ => format!("{value:.1e}"),
    }
}

/// The scale of a bar that is `height` points high.
pub fn scale(bar: &Bar, height: f64) -> Scale {
    if let Some(value) = bar.range.constant() {
        return Scale {
            ticks: vec![Tick { unit: f64::from(bar.range.unit(value)), text: alone(f64::from(value)) }],
            exponent: 0,
        };
    }
    let (low, high) = (f64::from(bar.range.low), f64::from(bar.range.high));
    let largest = low.abs().max(high.abs());
    let magnitude = largest.log10().floor() as i32;
    let exponent = if (-2..4).contains(&magnitude) { 0 } else { magnitude };
    let unscaled = |v: f64| v / 10.0_f64.powi(exponent);
    let (low, high) = (unscaled(low), unscaled(high));
    let step = step_of(high - low, (height / (2.4 * SIZE)).clamp(2.0, 6.0));
    // The limits get one digit more than the round numbers between them, unless they are round themselves.
    let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    let is_round = |v: f64| (v / step - (v / step).round()).abs() < 1e-4;
    let limit = |v: f64| number(v, if is_round(v) { decimals } else { (decimals + 1).min(9) });
    let at = |v: f64| (v - low) / (high - low);
    let mut ticks = vec![Tick { unit: 0.0, text: limit(low) }];
    let clear = 1.25 * SIZE / height.max(1.0);
    for i in (low / step).ceil() as i64..=(high / step).floor() as i64 {
        let unit = at(i as f64 * step);
        if unit > clear && unit < 1.0 - clear {
            ticks.push(Tick { unit, text: number(i as f64 * step, decimals) });
        }
    }
    ticks.push(Tick { unit: 1.0, text: limit(high) });
    Scale { ticks, exponent }
}

/// 1, 2 or 5 times a power of ten, so that about `count` steps fit.
pub(super) fn step_of(span: f64, count: f64) -> f64 {
    let rough = span / count;
    let power = 10.0_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|&step| step >= rough).unwrap_or(power)
}

/// Points from the left edge of the colours to the right edge of the unit.
pub fn bar_width(bar: &Bar, height: f64) -> f64 {
    THICKNESS + TICK + 1.5 + numbers_width(&scale(bar, height)) + 3.0 + UNIT_SIZE
}

fn numbers_width(scale: &Scale) -> f64 {
    scale.ticks.iter().map(|t| width(&t.text, SIZE)).fold(0.0, f64::max)
}

/// Draws a bar whose colours begin at (`x`, `y`), `height` points high: at least [`LEAST_HEIGHT`].
pub fn marks(bar: &Bar, (x, y): (f64, f64), height: f64) -> Vec<Mark> {
    let heads = (if bar.beyond.1 { HEAD } else { 0.0 }, if bar.beyond.0 { HEAD } else { 0.0 });
    let rect = Rect { x, y: y + heads.0, width: THICKNESS, height: height - heads.0 - heads.1 };
    let scale = scale(bar, rect.height);
    let table = bar.colormap.table().map(|colour| over_white(colour, bar.opacity));
    let mut marks = vec![
        Mark::Raster { rect, source: Source::Column(table.iter().rev().copied().collect()) },
        Mark::Box { rect, stroke: Some((INK, 0.5)), fill: None },
    ];
    let mut head = |from: f64, to: f64, fill| {
        let corners = [(x, from), (x + THICKNESS, from), (x + THICKNESS / 2.0, to)];
        marks.push(Mark::Triangle { corners, fill });
    };
    if bar.beyond.1 {
        head(rect.y - 0.5, y, table[255]);
    }
    if bar.beyond.0 {
        head(rect.bottom() + 0.5, y + height, table[0]);
    }
    for tick in &scale.ticks {
        let level = rect.bottom() - tick.unit * rect.height;
        let from = rect.right();
        marks.push(Mark::Line { from: (from, level), to: (from + TICK, level), width: 0.5 });
        // The limits' numbers stay within the height of the map.
        let baseline = (level + 0.36 * SIZE).clamp(y + 0.72 * SIZE, y + height);
        marks.push(text((from + TICK + 1.5, baseline), SIZE, Anchor::Start, false, tick.text.clone()));
    }
    let right = rect.right() + TICK + 1.5 + numbers_width(&scale) + 3.0 + 0.8 * UNIT_SIZE;
    // It may rise above the map, where nothing stands, but not sink below it.
    let (unit, size) = unit_words(bar, &scale, height + HEADROOM);
    let middle = y + height / 2.0 - ((width(&unit, size) - height) / 2.0).max(0.0);
    marks.push(text((right, middle), size, Anchor::Middle, true, unit));
    marks
}

/// The unit and the power of ten, and their type size. The power is never shortened: without it the numbers are wrong.
fn unit_words(bar: &Bar, scale: &Scale, available: f64) -> (String, f64) {
    let power = match scale.exponent {
        0 => String::new(),
        // Digits on the line: raised minus signs are missing from too many fonts.
        exponent => format!(" (×1e{})", number(f64::from(exponent), 0)),
    };
    let whole = format!("{}{power}", bar.unit);
    match [UNIT_SIZE, SMALLEST].into_iter().find(|&size| width(&whole, size) <= available) {
        Some(size) => (whole, size),
        None => (shortened(bar.unit, SMALLEST, available - width(&power, SMALLEST)) + &power, SMALLEST),
    }
}

fn text(at: (f64, f64), size: f64, anchor: Anchor, upright: bool, text: String) -> Mark {
    Mark::Text { at, size, anchor, upright, text, ink: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::colormap::Colormap;
    use crate::domain::heatmap::Range;

    fn texts(low: f32, high: f32) -> (Vec<String>, i32) {
        let range = Range { low, high };
        let bar = Bar { colormap: Colormap::Viridis, range, unit: "x", beyond: (false, false), opacity: 1.0 };
        let scale = scale(&bar, 100.0);
        assert!(scale.ticks.windows(2).all(|w| w[0].unit < w[1].unit));
        (scale.ticks.into_iter().map(|t| t.text).collect(), scale.exponent)
    }

    #[test]
    fn numbers_stand_apart_beside_the_lowest_bar() {
        let range = Range { low: 0.017, high: 0.093 };
        let bar = Bar { colormap: Colormap::Viridis, range, unit: "x", beyond: (true, true), opacity: 1.0 };
        let marks = marks(&bar, (0.0, 0.0), LEAST_HEIGHT);
        let baseline = |mark: &Mark| if let Mark::Text { at, upright: false, .. } = mark { Some(at.1) } else { None };
        let mut baselines: Vec<f64> = marks.iter().filter_map(baseline).collect();
        baselines.sort_by(f64::total_cmp);
        assert!(baselines.len() >= 2 && baselines.windows(2).all(|pair| pair[1] - pair[0] >= SIZE), "{baselines:?}");
    }

    #[test]
    fn limits_and_round_numbers_between_them() {
        assert_eq!(texts(0.0, 1.0), (["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"].map(str::to_owned).to_vec(), 0));
        assert_eq!(texts(-0.8, 0.8).0, ["−0.80", "−0.5", "0.0", "0.5", "0.80"].map(str::to_owned));
        assert_eq!(texts(0.000_137, 0.004_92).0, ["0.1", "1", "2", "3", "4", "4.9"].map(str::to_owned));
        assert_eq!(texts(0.000_137, 0.004_92).1, -3);
        // Limits of a map that is the same everywhere: one number.
        assert_eq!(texts(3.0, 3.000_001).0, ["3.00"]);
        assert_eq!(texts(-1e-12, 1e-12).0, ["0"]);
    }
}
