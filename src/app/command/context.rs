//! What a command needs to know beside the lane and the scene.

use crate::app::ask::continuation::Written;

/// What a command needs to know beside the lane and the scene.
#[derive(Clone, Copy, Debug, Default)]
pub struct CommandContext {
    /// The key list is shown; escaping leaves it first.
    pub help: bool,
    /// An error is shown.
    pub banner: bool,
    /// There are charts and tables to show beside the map.
    pub has_exhibits: bool,
    /// Positions above and below the pinned token, or the end of the selection, where a text runs over several lines.
    pub lines: [Option<usize>; 2],
    /// Positions to the left and to the right of it as the text is seen, where a text is; at the ends of the text there are none.
    pub sides: Option<[Option<usize>; 2]>,
    /// Where the selection began.
    pub anchor: Option<usize>,
    /// Whether the open model reads texts, as far as it was seen to read anything.
    pub reads_texts: Option<bool>,
    /// Whether it has a tower for texts beside one for images.
    pub reads_both: bool,
    /// What of a continuation is there.
    pub written: Written,
}
