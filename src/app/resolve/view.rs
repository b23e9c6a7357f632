//! What is on the screen: the newest answer to what the lane asks, or the one before it while the newest is on its way.
//! Resolved once a frame, before anything is drawn, so that every panel of a frame shows the same map.

use std::sync::Arc;

pub use super::cut::CutView;
pub use super::map::MapView;
use super::map::{map_view, single};
pub use super::pointing::Pointing;
use crate::app::ask::answers::Answers;
use crate::app::ask::tokens::first_guess;
use crate::app::resolve::matrix::{Matrix, Target};
use crate::app::state::{Lane, Mode};
use crate::domain::exhibit::Shown;
use crate::domain::request::{Request, Rows, Task};
use crate::engine::{Continuation, Explanation, Output, Scene, Segments};
use crate::measure::Score;
use crate::method::{Info, Reach};

/// What is older than this, in seconds, is drawn faint.
pub const STALE_AFTER_SECS: f32 = 0.15;
/// Share of the overlay's opacity that is left then.
pub const STALE_FADE: f32 = 0.45;

/// What is shown beside a map or a segmentation.
#[derive(Clone, Debug)]
pub struct Beside {
    /// Charts and tables.
    pub shown: Arc<Shown>,
    /// Whose they are; of segments nobody's.
    pub target: Option<Target>,
    /// Of which method, or segmenter.
    pub method: &'static Info,
}

/// What is on the screen.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The picture or the text, and what the model made of it.
    pub scene: Option<Arc<Scene>>,
    /// The heatmap.
    pub map: Option<MapView>,
    /// The same target at every layer, where that is shown.
    pub matrix: Option<Matrix>,
    /// How much the span depends on its sources, where that is known.
    pub score: Option<Arc<Score>>,
    /// The segmentation.
    pub cut: Option<CutView>,
    /// Charts and tables, where there are such.
    pub beside: Option<Beside>,
    /// Whether the text is a part of what a model is adding to it.
    pub is_growing: bool,
    /// Why there can be no map, in words.
    pub obstacle: Option<String>,
    /// Since when, in seconds, the picture shows something older than what is asked for.
    pub stale_since: Option<f64>,
}

impl View {
    /// Takes the newest answers; keeps what was shown where there is none yet.
    ///
    /// `continuation` is the part of a growing text that is there.
    pub fn update(
        &mut self,
        lane: &Lane,
        (answers, continuation): (&Answers, Option<&Arc<Continuation>>),
        pointing: Pointing,
        now: f64,
    ) {
        let pointing = lane.heeded(pointing);
        let fresh_scene = self.update_scene(lane, answers, continuation);
        self.obstacle = self.scene.as_ref().filter(|_| fresh_scene).and_then(|s| lane.obstacle(s));
        let fresh = fresh_scene
            && match lane.question.mode {
                Mode::Heatmap => self.update_map(lane, answers, pointing),
                Mode::Segments => self.update_cut(lane, answers),
            };
        self.update_beside(lane, answers);
        self.update_matrix(lane, answers, pointing);
        let score = self.scene.as_ref().and_then(|s| lane.score_request(s));
        self.score = score.and_then(|r| answers.explanation(&r)).and_then(|e| e.score.clone());
        if let Some(map) = &mut self.map {
            map.range = map.limits(lane.look.range_for(map.method.signed));
        }
        self.stale_since = if fresh { None } else { self.stale_since.or(Some(now)) };
    }

    /// Whether the scene on the screen is the one that the lane names.
    fn update_scene(&mut self, lane: &Lane, answers: &Answers, continuation: Option<&Arc<Continuation>>) -> bool {
        let Some(request) = lane.trace_request() else {
            *self = Self::default();
            return true;
        };
        let whole = answers.scene(&request);
        let prompt = || lane.question.generation.and(lane.prompt_request()).and_then(|r| answers.scene(&r));
        let Some(scene) = whole.or_else(|| continuation.map(|c| &c.scene)).or_else(prompt) else { return false };
        self.is_growing = whole.is_none();
        if !self.scene.as_ref().is_some_and(|s| Arc::ptr_eq(s, scene)) {
            // What a token was told by stays true when others follow.
            let map = self.map.take().filter(|_| self.scene.as_ref().is_some_and(|old| is_continued(old, scene)));
            *self = Self { scene: Some(scene.clone()), is_growing: self.is_growing, map, ..Self::default() };
        }
        true
    }

    /// Whether the map on the screen is the one asked for, at whatever precision.
    fn update_map(&mut self, lane: &Lane, answers: &Answers, pointing: Pointing) -> bool {
        if self.obstacle.is_some() {
            self.map = None;
            return true;
        }
        let Some(scene) = &self.scene else { return true };
        let target = target(lane, scene, pointing, self.is_growing);
        let span = lane.span().filter(|_| !pointing.peek);
        let last = span.map(|span| span.to.saturating_sub(1)).or(target).filter(|_| self.is_growing);
        let shorter = last.map(|position| lane.up_to(scene, position));
        let lane = shorter.as_ref().unwrap_or(lane);
        let previews = pointing.peek || lane.pinned().is_none();
        let reach = lane.question.info().map(|info| info.reach);
        let answer = |request: Option<Request>| request.and_then(|r| answers.explanation(&r));
        let span = span.filter(|_| reach != Some(Reach::Whole));
        let found = if span.is_some() {
            let [exact, quick] = [Rows::All, Rows::Some(1)].map(|rows| lane.span_request(scene, rows));
            answer(exact).or_else(|| answer(quick)).map(|e| (e, 0))
        } else {
            let single = answer(lane.single_request(scene));
            // Colours that mean themselves are made for one token alone; without them, another's map would be of another kind.
            let is_painted = single.is_some_and(|e| e.shown.paint.is_some());
            let is_meant = |e: &Arc<Explanation>| {
                reach != Some(Reach::Rows) || is_painted || !previews || e.positions.first() == target.as_ref()
            };
            let single = single.filter(|e| is_meant(e)).map(|e| (e, 0));
            single.or_else(|| answer(lane.table_request(scene)).zip(target))
        };
        let Some((source, row)) = found else { return self.is_growing || (target.is_none() && span.is_none()) };
        let own = lane.question.params.own;
        let same = |m: &MapView| Arc::ptr_eq(&m.source.0, source) && m.source.1 == row && m.own == own;
        if !self.map.as_ref().is_some_and(same) {
            self.map = map_view(source, row, own);
        }
        true
    }

    /// Finds the charts and tables of what is shown; those of the same method stay until the next ones are there.
    fn update_beside(&mut self, lane: &Lane, answers: &Answers) {
        let Some(method) = lane.asked().filter(|_| self.obstacle.is_none()) else {
            self.beside = None;
            return;
        };
        let found = match (lane.question.mode, &self.scene) {
            (Mode::Segments, _) => self.cut.as_ref().map(|cut| (cut.shown.clone(), None, cut.segments.method)),
            (Mode::Heatmap, Some(scene)) => {
                let [exact, quick] = [Rows::All, Rows::Some(1)].map(|rows| lane.span_request(scene, rows));
                let requests = [exact, quick, lane.single_request(scene)];
                let answer = requests.into_iter().flatten().find_map(|request| answers.explanation(&request));
                answer.and_then(|e| Some((e.shown.clone(), Some((*e.positions.first()?, e.span())), e.method)))
            }
            (Mode::Heatmap, None) => None,
        };
        match found {
            Some((shown, target, method)) => self.beside = Some(Beside { shown, target, method }),
            None => self.beside = self.beside.take().filter(|beside| beside.method.id == method.id),
        }
        self.beside = self.beside.take().filter(|beside| !beside.shown.exhibits.is_empty());
    }

    /// Makes the matrix anew where what it shows has changed.
    fn update_matrix(&mut self, lane: &Lane, answers: &Answers, pointing: Pointing) {
        let shown = lane.look.matrix.shown && lane.question.mode == Mode::Heatmap && !self.is_growing;
        let Some(scene) = self.scene.as_ref().filter(|s| shown && s.layout.text.is_some()) else {
            self.matrix = None;
            return;
        };
        let span = lane.span().filter(|_| !pointing.peek);
        let target = target(lane, scene, pointing, self.is_growing);
        if let Some((target, span)) = target.map(|target| (target, span))
            && !self.matrix.as_ref().is_some_and(|m| m.is_of(lane, answers, (target, span)))
        {
            self.matrix = Matrix::new(lane, answers, scene, (target, span));
        }
    }

    /// Whether the segmentation on the screen is the one asked for.
    fn update_cut(&mut self, lane: &Lane, answers: &Answers) -> bool {
        if self.obstacle.is_some() {
            self.cut = None;
            return true;
        }
        let request = self.scene.as_ref().and_then(|s| lane.segment_request(s));
        let Some(segments) = request.and_then(|r| answers.segments(&r)) else { return false };
        let cut = lane.look.cut_for(segments.cutting);
        let same = |c: &CutView| Arc::ptr_eq(&c.segments, segments) && c.cut == cut;
        if !self.cut.as_ref().is_some_and(same) {
            let segmentation = segments.partition.segmentation(cut);
            let shares = segmentation.shares();
            let shown = Arc::new(Shown { exhibits: segments.exhibits(&segmentation), paint: None });
            self.cut = Some(CutView { segments: segments.clone(), cut, segmentation: segmentation.into(), shares, shown });
        }
        true
    }

    /// What is shown, as an answer of its own: one map, or the segmentation at this cut.
    pub fn output(&self, lane: &Lane) -> Option<Output> {
        match lane.question.mode {
            Mode::Heatmap => self.map.as_ref().map(|map| Output::Explanation(Arc::new(single(map)))),
            Mode::Segments => self.cut.as_ref().map(|cut| {
                let request = Request { task: Task::Segment { cut: cut.cut }, ..cut.segments.request.clone() };
                Output::Segments(Arc::new(Segments { request, ..(*cut.segments).clone() }))
            }),
        }
    }

    /// How faint the overlay is drawn: what is old fades after a moment, so that quick answers do not flicker.
    pub fn fade(&self, now: f64) -> f32 {
        let waiting = self.stale_since.is_some_and(|since| now - since >= f64::from(STALE_AFTER_SECS));
        if waiting { STALE_FADE } else { 1.0 }
    }
}

impl Lane {
    /// Where the user points, as far as the method has maps to answer with: one that is made for each token that is asked for, or
    /// that is the same for all, does not follow the pointer.
    fn heeded(&self, pointing: Pointing) -> Pointing {
        let follows = self.question.info().is_some_and(|info| info.reach == Reach::Rows);
        if follows { pointing } else { Pointing { focus: None, peek: false, ..pointing } }
    }
}

/// Whether a text is another one with more at its end, or the same.
pub fn is_continued(old: &Scene, new: &Scene) -> bool {
    let (Some(old), Some(new)) = (&old.layout.text, &new.layout.text) else { return false };
    new.generated_from.is_some() && new.string.starts_with(&old.string) && new.pieces.len() >= old.pieces.len()
}

/// The position whose map is shown: pinned, pointed at, or a first guess; nothing is guessed while a text grows.
fn target(lane: &Lane, scene: &Scene, pointing: Pointing, is_growing: bool) -> Option<usize> {
    let pinned = lane.pinned().filter(|_| !pointing.peek).and_then(|t| scene.layout.resolve(t).ok());
    let focus = pointing.focus.filter(|&p| p < scene.layout.len());
    pinned.or(focus).or_else(|| if is_growing { None } else { first_guess(scene) })
}
