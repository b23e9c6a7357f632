//! What the user chose, as plain data: what is open, where to look and how to draw it. Everything else in the window follows from
//! it. Knows neither widgets nor jobs.

pub mod document;
pub mod file;
mod file_v1;
pub mod history;
mod labels;
pub mod lane;
pub mod layout;
pub mod look;
pub mod prefs;
pub mod question;
pub mod selection;

pub use document::{Document, Links};
pub use history::History;
pub use lane::{Lane, LaneId};
pub use layout::Layout;
pub use look::{Look, MatrixLook};
pub use prefs::{Prefs, Theme};
pub use question::{Mode, Question};
pub use selection::Selection;
