//! The requests that a lane can make, in canonical form: parameters that a method does not use keep their defaults and the layer
//! counts from 0, so that equal questions have equal keys.

use super::obstacle;
use super::tokens::{first_guess, token_at};
use crate::app::state::Lane;
use crate::domain::request::{Cut, Generation, Own, Params, Request, Rows, Scalar, SizeRule, Task, Tokens};
use crate::engine::Scene;
use crate::method::{Info, Reach, Uses};
use crate::segment::Cutting;

/// Tables of every layer may take so many bytes; longer texts get rows of what is pinned alone.
const MATRIX_BYTES: usize = 128 << 20;

impl Lane {
    /// The forward pass of the open input, with its continuation, through the open model; it depends on nothing else.
    pub fn trace_request(&self) -> Option<Request> {
        Some(Request { generation: self.question.generation.map(Generation::canonical), ..self.prompt_request()? })
    }

    /// The same without a continuation.
    pub fn prompt_request(&self) -> Option<Request> {
        let (input, model) = (self.question.input.clone()?, self.question.model_in_use()?);
        let size = if input.is_resized() { self.question.size } else { SizeRule::default() };
        Some(Request { tower: self.question.tower, size, device: self.question.device, ..Request::of(Task::Trace, input, model) })
    }

    /// Maps of every token, where these are cheap: by own rows where the method carries rows, else as the method gives them.
    pub fn table_request(&self, scene: &Scene) -> Option<Request> {
        (self.question.info()?.reach == Reach::Rows).then_some(())?;
        self.explain_request(scene, Tokens::All, Rows::Some(1))
    }

    /// The answer to one token alone: the exact map where the table has own rows, the only one where there is no table, and what
    /// is shown beside a map. It is that of the pinned token, or of the first guess.
    pub fn single_request(&self, scene: &Scene) -> Option<Request> {
        let info = self.question.info()?;
        let pinned = || scene.layout.resolve(self.pinned()?).ok();
        let position = match info.reach {
            // The map does not depend on it; what stands beside a text may.
            Reach::Whole if scene.layout.text.is_none() => first_guess(scene),
            Reach::Whole => pinned().or_else(|| first_guess(scene)),
            // The span has an answer of its own.
            Reach::Rows | Reach::Each if self.span().is_some() => None,
            // A backward pass is made only for whom it was asked.
            Reach::Rows if info.uses(Uses::Rows) => pinned(),
            Reach::Rows | Reach::Each => pinned().or_else(|| first_guess(scene)),
        };
        self.explain_request(scene, Tokens::These(vec![token_at(&scene.layout, position?)]), Rows::All)
    }

    /// The sources of the span, where rows differ from target to target.
    pub fn span_request(&self, scene: &Scene, rows: Rows) -> Option<Request> {
        (self.question.info()?.reach != Reach::Whole).then_some(())?;
        self.explain_request(scene, Tokens::Span(self.span()?), rows)
    }

    /// How much the span depends on its sources, where the model can say.
    pub fn score_request(&self, scene: &Scene) -> Option<Request> {
        (self.question.score && scene.model.is_causal).then_some(())?;
        Some(Request { score: true, ..self.span_request(scene, Rows::All)? })
    }

    /// What every layer's row of the matrix is read from, the current layer first.
    pub(super) fn matrix_requests(&self, scene: &Scene) -> Vec<Request> {
        if !self.look.matrix.shown || scene.layout.text.is_none() {
            return Vec::new();
        }
        let now = self.question.layer_of(scene.model.num_layers);
        let others = (0..=scene.model.num_layers).rev().filter(|&layer| layer != now);
        std::iter::once(now).chain(others).filter_map(|layer| self.matrix_request(scene, layer)).collect()
    }

    /// What one layer's row of the matrix is read from: the table of every token, so that the matrix follows the pointer; of a long
    /// text, or where rows are dear, the row of what is pinned.
    pub fn matrix_request(&self, scene: &Scene, layer: usize) -> Option<Request> {
        let reach = self.question.info()?.reach;
        let tokens = if reach == Reach::Rows && has_tables(scene) {
            Tokens::All
        } else if let Some(span) = self.span().filter(|_| reach != Reach::Whole) {
            Tokens::Span(span)
        } else {
            let pinned = self.pinned().and_then(|token| scene.layout.resolve(token).ok());
            let position = pinned.or_else(|| first_guess(scene).filter(|_| reach == Reach::Whole))?;
            Tokens::These(vec![token_at(&scene.layout, position)])
        };
        let rows = if reach == Reach::Rows { Rows::Some(1) } else { Rows::All };
        self.explain_at(self.question.info()?, scene, layer, tokens, rows)
    }

    /// The picture divided. A linkage tree is cut here in the window, so that the cut is no part of that question; a count is a part
    /// of it where there is no tree.
    pub fn segment_request(&self, scene: &Scene) -> Option<Request> {
        let (info, cutting) = self.segmenter()?;
        let layer = self.question.layer_of(scene.model.num_layers);
        let request = self.explain_at(info, scene, layer, Tokens::These(Vec::new()), Rows::All)?;
        let cut = if cutting == Cutting::Count { self.look.cut_for(cutting) } else { Cut::default() };
        let task = Task::Segment { cut };
        // Here the own-entry rule decides what is clustered.
        let own = if info.uses(Uses::Own) { self.question.params.own } else { Own::default() };
        let params = Params { rows: Params::of(task).rows, own, ..request.params };
        Some(Request { task, params, ..request })
    }

    fn explain_request(&self, scene: &Scene, tokens: Tokens, rows: Rows) -> Option<Request> {
        self.explain_at(self.question.info()?, scene, self.question.layer_of(scene.model.num_layers), tokens, rows)
    }

    /// None where there is no answer; [`Lane::obstacle_at`] says why.
    fn explain_at(&self, info: &Info, scene: &Scene, layer: usize, tokens: Tokens, rows: Rows) -> Option<Request> {
        self.obstacle_of(info, scene, layer).is_none().then_some(())?;
        Some(Request {
            task: Task::Explain,
            layer: i32::try_from(layer).ok()?,
            tokens,
            method: info.id.to_owned(),
            params: self.params_for(info, scene, rows),
            ..self.trace_request()?
        })
    }

    /// The parameters that `info` uses. The own-entry rule is kept out: it is applied when a row becomes a heatmap.
    fn params_for(&self, info: &Info, scene: &Scene, rows: Rows) -> Params {
        let is_phrase = matches!(self.question.params.scalar, Scalar::Text(_));
        let scalar =
            if is_phrase && !obstacle::takes_phrase(scene) { Scalar::default() } else { self.question.params.scalar.clone() };
        let chosen = Params { scalar, rows, own: Own::default(), ..self.question.params.clone() };
        info.only(&chosen, &self.knobs(), Task::Explain)
    }
}

/// Whether the matrix of a text is read from tables of every token.
pub fn has_tables(scene: &Scene) -> bool {
    let tokens = scene.layout.len();
    (scene.model.num_layers + 1).saturating_mul(tokens).saturating_mul(tokens) <= MATRIX_BYTES / 4
}
