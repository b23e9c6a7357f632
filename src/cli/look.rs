//! Flags that say how figures look. Figures of maps and of segments read different ones, and each command has its own.

use clap::ArgAction;

use super::args::word;
use crate::domain::colormap::Colormap;
use crate::domain::heatmap::RangeRule;
use crate::figure::FigureStyle;
use crate::figure::style::range_from_word;
use crate::render::Interpolation;

/// How figures look.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Figure")]
pub(super) struct Look {
    /// 0 = photo or paper only, 1 = map only.
    #[arg(long, default_value_t = 0.5, allow_negative_numbers = true)]
    opacity: f32,
    /// Inches [default: 3.5, or 7.16 for more than two panels].
    #[arg(long, allow_negative_numbers = true)]
    width: Option<f64>,
    /// Dots an inch.
    #[arg(long, default_value_t = 300)]
    dpi: u32,
    /// Put the photo beside the maps, or the bare text above them.
    #[arg(long, conflicts_with = "no_photo")]
    photo: bool,
    /// Leave the photo, or the bare text, out.
    #[arg(long)]
    no_photo: bool,
    /// Charts and tables of the answer below the panels [default: those of a map, up to four].
    #[arg(long, value_name = "on|off", value_parser = clap::builder::BoolishValueParser::new())]
    exhibits: Option<bool>,
    /// Leave the title line out.
    #[arg(long)]
    no_title: bool,
}

/// How figures of maps look.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Figure")]
pub(super) struct MapLook {
    /// viridis, magma, inferno, plasma, cividis, turbo, coolwarm or gray [default: viridis; coolwarm for signed values].
    #[arg(long, value_parser = word::<Colormap>)]
    colormap: Option<Colormap>,
    /// minmax, symmetric, LOW:HIGH, or percentiles pLOW:pHIGH.
    #[arg(long, value_parser = range_from_word, allow_hyphen_values = true)]
    range: Option<RangeRule>,
    /// Interpolate between patches.
    #[arg(long)]
    smooth: bool,
    /// Give each map a range of its own.
    #[arg(long)]
    own_range: bool,
    #[command(flatten)]
    look: Look,
}

/// How figures of segments look.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Figure")]
pub(super) struct SegmentLook {
    /// Show one label alone.
    #[arg(long)]
    solo: Option<u16>,
    /// Draw no lines between labels.
    #[arg(long, action = ArgAction::SetTrue)]
    no_outlines: bool,
    #[command(flatten)]
    look: Look,
}

impl Look {
    fn style(&self) -> FigureStyle {
        FigureStyle {
            opacity: self.opacity,
            photo: self.photo.then_some(true).or(self.no_photo.then_some(false)),
            exhibits: self.exhibits,
            title: !self.no_title,
            width_in: self.width,
            dpi: self.dpi,
            ..FigureStyle::default()
        }
    }
}

impl MapLook {
    pub(super) fn style(&self) -> FigureStyle {
        FigureStyle {
            colormap: self.colormap,
            range: self.range,
            own_range: self.own_range,
            interpolation: if self.smooth { Interpolation::Smooth } else { Interpolation::Nearest },
            ..self.look.style()
        }
    }
}

impl SegmentLook {
    pub(super) fn style(&self) -> FigureStyle {
        FigureStyle { outlines: !self.no_outlines, solo: self.solo, ..self.look.style() }
    }
}
