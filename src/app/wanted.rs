//! Which answers the screen needs, most urgent first. The frame loop compares this list with what is there and asks for the rest;
//! nothing else ever starts a job, so nothing can forget to refresh.

use super::session::{Mode, Session};
use crate::domain::request::{Cut, Params, Request, Rows, Task, Tokens};
use crate::domain::token::{TokenKind, TokenLayout, TokenRef};
use crate::engine::Scene;
use crate::method::{Info, Uses};

impl Session {
    /// The wishes of this state: the trace, the table of every token's map (one answer serves all hovering), the exact map of the
    /// pinned token; or the segmentation. Requests are in canonical form: parameters that a method does not use keep their
    /// defaults and the layer counts from 0, so that equal questions have equal keys.
    pub fn wanted(&self, scene: Option<&Scene>) -> Vec<Request> {
        let Some(trace) = self.trace_request() else { return Vec::new() };
        let mut wishes = vec![trace];
        if let Some(scene) = scene {
            match self.mode {
                Mode::Heatmap => {
                    wishes.extend(self.table_request(scene));
                    wishes.extend(self.exact_request(scene));
                }
                Mode::Segments => wishes.extend(self.segment_request(scene)),
            }
        }
        wishes
    }

    /// The forward pass of the open input through the open model; it depends on nothing else.
    pub fn trace_request(&self) -> Option<Request> {
        let (input, model) = (self.input.clone()?, self.model_in_use()?);
        Some(Request { size: self.size, device: self.device, ..Request::of(Task::Trace, input, model) })
    }

    /// Maps of every token: by own rows where the method carries rows, else as the method gives them.
    pub fn table_request(&self, scene: &Scene) -> Option<Request> {
        self.answerable(scene).then_some(())?;
        self.explain_request(scene, Tokens::All, Rows::Some(1))
    }

    /// The exact map of the pinned token, where that differs from its row of the table.
    pub fn exact_request(&self, scene: &Scene) -> Option<Request> {
        (self.answerable(scene) && self.info()?.uses(Uses::Rows)).then_some(())?;
        let position = scene.layout.resolve(self.pinned.as_ref()?).ok()?;
        self.explain_request(scene, Tokens::These(vec![token_at(&scene.layout, position)]), Rows::All)
    }

    /// Maps of all patches and their linkage tree; the cut is made here in the window, so it is no part of the question.
    pub fn segment_request(&self, scene: &Scene) -> Option<Request> {
        self.answerable(scene).then_some(())?;
        let request = self.explain_request(scene, Tokens::These(Vec::new()), Rows::Some(8))?;
        // Here the own-entry rule decides what is clustered.
        let params =
            if self.info()?.uses(Uses::Own) { Params { own: self.params.own, ..request.params } } else { request.params };
        Some(Request { task: Task::Segment { cut: Cut::default() }, params, ..request })
    }

    /// Whether the method has an answer at this layer; [`Session::obstacle`] says why not.
    pub fn answerable(&self, scene: &Scene) -> bool {
        self.obstacle(scene).is_none()
    }

    /// Why the method has no answer at this layer, in words.
    pub fn obstacle(&self, scene: &Scene) -> Option<String> {
        let (info, layer) = (self.info()?, self.layer_of(scene.model.num_layers));
        (layer < info.min_layer).then(|| {
            format!(
                "{} starts at layer {}: choose layers {}..{}",
                info.name, info.min_layer, info.min_layer, scene.model.num_layers
            )
        })
    }

    fn explain_request(&self, scene: &Scene, tokens: Tokens, rows: Rows) -> Option<Request> {
        let info = self.info()?;
        Some(Request {
            task: Task::Explain,
            layer: i32::try_from(self.layer_of(scene.model.num_layers)).ok()?,
            tokens,
            method: info.id.to_owned(),
            params: self.params_for(info, rows),
            ..self.trace_request()?
        })
    }

    /// The parameters that `info` uses. The own-entry rule is kept out: it is applied when a row becomes a heatmap.
    fn params_for(&self, info: &Info, rows: Rows) -> Params {
        let mut params = Params::default();
        if info.uses(Uses::Head) {
            params.head = self.params.head;
        }
        if info.uses(Uses::Facet) {
            params.facet = self.params.facet;
        }
        if info.uses(Uses::Scalar) {
            params.scalar = self.params.scalar;
        }
        if info.uses(Uses::Rows) {
            params.rows = rows;
        }
        params
    }
}

/// The name that a user would give to the token at a position: of an image its patch or its kind, of a text where it stands.
pub fn token_at(layout: &TokenLayout, position: usize) -> TokenRef {
    match layout.kind(position).filter(|_| layout.text.is_none()) {
        Some(TokenKind::Patch { row, col }) => TokenRef::Patch { row, col },
        Some(prefix) => TokenRef::Prefix(prefix),
        None => TokenRef::Position(position),
    }
}
