//! Commands that change a lane are pure; the rest is returned as an [`Effect`].

use super::context::CommandContext;
use super::continuation::Generating;
use super::effect::Effect;
use super::open::{open_input, step_sample};
use super::select::{follow, grow_span, move_pin, pin, select, step_layer};
use super::wish::Command;
use crate::app::state::{Lane, Selection};
use crate::engine::Scene;

impl Command {
    /// Changes the lane, or says what is to be done outside it.
    pub fn apply(self, lane: &mut Lane, scene: Option<&Scene>, around: CommandContext) -> Option<Effect> {
        match self {
            Self::Pin(token) => pin(lane, scene, token),
            Self::Along(token) => follow(lane, &token),
            Self::MovePin { rows, cols } => move_pin(lane, scene?, (rows, cols), around),
            Self::Select(span) => select(lane, scene?, span),
            Self::GrowSpan { rows, cols } => grow_span(lane, scene?, (rows, cols), around),
            Self::SetLayer(layer) => lane.question.layer = i32::try_from(layer).unwrap_or(-1),
            Self::ToggleMatrix => lane.look.matrix.shown = !lane.look.matrix.shown,
            Self::SetMatrix(look) => lane.look.matrix = look,
            Self::Measure(score) => lane.question.score = score,
            Self::StepLayer(step) => step_layer(lane, scene?, step),
            Self::StepHead(step) => lane.question.params.head = lane.question.head_after(step, scene?.model.num_heads),
            Self::Show(mode) => lane.show(mode),
            Self::ToggleOverlay => lane.look.overlay = !lane.look.overlay,
            Self::ToggleGrid => lane.look.grid = !lane.look.grid,
            Self::ToggleExhibits => *lane.exhibits_mut() ^= true,
            Self::Solo(label) => {
                lane.selection = if lane.solo() == Some(label) { Selection::None } else { Selection::Segment(label) }
            }
            Self::OpenInput(input) => open_input(lane, input, around),
            Self::StepSample(step) => step_sample(lane, step, around),
            Self::ShowSamples => {
                lane.deselect();
                (lane.question.input, lane.question.generation) = (None, None);
            }
            Self::Continue(step) => step.apply(lane, scene, around),
            Self::OpenModel(model) => {
                (lane.question.model, lane.question.tower, lane.question.generation) = (Some(model), None, None);
            }
            Self::BuiltInModel => {
                (lane.question.model, lane.question.tower, lane.question.generation) = (None, None, None);
                if lane.question.input.is_none() {
                    lane.question.other_model = None;
                }
            }
            Self::Escape if around.help => return Some(Effect::ToggleHelp),
            Self::Escape if around.banner => return Some(Effect::Dismiss),
            Self::Escape if around.written.growing => Generating::Stop.apply(lane, scene, around),
            Self::Unpin | Self::Escape => lane.selection = Selection::None,
            // These are done to the document: see `lanes`.
            Self::Split | Self::CloseLane(_) | Self::Focus(_) | Self::StepLane(_) | Self::Link(_) => {}
            Self::Do(effect) => return Some(effect),
        }
        None
    }
}
