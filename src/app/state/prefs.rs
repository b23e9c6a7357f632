//! What belongs to the user and not to the work: kept between starts, never undone, in no session file.

use serde::{Deserialize, Serialize};

/// The user's preferences.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prefs {
    /// Colours of the window.
    pub theme: Theme,
}

/// Colours of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// As the desktop says.
    #[default]
    System,
    /// Dark on light, for projectors and print.
    Light,
    /// Light on dark.
    Dark,
}
