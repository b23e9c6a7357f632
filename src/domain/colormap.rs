//! Colour tables for values and for labels. The tables in `assets/colormaps` feed the shader's texture and its CPU twin alike.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{Error, Result};

/// 256 colours, red, green, blue, in encoded sRGB.
pub type Table = [[u8; 3]; 256];

/// A named colormap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colormap {
    /// Perceptually even, the default.
    #[default]
    Viridis,
    /// Black to light yellow through purple.
    Magma,
    /// Black to bright yellow through red.
    Inferno,
    /// Blue to yellow through pink.
    Plasma,
    /// Looks the same to colour-blind readers.
    Cividis,
    /// Rainbow; uneven.
    Turbo,
    /// Diverging, blue to red.
    Coolwarm,
    /// Black to white.
    Gray,
}

impl Colormap {
    /// Every colormap, in menu order.
    pub const ALL: [Self; 8] =
        [Self::Viridis, Self::Magma, Self::Inferno, Self::Plasma, Self::Cividis, Self::Turbo, Self::Coolwarm, Self::Gray];

    /// matplotlib's name.
    pub fn name(self) -> &'static str {
        self.source().0
    }

    /// Its 256 colours.
    pub fn table(self) -> &'static Table {
        static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| Colormap::ALL.map(|c| parse(c.source().1)).to_vec());
        &TABLES[self as usize]
    }

    /// The colour at `unit` 0..1: the table's entry `floor(256 unit)`, as matplotlib takes it.
    pub fn colour(self, unit: f32) -> [u8; 3] {
        self.table()[((unit * 256.0) as usize).min(255)]
    }

    fn source(self) -> (&'static str, &'static str) {
        macro_rules! csv {
            ($name:literal) => {
                ($name, include_str!(concat!("../../assets/colormaps/", $name, ".csv")))
            };
        }
        match self {
            Self::Viridis => csv!("viridis"),
            Self::Magma => csv!("magma"),
            Self::Inferno => csv!("inferno"),
            Self::Plasma => csv!("plasma"),
            Self::Cividis => csv!("cividis"),
            Self::Turbo => csv!("turbo"),
            Self::Coolwarm => csv!("coolwarm"),
            Self::Gray => csv!("gray"),
        }
    }
}

fn parse(csv: &str) -> Table {
    let mut table = [[0; 3]; 256];
    for (entry, line) in table.iter_mut().zip(csv.lines()) {
        for (channel, text) in entry.iter_mut().zip(line.split(',')) {
            *channel = text.parse().unwrap_or(0);
        }
    }
    table
}

impl fmt::Display for Colormap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Colormap {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|c| c.name() == text).ok_or_else(|| {
            Error::refused(format!("--colormap {text}"), "unknown colormap").expected(Self::ALL.map(Self::name).join(", "))
        })
    }
}

/// A colour on white paper, as [`crate::render::composite`] lays it over a photo: `1 - opacity + colour * opacity` on encoded
/// values.
pub fn over_white(colour: [u8; 3], opacity: f32) -> [u8; 3] {
    colour.map(|c| ((1.0 - opacity + f32::from(c) / 255.0 * opacity).clamp(0.0, 1.0) * 255.0).round() as u8)
}

/// Whether dark letters stand out from a colour more than white ones do: by WCAG's contrast ratio.
pub fn takes_dark_ink(colour: [u8; 3]) -> bool {
    let linear = |c: u8| {
        let c = f32::from(c) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    let [red, green, blue] = colour.map(linear);
    let luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    // Where (luminance + 0.05)^2 is the product of black's 0.05 and white's 1.05.
    luminance > 0.179
}

/// Colour of a label: Okabe and Ito's eight first, which colour-blind readers tell apart, then Paul Tol's muted set, then
/// hues a golden angle apart with changing lightness.
pub fn label_colour(index: usize) -> [u8; 3] {
    const FIXED: [[u8; 3]; 16] = [
        [0, 114, 178],
        [230, 159, 0],
        [0, 158, 115],
        [204, 121, 167],
        [240, 228, 66],
        [213, 94, 0],
        [86, 180, 233],
        [60, 60, 60],
        [51, 34, 136],
        [136, 34, 85],
        [221, 204, 119],
        [136, 204, 238],
        [17, 119, 51],
        [204, 102, 119],
        [153, 153, 51],
        [221, 221, 221],
    ];
    FIXED.get(index).copied().unwrap_or_else(|| {
        let turn = index as f32 * 137.508;
        let lightness = [0.75, 0.45, 0.9, 0.6][index % 4];
        [0.0, 120.0, 240.0].map(|shift| {
            let wave = 0.5 + 0.5 * ((turn + shift).to_radians()).cos();
            (255.0 * lightness * (0.25 + 0.75 * wave)) as u8
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_whole_and_found_by_name() {
        for map in Colormap::ALL {
            assert_eq!(map.source().1.lines().count(), 256, "{map}");
            assert_eq!(map.name().parse::<Colormap>().unwrap(), map);
        }
        assert_eq!(Colormap::Viridis.colour(0.0), [68, 1, 84]);
        assert_eq!(Colormap::Viridis.colour(1.0), [253, 231, 37]);
        assert_eq!(Colormap::Viridis.colour(f32::NAN), [68, 1, 84]);
    }

    #[test]
    fn neighbouring_label_colours_differ() {
        for i in 0..40 {
            for j in 0..i {
                let apart: i32 = (0..3).map(|c| (i32::from(label_colour(i)[c]) - i32::from(label_colour(j)[c])).abs()).sum();
                assert!(apart > 12, "{i} {j}");
            }
        }
    }
}
