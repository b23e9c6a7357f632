//! Where the user points.

/// Where the user points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pointing {
    /// The patch under the pointer now; of a text the position.
    pub patch: Option<usize>,
    /// The position whose map is previewed: the last one pointed at, so that it stays while the pointer is on the controls.
    pub focus: Option<usize>,
    /// Whether the preview is wanted although a token is pinned.
    pub peek: bool,
    /// Layer of the cell under the pointer, where that is on the matrix; its column is in `patch`.
    pub layer: Option<usize>,
}
