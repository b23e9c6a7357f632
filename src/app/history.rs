//! Undo: a stack of sessions. A change becomes a step when the mouse button is up, so that dragging a slider is one step.

use super::session::Session;

const DEPTH: usize = 200;

/// Sessions before and after the present one.
#[derive(Clone, Debug)]
pub struct History {
    past: Vec<Session>,
    present: Session,
    future: Vec<Session>,
}

impl History {
    /// A history that begins now.
    pub fn new(session: Session) -> Self {
        Self { past: Vec::new(), present: session, future: Vec::new() }
    }

    /// Makes a step of what changed since the last one.
    pub fn record(&mut self, session: &Session) {
        if *session != self.present {
            self.past.push(std::mem::replace(&mut self.present, session.clone()));
            self.past.drain(..self.past.len().saturating_sub(DEPTH));
            self.future.clear();
        }
    }

    /// Takes the place of the present step, as after something that could not be opened.
    pub fn amend(&mut self, session: &Session) {
        self.present = session.clone();
        if self.past.last() == Some(session) {
            self.past.pop();
        }
    }

    /// The step before.
    pub fn undo(&mut self) -> Option<Session> {
        let before = self.past.pop()?;
        self.future.push(std::mem::replace(&mut self.present, before));
        Some(self.present.clone())
    }

    /// The step that was undone last.
    pub fn redo(&mut self) -> Option<Session> {
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
