//! The fonts of this machine, by fontique: fontconfig, Core Text or DirectWrite say which font has a script.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use fontique::{
    Collection, CollectionOptions, FallbackKey, GenericFamily, Language, QueryFamily, QueryFont, QueryStatus, Script,
    SourceCache, SourceCacheOptions,
};
use skrifa::Tag;

use super::characters::{is_emoji, script_of};
use super::face::Face;
use crate::guard::quietly;

/// The fonts, listed when the first character needs them.
static MACHINE: LazyLock<Mutex<Machine>> = LazyLock::new(|| Mutex::new(Machine::new(fonts_of_machine())));

/// Where symbols are looked for, which belong to no script.
const ANY_FAMILY: [GenericFamily; 6] = [
    GenericFamily::SansSerif,
    GenericFamily::SystemUi,
    GenericFamily::Emoji,
    GenericFamily::Math,
    GenericFamily::Serif,
    GenericFamily::Monospace,
];

struct Machine {
    collection: Collection,
    sources: SourceCache,
    locale: Option<Language>,
    /// By family, and the number of the font in it.
    faces: HashMap<(u64, usize), Option<Arc<Face>>>,
    /// By user-perceived character.
    found: HashMap<String, Option<Arc<Face>>>,
}

/// A font of this machine for a user-perceived character, if one is accepted. Answers are kept, so that `accepts` must give the
/// same answer whenever it is asked.
pub fn face_for(grapheme: &str, accepts: &dyn Fn(&Face) -> bool) -> Option<Arc<Face>> {
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner).face_for(grapheme, accepts)
}

/// A font that was found before, by its key.
pub fn known(key: &str) -> Option<Arc<Face>> {
    let machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    machine.found.values().flatten().find(|face| face.key() == key).cloned()
}

/// Lists the fonts, which takes long, on a thread of its own.
pub fn prepare() {
    let list = || {
        LazyLock::force(&MACHINE);
    };
    // Where no thread can be started, the first character that needs a font waits for the list.
    drop(std::thread::Builder::new().name("fonts".to_owned()).spawn(list));
}

/// The list of fonts: empty where the system has none, which fontique does not expect of fontconfig.
fn fonts_of_machine() -> Collection {
    let listed = |system_fonts| Collection::new(CollectionOptions { shared: false, system_fonts });
    quietly(|| listed(true)).unwrap_or_else(|| listed(false))
}

impl Machine {
    fn new(collection: Collection) -> Self {
        Self {
            collection,
            sources: SourceCache::new(SourceCacheOptions::default()),
            locale: sys_locale::get_locale().and_then(|locale| Language::parse(&locale).ok()),
            faces: HashMap::new(),
            found: HashMap::new(),
        }
    }

    fn face_for(&mut self, grapheme: &str, accepts: &dyn Fn(&Face) -> bool) -> Option<Arc<Face>> {
        if let Some(found) = self.found.get(grapheme) {
            return found.clone();
        }
        // A font that fontique or harfrust cannot read is no reason to end.
        let found = quietly(|| self.search(grapheme, accepts)).flatten();
        self.found.insert(grapheme.to_owned(), found.clone());
        found
    }

    fn search(&mut self, grapheme: &str, accepts: &dyn Fn(&Face) -> bool) -> Option<Arc<Face>> {
        let first = grapheme.chars().next()?;
        if is_emoji(grapheme)
            && let Some(face) = self.query(&[GenericFamily::Emoji], None, first, accepts)
        {
            return Some(face);
        }
        let script = grapheme.chars().find_map(script_of).and_then(|script| Script::parse(script.short_name()).ok());
        if let Some(script) = script {
            let other = if script == Script::from_bytes(*b"Hani") { HAN_LOCALES.as_slice() } else { &[] };
            let locales: Vec<Option<Language>> = [self.locale].into_iter().chain(other.iter().copied().map(Some)).collect();
            let found = locales.iter().find_map(|locale| {
                let key = FallbackKey::new(script, chosen(script, locale.as_ref()));
                self.query(&[GenericFamily::SansSerif], Some(key), first, accepts)
            });
            if found.is_some() {
                return found;
            }
        }
        self.query(&ANY_FAMILY, None, first, accepts).or_else(|| self.scan(first, accepts))
    }

    fn query(
        &mut self,
        families: &[GenericFamily],
        fallback: Option<FallbackKey>,
        first: char,
        accepts: &dyn Fn(&Face) -> bool,
    ) -> Option<Arc<Face>> {
        let mut fonts = Vec::new();
        let mut query = self.collection.query(&mut self.sources);
        query.set_families(families.iter().copied().map(QueryFamily::Generic));
        if let Some(key) = fallback {
            query.set_fallbacks(key);
        }
        query.matches_with(|font| {
            if font.charmap().and_then(|map| map.map(first)).is_some_and(|glyph| glyph != 0) {
                fonts.push(font.clone());
            }
            QueryStatus::Continue
        });
        drop(query);
        fonts.iter().find_map(|font| self.face(font).filter(|face| accepts(face)))
    }

    /// Looks into every family, in the order of their names: the system's lists name only a few fonts for symbols and marks.
    fn scan(&mut self, first: char, accepts: &dyn Fn(&Face) -> bool) -> Option<Arc<Face>> {
        let mut names: Vec<String> = self.collection.family_names().map(str::to_owned).collect();
        names.sort();
        names.into_iter().find_map(|name| {
            let mut found = None;
            let mut query = self.collection.query(&mut self.sources);
            query.set_families([QueryFamily::Named(&name)]);
            query.matches_with(|font| {
                if font.charmap().and_then(|map| map.map(first)).is_some_and(|glyph| glyph != 0) {
                    found = Some(font.clone());
                }
                QueryStatus::Stop
            });
            drop(query);
            found.and_then(|font| self.face(&font)).filter(|face| accepts(face))
        })
    }

    fn face(&mut self, font: &QueryFont) -> Option<Arc<Face>> {
        let key = (font.family.0.to_u64(), font.family.1);
        if let Some(face) = self.faces.get(&key) {
            return face.clone();
        }
        let family = self.collection.family_name(font.family.0).unwrap_or("unknown");
        let variations = font.synthesis.variation_settings().iter().map(|(tag, value)| (Tag::new(&tag.into_bytes()), *value));
        let (bytes, _) = font.blob.clone().into_raw_parts();
        let face = Face::new((family, font.family.1), bytes, font.index, variations.collect()).map(Arc::new);
        self.faces.insert(key, face.clone());
        face
    }
}

/// Chinese characters differ by country, and fonts hold those of one. fontique takes `zh-CN` for no locale at all, which gives
/// whatever font it found first.
static HAN_LOCALES: LazyLock<Vec<Language>> =
    LazyLock::new(|| ["zh-SG", "zh-TW", "ja", "ko"].iter().filter_map(|locale| Language::parse(locale).ok()).collect());

fn chosen(script: Script, locale: Option<&Language>) -> Option<&Language> {
    let is_simplified = |locale: &&Language| {
        locale.language() == "zh" && locale.script() != Some("Hant") && !matches!(locale.region(), Some("HK" | "TW" | "MO"))
    };
    match locale {
        Some(_) if script == Script::from_bytes(*b"Hani") && locale.filter(is_simplified).is_some() => HAN_LOCALES.first(),
        locale => locale,
    }
}
