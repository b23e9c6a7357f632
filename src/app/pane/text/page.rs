//! What a frame of a text is drawn from.

use std::sync::Arc;

use crate::app::resolve::view::{Pointing, View};
use crate::app::state::Lane;
use crate::domain::text::Text;
use crate::engine::Scene;

/// What a text's page needs of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// What the user chose.
    pub lane: &'a Lane,
    /// What is on the screen.
    pub view: &'a View,
    /// Where the pointer is.
    pub pointing: Pointing,
    /// The text's scene.
    pub scene: &'a Scene,
    /// The text.
    pub text: &'a Arc<Text>,
}
