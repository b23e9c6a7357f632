//! What the user can do: commands as data, one table of them for keys, menus and help, and what each changes.

mod apply;
pub mod context;
pub mod continuation;
pub mod effect;
mod enabled;
pub mod keys;
pub mod lanes;
pub mod open;
pub mod select;
pub mod table;
pub mod wish;

pub use context::CommandContext;
pub use effect::{Effect, FileDialog};
pub use wish::Command;
