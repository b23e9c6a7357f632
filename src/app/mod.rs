//! The window. A [`Document`] holds what the user chose: lanes, each with a question, a selection and a look. [`Lane::wanted`] says
//! which answers a lane's screen needs; a frame asks the oracle for those that are missing and draws the newest that are there.
//! Panes push [`Command`]s. Nothing here waits and nothing computes: names no tensor, knows no command line.
//!
//! The rooms, each of which names only those below it: `shell` (bars, dialogs, the dock of lanes), `pane` (what is seen of a lane),
//! `widgets`, `command`, `resolve` (from answers to what is on the screen), `ask` (what can be asked), `state` (plain data). The
//! files beside them hold everything together: `program` is the window's state, `frame` the order of a frame.

pub mod ask;
pub mod command;
pub mod pane;
pub mod resolve;
pub mod shell;
pub mod state;
pub mod widgets;

mod asking;
mod effects;
mod frame;
mod growth;
mod lanes;
mod link;
mod memory;
pub mod program;
mod replies;
pub mod screenshot;
mod stage;
pub mod window;

pub use command::{Command, Effect, FileDialog};
pub use memory::Remembered;
pub use program::App;
pub use resolve::view::View;
pub use screenshot::screenshot;
pub use state::{Document, Lane, LaneId, Links, Look, Mode, Prefs, Selection, Theme};
pub use window::{Start, run};
