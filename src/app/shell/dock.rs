//! Lanes beside each other: their borders are dragged to resize them, their heads to move them.

use eframe::egui::{Id, Ui, WidgetText};
use egui_tiles::{
    Behavior, Container, EditAction, Linear, LinearDir, SimplificationOptions, Tabs, Tile, TileId, Tiles, Tree, UiResponse,
};

use crate::app::state::LaneId;
use crate::app::state::layout::{Layout, Share};

/// Narrower lanes hold no picture.
const LEAST_SIZE: f32 = 220.0;
/// Between lanes.
const GAP: f32 = 6.0;

/// The tree of tiles, and the layout that it was made of.
#[derive(Default)]
pub struct Dock {
    made: Option<(Layout, Tree<LaneId>)>,
}

/// Draws one lane; true when its head begins to be dragged.
pub type LaneUi<'a> = &'a mut dyn FnMut(&mut Ui, LaneId) -> bool;

impl Dock {
    /// Draws the lanes as `layout` says. Returns the layout that the user made of it, where he changed it.
    pub fn ui(&mut self, ui: &mut Ui, layout: &Layout, title: &dyn Fn(LaneId) -> String, lane_ui: LaneUi<'_>) -> Option<Layout> {
        let mut made = self.made.take().filter(|(of, _)| of == layout).unwrap_or_else(|| (layout.clone(), tree_of(layout)));
        let mut lanes = Lanes { title, lane_ui, is_edited: false };
        made.1.ui(&mut lanes, ui);
        let is_edited = lanes.is_edited;
        let new = made.1.root().filter(|_| is_edited).and_then(|root| layout_of(&made.1.tiles, root)).filter(|new| new != layout);
        if let Some(new) = &new {
            made.0 = new.clone();
        }
        self.made = Some(made);
        new
    }
}

struct Lanes<'a> {
    title: &'a dyn Fn(LaneId) -> String,
    lane_ui: LaneUi<'a>,
    is_edited: bool,
}

impl Behavior<LaneId> for Lanes<'_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile: TileId, lane: &mut LaneId) -> UiResponse {
        if (self.lane_ui)(ui, *lane) { UiResponse::DragStarted } else { UiResponse::None }
    }

    fn tab_title_for_pane(&mut self, lane: &LaneId) -> WidgetText {
        (self.title)(*lane).into()
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: false, ..SimplificationOptions::default() }
    }

    fn min_size(&self) -> f32 {
        LEAST_SIZE
    }

    fn gap_width(&self, _style: &eframe::egui::Style) -> f32 {
        GAP
    }

    fn on_edit(&mut self, edit: EditAction) {
        self.is_edited |= matches!(edit, EditAction::TileResized | EditAction::TileDropped);
    }
}

fn tree_of(layout: &Layout) -> Tree<LaneId> {
    let mut tiles = Tiles::default();
    let root = insert(&mut tiles, layout);
    Tree::new(Id::unique("lanes"), root, tiles)
}

fn insert(tiles: &mut Tiles<LaneId>, layout: &Layout) -> TileId {
    match layout {
        Layout::Lane(id) => tiles.insert_pane(*id),
        Layout::Row(shares) => insert_shares(tiles, LinearDir::Horizontal, shares),
        Layout::Column(shares) => insert_shares(tiles, LinearDir::Vertical, shares),
        Layout::Tabs(tabs) => {
            let children = tabs.iter().map(|tab| insert(tiles, tab)).collect();
            tiles.insert_container(Tabs::new(children))
        }
    }
}

fn insert_shares(tiles: &mut Tiles<LaneId>, dir: LinearDir, shares: &[Share]) -> TileId {
    let children: Vec<TileId> = shares.iter().map(|share| insert(tiles, &share.of)).collect();
    let mut linear = Linear::new(dir, children.clone());
    for (child, share) in children.into_iter().zip(shares) {
        linear.shares.set_share(child, share.size);
    }
    tiles.insert_container(linear)
}

fn layout_of(tiles: &Tiles<LaneId>, tile: TileId) -> Option<Layout> {
    let all = |children: &[TileId]| children.iter().filter_map(|child| layout_of(tiles, *child)).collect::<Vec<_>>();
    Some(match tiles.get(tile)? {
        Tile::Pane(id) => Layout::Lane(*id),
        Tile::Container(Container::Tabs(tabs)) => Layout::Tabs(all(&tabs.children)),
        Tile::Container(Container::Grid(grid)) => Layout::Tabs(all(&grid.children().copied().collect::<Vec<_>>())),
        Tile::Container(Container::Linear(linear)) => {
            let share = |child: &TileId| Some(Share { size: linear.shares[*child], of: layout_of(tiles, *child)? });
            let shares = linear.children.iter().filter_map(share).collect();
            match linear.dir {
                LinearDir::Horizontal => Layout::Row(shares),
                LinearDir::Vertical => Layout::Column(shares),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_survives_the_tree() {
        let [a, b, c, d] = [0, 1, 2, 3].map(|id| Layout::Lane(LaneId(id)));
        let share = |size: f32, of: &Layout| Share { size, of: of.clone() };
        let column = Layout::Column(vec![share(1.0, &a), share(2.5, &Layout::Tabs(vec![b, c]))]);
        let layout = Layout::Row(vec![share(0.5, &column), share(1.5, &d)]);
        let tree = tree_of(&layout);
        assert_eq!(layout_of(&tree.tiles, tree.root().unwrap()), Some(layout));
    }
}
