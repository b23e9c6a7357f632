//! What can be seen of a lane, each in a file of its own: the picture, the text, charts, controls. A pane draws, and pushes
//! commands for what the user wants.

pub mod charts;
pub mod continuation;
pub mod controls;
pub mod picture;
pub mod readout;
pub mod strip;
pub mod text;
pub mod tokens;
