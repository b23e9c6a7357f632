//! Undo: a stack of documents. A change becomes a step when the mouse button is up, so that dragging a slider is one step.

use super::document::Document;

const DEPTH: usize = 200;

/// Sessions before and after the present one.
#[derive(Clone, Debug)]
pub struct History {
    past: Vec<Document>,
    present: Document,
    future: Vec<Document>,
}

impl History {
    /// A history that begins now.
    pub fn new(document: Document) -> Self {
        Self { past: Vec::new(), present: document, future: Vec::new() }
    }

    /// Makes a step of what changed since the last one.
    pub fn record(&mut self, document: &Document) {
        if *document != self.present {
            self.past.push(std::mem::replace(&mut self.present, document.clone()));
            self.past.drain(..self.past.len().saturating_sub(DEPTH));
            self.future.clear();
        }
    }

    /// Takes the place of the present step, as after something that could not be opened.
    pub fn amend(&mut self, document: &Document) {
        self.present = document.clone();
        if self.past.last() == Some(document) {
            self.past.pop();
        }
    }

    /// The step before.
    pub fn undo(&mut self) -> Option<Document> {
        let before = self.past.pop()?;
        self.future.push(std::mem::replace(&mut self.present, before));
        Some(self.present.clone())
    }

    /// The step that was undone last.
    pub fn redo(&mut self) -> Option<Document> {
        let after = self.future.pop()?;
        self.past.push(std::mem::replace(&mut self.present, after));
        Some(self.present.clone())
    }

    /// Whether there is anything to undo.
    pub fn can_undo(&self) -> bool {
        !self.past.is_empty()
    }

    /// Whether there is anything to redo.
    pub fn can_redo(&self) -> bool {
        !self.future.is_empty()
    }
}
