//! Letters of every script, for both clients: which way a text runs, which font draws a character, and where the parts of a
//! shaped word stand.
//!
//! A line is laid out in four steps. [`bidi`] finds the direction of every character (UAX #9). [`units`] cuts a stretch of the
//! line into units of one direction, one script and one font, which must be shaped as a whole: Arabic letters join, marks find
//! their base, joined emoji become one picture. A shaper ([`shape`] for figures, egui for the window) turns each unit into
//! glyphs. [`clusters`] then tells which part of a unit belongs to which token, and [`bidi::visual_order`] puts the units in the
//! order in which they are seen.
//!
//! [`fonts`] prefers the fonts that the program carries, and asks the system only for what these lack, so that a text they can
//! draw looks the same on every machine.

pub mod bidi;
pub mod characters;
pub mod clusters;
pub mod face;
pub mod fonts;
pub mod held;
pub mod machine;
pub mod shape;
pub mod units;
