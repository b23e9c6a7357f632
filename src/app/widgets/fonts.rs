//! The window's fonts: egui's own, Liberation Sans for what these lack, and those of the machine where the window is a real one.
//! Pictures of the window and tests have none of the machine's, and so look the same everywhere.

use std::sync::Arc;

use eframe::egui::epaint::text::{FallbackRequest, FontInsert, FontProvider, FontTweak, VariationCoords};
use eframe::egui::{Context, FontData, FontDefinitions, FontFamily, Id};

use crate::figure::font::BYTES;
use crate::letters::face::Face;
use crate::letters::fonts::{Choice, Fonts, Others};

const LIBERATION: &str = "Liberation Sans";

/// Sets the fonts; `others` are for what the program's own lack.
pub fn install(ctx: &Context, others: Others) {
    let mut definitions = FontDefinitions::default();
    definitions.font_data.insert(LIBERATION.to_owned(), Arc::new(FontData::from_static(BYTES)));
    let family = definitions.families.entry(FontFamily::Proportional).or_default();
    family.push(LIBERATION.to_owned());
    let face = |name: &String| {
        let data = definitions.font_data.get(name)?;
        Face::new((name, 0), data.font.clone(), data.index, Vec::new()).map(Arc::new)
    };
    let fonts = Arc::new(Fonts { own: family.iter().filter_map(face).collect(), others });
    ctx.set_fonts(definitions);
    ctx.set_font_providers(vec![Arc::new(Provider(fonts.clone()))]);
    ctx.data_mut(|data| data.insert_temp(Id::NULL, Installed(fonts)));
}

/// The fonts that a text is set in.
pub fn of(ctx: &Context) -> Arc<Fonts> {
    ctx.data(|data| data.get_temp::<Installed>(Id::NULL)).map(|installed| installed.0).unwrap_or_default()
}

/// The family by which egui finds a font.
pub fn family(fonts: &Fonts, choice: &Choice) -> FontFamily {
    match choice.face() {
        Some(face) if fonts.own.first() != Some(face) => FontFamily::Name(face.key().into()),
        _ => FontFamily::Proportional,
    }
}

#[derive(Clone, Default)]
struct Installed(Arc<Fonts>);

/// Hands fonts to egui: those that a text was set in by their keys, and for labels whatever has a character.
struct Provider(Arc<Fonts>);

impl FontProvider for Provider {
    fn fonts_for_family(&self, family: &FontFamily) -> Vec<FontInsert> {
        let FontFamily::Name(key) = family else { return Vec::new() };
        self.0.named(key).map(|face| insert(&face)).into_iter().collect()
    }

    fn font_for(&self, request: &FallbackRequest<'_>) -> Option<FontInsert> {
        self.0.other(request.cluster).map(|face| insert(&face))
    }
}

fn insert(face: &Face) -> FontInsert {
    let coords =
        VariationCoords::new(face.variations().iter().map(|&(tag, value)| (tag.to_be_bytes(), value)).collect::<Vec<_>>());
    let data = FontData::from_blob(face.bytes().clone(), face.index()).tweak(FontTweak { coords, ..FontTweak::default() });
    FontInsert { name: face.key(), data, families: Vec::new() }
}
