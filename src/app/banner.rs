//! The error that is shown, and how long: until its question is no longer asked, or until the user goes on to something else.

use super::session::Session;
use crate::domain::Error;

/// An error on the screen.
#[derive(Debug)]
pub struct Banner {
    /// What is shown.
    pub error: Error,
    cause: Cause,
}

/// What an error is about.
#[derive(Debug)]
enum Cause {
    /// The answer to a question, by its key.
    Question(String),
    /// Something done at this state: a file that was not written, an input that was left again.
    State(Box<Session>),
}

impl Banner {
    /// The refusal of a question, shown as long as that is asked.
    pub fn of_question(error: Error, key: String) -> Self {
        Self { error, cause: Cause::Question(key) }
    }

    /// A refusal that is shown until the user asks for something else than `session` does.
    pub fn at(error: Error, session: &Session) -> Self {
        Self { error, cause: Cause::State(Box::new(session.clone())) }
    }

    /// Returns whether the error still concerns what the user does.
    pub fn is_current(&self, session: &Session, is_asked: impl FnOnce(&str) -> bool) -> bool {
        match &self.cause {
            Cause::Question(key) => is_asked(key),
            Cause::State(then) => asks_the_same(then, session),
        }
    }
}

/// Whether two states differ in nothing but how answers are drawn.
fn asks_the_same(a: &Session, b: &Session) -> bool {
    let plain = |session: &Session| Session { look: a.look, theme: a.theme, outlines: a.outlines, ..session.clone() };
    plain(a) == plain(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Theme;

    #[test]
    fn an_error_goes_when_something_else_is_asked() {
        let error = || Error::refused("a.png", "is no picture");
        let before = Session::default();
        let banner = Banner::at(error(), &before);
        let drawn = Session { theme: Theme::Light, outlines: false, ..before.clone() };
        assert!(banner.is_current(&before, |_| false) && banner.is_current(&drawn, |_| false));
        assert!(!banner.is_current(&Session { layer: 3, ..before.clone() }, |_| true));
        let banner = Banner::of_question(error(), "key".to_owned());
        assert!(banner.is_current(&before, |key| key == "key") && !banner.is_current(&before, |_| false));
    }
}
