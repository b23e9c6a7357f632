//! Curves and histograms. They lie still: nothing zooms or pans by accident.

use eframe::egui::{self, Stroke, Ui, WidgetInfo};
use egui_plot::{AxisHints, Bar, BarChart, GridMark, HoverPosition, Line, LineStyle, Plot, Points, VLine};

use crate::app::widgets::theme;
use crate::app::widgets::words;
use crate::domain::exhibit::{Chart, Histogram, Series};

const HEIGHT: f32 = 200.0;
/// Curves of fewer points have a dot at each.
const DOTTED: usize = 48;
/// Names of marks in the plot's own bookkeeping; they stand in no legend.
const MARK: &str = "";

/// Draws curves, or bars.
pub(super) fn chart_ui(ui: &mut Ui, number: usize, chart: &Chart) {
    let named = chart.series.iter().filter(|series| !series.name.is_empty()).count();
    let (x, y) = (chart.x_label.as_str(), chart.y_label.as_str());
    let plot = plot(ui, ("chart", number), (x, y)).label_formatter(|at| hovered(at, (x, y)));
    let mark = chart.mark.map(|at| mark(ui, at));
    let colours: Vec<_> = (0..chart.series.len()).map(|n| theme::series_colour(ui.visuals(), n)).collect();
    if named > 1 {
        let names = chart.series.iter().zip(&colours).filter(|(series, _)| !series.name.is_empty());
        legend_ui(ui, names.map(|(series, &colour)| (series.name.as_str(), colour)));
    }
    let shown = plot.show(ui, |plot| {
        for (n, (series, &colour)) in chart.series.iter().zip(&colours).enumerate() {
            if chart.bars {
                plot.bar_chart(bars(series, (n, chart.series.len()), colour));
                continue;
            }
            for run in runs(series) {
                if run.len() == 1 || series.points.len() <= DOTTED {
                    plot.points(Points::new(series.name.clone(), run.clone()).radius(2.5).color(colour));
                }
                if run.len() > 1 {
                    plot.line(Line::new(series.name.clone(), run).color(colour).width(1.8));
                }
            }
        }
        if let Some(mark) = mark {
            plot.vline(mark);
        }
    });
    let label = in_words(chart);
    shown.response.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, &label));
}

/// Draws counts.
pub(super) fn histogram_ui(ui: &mut Ui, number: usize, histogram: &Histogram) {
    let x = histogram.x_label.as_str();
    let edges = histogram.edges.windows(2).zip(&histogram.counts);
    let bar = |(edge, &count): (&[f64], &usize)| {
        let (low, high) = (edge[0], edge[1]);
        Bar::new(f64::midpoint(low, high), count as f64).width(high - low).name(format!("{low:.4} to {high:.4}"))
    };
    let bars = BarChart::new("", edges.map(bar).collect())
        .color(theme::series_colour(ui.visuals(), 0))
        .element_formatter(Box::new(|bar: &Bar, _: &BarChart| format!("{}: {}", bar.name, bar.value)));
    if let Some((_, name)) = &histogram.cut {
        legend_ui(ui, [(name.as_str(), ui.visuals().text_color())].into_iter());
    }
    let cut = histogram.cut.as_ref().map(|(at, name)| mark(ui, *at).name(name));
    let plot = plot(ui, ("histogram", number), (x, "count")).label_formatter(|at| hovered(at, (x, "count")));
    let shown = plot.show(ui, |plot| {
        plot.bar_chart(bars);
        if let Some(cut) = cut {
            plot.vline(cut);
        }
    });
    let total: usize = histogram.counts.iter().sum();
    let cut = histogram.cut.as_ref().map_or_else(String::new, |(at, name)| format!(", {name} at {}", words::value(*at as f32)));
    let label = format!("Histogram {}: {total} values of {x}{cut}", histogram.title);
    shown.response.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, &label));
}

/// The names of curves above the plot, where they cover none of it.
fn legend_ui<'a>(ui: &mut Ui, names: impl Iterator<Item = (&'a str, egui::Color32)>) {
    ui.horizontal_wrapped(|ui| {
        for (name, colour) in names {
            let (swatch, _) = ui.allocate_exact_size(egui::vec2(14.0, 12.0), egui::Sense::hover());
            ui.painter().hline(swatch.x_range(), swatch.center().y, Stroke::new(2.5, colour));
            ui.label(egui::RichText::new(name).small());
        }
    });
}

fn plot<'a>(ui: &Ui, salt: (&'static str, usize), (x, y): (&'a str, &'a str)) -> Plot<'a> {
    // The few numbers that there are shall be read: none fades because another is near.
    let axis = |hints: AxisHints<'a>, name: &'a str| {
        hints.label(egui::RichText::new(name).small()).label_spacing(8.0..=16.0).formatter(|mark, _| tick(mark))
    };
    Plot::new(salt)
        .width(ui.available_width())
        .height(HEIGHT)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_drag(false)
        .allow_boxed_zoom(false)
        .allow_axis_zoom_drag(false)
        .allow_double_click_reset(false)
        .show_background(false)
        .grid_spacing(1.0..=12.0)
        .x_grid_spacer(|grid| round_marks(grid.bounds))
        .y_grid_spacer(|grid| round_marks(grid.bounds))
        .grid_color(theme::palette(ui.visuals()).line)
        .custom_x_axes(vec![axis(AxisHints::new_x(), x)])
        .custom_y_axes(vec![axis(AxisHints::new_y(), y)])
}

/// About five lines at 1, 2 or 5 times a power of ten, each with its number.
fn round_marks((low, high): (f64, f64)) -> Vec<GridMark> {
    let rough = (high - low) / 5.0;
    let power = 10.0_f64.powf(rough.log10().floor());
    let step_size = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|&step| step >= rough).unwrap_or(power);
    if !(step_size.is_finite() && step_size > 0.0) {
        return Vec::new();
    }
    let (first, last) = ((low / step_size).ceil() as i64, (high / step_size).floor() as i64);
    (first..=last.min(first.saturating_add(20))).map(|i| GridMark { value: i as f64 * step_size, step_size }).collect()
}

/// A number of an axis, with the decimals that tell it from its neighbours.
fn tick(mark: GridMark) -> String {
    let decimals = (-mark.step_size.log10() - 1e-9).ceil().clamp(0.0, 12.0) as usize;
    if mark.value != 0.0 && (decimals > 4 || mark.value.abs() >= 1e6) {
        return format!("{:.1e}", mark.value);
    }
    format!("{:.decimals$}", mark.value)
}

fn mark(ui: &Ui, at: f64) -> VLine {
    let stroke = Stroke::new(1.5, ui.visuals().text_color());
    VLine::new(MARK, at).stroke(stroke).style(LineStyle::dashed_dense()).allow_hover(false)
}

/// Bars of several series stand beside each other.
fn bars(series: &Series, (n, count): (usize, usize), colour: egui::Color32) -> BarChart {
    let gaps = series.points.windows(2).map(|pair| (pair[1][0] - pair[0][0]).abs()).filter(|gap| *gap > 0.0);
    let pitch = gaps.fold(f64::INFINITY, f64::min);
    let pitch = if pitch.is_finite() { 0.8 * pitch } else { 0.8 };
    let width = pitch / count.max(1) as f64;
    let left = |x: f64| x - pitch / 2.0 + (n as f64 + 0.5) * width;
    let finite = series.points.iter().filter(|point| point.iter().all(|v| v.is_finite()));
    let bars = finite.map(|&[x, y]| Bar::new(left(x), y).width(width)).collect();
    BarChart::new(series.name.clone(), bars).color(colour)
}

/// The stretches of a curve between its gaps.
fn runs(series: &Series) -> Vec<Vec<[f64; 2]>> {
    let has_value = |point: &[f64; 2]| point.iter().all(|v| v.is_finite());
    let stretches = series.points.chunk_by(|a, b| has_value(a) == has_value(b));
    stretches.filter(|run| run.first().is_some_and(has_value)).map(<[_]>::to_vec).collect()
}

fn hovered(at: &HoverPosition<'_>, (x, y): (&str, &str)) -> Option<String> {
    let HoverPosition::NearDataPoint { plot_name, position, .. } = at else { return None };
    let name = if plot_name.is_empty() { String::new() } else { format!("{plot_name}\n") };
    Some(format!("{name}{x} {}\n{y} {}", words::value(position.x as f32), words::value(position.y as f32)))
}

/// For those who do not see it.
fn in_words(chart: &Chart) -> String {
    let curve = |series: &Series| {
        let values = || series.points.iter().map(|point| point[1] as f32).filter(|v| v.is_finite());
        let (low, high) = (values().fold(f32::INFINITY, f32::min), values().fold(f32::NEG_INFINITY, f32::max));
        let name = if series.name.is_empty() { chart.y_label.as_str() } else { series.name.as_str() };
        format!("{name} from {} to {}", words::value(low), words::value(high))
    };
    let curves: Vec<String> = chart.series.iter().map(curve).collect();
    format!("Chart {}, {} by {}: {}", chart.title, chart.y_label, chart.x_label, curves.join("; "))
}
