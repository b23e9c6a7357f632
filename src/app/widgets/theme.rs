//! All colours and spacing of the window, light and dark. Text reaches a contrast of 7:1 on its ground, so that it survives a
//! projector; the accent is a blue that colour-blind readers tell from every map's ends.

use eframe::egui::{self, Color32, CornerRadius, FontId, Margin, Stroke, Style, TextStyle, Vec2, Visuals};

use crate::app::widgets::fonts;

use crate::letters::fonts::Others;

/// Width of the panel of controls.
pub const CONTROLS_WIDTH: f32 = 284.0;
/// Width of the column of names in it.
pub const NAME_WIDTH: f32 = 84.0;
/// Width of the strip that holds the colour bar.
pub const COLOUR_BAR_STRIP: f32 = 92.0;
/// Width of the strip that holds the legend of segments.
pub const LEGEND_STRIP: f32 = 194.0;
/// Width of the strip that holds the meanings of colours.
pub const PAINT_STRIP: f32 = 142.0;
/// Between the picture and the edge of the canvas.
pub const CANVAS_MARGIN: f32 = 10.0;
/// CommandContext the row of tokens.
pub const TOKENS_MARGIN: Margin = Margin { left: 12, right: 12, top: 4, bottom: 4 };
/// Smallest window.
pub const MIN_SIZE: [f32; 2] = [1000.0, 640.0];
/// Window at the start.
pub const START_SIZE: [f32; 2] = [1440.0, 900.0];

/// Colours that egui's visuals have no name for.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    /// Behind the picture.
    pub canvas: Color32,
    /// Selected things, progress.
    pub accent: Color32,
    /// Text on the accent.
    pub on_accent: Color32,
    /// Headings of groups, second lines.
    pub quiet: Color32,
    /// Ground of the error banner.
    pub banner: Color32,
    /// Text of the error banner.
    pub on_banner: Color32,
    /// Ring around what has the keyboard.
    pub focus: Color32,
    /// Lines between groups.
    pub line: Color32,
    /// Lines between patches.
    pub grid: Color32,
}

const LIGHT: Palette = Palette {
    canvas: Color32::from_rgb(233, 235, 239),
    accent: Color32::from_rgb(0, 92, 175),
    on_accent: Color32::WHITE,
    quiet: Color32::from_rgb(82, 88, 98),
    banner: Color32::from_rgb(255, 228, 222),
    on_banner: Color32::from_rgb(122, 20, 8),
    focus: Color32::from_rgb(200, 80, 0),
    line: Color32::from_rgb(212, 216, 222),
    grid: Color32::from_rgba_premultiplied(60, 60, 60, 60),
};

const DARK: Palette = Palette {
    canvas: Color32::from_rgb(18, 20, 23),
    accent: Color32::from_rgb(92, 176, 255),
    on_accent: Color32::from_rgb(8, 24, 40),
    quiet: Color32::from_rgb(168, 175, 186),
    banner: Color32::from_rgb(74, 26, 22),
    on_banner: Color32::from_rgb(255, 208, 200),
    focus: Color32::from_rgb(255, 176, 46),
    line: Color32::from_rgb(54, 59, 67),
    grid: Color32::from_rgba_premultiplied(60, 60, 60, 60),
};

/// Outline of the patch under the pointer, over any colour: a light line within a dark one.
pub const OUTLINE: [(f32, Color32); 2] = [(3.0, Color32::from_black_alpha(200)), (1.0, Color32::WHITE)];
/// Outline of the pinned patch.
pub const PIN_OUTLINE: [(f32, Color32); 2] = [(6.0, Color32::BLACK), (3.5, Color32::WHITE)];
/// Outline of the pinned word, which has less room.
pub const WORD_PIN_OUTLINE: [(f32, Color32); 2] = [(4.5, Color32::BLACK), (2.75, Color32::WHITE)];

/// The colours for the theme that is on.
pub fn palette(visuals: &Visuals) -> &'static Palette {
    if visuals.dark_mode { &DARK } else { &LIGHT }
}

/// Colour of a curve: readers with any colour vision tell the first six apart, on the ground of the theme that is on.
pub fn series_colour(visuals: &Visuals, index: usize) -> Color32 {
    const LIGHT: [[u8; 3]; 6] = [[0, 100, 170], [200, 80, 0], [0, 125, 90], [165, 65, 120], [125, 100, 0], [70, 70, 70]];
    const DARK: [[u8; 3]; 6] = [[92, 176, 255], [240, 165, 40], [60, 205, 155], [230, 155, 200], [240, 228, 66], [190, 190, 190]];
    let [r, g, b] = if visuals.dark_mode { DARK } else { LIGHT }[index % 6];
    Color32::from_rgb(r, g, b)
}

/// Sets both themes.
pub fn install(ctx: &egui::Context) {
    ctx.set_visuals_of(egui::Theme::Light, visuals(Visuals::light(), &LIGHT, [255, 244, 226, 205], 22));
    ctx.set_visuals_of(egui::Theme::Dark, visuals(Visuals::dark(), &DARK, [28, 38, 52, 72], 236));
    ctx.all_styles_mut(spacing);
    fonts::install(ctx, Others::None);
}

/// Turns a theme on.
pub fn choose(ctx: &egui::Context, theme: crate::app::state::Theme) {
    use crate::app::state::Theme;
    let preference = match theme {
        Theme::System => egui::ThemePreference::System,
        Theme::Light => egui::ThemePreference::Light,
        Theme::Dark => egui::ThemePreference::Dark,
    };
    if ctx.options(|o| o.theme_preference) != preference {
        ctx.set_theme(preference);
    }
}

/// `greys`: panel, resting control, hovered control, pressed control; `ink`: text.
fn visuals(mut visuals: Visuals, palette: &Palette, greys: [u8; 4], ink: u8) -> Visuals {
    let [panel, rest, hover, press] = greys.map(|g| Color32::from_rgb(g, g.saturating_add(2), g.saturating_add(5)));
    let text = Color32::from_gray(ink);
    visuals.panel_fill = panel;
    visuals.window_fill = panel;
    visuals.extreme_bg_color = palette.canvas;
    visuals.faint_bg_color = rest;
    visuals.window_stroke = Stroke::new(1.0, palette.line);
    visuals.selection.bg_fill = palette.accent;
    visuals.selection.stroke = Stroke::new(1.0, palette.on_accent);
    visuals.hyperlink_color = palette.accent;
    visuals.weak_text_color = Some(palette.quiet);
    visuals.slider_trailing_fill = true;
    let widgets = &mut visuals.widgets;
    for (widget, fill) in [
        (&mut widgets.noninteractive, panel),
        (&mut widgets.inactive, rest),
        (&mut widgets.hovered, hover),
        (&mut widgets.active, press),
        (&mut widgets.open, hover),
    ] {
        widget.bg_fill = fill;
        widget.weak_bg_fill = fill;
        widget.fg_stroke = Stroke::new(1.0, text);
        widget.corner_radius = CornerRadius::same(5);
        widget.expansion = 0.0;
        widget.bg_stroke = Stroke::new(1.0, palette.line);
    }
    visuals.widgets.hovered.bg_stroke = Stroke::new(1.0, palette.quiet);
    visuals.widgets.active.bg_stroke = Stroke::new(1.0, palette.accent);
    visuals
}

fn spacing(style: &mut Style) {
    for (text, size) in [(TextStyle::Body, 14.5), (TextStyle::Button, 14.5), (TextStyle::Small, 12.5), (TextStyle::Heading, 22.0)]
    {
        style.text_styles.insert(text, FontId::proportional(size));
    }
    style.text_styles.insert(TextStyle::Monospace, FontId::monospace(13.5));
    let spacing = &mut style.spacing;
    spacing.item_spacing = Vec2::new(8.0, 7.0);
    spacing.button_padding = Vec2::new(9.0, 4.0);
    spacing.interact_size = Vec2::new(36.0, 26.0);
    spacing.combo_width = 168.0;
    spacing.slider_width = 108.0;
    spacing.menu_margin = Margin::same(6);
    // Scroll bars stand beside what they scroll, not over it.
    spacing.scroll = egui::style::ScrollStyle::thin();
    spacing.tooltip_width = 420.0;
}

/// Ground of panels.
pub fn panel_frame(style: &Style) -> egui::Frame {
    egui::Frame::new().fill(style.visuals.panel_fill).inner_margin(Margin::symmetric(12, 8))
}

/// Ground of the strip beside the picture.
pub fn strip_frame(style: &Style) -> egui::Frame {
    egui::Frame::new().fill(palette(&style.visuals).canvas).inner_margin(Margin { left: 4, right: 12, top: 14, bottom: 10 })
}
