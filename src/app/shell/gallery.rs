//! The samples as cards: photos with a thumbnail, texts with their first words. The photos are decoded once, beside the frame
//! loop; a card is there before its picture.

use eframe::egui::{
    self, Align, ColorImage, Context, CornerRadius, Image, Rect, Response, Sense, Stroke, StrokeKind, TextStyle, TextureHandle,
    TextureOptions, Ui, pos2, text::LayoutJob, vec2,
};
use poll_promise::Promise;

use crate::app::command::Command;
use crate::app::widgets::theme;
use crate::builtin::{SAMPLES, Sample};
use crate::domain::request::Input;

/// Pixels of a thumbnail: twice its largest size on the screen.
const THUMB_SIZE: [u32; 2] = [360, 270];
const GAP: f32 = 10.0;
const PADDING: f32 = 9.0;
/// Narrower cards begin a further row.
const MIN_PHOTO_WIDTH: f32 = 100.0;
const MIN_TEXT_WIDTH: f32 = 200.0;

/// Thumbnails, as far as they are there.
#[derive(Default)]
pub struct Gallery {
    pending: Option<Promise<Vec<Option<ColorImage>>>>,
    thumbs: Vec<Option<TextureHandle>>,
}

impl Gallery {
    /// Whether no thumbnail is on its way.
    pub fn is_idle(&self) -> bool {
        !self.thumbs.is_empty()
    }

    /// Begins to decode, or takes what has been decoded.
    fn poll(&mut self, ctx: &Context) {
        if !self.thumbs.is_empty() {
            return;
        }
        let pending = self.pending.take().unwrap_or_else(|| {
            let ctx = ctx.clone();
            Promise::spawn_thread("tokenscope-thumbs", move || {
                let thumbs = SAMPLES.iter().map(|s| if s.is_text() { None } else { thumb(s) }).collect();
                ctx.request_repaint();
                thumbs
            })
        });
        match pending.try_take() {
            Ok(images) => {
                let load = |(sample, image): (&Sample, Option<ColorImage>)| {
                    image.map(|image| ctx.load_texture(sample.name, image, TextureOptions::LINEAR.with_mipmap_mode(None)))
                };
                self.thumbs = SAMPLES.iter().zip(images).map(load).collect();
            }
            Err(pending) => self.pending = Some(pending),
        }
    }

    /// Draws all cards.
    pub fn show(&mut self, ui: &mut Ui, commands: &mut Vec<Command>) {
        self.poll(ui.ctx());
        let samples = || SAMPLES.iter().enumerate();
        let photos: Vec<_> = samples().filter(|(_, s)| !s.is_text()).collect();
        let texts: Vec<_> = samples().filter(|(_, s)| s.is_text()).collect();
        let columns = columns(ui.available_width(), &[6, 3, 2], MIN_PHOTO_WIDTH);
        grid_ui(ui, &photos, columns, commands, |ui, number, sample, width| Card {
            head: Head::Photo(self.thumbs.get(number).and_then(Option::as_ref)),
            ..Card::new(ui, sample, width)
        });
        ui.add_space(2.0);
        let columns = self::columns(ui.available_width(), &[3, 2], MIN_TEXT_WIDTH);
        grid_ui(ui, &texts, columns, commands, |ui, _, sample, width| Card::new(ui, sample, width));
    }
}

/// The most columns of `choices` whose cards are wide enough.
fn columns(width: f32, choices: &[usize], least: f32) -> usize {
    let wide_enough = |&count: &usize| card_width(width, count) >= least;
    choices.iter().copied().find(wide_enough).unwrap_or(1)
}

/// The widest page up to `width` on which rows of six, three and two cards end at the same edge.
pub fn page_width(width: f32) -> f32 {
    ((width + GAP) / 6.0).floor() * 6.0 - GAP
}

fn card_width(width: f32, count: usize) -> f32 {
    ((width - GAP * (count - 1) as f32) / count as f32).floor()
}

fn thumb(sample: &Sample) -> Option<ColorImage> {
    let image = image::load_from_memory(sample.bytes).ok()?;
    let [width, height] = THUMB_SIZE;
    let small = image.resize_to_fill(width, height, image::imageops::FilterType::Triangle).into_rgb8();
    Some(ColorImage::from_rgb([width as usize, height as usize], small.as_raw()))
}

/// Cards of one row have one height.
fn grid_ui<'a>(
    ui: &mut Ui,
    samples: &[(usize, &'a Sample)],
    columns: usize,
    commands: &mut Vec<Command>,
    card: impl Fn(&Ui, usize, &'a Sample, f32) -> Card<'a>,
) {
    let width = card_width(ui.available_width(), columns);
    for row in samples.chunks(columns) {
        let cards: Vec<Card<'_>> = row.iter().map(|&(number, sample)| card(ui, number, sample, width)).collect();
        let height = cards.iter().map(|c| c.height(width)).fold(0.0, f32::max).ceil();
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = GAP;
            for card in &cards {
                if card.show(ui, vec2(width, height)).clicked() {
                    commands.push(Command::OpenInput(Input::Sample(card.sample.name.to_owned())));
                }
            }
        });
        ui.add_space(GAP - ui.spacing().item_spacing.y);
    }
}

enum Head<'a> {
    /// A photo, once it is decoded.
    Photo(Option<&'a TextureHandle>),
    /// How a text begins.
    Text(std::sync::Arc<egui::Galley>),
}

struct Card<'a> {
    sample: &'a Sample,
    head: Head<'a>,
    title: std::sync::Arc<egui::Galley>,
    hint: std::sync::Arc<egui::Galley>,
}

impl<'a> Card<'a> {
    /// A card of a text; a photo puts its picture in the head's place.
    fn new(ui: &Ui, sample: &'a Sample, width: f32) -> Self {
        let palette = theme::palette(ui.visuals());
        let room = width - 2.0 * PADDING;
        let lay = |text: &str, style: TextStyle, colour, rows: usize| {
            let mut job = LayoutJob::simple(text.to_owned(), style.resolve(ui.style()), colour, room);
            job.wrap.max_rows = rows;
            job.halign = Align::LEFT;
            ui.painter().layout_job(job)
        };
        let begins = if sample.is_text() { std::str::from_utf8(sample.bytes).unwrap_or_default().trim() } else { "" };
        Self {
            sample,
            head: Head::Text(lay(begins, TextStyle::Small, ui.visuals().text_color(), 2)),
            title: lay(sample.title, TextStyle::Body, ui.visuals().strong_text_color(), 1),
            hint: lay(sample.hint, TextStyle::Small, palette.quiet, 4),
        }
    }

    fn head_height(&self, width: f32) -> f32 {
        match &self.head {
            Head::Photo(_) => (width * THUMB_SIZE[1] as f32 / THUMB_SIZE[0] as f32).round(),
            Head::Text(text) => PADDING + text.size().y + 4.0,
        }
    }

    fn height(&self, width: f32) -> f32 {
        self.head_height(width) + 6.0 + self.title.size().y + 2.0 + self.hint.size().y + PADDING
    }

    fn show(&self, ui: &mut Ui, size: egui::Vec2) -> Response {
        let (rect, response) = ui.allocate_exact_size(size, Sense::click());
        let label = format!("Open the sample {}", self.sample.title);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &label));
        let (visuals, palette, painter) = (ui.visuals(), theme::palette(ui.visuals()), ui.painter());
        let lit = response.hovered() || response.has_focus();
        let fill = if lit { visuals.widgets.hovered.weak_bg_fill } else { visuals.panel_fill };
        painter.rect_filled(rect, 7.0, fill);
        let mut at = pos2(rect.left() + PADDING, rect.top() + self.head_height(size.x) + 6.0);
        match &self.head {
            Head::Photo(texture) => {
                let picture = Rect::from_min_size(rect.min, vec2(size.x, self.head_height(size.x)));
                let corners = CornerRadius { nw: 7, ne: 7, sw: 0, se: 0 };
                match texture {
                    Some(texture) => Image::new((texture.id(), picture.size())).corner_radius(corners).paint_at(ui, picture),
                    None => {
                        painter.rect_filled(picture, corners, visuals.widgets.inactive.weak_bg_fill);
                    }
                }
                painter.galley(at, self.title.clone(), visuals.text_color());
                at.y += self.title.size().y + 2.0;
            }
            Head::Text(text) => {
                painter.galley(pos2(at.x, rect.top() + PADDING), self.title.clone(), visuals.text_color());
                let below = rect.top() + PADDING + self.title.size().y + 4.0;
                painter.galley(pos2(at.x, below), text.clone(), visuals.text_color());
                at.y = below + text.size().y + 4.0;
            }
        }
        painter.galley(at, self.hint.clone(), palette.quiet);
        let line = if lit { Stroke::new(2.0, palette.accent) } else { Stroke::new(1.0, palette.line) };
        painter.rect_stroke(rect, 7.0, line, StrokeKind::Inside);
        response.on_hover_cursor(egui::CursorIcon::PointingHand)
    }
}
