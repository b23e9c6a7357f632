//! What a step of the history did, in a few words.

use super::document::Document;
use super::lane::Lane;
use super::look::Look;
use super::question::{Mode, Question};
use super::selection::Selection;
use crate::domain::request::{Input, ModelRef};

/// What led from one document to the other: the first difference that a user would name.
pub(super) fn label(before: &Document, after: &Document) -> String {
    match (before.lanes.len(), after.lanes.len()) {
        (b, a) if b < a => return "another lane".to_owned(),
        (b, a) if b > a => return "close a lane".to_owned(),
        _ => {}
    }
    let pairs = after.lanes.iter().filter_map(|lane| Some((before.lanes.iter().find(|old| old.id == lane.id)?, lane)));
    let changed = pairs.into_iter().find(|(old, new)| old != new);
    match changed {
        Some((old, new)) => of_lane(old, new),
        None if before.links != after.links => "what lanes share".to_owned(),
        None => "how lanes lie".to_owned(),
    }
}

fn of_lane(old: &Lane, new: &Lane) -> String {
    of_question(&old.question, &new.question)
        .or_else(|| (old.selection != new.selection).then(|| of_selection(&new.selection)))
        .unwrap_or_else(|| of_look(&old.look, &new.look).to_owned())
}

fn of_question(old: &Question, new: &Question) -> Option<String> {
    let input =
        |input: &Option<Input>| input.as_ref().map_or_else(|| "the first page".to_owned(), |i| format!("open {}", i.name()));
    let model = |model: &Option<ModelRef>| model.as_ref().map_or_else(|| "the built-in model".to_owned(), ModelRef::name);
    Some(match new {
        _ if old.input != new.input => input(&new.input),
        _ if (&old.model, old.tower) != (&new.model, new.tower) => format!("model {}", model(&new.model)),
        _ if old.mode != new.mode => match new.mode {
            Mode::Heatmap => "show the heatmap".to_owned(),
            Mode::Segments => "show segments".to_owned(),
        },
        _ if old.layer != new.layer => format!("layer {}", new.layer),
        _ if old.method != new.method => format!("method {}", new.info().map_or(&*new.method, |info| info.name)),
        _ if old.segmenter != new.segmenter => format!("divide by {}", new.segmenter),
        _ if old.params.head != new.params.head => format!("head {}", new.params.head),
        _ if old.params.facet != new.params.facet => format!("compare {}", new.params.facet),
        _ if old.params.scalar != new.params.scalar => format!("scalar {}", new.params.scalar),
        _ if old.params != new.params => "a parameter".to_owned(),
        _ if old.generation != new.generation => "the continuation".to_owned(),
        _ if old != new => "what is asked".to_owned(),
        _ => return None,
    })
}

fn of_selection(selection: &Selection) -> String {
    match selection {
        Selection::None => "let go".to_owned(),
        Selection::Token(token) => format!("pin {token}"),
        Selection::Span(span) => format!("select tokens {} to {}", span.from, span.to.saturating_sub(1)),
        Selection::Segment(label) => format!("segment {label} alone"),
    }
}

fn of_look(old: &Look, new: &Look) -> &'static str {
    match new {
        _ if old.cut != new.cut => "the cut",
        _ if old.matrix != new.matrix => "tokens by layers",
        _ if (old.colormap, old.range) != (new.colormap, new.range) => "colours",
        _ if old.opacity != new.opacity => "opacity",
        _ if old.overlay != new.overlay => "the overlay",
        _ if old.grid != new.grid => "the grid",
        _ => "how it is drawn",
    }
}
