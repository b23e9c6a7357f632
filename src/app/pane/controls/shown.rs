//! What the controls read beside the lane.

use crate::app::ask::verification::Badge;
use crate::app::resolve::view::View;

/// What the panel reads.
pub struct Shown<'a> {
    /// What is on the screen.
    pub view: &'a View,
    /// Whether the open model reads texts, as far as it was seen to read anything.
    pub reads_texts: Option<bool>,
    /// The model that is being downloaded, and the share of it that is there.
    pub downloading: Option<(&'a str, f32)>,
    /// Whether the open model's numbers can be trusted.
    pub badge: &'a Badge,
}
