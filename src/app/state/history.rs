//! Undo: a stack of documents, each with what the step after it did. A change becomes a step when the mouse button is up, so that
//! dragging a slider is one step. Where the keyboard is belongs to no step.

use super::document::Document;
use super::labels::label;

const DEPTH: usize = 200;

/// Documents before and after the present one.
#[derive(Clone, Debug)]
pub struct History {
    past: Vec<Step>,
    present: Document,
    future: Vec<Step>,
}

/// A document, and what led from it to its neighbour towards the present.
#[derive(Clone, Debug)]
struct Step {
    document: Document,
    label: String,
}

impl History {
    /// A history that begins now.
    pub fn new(document: Document) -> Self {
        Self { past: Vec::new(), present: document, future: Vec::new() }
    }

    /// Makes a step of what changed since the last one.
    pub fn record(&mut self, document: &Document) {
        if !document.is_same_work(&self.present) {
            let label = label(&self.present, document);
            let before = std::mem::replace(&mut self.present, document.clone());
            self.past.push(Step { document: before, label });
            self.past.drain(..self.past.len().saturating_sub(DEPTH));
            self.future.clear();
        }
    }

    /// Takes the place of the present step, as after something that could not be opened.
    pub fn amend(&mut self, document: &Document) {
        self.present = document.clone();
        if self.past.last().is_some_and(|step| step.document.is_same_work(document)) {
            self.past.pop();
        }
    }

    /// The step before.
    pub fn undo(&mut self) -> Option<Document> {
        let Step { document, label } = self.past.pop()?;
        let after = std::mem::replace(&mut self.present, document);
        self.future.push(Step { document: after, label });
        Some(self.present.clone())
    }

    /// The step that was undone last.
    pub fn redo(&mut self) -> Option<Document> {
        let Step { document, label } = self.future.pop()?;
        let before = std::mem::replace(&mut self.present, document);
        self.past.push(Step { document: before, label });
        Some(self.present.clone())
    }

    /// What undoing would take back, in words; none where there is nothing to undo.
    pub fn undoes(&self) -> Option<&str> {
        self.past.last().map(|step| step.label.as_str())
    }

    /// What redoing would bring again, in words.
    pub fn redoes(&self) -> Option<&str> {
        self.future.last().map(|step| step.label.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_go_back_and_forth_under_their_names() {
        let mut document = Document::default();
        let mut history = History::new(document.clone());
        for layer in [3, 4] {
            document.lane_mut().question.layer = layer;
            history.record(&document);
        }
        let split = document.split();
        assert!(split);
        history.record(&document);
        document.step_focus(1);
        history.record(&document);
        assert_eq!(history.undoes(), Some("another lane"), "the focus is no step");
        assert_eq!(history.undo().unwrap().lanes.len(), 1);
        assert_eq!((history.undoes(), history.redoes()), (Some("layer 4"), Some("another lane")));
        assert_eq!(history.undo().unwrap().lane().question.layer, 3);
        assert_eq!(history.redo().unwrap().lane().question.layer, 4);
        history.undo();
        document = history.undo().unwrap();
        assert_eq!((document.lane().question.layer, history.undoes()), (-1, None));
    }
}
