//! Which answers the screen needs, most urgent first. The frame loop compares this list with what is there and asks for the rest;
//! nothing else ever starts a job, so nothing can forget to refresh.

use std::sync::Arc;

use super::session::{Mode, Session};
use super::{menu, phrase};
use crate::domain::request::{Cut, Facet, Generation, Own, Params, Request, Rows, Scalar, SizeRule, Task, Tokens};
use crate::domain::token::{TokenKind, TokenLayout, TokenRef};
use crate::engine::Scene;
use crate::method::{Info, Reach, Uses};
use crate::segment::Cutting;

/// Tables of every layer may take so many bytes; longer texts get rows of what is pinned alone.
const MATRIX_BYTES: usize = 128 << 20;

/// The wishes of a state with their keys, kept until the state changes: a key holds the whole text, and there may be one for every
/// layer.
#[derive(Debug, Default)]
pub struct Wishes {
    of: Option<(Session, Option<Arc<Scene>>)>,
    list: Vec<(String, Request)>,
}

impl Wishes {
    /// Those of [`Session::wanted`], each with its key.
    pub fn of(&mut self, session: &Session, scene: Option<&Arc<Scene>>) -> &[(String, Request)] {
        let address = |scene: Option<&Arc<Scene>>| scene.map(Arc::as_ptr);
        let same = self.of.as_ref().is_some_and(|(s, at)| s == session && address(at.as_ref()) == address(scene));
        if !same {
            let wanted = session.wanted(scene.map(Arc::as_ref));
            self.list = wanted.into_iter().map(|request| (request.key(), request)).collect();
            self.of = Some((session.clone(), scene.cloned()));
        }
        &self.list
    }
}

impl Session {
    /// The wishes of this state: the trace, the table of every token's map (one answer serves all hovering), the answer to one
    /// token alone; or the segmentation. Requests are in canonical form: parameters that a method does not use keep their
    /// defaults and the layer counts from 0, so that equal questions have equal keys.
    ///
    /// Of a span first the quick answer; the exact one takes a backward pass a token, and comes after the layers of the matrix.
    pub fn wanted(&self, scene: Option<&Scene>) -> Vec<Request> {
        let Some(trace) = self.trace_request() else { return Vec::new() };
        let mut wishes = vec![trace];
        let Some(scene) = scene else { return wishes };
        let (quick, exact) = (self.span_request(scene, Rows::Some(1)), self.span_request(scene, Rows::All));
        let more: Vec<Request> = match self.mode {
            Mode::Heatmap => {
                let now = [quick, self.table_request(scene), self.single_request(scene)];
                let others = self.matrix_requests(scene).into_iter().chain(exact).chain(self.score_request(scene));
                now.into_iter().flatten().chain(others).collect()
            }
            Mode::Segments => self.segment_request(scene).into_iter().collect(),
        };
        for request in more {
            if !wishes.contains(&request) {
                wishes.push(request);
            }
        }
        wishes
    }

    /// The forward pass of the open input, with its continuation, through the open model; it depends on nothing else.
    pub fn trace_request(&self) -> Option<Request> {
        Some(Request { generation: self.generation.map(Generation::canonical), ..self.prompt_request()? })
    }

    /// The same without a continuation.
    pub fn prompt_request(&self) -> Option<Request> {
        let (input, model) = (self.input.clone()?, self.model_in_use()?);
        let size = if input.is_resized() { self.size } else { SizeRule::default() };
        Some(Request { tower: self.tower, size, device: self.device, ..Request::of(Task::Trace, input, model) })
    }

    /// Maps of every token, where these are cheap: by own rows where the method carries rows, else as the method gives them.
    pub fn table_request(&self, scene: &Scene) -> Option<Request> {
        (self.info()?.reach == Reach::Rows).then_some(())?;
        self.explain_request(scene, Tokens::All, Rows::Some(1))
    }

    /// The answer to one token alone: the exact map where the table has own rows, the only one where there is no table, and what
    /// is shown beside a map. It is that of the pinned token, or of the first guess.
    pub fn single_request(&self, scene: &Scene) -> Option<Request> {
        let info = self.info()?;
        let pinned = || scene.layout.resolve(self.pinned.as_ref()?).ok();
        let position = match info.reach {
            // The map does not depend on it; what stands beside a text may.
            Reach::Whole if scene.layout.text.is_none() => first_guess(scene),
            Reach::Whole => pinned().or_else(|| first_guess(scene)),
            // The span has an answer of its own.
            Reach::Rows | Reach::Each if self.span.is_some() => None,
            // A backward pass is made only for whom it was asked.
            Reach::Rows if info.uses(Uses::Rows) => pinned(),
            Reach::Rows | Reach::Each => pinned().or_else(|| first_guess(scene)),
        };
        self.explain_request(scene, Tokens::These(vec![token_at(&scene.layout, position?)]), Rows::All)
    }

    /// The sources of the span, where rows differ from target to target.
    pub fn span_request(&self, scene: &Scene, rows: Rows) -> Option<Request> {
        (self.info()?.reach != Reach::Whole).then_some(())?;
        self.explain_request(scene, Tokens::Span(self.span?), rows)
    }

    /// How much the span depends on its sources, where the model can say.
    pub fn score_request(&self, scene: &Scene) -> Option<Request> {
        (self.score && scene.model.is_causal).then_some(())?;
        Some(Request { score: true, ..self.span_request(scene, Rows::All)? })
    }

    /// What every layer's row of the matrix is read from, the current layer first.
    fn matrix_requests(&self, scene: &Scene) -> Vec<Request> {
        if !self.matrix.shown || scene.layout.text.is_none() {
            return Vec::new();
        }
        let now = self.layer_of(scene.model.num_layers);
        let others = (0..=scene.model.num_layers).rev().filter(|&layer| layer != now);
        std::iter::once(now).chain(others).filter_map(|layer| self.matrix_request(scene, layer)).collect()
    }

    /// What one layer's row of the matrix is read from: the table of every token, so that the matrix follows the pointer; of a long
    /// text, or where rows are dear, the row of what is pinned.
    pub fn matrix_request(&self, scene: &Scene, layer: usize) -> Option<Request> {
        let reach = self.info()?.reach;
        let tokens = if reach == Reach::Rows && has_tables(scene) {
            Tokens::All
        } else if let Some(span) = self.span.filter(|_| reach != Reach::Whole) {
            Tokens::Span(span)
        } else {
            let pinned = self.pinned.as_ref().and_then(|token| scene.layout.resolve(token).ok());
            let position = pinned.or_else(|| first_guess(scene).filter(|_| reach == Reach::Whole))?;
            Tokens::These(vec![token_at(&scene.layout, position)])
        };
        let rows = if reach == Reach::Rows { Rows::Some(1) } else { Rows::All };
        self.explain_at(self.info()?, scene, layer, tokens, rows)
    }

    /// The picture divided. A linkage tree is cut here in the window, so that the cut is no part of that question; a count is a part
    /// of it where there is no tree.
    pub fn segment_request(&self, scene: &Scene) -> Option<Request> {
        let (info, cutting) = self.segmenter()?;
        let layer = self.layer_of(scene.model.num_layers);
        let request = self.explain_at(info, scene, layer, Tokens::These(Vec::new()), Rows::All)?;
        let cut = if cutting == Cutting::Count { self.cut_for(cutting) } else { Cut::default() };
        let task = Task::Segment { cut };
        // Here the own-entry rule decides what is clustered.
        let own = if info.uses(Uses::Own) { self.params.own } else { Own::default() };
        let params = Params { rows: Params::of(task).rows, own, ..request.params };
        Some(Request { task, params, ..request })
    }

    /// Why what is asked has no answer at this layer, or from this model, in words.
    pub fn obstacle(&self, scene: &Scene) -> Option<String> {
        self.obstacle_of(self.asked()?, scene, self.layer_of(scene.model.num_layers))
    }

    /// Why the method has no answer at some layer, or from this model, in words.
    pub fn obstacle_at(&self, scene: &Scene, layer: usize) -> Option<String> {
        self.obstacle_of(self.info()?, scene, layer)
    }

    fn obstacle_of(&self, info: &Info, scene: &Scene, layer: usize) -> Option<String> {
        if info.uses(Uses::Phrase)
            && let Some(missing) = phrase::missing(self, scene)
        {
            return Some(missing);
        }
        if info.uses(Uses::Scalar) && matches!(self.params.scalar, Scalar::Text(_)) && !scene.model.takes_phrases {
            return Some(format!("Along {}: {}", self.params.scalar, phrase::NEEDS));
        }
        if let Some(lacking) = menu::lacking(info, scene) {
            return Some(format!("{}: {lacking}", info.name));
        }
        // No block made layer 0, so that it has no queries, keys and values.
        let compares_parts = info.uses(Uses::Facet) && self.params.facet != Facet::Residual;
        let (lowest, top) = (info.min_layer.max(usize::from(compares_parts)), scene.model.num_layers);
        let what = if lowest > info.min_layer { format!("{} by {}", info.name, self.params.facet) } else { info.name.to_owned() };
        (layer < lowest).then(|| format!("{what} starts at layer {lowest}: choose layers {lowest}..{top}"))
    }

    fn explain_request(&self, scene: &Scene, tokens: Tokens, rows: Rows) -> Option<Request> {
        self.explain_at(self.info()?, scene, self.layer_of(scene.model.num_layers), tokens, rows)
    }

    /// None where there is no answer; [`Session::obstacle_at`] says why.
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
        let is_phrase = matches!(self.params.scalar, Scalar::Text(_));
        let scalar = if is_phrase && !phrase::applies(scene) { Scalar::default() } else { self.params.scalar.clone() };
        let chosen = Params { scalar, rows, own: Own::default(), ..self.params.clone() };
        info.only(&chosen, &self.knobs(), Task::Explain)
    }
}

/// Whether the matrix of a text is read from tables of every token.
pub fn has_tables(scene: &Scene) -> bool {
    let tokens = scene.layout.len();
    (scene.model.num_layers + 1).saturating_mul(tokens).saturating_mul(tokens) <= MATRIX_BYTES / 4
}

/// The token that is explained where none is chosen: one that says something about the whole input. The class token; where tokens
/// see only those before them the last one; else the middle of the picture.
pub fn first_guess(scene: &Scene) -> Option<usize> {
    let layout = &scene.layout;
    if scene.model.is_causal {
        return layout.len().checked_sub(1);
    }
    let cls = layout.resolve(&TokenRef::Prefix(TokenKind::Cls)).ok();
    cls.or_else(|| (!layout.grid.is_empty()).then(|| layout.position_of(layout.grid.len() / 2)))
}

/// The name that a user would give to the token at a position: of an image its patch or its kind, of a text where it stands.
pub fn token_at(layout: &TokenLayout, position: usize) -> TokenRef {
    match layout.kind(position).filter(|_| layout.text.is_none()) {
        Some(TokenKind::Patch { row, col }) => TokenRef::Patch { row, col },
        Some(prefix) => TokenRef::Prefix(prefix),
        None => TokenRef::Position(position),
    }
}
