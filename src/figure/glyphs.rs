//! Glyphs as shapes: outlines, coloured pictures, and the code points of what no font has. All lengths are in em, to the right
//! of and above the origin of a line. The files of a figure hold these shapes, so that they look the same on every machine that
//! reads them.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, fontdb};
use skrifa::bitmap::{BitmapData, Origin};
use skrifa::instance::Size;
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{GlyphId, MetadataProvider};

use super::font;
use crate::letters::face::Face;
use crate::letters::fonts::{Choice, Fonts, Others};
use crate::letters::shape::{Shaped, shape};

/// Pixels an em of pictures that are made from coloured layers.
const PICTURE_PIXELS: f32 = 136.0;

/// The built-in font, and for what it lacks those of this machine.
pub fn fonts() -> &'static Fonts {
    static FONTS: LazyLock<Fonts> = LazyLock::new(|| Fonts { others: Others::Machine, ..built_in() });
    &FONTS
}

/// The built-in font alone.
pub fn built_in() -> Fonts {
    let face = Face::embedded("Liberation Sans", font::BYTES);
    Fonts { own: face.map(Arc::new).into_iter().collect(), others: Others::None }
}

/// A part of an outline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Segment {
    /// To a new contour.
    Move(Point),
    /// A straight line.
    Line(Point),
    /// A quadratic curve: control, end.
    Quad(Point, Point),
    /// A cubic curve: two controls, end.
    Curve(Point, Point, Point),
    /// Back to where the contour began.
    Close,
}

/// Right of the origin, above the baseline.
pub type Point = (f32, f32);

/// What is drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A filled outline.
    Outline {
        /// Its contours, by the rule of non-zero winding.
        path: Vec<Segment>,
        /// Its colour.
        ink: [u8; 3],
    },
    /// A picture with its own colours.
    Picture {
        /// A PNG file.
        png: Arc<[u8]>,
        /// Its top left.
        at: Point,
        /// Width and height.
        size: (f32, f32),
    },
}

/// A line of letters that are drawn as shapes.
#[derive(Clone, Debug, PartialEq)]
pub struct Letters {
    /// The origin, in points.
    pub at: (f64, f64),
    /// Type size, in points.
    pub size: f64,
    /// Whether it reads from bottom to top.
    pub upright: bool,
    /// The letters, in the order of the string.
    pub text: String,
    /// From back to front.
    pub shapes: Vec<Shape>,
    /// Fonts of this machine that it needed.
    pub fonts: Vec<String>,
    /// Characters that no font has.
    pub missing: Vec<char>,
}

impl Letters {
    /// A line without letters.
    pub fn new(at: (f64, f64), size: f64, upright: bool) -> Self {
        Self { at, size, upright, text: String::new(), shapes: Vec::new(), fonts: Vec::new(), missing: Vec::new() }
    }

    /// Adds shaped text that begins `x` em to the right; `ink` is the colour of what begins at a byte of it.
    pub fn push(&mut self, (text, x): (&str, f32), choice: &Choice, shaped: &Shaped, ink: &dyn Fn(usize) -> [u8; 3]) {
        self.text.push_str(text);
        let Some(face) = choice.face() else {
            for c in text.chars() {
                self.shapes.push(Shape::Outline { path: code_point(c, x), ink: ink(0) });
                self.missing.push(c);
            }
            return;
        };
        if let Choice::Other(face) = choice {
            self.fonts.push(face.name.clone());
        }
        for glyph in &shaped.glyphs {
            let at = (x + glyph.x, glyph.y);
            let cluster = text.get(shaped.clusters.around(glyph.start)).unwrap_or("");
            let picture = || picture(face, glyph.id, cluster).map(|picture| picture.moved(at));
            let outline = || outline(face, glyph.id, at).map(|path| Shape::Outline { path, ink: ink(glyph.start) });
            self.shapes.extend(picture().or_else(outline));
        }
    }
}

impl Shape {
    fn moved(self, (x, y): Point) -> Self {
        match self {
            Self::Picture { png, at, size } => Self::Picture { png, at: (at.0 + x, at.1 + y), size },
            outline @ Self::Outline { .. } => outline,
        }
    }
}

/// Collects an outline.
struct Pen {
    path: Vec<Segment>,
    scale: f32,
    at: Point,
}

impl Pen {
    fn point(&self, x: f32, y: f32) -> Point {
        (self.at.0 + x * self.scale, self.at.1 + y * self.scale)
    }
}

impl OutlinePen for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.push(Segment::Move(self.point(x, y)));
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.path.push(Segment::Line(self.point(x, y)));
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        self.path.push(Segment::Quad(self.point(cx, cy), self.point(x, y)));
    }

    fn curve_to(&mut self, ax: f32, ay: f32, bx: f32, by: f32, x: f32, y: f32) {
        self.path.push(Segment::Curve(self.point(ax, ay), self.point(bx, by), self.point(x, y)));
    }

    fn close(&mut self) {
        self.path.push(Segment::Close);
    }
}

/// The outline of a glyph; none where it has no ink.
fn outline(face: &Face, glyph: u32, at: Point) -> Option<Vec<Segment>> {
    drawn(face, glyph, at, 1.0)
}

fn drawn(face: &Face, glyph: u32, at: Point, size: f32) -> Option<Vec<Segment>> {
    let (font, location) = (face.font()?, face.location());
    let mut pen = Pen { path: Vec::new(), scale: size / face.units_per_em(), at };
    let outline = font.outline_glyphs().get(GlyphId::new(glyph))?;
    outline.draw(DrawSettings::unhinted(Size::unscaled(), &location), &mut pen).ok()?;
    (!pen.path.is_empty()).then_some(pen.path)
}

/// The coloured picture of a glyph, where its font has one: a bitmap (`CBDT`, `sbix`), or coloured layers (`COLR`), which are drawn
/// from the characters of its cluster.
fn picture(face: &Face, glyph: u32, cluster: &str) -> Option<Shape> {
    let (font, id) = (face.font()?, GlyphId::new(glyph));
    let strikes = font.bitmap_strikes();
    if let Some(bitmap) = strikes.glyph_for_size(Size::new(PICTURE_PIXELS), id)
        && let BitmapData::Png(png) = bitmap.data
    {
        let em = |inner: f32, outer: f32, ppem: f32| inner / ppem.max(1.0) + outer / face.units_per_em();
        let size = (bitmap.width as f32 / bitmap.ppem_x.max(1.0), bitmap.height as f32 / bitmap.ppem_y.max(1.0));
        let x = em(bitmap.inner_bearing_x, bitmap.bearing_x, bitmap.ppem_x);
        let y = em(bitmap.inner_bearing_y, bitmap.bearing_y, bitmap.ppem_y);
        let top = if bitmap.placement_origin == Origin::TopLeft { y } else { y + size.1 };
        return Some(Shape::Picture { png: png.into(), at: (x, top), size });
    }
    font.color_glyphs().get(id)?;
    layered(face, cluster)
}

/// The characters of a cluster in the colours of their font, 1.5 em wide and high.
fn layered(face: &Face, cluster: &str) -> Option<Shape> {
    const SIDE: f32 = 1.5;
    let side = PICTURE_PIXELS * SIDE;
    let mut options = usvg::Options::default();
    let chosen = Arc::make_mut(&mut options.fontdb).push_face_info(fontdb::FaceInfo {
        id: fontdb::ID::dummy(),
        source: fontdb::Source::Binary(face.bytes().clone()),
        index: face.index(),
        families: vec![(face.name.clone(), fontdb::Language::English_UnitedStates)],
        post_script_name: face.name.clone(),
        style: fontdb::Style::Normal,
        weight: fontdb::Weight::NORMAL,
        stretch: fontdb::Stretch::Normal,
        monospaced: false,
    });
    options.font_resolver.select_font = Box::new(move |_, _| Some(chosen));
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{side}\" height=\"{side}\"><text y=\"{}\" font-size=\"{PICTURE_PIXELS}\">{}</text></svg>",
        PICTURE_PIXELS * 1.125,
        super::svg::escaped(cluster),
    );
    let tree = usvg::Tree::from_str(&svg, &options).ok()?;
    let mut pixmap = Pixmap::new(side as u32, side as u32)?;
    resvg::render(&tree, Transform::identity(), &mut pixmap.as_mut());
    pixmap.pixels().iter().any(|pixel| pixel.alpha() > 0).then_some(())?;
    let png: Arc<[u8]> = super::png::picture(&pixmap)?.into();
    Some(Shape::Picture { png, at: (0.0, 1.125), size: (SIDE, SIDE) })
}

/// A frame of an em with the hexadecimal digits of a character.
fn code_point(c: char, x: f32) -> Vec<Segment> {
    const INK: f32 = 0.035;
    let (left, right, bottom, top) = (x + 0.05, x + 0.95, -0.19, 0.81);
    let mut path = Vec::new();
    let edges = [
        (left, bottom, right, bottom + INK),
        (left, top - INK, right, top),
        (left, bottom, left + INK, top),
        (right - INK, bottom, right, top),
    ];
    for (x0, y0, x1, y1) in edges {
        path.extend([Segment::Move((x0, y0)), Segment::Line((x1, y0)), Segment::Line((x1, y1)), Segment::Line((x0, y1))]);
        path.push(Segment::Close);
    }
    let code = u32::from(c);
    let digits = if code > 0xffff { format!("{code:06X}") } else { format!("{code:04X}") };
    let (size, columns) = if code > 0xffff { (0.4, 3) } else { (0.46, 2) };
    let own = fonts().own.first();
    for (n, digit) in digits.chars().enumerate() {
        let Some(face) = own else { break };
        let (row, column) = (n / columns, n % columns);
        let advance = font::advance(digit).unwrap_or(0.5) as f32 * size;
        let start = (left + right) / 2.0 - advance * columns as f32 / 2.0 + column as f32 * advance;
        let at = (start, if row == 0 { 0.36 } else { -0.09 });
        let glyph = shape(face, &digit.to_string(), None, false).glyphs.first().map_or(0, |glyph| glyph.id);
        path.extend(drawn(face, glyph, at, size).unwrap_or_default());
    }
    path
}
