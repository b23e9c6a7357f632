//! What panes are made of: rows of controls, inputs, colours and words. They know no lane.

pub mod camera;
pub mod colour_strip;
pub mod focus;
pub mod fonts;
pub mod inputs;
pub mod note;
pub mod rows;
pub mod theme;
pub mod token_menu;
pub mod values;
pub mod words;
