//! How a figure looks: all that a user may choose, and the command-line flags that say so.

use serde::{Deserialize, Serialize};

use crate::domain::colormap::Colormap;
use crate::domain::heatmap::RangeRule;
use crate::domain::request::Cut;
use crate::domain::{Error, Result};
use crate::method::Info;
use crate::render::Interpolation;

/// Choices for figures. A missing field of its JSON takes the default.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FigureStyle {
    /// `None`: viridis, or coolwarm where the method's values have a sign.
    pub colormap: Option<Colormap>,
    /// `None`: smallest to largest value, or symmetric around 0 where the method's values have a sign. Of a text, every rule
    /// looks at the words alone, without `[CLS]` and the like: see `Heatmap::ranged`.
    pub range: Option<RangeRule>,
    /// Whether each map has limits of its own, and so a colour bar of its own.
    pub own_range: bool,
    /// 0 shows the photo (or white paper) alone, 1 the colours alone.
    pub opacity: f32,
    /// Between patch centres.
    pub interpolation: Interpolation,
    /// Whether the photo stands beside the map, the bare text above it; `None`: the photo, where there is one map.
    pub photo: Option<bool>,
    /// Whether lines run between the labels of a segmentation.
    pub outlines: bool,
    /// A label to show alone.
    pub solo: Option<u16>,
    /// Where to cut the linkage tree; `None`: where the request says.
    pub cut: Option<Cut>,
    /// Whether charts and tables of the answer stand below the panels; `None`: those of a map, where they are few.
    pub exhibits: Option<bool>,
    /// Whether a line above the panels names model, layer and method.
    pub title: bool,
    /// Inches; `None`: 3.5 (one column) for one or two pictures, 7.16 (two columns) for more, and for texts that would be
    /// higher than a page in one column.
    pub width_in: Option<f64>,
    /// Dots an inch.
    pub dpi: u32,
}

impl Default for FigureStyle {
    fn default() -> Self {
        Self {
            colormap: None,
            range: None,
            own_range: false,
            opacity: 0.5,
            interpolation: Interpolation::Nearest,
            photo: None,
            outlines: true,
            solo: None,
            cut: None,
            exhibits: None,
            title: true,
            width_in: None,
            dpi: 300,
        }
    }
}

impl FigureStyle {
    /// The colormap for a method.
    pub fn colormap_for(&self, method: &Info) -> Colormap {
        self.colormap.unwrap_or(if method.signed { Colormap::Coolwarm } else { Colormap::Viridis })
    }

    /// The rule of the colours' limits for a method.
    pub fn range_for(&self, method: &Info) -> RangeRule {
        self.range.unwrap_or(if method.signed { RangeRule::Symmetric } else { RangeRule::MinMax })
    }

    /// The flags that make this style, in order; none for the defaults. The cut is part of the request's flags.
    pub fn flags(&self) -> Vec<String> {
        let default = Self::default();
        let mut flags = Vec::new();
        let mut flag = |name: &str, value: String| flags.extend([format!("--{name}"), value]);
        if let Some(colormap) = self.colormap {
            flag("colormap", colormap.to_string());
        }
        if let Some(range) = self.range {
            flag("range", range_word(range));
        }
        if self.opacity.to_bits() != default.opacity.to_bits() {
            flag("opacity", self.opacity.to_string());
        }
        if let Some(width) = self.width_in {
            flag("width", width.to_string());
        }
        if self.dpi != default.dpi {
            flag("dpi", self.dpi.to_string());
        }
        if let Some(exhibits) = self.exhibits {
            flag("exhibits", if exhibits { "on" } else { "off" }.to_owned());
        }
        if let Some(solo) = self.solo {
            flag("solo", solo.to_string());
        }
        let photo = [(self.photo == Some(true), "--photo"), (self.photo == Some(false), "--no-photo")];
        let switches = [
            (self.interpolation == Interpolation::Smooth, "--smooth"),
            (self.own_range, "--own-range"),
            (!self.outlines, "--no-outlines"),
            (!self.title, "--no-title"),
        ];
        flags.extend(photo.into_iter().chain(switches).filter(|(on, _)| *on).map(|(_, name)| name.to_owned()));
        flags
    }

    /// Refuses what cannot be drawn.
    ///
    /// # Errors
    /// A refusal that names the flag.
    pub fn check(&self) -> Result<()> {
        let refuse = |flag: String, expected| Err(Error::refused(flag, "cannot be drawn").expected(expected));
        if !(36..=2400).contains(&self.dpi) {
            return refuse(format!("--dpi {}", self.dpi), "36 to 2400");
        }
        match self.width_in {
            Some(width) if !(1.5..=40.0).contains(&width) => refuse(format!("--width {width}"), "1.5 to 40 inches"),
            Some(width) if width * f64::from(self.dpi) > 16_000.0 => {
                refuse(format!("--width {width} --dpi {}", self.dpi), "at most 16000 pixels")
            }
            _ if !(0.0..=1.0).contains(&self.opacity) => refuse(format!("--opacity {}", self.opacity), "0 to 1"),
            _ => Ok(()),
        }
    }
}

/// A rule as `--range` takes it: `minmax`, `symmetric`, `LOW:HIGH`, or percentiles `pLOW:pHIGH`.
pub fn range_word(rule: RangeRule) -> String {
    match rule {
        RangeRule::MinMax => "minmax".to_owned(),
        RangeRule::Symmetric => "symmetric".to_owned(),
        RangeRule::Percentile { low, high } => format!("p{low}:p{high}"),
        RangeRule::Fixed { low, high } => format!("{low}:{high}"),
    }
}

/// Reads what [`range_word`] writes.
///
/// # Errors
/// A refusal that says what is understood.
pub fn range_from_word(text: &str) -> Result<RangeRule> {
    let finite = |t: &str| t.trim().parse::<f32>().ok().filter(|v| v.is_finite());
    let percent = |t: &str| t.trim().strip_prefix('p').and_then(finite).filter(|v| (0.0..=100.0).contains(v));
    let parsed = match (text, text.split_once(':')) {
        ("minmax", _) => Some(RangeRule::MinMax),
        ("symmetric", _) => Some(RangeRule::Symmetric),
        (_, Some((low, high))) => match (percent(low).zip(percent(high)), finite(low).zip(finite(high))) {
            (Some((low, high)), _) if low < high => Some(RangeRule::Percentile { low, high }),
            (None, Some((low, high))) if low < high => Some(RangeRule::Fixed { low, high }),
            _ => None,
        },
        _ => None,
    };
    parsed.ok_or_else(|| {
        Error::refused(format!("--range {text}"), "not a range").expected("minmax, symmetric, LOW:HIGH or percentiles pLOW:pHIGH")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_back() {
        for text in ["minmax", "symmetric", "-0.5:2", "p1:p99"] {
            assert_eq!(range_word(range_from_word(text).unwrap()), text);
        }
        for text in ["", "2:1", "p1:5", "p99:p1", "a:b", "1:inf", "p0:p101"] {
            assert!(range_from_word(text).is_err(), "{text}");
        }
    }

    #[test]
    fn defaults_need_no_flag_and_json_may_be_empty() {
        assert!(FigureStyle::default().flags().is_empty());
        assert_eq!(serde_json::from_str::<FigureStyle>("{}").unwrap(), FigureStyle::default());
        let style = FigureStyle { width_in: Some(7.16), own_range: true, ..FigureStyle::default() };
        assert_eq!(style.flags(), ["--width", "7.16", "--own-range"]);
        assert!(FigureStyle { dpi: 0, ..style }.check().is_err());
        assert!(FigureStyle { opacity: f32::NAN, ..style }.check().is_err());
    }
}
