//! Panels on a page: how many side by side, how large, and what stands around them.

use super::bar;
use super::exhibits;
use super::ink;
use super::layout::{Anchor, INK, Layout, Mark, POINTS_PER_INCH, Rect, Source, snapped};
use super::panels::{Content, Entry, Panel, Sheet};
use super::style::FigureStyle;
use super::text::{shortened, width, wrapped};
use crate::domain::exhibit::Exhibit;
use crate::domain::{Error, Result};
use crate::render::UvRect;

/// One column and two of the usual journal page, in inches.
const COLUMN_IN: f64 = 3.5;
const PAGE_IN: f64 = 7.16;
/// Highest block of panels, in inches: a page less its caption.
const HIGHEST_IN: f64 = 8.5;
/// Narrower panels go below each other, where they can.
const NARROWEST: f64 = 30.0;
/// Highest colour bar beside a text, in points: beyond that it is hard to read, not easier.
const HIGHEST_TEXT_BAR: f64 = 108.0;
/// Pixels that a figure of texts may have: 1.6 GB while it is drawn. A text of 512 tokens needs less at any width and resolution.
pub const MOST_PIXELS: f64 = 4e8;
/// From this width on, in points, two charts stand beside each other.
const WIDE: f64 = 400.0;
/// White around everything.
const MARGIN: f64 = 2.0;
/// Between panels.
const GAP: f64 = 6.0;
/// Between panels and their colour bar.
const BAR_GAP: f64 = 5.0;
/// Type sizes of captions, title and legend, and the distances of their lines.
const CAPTION: f64 = 8.0;
const CAPTION_LINE: f64 = 11.0;
const SMALL: f64 = 7.0;
const SMALL_LINE: f64 = 9.0;

/// Lays a sheet out. Texts take the width of a page where a column would be higher than one, and whatever height they need.
///
/// # Errors
/// A refusal of many long texts that would be more than [`MOST_PIXELS`].
pub fn laid_out(sheet: Sheet, style: &FigureStyle) -> Result<Layout> {
    let mut num_columns = columns_of(&sheet);
    let mut page = Page::begin(sheet, style)?;
    while num_columns > 1 && page.available(num_columns) < NARROWEST {
        num_columns -= 1;
    }
    let block = page.block(num_columns);
    if style.title {
        page.put_title(block.left);
    }
    page.put_panels(&block);
    page.put_legend();
    page.put_exhibits();
    let height = snapped(page.y + MARGIN, style.dpi);
    check_pixels(page.width, height, style)?;
    let ranges = page.sheet.bars.iter().map(|b| b.range).collect();
    Ok(Layout { width: page.width, height, dpi: style.dpi, marks: page.marks, ranges })
}

/// Refuses a sheet of texts that would be too large, before its numbers are there.
///
/// # Errors
/// That refusal.
pub(super) fn check(sheet: Sheet, style: &FigureStyle) -> Result<()> {
    Page::begin(sheet, style).map(drop)
}

/// Refuses more pixels than can be drawn.
fn check_pixels(width: f64, height: f64, style: &FigureStyle) -> Result<()> {
    let dots = f64::from(style.dpi) / POINTS_PER_INCH;
    let pixels = width * height * dots * dots;
    if pixels <= MOST_PIXELS {
        return Ok(());
    }
    Err(Error::refused(format!("--dpi {}", style.dpi), format!("a figure of {:.0} million pixels", pixels / 1e6))
        .expected(format!("at most {:.0} million pixels", MOST_PIXELS / 1e6))
        .remedy("lower --dpi or --width, or leave charts and tables out by --exhibits off"))
}

/// As many side by side as stay readable; the last row is as full as can be.
fn columns_of(sheet: &Sheet) -> usize {
    let count = sheet.panels.len();
    let Some(aspect) = sheet.aspect else { return 1 };
    let most = match aspect {
        a if count <= 2 => usize::from(a < 2.0) + 1,
        a if a > 2.0 => 2,
        a if a > 1.4 => 3,
        a if a < 0.6 || count > 16 => 6,
        _ => 4,
    };
    let most = if count > 36 { most.max(8) } else { most };
    count.div_ceil(count.div_ceil(most))
}

struct Page {
    sheet: Sheet,
    width: f64,
    dpi: u32,
    y: f64,
    marks: Vec<Mark>,
    /// Of the first exhibit, where panels have letters.
    next_letter: Option<u8>,
}

/// Sizes of a block of panels, in points.
struct Block {
    num_columns: usize,
    left: f64,
    pitch: f64,
    panel: (f64, f64),
}

impl Page {
    /// An empty page for a sheet.
    fn begin(sheet: Sheet, style: &FigureStyle) -> Result<Self> {
        let is_text = sheet.aspect.is_none();
        let wide = !is_text && (sheet.panels.len() > 2 || (sheet.bars.len() > 1 && columns_of(&sheet) > 1));
        let width_in = style.width_in.unwrap_or(if wide { PAGE_IN } else { COLUMN_IN });
        let width = snapped(width_in * POINTS_PER_INCH, style.dpi);
        let mut page = Self { sheet, width, dpi: style.dpi, y: MARGIN, marks: Vec::new(), next_letter: None };
        if is_text && style.width_in.is_none() && page.text_height() > HIGHEST_IN * POINTS_PER_INCH {
            page.width = snapped(PAGE_IN * POINTS_PER_INCH, style.dpi);
        }
        if is_text {
            page.check_size()?;
        }
        Ok(page)
    }

    fn snap(&self, points: f64) -> f64 {
        snapped(points, self.dpi)
    }

    fn text(&mut self, at: (f64, f64), size: f64, text: String) {
        self.marks.push(Mark::Text { at, size, anchor: Anchor::Start, upright: false, text, ink: None });
    }

    /// Flush with the panels, unless it needs the whole width.
    fn put_title(&mut self, left: f64) {
        let lines = wrapped(&self.sheet.title, SMALL, self.width - 2.0 * MARGIN);
        let fits = lines.iter().all(|line| left + width(line, SMALL) <= self.width - MARGIN);
        for line in lines {
            self.text((if fits { left } else { MARGIN }, self.y + 0.8 * SMALL_LINE), SMALL, line);
            self.y += SMALL_LINE;
        }
        self.y += 2.0;
    }

    fn put_panels(&mut self, block: &Block) {
        let num_columns = block.num_columns;
        let panels = std::mem::take(&mut self.sheet.panels);
        let has_letters = (2..=26).contains(&(panels.len() + self.sheet.exhibits.len()));
        self.next_letter = has_letters.then_some(panels.len() as u8);
        let mut places: Vec<Rect> = Vec::new();
        for (n, panel) in panels.iter().enumerate() {
            let (row, col) = (n / num_columns, n % num_columns);
            if col == 0 && row > 0 {
                self.y += GAP / 2.0;
            }
            let letter = if has_letters { format!("({}) ", char::from(b'a' + n as u8)) } else { String::new() };
            let x = self.snap(block.left + col as f64 * block.pitch);
            let top = self.snap(self.y + CAPTION_LINE);
            let height = self.panel_height(panel, block);
            let rect = Rect { x, y: top, width: block.panel.0, height };
            let caption = shortened(&format!("{letter}{}", panel.caption), CAPTION, self.caption_width(block));
            self.text((x, top - 3.0), CAPTION, caption);
            self.put_panel(panel, rect);
            places.push(rect);
            if col + 1 == num_columns || n + 1 == panels.len() {
                let least = if self.sheet.bars.is_empty() { 0.0 } else { bar::LEAST_HEIGHT };
                self.y = rect.y + rect.height.max(least);
            }
        }
        self.put_bars(&panels, &places);
        self.y += 1.0;
    }

    /// Above a text, captions may stand beside a bar too, but for its unit, which may rise that high.
    fn caption_width(&self, block: &Block) -> f64 {
        if self.sheet.aspect.is_some() { block.pitch - GAP } else { self.width - 2.0 * MARGIN - 12.0 }
    }

    /// As high as all panels of the sheet, or as its own lines.
    fn panel_height(&self, panel: &Panel, block: &Block) -> f64 {
        match &panel.content {
            Content::Painting(..) => block.panel.1,
            Content::Words(words) => self.snap(ink::height(&ink::setting(words, block.panel.0))),
            Content::Cells(cells) => self.snap(cells.height(block.panel.0)),
        }
    }

    /// About how high panels of text are together.
    fn text_height(&self) -> f64 {
        let block = self.block(1);
        self.sheet.panels.iter().map(|panel| self.panel_height(panel, &block) + CAPTION_LINE + GAP).sum()
    }

    fn check_size(&self) -> Result<()> {
        let (height, dots) = (self.text_height(), f64::from(self.dpi) / POINTS_PER_INCH);
        if height * self.width * dots * dots <= MOST_PIXELS {
            return Ok(());
        }
        let what = format!("{} panels of this text, {:.0} inches high", self.sheet.panels.len(), height / POINTS_PER_INCH);
        Err(Error::refused("--token", what)
            .expected(format!("at most {:.0} million pixels", MOST_PIXELS / 1e6))
            .remedy("name fewer tokens, lower --dpi, or write .npy, .npz or .csv, which take any number"))
    }

    /// Points across that a bar takes, its distance from the panel included.
    fn bar_width(&self) -> f64 {
        self.sheet.bars.iter().map(|b| BAR_GAP + bar::bar_width(b, 100.0)).fold(0.0, f64::max)
    }

    /// Points across that so many panels side by side may each have.
    fn available(&self, num_columns: usize) -> f64 {
        let num_bars = if self.sheet.bars.len() > 1 { num_columns } else { 1 };
        let columns = num_columns as f64;
        (self.width - 2.0 * MARGIN - self.bar_width() * num_bars as f64 - GAP * (columns - 1.0)) / columns
    }

    /// Panels as large as the width, and the height of a page, allow. The block is centred where height is what limits it.
    fn block(&self, num_columns: usize) -> Block {
        let Some(aspect) = self.sheet.aspect else {
            let panel = (self.snap(self.available(1)), 0.0);
            return Block { num_columns: 1, left: MARGIN, pitch: panel.0 + GAP, panel };
        };
        let num_rows = self.sheet.panels.len().div_ceil(num_columns);
        let columns = num_columns as f64;
        let bars = self.bar_width();
        let highest = HIGHEST_IN * POINTS_PER_INCH / num_rows as f64 - CAPTION_LINE;
        // One row need not be as high as the page.
        let highest = if num_rows == 1 { highest.min(self.width.max(COLUMN_IN * POINTS_PER_INCH)) } else { highest };
        let least = POINTS_PER_INCH / f64::from(self.dpi);
        let panel_width = self.available(num_columns).min(highest * aspect).max(4.0 * least);
        let panel = (self.snap(panel_width), self.snap(panel_width / aspect).max(least));
        let own = if self.sheet.bars.len() > 1 { bars } else { 0.0 };
        let used = columns * (panel.0 + own) + GAP * (columns - 1.0) + if own > 0.0 { 0.0 } else { bars };
        let spare = (self.width - 2.0 * MARGIN - used).max(0.0);
        Block { num_columns, left: MARGIN + spare / 2.0, pitch: panel.0 + own + GAP, panel }
    }

    fn put_panel(&mut self, panel: &Panel, rect: Rect) {
        match &panel.content {
            Content::Painting(painting, target) => {
                self.marks.push(Mark::Raster { rect, source: Source::Painting(painting.clone()) });
                self.marks.extend(target.iter().flat_map(|&target| outline(target, rect)));
            }
            Content::Words(words) => {
                let setting = ink::setting(words, rect.width);
                self.marks.extend(ink::marks(words, &setting, (rect.x, rect.y), self.dpi));
            }
            Content::Cells(cells) => self.marks.extend(cells.marks(rect, self.dpi)),
        }
    }

    /// A bar beside its panel, or one beside all panels that share it.
    fn put_bars(&mut self, panels: &[Panel], places: &[Rect]) {
        for (index, bar) in self.sheet.bars.iter().enumerate() {
            let mine = || panels.iter().zip(places).filter(|(p, _)| p.bar == Some(index)).map(|(_, place)| *place);
            let right = mine().map(Rect::right).fold(0.0, f64::max);
            let top = mine().map(|r| r.y).fold(f64::INFINITY, f64::min);
            let bottom = mine().map(Rect::bottom).fold(0.0, f64::max);
            if top < bottom {
                let highest = if self.sheet.aspect.is_some() { f64::INFINITY } else { HIGHEST_TEXT_BAR };
                let height = (bottom - top).min(highest).max(bar::LEAST_HEIGHT);
                self.marks.extend(bar::marks(bar, (snapped(right + BAR_GAP, self.dpi), top), height));
            }
        }
    }

    fn put_legend(&mut self) {
        let legend = std::mem::take(&mut self.sheet.legend);
        let (legend, remarks): (Vec<Entry>, Vec<Entry>) = legend.into_iter().partition(|e| e.colour.is_some());
        let Some(widest) = legend.iter().map(|e| width(&e.text, SMALL)).reduce(f64::max) else { return };
        let swatch = 0.8 * SMALL;
        let pitch = swatch + 3.0 + widest + 8.0;
        let columns = (((self.width - 2.0 * MARGIN + 8.0) / pitch) as usize).max(1);
        self.y += 3.0;
        for (n, entry) in legend.iter().enumerate() {
            let (row, col) = (n / columns, n % columns);
            let place = (MARGIN + col as f64 * pitch, self.y + row as f64 * SMALL_LINE);
            self.put_entry(entry, place, swatch);
        }
        self.y += legend.len().div_ceil(columns) as f64 * SMALL_LINE;
        for remark in remarks {
            self.put_entry(&remark, (MARGIN, self.y), swatch);
            self.y += SMALL_LINE;
        }
    }

    /// Charts beside each other where a page has room for two, all else below each other.
    fn put_exhibits(&mut self) {
        let exhibits = std::mem::take(&mut self.sheet.exhibits);
        let whole = self.width - 2.0 * MARGIN;
        let half = (whole - 2.0 * GAP) / 2.0;
        let mut rest = exhibits.iter().peekable();
        while let Some(first) = rest.next() {
            let fits_beside = |e: &&Exhibit| self.width >= WIDE && !exhibits::is_wide(first) && !exhibits::is_wide(e);
            let second = rest.next_if(fits_beside);
            let is_narrow = self.width >= WIDE && !exhibits::is_wide(first);
            let width = if is_narrow { half } else { whole };
            let top = self.snap(self.y + GAP / 2.0 + CAPTION_LINE);
            for (n, exhibit) in [Some(first), second].into_iter().flatten().enumerate() {
                let x = self.snap(MARGIN + n as f64 * (half + 2.0 * GAP));
                let rect = Rect { x, y: top, width, height: exhibits::height(exhibit, width) };
                let letter = self.next_letter.map_or_else(String::new, |n| format!("({}) ", char::from(b'a' + n)));
                self.next_letter = self.next_letter.map(|n| n + 1);
                self.text((x, top - 3.0), CAPTION, shortened(&format!("{letter}{}", exhibit.title()), CAPTION, width));
                self.marks.extend(exhibits::marks(exhibit, rect, self.dpi));
                self.y = self.y.max(rect.bottom());
            }
        }
    }

    fn put_entry(&mut self, entry: &Entry, (x, y): (f64, f64), swatch: f64) {
        let mut text_x = x;
        if let Some(colour) = entry.colour {
            let rect = Rect { x: x + 0.5, y: y + 1.3, width: swatch, height: swatch };
            self.marks.push(Mark::Box { rect, stroke: Some((INK, 0.4)), fill: Some(colour) });
            text_x += swatch + 3.0;
        }
        let text = shortened(&entry.text, SMALL, self.width - MARGIN - text_x);
        self.text((text_x, y + 0.8 * SMALL_LINE), SMALL, text);
    }
}

/// A white line inside a black one, around a patch however small it is: visible on any picture, and what it shows stays visible.
fn outline(target: UvRect, panel: Rect) -> [Mark; 2] {
    ink::outline(Rect {
        x: panel.x + target.left * panel.width,
        y: panel.y + target.top * panel.height,
        width: target.width() * panel.width,
        height: target.height() * panel.height,
    })
}
