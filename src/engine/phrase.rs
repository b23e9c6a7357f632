//! Phrases in the space that images and texts share: read by the text tower of the checkpoint that looks at the image.

use std::sync::Arc;

use super::output::{Explanation, Match, Output, Scene, Segments};
use super::reading::Taken;
use super::{Engine, Traced};
use crate::domain::request::{Input, Request, SizeRule, Tower};
use crate::domain::text::Text;
use crate::domain::{Error, Notice, Notices, Result};
use crate::input::Encoded;
use crate::method::{Control, by_id};
use crate::model::ModelInput;
use crate::model::joint::Matching;

/// A phrase and where it lies.
#[derive(Debug)]
pub(super) struct Phrase {
    text: String,
    /// `[E]`, of length 1.
    pub(super) embedding: Vec<f32>,
    /// What the user should know of how it was read.
    notices: Notices,
}

impl Engine {
    /// The phrases of a request, the one that maps are made of first; none where its method looks at no phrase.
    ///
    /// # Errors
    /// A refusal of a model that compares nothing with phrases, or of a phrase that it cannot spell; [`Error::Cancelled`].
    pub(super) fn phrases(&mut self, request: &Request, traced: &Traced, control: &Control) -> Result<Vec<Arc<Phrase>>> {
        if !by_id(&request.method).is_ok_and(|method| method.info().takes_phrase()) {
            return Ok(Vec::new());
        }
        request.params.scalar.phrases().into_iter().map(|phrase| self.phrase(phrase, request, traced, control)).collect()
    }

    fn phrase(&mut self, text: &str, request: &Request, traced: &Traced, control: &Control) -> Result<Arc<Phrase>> {
        traced.model.joint()?;
        if traced.model.tower.is_none() && !traced.model.takes_text() {
            return Err(Error::refused(&traced.model.checkpoint, "holds the tower for images alone")
                .expected("a checkpoint with both towers, which can read a phrase too")
                .remedy("choose the whole model with --model"));
        }
        let model_key = self.model_key(request, Tower::Text);
        let key = format!("{model_key}|{text}");
        if let Some(phrase) = self.phrases.get(&key) {
            return Ok(phrase);
        }
        control.cancel.check()?;
        let loaded = self.model(request, Tower::Text)?;
        let taken = loaded.read(&Input::Text(text.to_owned()), SizeRule::Checkpoint, &control.cancel)?;
        let Taken::Words(Encoded { ids, text: words }) = taken else {
            return Err(Error::Internal("the text tower reads pictures".to_owned()));
        };
        check_length(text, &words)?;
        let of_phrase = |notice| Notice { place: format!("the phrase \"{text}\""), ..notice };
        let notices = Notices { input: words.every_notice().into_iter().map(of_phrase).collect(), model: loaded.notices() };
        let words = ModelInput::Words { ids: &ids, text: Arc::new(words) };
        let trace = loaded.model.trace(&words, &control.cancel, &control.progress)?;
        let phrase = Arc::new(Phrase { text: text.to_owned(), embedding: loaded.model.embedding(&trace, &ids)?, notices });
        self.phrases.put(key, phrase.clone(), phrase.embedding.len() * 4);
        Ok(phrase)
    }
}

/// Refuses a phrase that is cut: maps would be of another phrase than the one that is named.
fn check_length(phrase: &str, words: &Text) -> Result<()> {
    let Some(cut) = words.cut_at else { return Ok(()) };
    let num_tokens = words.pieces.iter().filter(|piece| !piece.special).count();
    let unread = phrase.get(cut..).unwrap_or("").trim();
    Err(Error::refused(format!("the phrase \"{phrase}\""), format!("is too long: the text tower would not read \"{unread}\""))
        .expected(format!("at most {num_tokens} tokens, beside those that are set around every phrase"))
        .remedy("shorten it"))
}

/// An answer that says, too, what the user should know of its phrases.
pub(super) fn noted(output: Output, phrases: &[Arc<Phrase>]) -> Output {
    let noted = |scene: &Arc<Scene>| {
        let mut notices = scene.notices.clone();
        phrases.iter().for_each(|phrase| notices.add(&phrase.notices));
        Arc::new(Scene { notices, ..(**scene).clone() })
    };
    match output {
        _ if phrases.iter().all(|phrase| phrase.notices.is_empty()) => output,
        Output::Explanation(explanation) => {
            let scene = noted(&explanation.scene);
            Output::Explanation(Arc::new(Explanation { scene, ..Arc::unwrap_or_clone(explanation) }))
        }
        Output::Segments(segments) => {
            let scene = noted(&segments.scene);
            Output::Segments(Arc::new(Segments { scene, ..Arc::unwrap_or_clone(segments) }))
        }
        other => other,
    }
}

/// How the whole picture agrees with each phrase; nothing for a text.
pub(super) fn matches(traced: &Traced, phrases: &[Arc<Phrase>]) -> Result<Vec<Match>> {
    if phrases.is_empty() || traced.model.takes_text() {
        return Ok(Vec::new());
    }
    let image = traced.model.embedding(&traced.trace, &[])?;
    if let Some(other) = phrases.iter().find(|phrase| phrase.embedding.len() != image.len()) {
        return Err(Error::refused(&traced.model.checkpoint, "its towers end in different spaces").expected(format!(
            "{} numbers a phrase, as an image has, not {}",
            image.len(),
            other.embedding.len()
        )));
    }
    let cosine = |phrase: &Arc<Phrase>| phrase.embedding.iter().zip(&image).map(|(a, b)| a * b).sum::<f32>().clamp(-1.0, 1.0);
    let cosines: Vec<f32> = phrases.iter().map(cosine).collect();
    // One of one is certain, and says nothing.
    let matching = traced.model.joint()?.matching;
    let telling = matching.filter(|m| phrases.len() > 1 || !matches!(m, Matching::OneOf { .. }));
    let probabilities = telling.map(|matching| matching.probabilities(&cosines));
    let matches = phrases.iter().zip(&cosines).enumerate().map(|(n, (phrase, &cosine))| Match {
        phrase: phrase.text.clone(),
        cosine,
        logit: matching.map(|matching| matching.logit(cosine)),
        probability: probabilities.as_ref().and_then(|p| p.get(n).copied()),
    });
    Ok(matches.collect())
}
