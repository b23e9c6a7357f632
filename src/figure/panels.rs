//! What a figure shows, before it has a size: panels with captions, colour bars, a legend and the line above them.

use std::sync::Arc;

use super::cells::Cells;
use super::exhibits;
use super::limits::{check_count, paint_of};
use super::style::FigureStyle;
use super::words::Words;
use crate::domain::colormap::{Colormap, label_colour, over_white};
use crate::domain::exhibit::{Exhibit, Paint};
use crate::domain::grid::PixelRect;
use crate::domain::heatmap::{Heatmap, Range};
use crate::domain::knob::Knob;
use crate::domain::request::{Cut, Own, Params, Task};
use crate::domain::segmentation::Segmentation;
use crate::domain::span::Span;
use crate::domain::text::Text;
use crate::domain::{Error, Result};
use crate::engine::{Explanation, Output, Photo, Scene, Segments};
use crate::method::{Info, Reach, Uses};
use crate::render::{MapStyle, Overlay, PaintStyle, Painting, SegmentStyle, UvRect};
use crate::segment::{Cutting, knobs_of};

/// Labels that a legend names; the others are summed up.
const MOST_LABELS: usize = 32;

/// A figure without sizes.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Parts of the line above the panels.
    pub title: Vec<String>,
    /// In reading order.
    pub panels: Vec<Panel>,
    /// Colour bars; one that all panels share, or one a panel.
    pub bars: Vec<Bar>,
    /// Below the panels.
    pub legend: Vec<Entry>,
    /// Below the legend.
    pub exhibits: Vec<Exhibit>,
    /// Width over height of every panel; `None` where panels are texts, each as high as its lines.
    pub aspect: Option<f64>,
}

/// One picture of a figure.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Above it, after the panel's letter.
    pub caption: String,
    /// What it shows.
    pub content: Content,
    /// Which colour bar explains it.
    pub bar: Option<usize>,
}

/// What a panel shows.
#[derive(Clone, Debug)]
pub enum Content {
    /// A photo with its overlay, and rectangles to mark, in uv of the panel.
    Painting(Box<Painting>, Vec<UvRect>),
    /// A text with colours behind its tokens.
    Words(Words),
    /// A token of a text at every layer.
    Cells(Cells),
}

/// A colour bar.
#[derive(Clone, Debug)]
pub struct Bar {
    /// The colours.
    pub colormap: Colormap,
    /// Their limits.
    pub range: Range,
    /// What the numbers are.
    pub unit: &'static str,
    /// Whether values lie below the range, above it.
    pub beyond: (bool, bool),
    /// How much of the colours is seen: texts have white below them, so that their bars can show the very colours of the page.
    pub opacity: f32,
}

/// One label of a legend.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `None` for a remark.
    pub colour: Option<[u8; 3]>,
    /// The words.
    pub text: String,
}

/// What the figure of an answer shows.
///
/// # Errors
/// A refusal of too many panels, and of a bare trace.
pub fn of(output: &Output, style: &FigureStyle) -> Result<Sheet> {
    match output {
        Output::Explanation(explanation) => of_explanation(explanation, style),
        Output::Segments(segments) => of_segments(segments, style),
        Output::Scene(_) | Output::Verification(_) => {
            Err(Error::refused("--out", "a trace has no figure").expected("a .safetensors file"))
        }
        Output::Continuation(_) => Err(super::continuation::no_figure()),
    }
}

fn of_explanation(explanation: &Explanation, style: &FigureStyle) -> Result<Sheet> {
    let (scene, method, count) = (&explanation.scene, explanation.method, explanation.positions.len());
    check_count(count)?;
    let maps: Vec<Heatmap> = (0..count).map(|n| explanation.heatmap(n)).collect();
    let paint = paint_of(explanation);
    let bars = if paint.is_some() { Vec::new() } else { bars_of(explanation, &maps, style) };
    let legend = paint.map_or_else(Vec::new, meanings_of);
    let exhibits = exhibits::of_explanation(explanation, style);
    let title = title_of(scene, explanation.layer, method_words(method, method.knobs, &explanation.request.params));
    if let (None, Some(text)) = (&scene.photo, &scene.layout.text) {
        let mut panels = text_panels(explanation, text, &maps, &bars, style);
        panels.extend(cells_panel(explanation, text, style));
        return Ok(Sheet { title, panels, bars, legend, exhibits, aspect: None });
    }
    let photo = photo_of(scene)?;
    let mut panels = Vec::new();
    if style.photo.unwrap_or(count == 1) {
        let target = if count == 1 { target_of(explanation, 0) } else { None };
        panels.push(Panel { caption: photo_caption(photo), content: painted(painting_of(photo, style), target), bar: None });
    }
    for (n, map) in maps.into_iter().enumerate() {
        let bar = bars.len().checked_sub(1).map(|last| n.min(last));
        let overlay = overlay_of(explanation, map, bar.map(|bar| &bars[bar]), style);
        let painting = painting_of(photo, style).with(overlay);
        let content = painted(painting, target_of(explanation, n));
        // A map that is the same whatever the target is named by its phrase.
        let phrase = explanation.request.params.scalar.phrase().filter(|_| method.names_phrase());
        let name = || match method.reach {
            Reach::Whole => method.name.to_owned(),
            Reach::Rows | Reach::Each => name_of(scene, explanation.positions[n]),
        };
        let caption = phrase.map_or_else(name, |phrase| format!("'{phrase}'"));
        panels.push(Panel { caption, content, bar });
    }
    Ok(Sheet { title, panels, bars, legend, exhibits, aspect: Some(aspect_of(photo)) })
}

fn to_u8(colour: [f32; 3]) -> [u8; 3] {
    colour.map(|channel| (channel.clamp(0.0, 1.0) * 255.0).round() as u8)
}

/// What they mean.
fn meanings_of(paint: &Paint) -> Vec<Entry> {
    paint.legend.iter().map(|(words, colour)| Entry { colour: Some(to_u8(*colour)), text: words.clone() }).collect()
}

/// A map in the colours of its bar, or in its own.
fn overlay_of(explanation: &Explanation, map: Heatmap, bar: Option<&Bar>, style: &FigureStyle) -> Overlay {
    let (opacity, interpolation) = (style.opacity, style.interpolation);
    match bar {
        Some(bar) => {
            let style = MapStyle { opacity, interpolation, ..MapStyle::new(bar.colormap, bar.range) };
            Overlay::Heatmap { heatmap: map, style }
        }
        None => {
            let style = PaintStyle { opacity, interpolation };
            Overlay::Paint { shown: Arc::clone(&explanation.shown), grid: map.grid, style }
        }
    }
}

/// One panel a target, below each other; before them the bare text where it is asked for.
fn text_panels(explanation: &Explanation, text: &Arc<Text>, maps: &[Heatmap], bars: &[Bar], style: &FigureStyle) -> Vec<Panel> {
    let words = |colours, target| Content::Words(Words { text: Arc::clone(text), colours, target });
    let mut panels = Vec::new();
    if style.photo == Some(true) {
        let target = (maps.len() == 1).then(|| explanation.target(0));
        panels.push(Panel { caption: "input".to_owned(), content: words(Vec::new(), target), bar: None });
    }
    for (n, map) in maps.iter().enumerate() {
        let index = bars.len().checked_sub(1).map(|last| n.min(last));
        let colours = match (index.map(|index| &bars[index]), paint_of(explanation)) {
            (Some(Bar { colormap, range, opacity, .. }), _) => {
                let colour = |value: &f32| over_white(colormap.colour(range.unit(*value)), *opacity);
                map.values.iter().map(|value| (!value.is_nan()).then(|| colour(value))).collect()
            }
            (None, Some(paint)) => {
                let has_value = |colour: &[f32; 3]| !colour.iter().any(|channel| channel.is_nan());
                let colour = |colour: [f32; 3]| over_white(to_u8(colour), style.opacity);
                paint.colours.iter().map(|c| has_value(c).then(|| colour(*c))).collect()
            }
            (None, None) => Vec::new(),
        };
        let is_of_all = explanation.method.reach == Reach::Whole;
        let caption = match explanation.span() {
            Some(span) => format!("sources of tokens {span}"),
            None if is_of_all => explanation.method.name.to_owned(),
            None => target_name(text, explanation.target(n)),
        };
        let target = (!is_of_all).then(|| explanation.target(n));
        panels.push(Panel { caption, content: words(colours, target), bar: index });
    }
    panels
}

/// `bank (position 5)`, `riverbank (tokens 5..7)`.
fn target_name(text: &Text, target: Span) -> String {
    let ends = text.pieces.get(target.from).zip(text.pieces.get(target.to - 1)).filter(|_| target.len() > 1);
    let word = ends.and_then(|(first, last)| text.string.get(first.span.start..last.span.end));
    match word {
        Some(word) => format!("{} (tokens {target})", word.trim()),
        None => format!("{} (position {})", text_name(text, target.from), target.from),
    }
}

/// The target at every layer, where that was asked; each row has a range of its own, for values grow with the layer.
fn cells_panel(explanation: &Explanation, text: &Text, style: &FigureStyle) -> Option<Panel> {
    explanation.positions.first()?;
    let target = explanation.target(0);
    let (method, tokens) = (explanation.method, explanation.scene.layout.len());
    let (colormap, rule) = (style.colormap_for(method), style.range_for(method));
    let mut colours = Vec::with_capacity(explanation.layers.as_ref()?.len());
    for row in explanation.layer_rows().into_iter().rev() {
        let map = explanation.heatmap_of(&row, target);
        let ranged = explanation.ranged_of(&map, target);
        let range = map.range_over(rule, ranged.into_iter());
        let colour = |&value: &f32| {
            if value.is_nan() { [255; 3] } else { over_white(colormap.colour(range.unit(value)), style.opacity) }
        };
        colours.extend(map.values.iter().map(colour));
    }
    let names = (0..tokens).map(|p| text_name(text, p).to_owned()).collect();
    let cells = Cells { colours, names, layer: explanation.layer, target };
    let caption = "every layer, each row in a range of its own".to_owned();
    Some(Panel { caption, content: Content::Cells(cells), bar: None })
}

/// As the text spells it; by its piece where that is white space.
fn text_name(text: &Text, position: usize) -> &str {
    match text.shown(position).trim() {
        "" => text.pieces.get(position).map_or("", |piece| piece.piece.as_str()),
        shown => shown,
    }
}

fn painted(painting: Painting, marked: impl IntoIterator<Item = UvRect>) -> Content {
    Content::Painting(Box::new(painting), marked.into_iter().collect())
}

/// One bar of all maps, or one a map. What sets their limits is [`Heatmap::ranged`]: of a text, the words alone.
fn bars_of(explanation: &Explanation, maps: &[Heatmap], style: &FigureStyle) -> Vec<Bar> {
    let (method, is_text) = (explanation.method, explanation.scene.photo.is_none());
    let bar = |targets: std::ops::Range<usize>| {
        let ranged = |n: usize| explanation.ranged(n).into_iter().map(move |patch| maps[n].values[patch]);
        let pooled = Heatmap { grid: explanation.scene.layout.grid, values: targets.clone().flat_map(ranged).collect() };
        let range = pooled.range(style.range_for(method));
        let beyond = |test: &dyn Fn(f32) -> bool| targets.clone().any(|n| maps[n].values.iter().any(|&v| test(v)));
        let beyond = (beyond(&|v| v < range.low), beyond(&|v| v > range.high));
        let opacity = if is_text { style.opacity } else { 1.0 };
        Bar { colormap: style.colormap_for(method), range, unit: method.unit, beyond, opacity }
    };
    if style.own_range { (0..maps.len()).map(|n| bar(n..n + 1)).collect() } else { vec![bar(0..maps.len())] }
}

fn of_segments(segments: &Segments, style: &FigureStyle) -> Result<Sheet> {
    let photo = photo_of(&segments.scene)?;
    let (scene, cut) = (&segments.scene, cut_of(segments, style));
    let segmentation = Arc::new(segments.partition.segmentation(cut));
    let legend = legend_of(&segmentation);
    let exhibits = exhibits::of_segments(segments, &segmentation, style);
    let count = segmentation.colours.len();
    // A label that no pixel has is no segment.
    let found = match segmentation.shares().into_iter().filter(|share| *share > 0.0).count() {
        1 => "1 segment".to_owned(),
        found => format!("{found} segments"),
    };
    if let Some(solo) = style.solo.filter(|&solo| usize::from(solo) >= count) {
        return Err(Error::refused(
            format!("--solo {solo}"),
            format!("there {}", if count == 1 { "is 1 segment".to_owned() } else { format!("are {count} segments") }),
        )
        .expected(format!("0 to {}", count.saturating_sub(1))));
    }
    let words = method_words(segments.method, &knobs_of(segments.method), &segments.request.params);
    let mut title = title_of(scene, segments.layer, words);
    title.push(match (segments.cutting, cut) {
        (Cutting::Fixed, _) => found,
        (Cutting::Tree | Cutting::Count, Cut::Distance(t)) => format!("{found}, cut at distance {t}"),
        (Cutting::Tree | Cutting::Count, Cut::Clusters(k)) => format!("{found}, at most {k} asked"),
    });
    let overlay = Overlay::Segments {
        segmentation,
        style: SegmentStyle { opacity: style.opacity, outlines: style.outlines, solo: style.solo },
    };
    let bare = Panel { caption: photo_caption(photo), content: painted(painting_of(photo, style), None), bar: None };
    let map = painted(painting_of(photo, style).with(overlay), boxes_of(segments, photo));
    let map = Panel { caption: "segmentation".to_owned(), content: map, bar: None };
    let panels = if style.photo.unwrap_or(true) { vec![bare, map] } else { vec![map] };
    Ok(Sheet { title, panels, bars: Vec::new(), legend, exhibits, aspect: Some(aspect_of(photo)) })
}

/// Boxes around what was found, in uv of the panel.
fn boxes_of(segments: &Segments, photo: &Photo) -> Vec<UvRect> {
    let (height, width) = (photo.input_size.0.max(1) as f64, photo.input_size.1.max(1) as f64);
    let of_pixels = |rect: &PixelRect| UvRect {
        left: rect.x / width,
        top: rect.y / height,
        right: (rect.x + rect.width) / width,
        bottom: (rect.y + rect.height) / height,
    };
    segments.partition.boxes().iter().map(of_pixels).collect()
}

/// Where a figure of segments is cut.
pub fn cut_of(segments: &Segments, style: &FigureStyle) -> Cut {
    let asked = if let Task::Segment { cut } = segments.request.task { cut } else { Cut::default() };
    style.cut.unwrap_or(asked)
}

/// By number; of many, only the largest.
fn legend_of(segmentation: &Segmentation) -> Vec<Entry> {
    let shares = segmentation.shares();
    let mut by_share: Vec<usize> = (0..shares.len()).collect();
    by_share.sort_by(|&a, &b| shares[b].total_cmp(&shares[a]).then(a.cmp(&b)));
    let rest = by_share.split_off(by_share.len().min(MOST_LABELS));
    by_share.sort_unstable();
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let entry = |&label: &usize| Entry {
        colour: Some(label_colour(segmentation.colours[label])),
        text: format!("{label}: {}", percent(shares[label])),
    };
    let mut legend: Vec<Entry> = by_share.iter().map(entry).collect();
    if !rest.is_empty() {
        let sum = rest.iter().map(|&label| shares[label]).sum();
        legend.push(Entry { colour: None, text: format!("and {} smaller: {}", rest.len(), percent(sum)) });
    }
    legend
}

fn photo_of(scene: &Scene) -> Result<&Photo> {
    scene.photo.as_ref().ok_or_else(|| Error::refused("--out", "the input has no picture").expected("a .npy, .npz or .csv file"))
}

fn painting_of(photo: &Photo, style: &FigureStyle) -> Painting {
    let painting = Painting::new(Arc::clone(&photo.picture), photo.seen);
    // Lines of about a third of a point.
    Painting { shown: painting.seen, line_px: (style.dpi / 150).max(1), ..painting }
}

fn aspect_of(photo: &Photo) -> f64 {
    let aspect = photo.seen.width / photo.seen.height;
    if aspect.is_finite() && aspect > 0.0 { aspect.clamp(0.02, 50.0) } else { 1.0 }
}

/// The box of a target patch, where the map depends on it.
fn target_of(explanation: &Explanation, n: usize) -> Option<UvRect> {
    if explanation.method.reach == Reach::Whole {
        return None;
    }
    let layout = &explanation.scene.layout;
    let (row, col) = layout.grid.row_col(layout.patch_of(explanation.positions[n])?);
    let (rows, cols) = (layout.grid.rows as f64, layout.grid.cols as f64);
    let (row, col) = (row as f64, col as f64);
    Some(UvRect { left: col / cols, top: row / rows, right: (col + 1.0) / cols, bottom: (row + 1.0) / rows })
}

/// `cls`, `patch 7,7`, `##ing`.
pub fn name_of(scene: &Scene, position: usize) -> String {
    scene.layout.kind(position).map_or_else(|| position.to_string(), |kind| kind.to_string())
}

fn photo_caption(photo: &Photo) -> String {
    if photo.picture.name.is_empty() { "input".to_owned() } else { photo.picture.name.clone() }
}

fn title_of(scene: &Scene, layer: usize, method: String) -> Vec<String> {
    vec![scene.model.name.clone(), format!("layer {layer} of {}", scene.model.num_layers), method]
}

/// The method and those parameters that it looks at.
fn method_words(method: &Info, knobs: &[&'static Knob], params: &Params) -> String {
    let own = (params.own != Own::default()).then(|| format!("own {}", params.own));
    let words = method.uses.iter().filter_map(|uses| match uses {
        Uses::Head => Some(format!("head {}", params.head)),
        Uses::Facet => Some(format!("facet {}", params.facet)),
        Uses::Scalar => Some(params.scalar.words()),
        Uses::Phrase | Uses::PhraseIfAny => None,
        Uses::Rows => Some(format!("rows {}", params.rows)),
        Uses::Own => own.clone(),
    });
    let chosen = params.knobs.chosen(knobs).map(|(knob, value)| format!("{} {value}", knob.name.to_lowercase()));
    let words: Vec<String> = words.chain(chosen).collect();
    let name = match params.scalar.phrase() {
        Some(phrase) if method.names_phrase() => format!("{} with '{phrase}'", method.name),
        _ => method.name.to_owned(),
    };
    if words.is_empty() { name } else { format!("{name} ({})", words.join(", ")) }
}
