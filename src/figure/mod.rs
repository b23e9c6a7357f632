//! Figures and data files, made from an answer of the engine, for both clients: no display, no GPU, no clock. A figure is laid
//! out once, in points ([`layout`]), and written as SVG or PNG; what the files say about themselves is in the record. Rerun, every
//! file has the same bytes. So it has on another machine, unless the built-in font lacks a letter: then a font of the machine
//! draws it, and the record names that font.

pub mod bar;
pub mod captions;
pub mod cells;
pub mod command;
pub mod continuation;
pub mod data;
pub mod exhibits;
pub mod font;
pub mod glyphs;
pub mod ink;
pub mod layout;
pub mod limits;
pub mod lines;
pub mod page;
pub mod panels;
pub mod png;
pub mod record;
pub mod style;
pub mod svg;
pub mod text;
pub mod words;
pub mod write;

pub use layout::Layout;
pub use limits::{check_size, check_style, is_drawn};
pub use style::FigureStyle;
pub use write::{check_paths, write};
