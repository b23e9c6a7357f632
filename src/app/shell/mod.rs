//! What surrounds the panes: bars, banners, dialogs, the list of the hub's models, and the window itself.

pub mod banner;
pub mod bar;
pub mod debug;
pub mod dock;
pub mod editor;
pub mod export;
pub mod files;
pub mod gallery;
pub mod help;
pub mod hub;
mod hub_list;
pub mod keeper;
pub mod links;
pub mod path_field;
pub mod welcome;
