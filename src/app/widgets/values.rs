//! What is known of every patch or word, in words.

use crate::app::resolve::view::{MapView, View};
use crate::app::state::{Lane, Mode};
use crate::app::widgets::words;

/// What is known of each patch, in words.
pub struct PatchValues<'a> {
    mode: Mode,
    view: &'a View,
    /// Of the map, ascending: ranks of thousands of patches at once.
    sorted: Vec<f32>,
}

impl<'a> PatchValues<'a> {
    /// Of what is on the screen.
    pub fn new(lane: &Lane, view: &'a View) -> Self {
        let map = view.map.as_ref().filter(|_| lane.question.mode == Mode::Heatmap);
        Self { mode: lane.question.mode, view, sorted: map.map_or_else(Vec::new, MapView::ranked_values) }
    }

    /// Its value and rank, or its segment.
    pub fn describe(&self, patch: usize) -> String {
        match (self.mode, &self.view.map, &self.view.cut) {
            (Mode::Heatmap, Some(map), _) => {
                let value = map.heatmap.values.get(patch).copied().unwrap_or(f32::NAN);
                if map.own_entry() == Some(patch) {
                    return format!("value {}, {}", words::value(value), map.own_words());
                }
                format!("value {}, rank {}", words::value(value), rank(&self.sorted, value))
            }
            (Mode::Segments, _, Some(cut)) => {
                cut.segmentation.patch_labels.get(patch).map_or_else(String::new, |label| format!("segment {label}"))
            }
            _ => String::new(),
        }
    }
}

/// The values in ascending order, without those that are missing.
pub fn sorted(values: &[f32]) -> Vec<f32> {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f32::total_cmp);
    sorted
}

/// Where a value stands among those in ascending order: `rank 3 of 34`, or that there is no order.
pub fn standing(sorted: &[f32], value: f32, are_others: bool) -> String {
    if sorted.first() == sorted.last() {
        return "the same as all others".to_owned();
    }
    let others = if are_others { " others" } else { "" };
    format!("rank {} of {}{others}", rank(sorted, value), sorted.len())
}

/// 1 for what no value of an ascending list exceeds; equal values share the better rank.
pub fn rank(sorted: &[f32], value: f32) -> usize {
    1 + sorted.len() - sorted.partition_point(|&v| v <= value)
}
