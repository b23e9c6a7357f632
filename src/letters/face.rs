//! A font file in use.

use std::sync::Arc;

use harfrust::ShaperData;
use skrifa::instance::Location;
use skrifa::raw::TableProvider;
use skrifa::{FontRef, MetadataProvider, Tag};

/// The bytes of a font file.
pub type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// One face of a font file.
pub struct Face {
    /// The family, as the system calls it.
    pub name: String,
    /// Which of the family's fonts.
    number: usize,
    bytes: Bytes,
    index: u32,
    /// Axes of a variable font that differ from its default.
    variations: Vec<(Tag, f32)>,
    shaper: ShaperData,
    units_per_em: f32,
}

impl std::fmt::Debug for Face {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Face").field("name", &self.name).field("index", &self.index).finish_non_exhaustive()
    }
}

impl PartialEq for Face {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.bytes, &other.bytes) && self.index == other.index
    }
}

impl Face {
    /// Reads the directory of a font file, given its family and its number in that; `None` where it is no font.
    pub fn new((name, number): (&str, usize), bytes: Bytes, index: u32, variations: Vec<(Tag, f32)>) -> Option<Self> {
        let (shaper, units_per_em) = {
            let font = FontRef::from_index((*bytes).as_ref(), index).ok()?;
            (ShaperData::new(&font), f32::from(font.head().ok()?.units_per_em().max(1)))
        };
        Some(Self { name: name.to_owned(), number, bytes, index, variations, shaper, units_per_em })
    }

    /// A font that the program carries.
    pub fn embedded(name: &str, bytes: &'static [u8]) -> Option<Self> {
        Self::new((name, 0), Arc::new(bytes), 0, Vec::new())
    }

    /// A name that no other font of the machine has.
    pub fn key(&self) -> String {
        format!("{}#{}", self.name, self.number)
    }

    /// The font's tables.
    pub fn font(&self) -> Option<FontRef<'_>> {
        FontRef::from_index((*self.bytes).as_ref(), self.index).ok()
    }

    /// The file.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Which face of the file.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Axes that differ from the font's default.
    pub fn variations(&self) -> &[(Tag, f32)] {
        &self.variations
    }

    /// The place in the font's design space.
    pub fn location(&self) -> Location {
        self.font().map_or_else(Location::default, |font| font.axes().location(self.variations.iter().copied()))
    }

    /// What harfrust keeps of the font.
    pub fn shaper(&self) -> &ShaperData {
        &self.shaper
    }

    /// Font units an em.
    pub fn units_per_em(&self) -> f32 {
        self.units_per_em
    }

    /// Whether the font has a glyph for a character.
    pub fn has(&self, c: char) -> bool {
        self.font().and_then(|font| font.charmap().map(c)).is_some_and(|glyph| glyph.to_u32() != 0)
    }
}
