//! Segments of one picture against what people see in it.

use std::sync::Arc;

use super::contender::Contender;
use super::joint;
use super::plan::{Plan, Select, Test};
use super::row::Row;
use super::truth::Truth;
use super::view::View;
use crate::algebra::random::Random;
use crate::domain::request::{Cut, Facet, Input, Request, Task};
use crate::domain::{Control, Error, Notices, Result};
use crate::engine::{Engine, Output, Segments};
use crate::measure::assignment::{hungarian, majority};
use crate::measure::boundary::{Labels, Lines, TOLERANCE, match_boundaries};
use crate::measure::clustering::{adjusted_rand, normalized_mutual_information, rand_index, variation_of_information};
use crate::measure::covering::covering;
use crate::measure::silhouette::{cosine_distances, silhouette};
use crate::measure::{Confusion, Contingency};
use crate::model::features::features;
use crate::segment::Cutting;

/// Scores a contender on a picture.
///
/// # Errors
/// What the engine refuses; a mask that does not fit; [`Error::Cancelled`].
pub(super) fn score(
    engine: &mut Engine,
    plan: &Plan,
    contender: &Contender,
    truth: &Truth,
    control: &Control,
    row: &mut Row,
) -> Result<()> {
    let Test::Segments { from, to, .. } = plan.test else { return Err(Error::Internal("a plan without segments".to_owned())) };
    let mut source = match &contender.request {
        Some(request) => Source::of_model(engine, request, truth, from, control)?,
        None => Source { view: View::whole(truth), maker: Maker::Lot { seed: plan.seed } },
    };
    let image = &truth.pair.id;
    let masks = truth.annotators.iter().zip(&truth.pair.masks);
    let masks = masks.map(|(mask, path)| source.view.of_mask(mask, path)).collect::<Result<Vec<_>>>()?;
    let counts: Vec<usize> = if source.is_fixed() { vec![from] } else { (from..=to).collect() };
    let mut best: Option<(f64, usize, Vec<u16>)> = None;
    for count in chosen(&source, plan, contender, image, counts) {
        control.cancel.check()?;
        let (labels, fit) = source.labels(count, image)?;
        let value = match contender.select {
            Some(Select::Unsupervised) => fit()?,
            _ => quality(&labels, &masks, truth.has_classes),
        };
        if best.as_ref().is_none_or(|(most, ..)| value > *most) {
            best = Some((value, count, labels));
        }
    }
    let (_, count, labels) = best.ok_or_else(|| Error::Internal("no number of segments".to_owned()))?;
    if !source.is_fixed() {
        row.set("k", count as f64);
    }
    row.set("scored", source.view.share);
    row.masks.clone_from(&truth.notes);
    row.notices = source.notices();
    describe(&labels, &masks, source.view.size().1, truth.has_classes, row);
    if truth.has_classes {
        row.vectors = source.vectors(count)?;
    }
    Ok(())
}

/// The counts to look at: of regions by lot without a mask a count by lot.
fn chosen(source: &Source<'_>, plan: &Plan, contender: &Contender, image: &str, counts: Vec<usize>) -> Vec<usize> {
    match (&source.maker, contender.select) {
        (Maker::Lot { .. }, Some(Select::Unsupervised)) => {
            vec![counts[Random::of(plan.seed, &format!("count {image}")).below(counts.len())]]
        }
        _ => counts,
    }
}

/// What the oracle looks at: mean intersection over union of classes, covering of regions.
fn quality(labels: &[u16], masks: &[Vec<u16>], has_classes: bool) -> f64 {
    let of_mask = |mask: &Vec<u16>| {
        let table = Contingency::new(labels, mask);
        if has_classes { Confusion::new(&table, &hungarian(&table)).mean_iou() } else { covering(&table) }
    };
    masks.iter().map(of_mask).sum::<f64>() / masks.len().max(1) as f64
}

/// Every score of labels against masks; of several annotators the mean, but for boundaries, which are matched with all of them.
fn describe(labels: &[u16], masks: &[Vec<u16>], width: usize, has_classes: bool, row: &mut Row) {
    let tables: Vec<Contingency> = masks.iter().map(|mask| Contingency::new(labels, mask)).collect();
    let mean = |score: &dyn Fn(&Contingency) -> f64| tables.iter().map(score).sum::<f64>() / tables.len().max(1) as f64;
    let one = |table: &Contingency| Confusion::new(table, &hungarian(table));
    let many = |table: &Contingency| Confusion::new(table, &majority(table));
    row.set("segments", tables.first().map_or(0, |table| table.predicted().len()) as f64);
    row.set("accuracy", mean(&|table| one(table).accuracy()));
    row.set("miou", mean(&|table| one(table).mean_iou()));
    row.set("majority_accuracy", mean(&|table| many(table).accuracy()));
    row.set("majority_miou", mean(&|table| many(table).mean_iou()));
    row.set("ari", mean(&adjusted_rand));
    row.set("nmi", mean(&normalized_mutual_information));
    row.set("rand", mean(&rand_index));
    row.set("voi", mean(&variation_of_information));
    row.set("covering", mean(&covering));
    let annotators: Vec<&[u16]> = masks.iter().map(Vec::as_slice).collect();
    let matched = |lines| match_boundaries(Labels { values: labels, width }, &annotators, TOLERANCE, lines);
    let (thinned, unthinned) = (matched(Lines::Thinned), matched(Lines::Unthinned));
    row.set("precision", thinned.precision());
    row.set("recall", thinned.recall());
    row.set("f", thinned.f_measure());
    row.set("f_unthinned", unthinned.f_measure());
    (row.thinned, row.unthinned) = (Some(thinned), Some(unthinned));
    row.counts = tables.into_iter().next().filter(|_| has_classes);
}

/// Where segments come from.
struct Source<'a> {
    view: View,
    maker: Maker<'a>,
}

enum Maker<'a> {
    /// The nearest of some points by lot.
    Lot { seed: u64 },
    /// A segmenter, or a method whose maps are clustered.
    Model(Box<OfModel<'a>>),
}

struct OfModel<'a> {
    engine: &'a mut Engine,
    request: Request,
    control: &'a Control,
    /// Its segments at the smallest number.
    first: Arc<Segments>,
    /// Of the patches' vectors, `[N, N]`, once they were asked for.
    distances: Option<Vec<f32>>,
}

/// How well labels fit what the model made of the patches, when it is asked for.
type Fit<'a> = Box<dyn FnOnce() -> Result<f64> + 'a>;

impl<'a> Source<'a> {
    fn of_model(engine: &'a mut Engine, request: &Request, truth: &Truth, count: usize, control: &'a Control) -> Result<Self> {
        let mut request = request.clone();
        request.input = Input::File(truth.pair.image.clone());
        let first = run(engine, &mut request, count, control)?;
        let photo = first.scene.photo.as_ref().ok_or_else(|| Error::Internal("segments without a picture".to_owned()))?;
        let view = View::of_photo(truth, photo)?;
        let of_model = OfModel { engine, request, control, first, distances: None };
        Ok(Self { view, maker: Maker::Model(Box::new(of_model)) })
    }

    /// Whether there is one number of segments only.
    fn is_fixed(&self) -> bool {
        matches!(&self.maker, Maker::Model(of_model) if of_model.first.cutting == Cutting::Fixed)
    }

    /// Labels of the scored pixels.
    fn labels(&mut self, count: usize, image: &str) -> Result<(Vec<u16>, Fit<'_>)> {
        match &mut self.maker {
            Maker::Lot { seed } => {
                let labels = regions(self.view.size(), count, &mut Random::of(*seed, &format!("{count} of {image}")));
                Ok((labels, Box::new(|| Ok(0.0))))
            }
            Maker::Model(of_model) => {
                let OfModel { engine, request, control, first, distances } = &mut **of_model;
                let segments =
                    if first.cutting == Cutting::Count { run(engine, request, count, control)? } else { first.clone() };
                let segmentation = segments.partition.segmentation(Cut::Clusters(count));
                let labels = self.view.of_labels(&segmentation);
                let fit = move || {
                    let distances = match distances {
                        Some(distances) => distances,
                        None => distances.insert(patch_distances(engine, request, &segments, control)?),
                    };
                    // One segment, or one a patch, fits worse than any other number.
                    Ok(silhouette(distances, &segmentation.patch_labels).unwrap_or(-1.0))
                };
                Ok((labels, Box::new(fit)))
            }
        }
    }
}

impl Source<'_> {
    /// How the picture and the model were read.
    fn notices(&self) -> Notices {
        match &self.maker {
            Maker::Lot { .. } => Notices::default(),
            Maker::Model(of_model) => of_model.first.scene.notices.without_folders(),
        }
    }

    /// The mean vector of each segment's patches; none of regions by lot.
    fn vectors(&mut self, count: usize) -> Result<Option<Vec<Vec<f32>>>> {
        let Maker::Model(of_model) = &mut self.maker else { return Ok(None) };
        let OfModel { engine, request, control, .. } = &mut **of_model;
        let segments = run(engine, request, count, control)?;
        let segmentation = segments.partition.segmentation(Cut::Clusters(count));
        let traced = engine.trace(request, control)?;
        let features = features(&traced.model, &traced.trace, segments.layer, Facet::Residual)?;
        let vectors = features.of_patches(&traced.trace);
        Ok(Some(joint::means(vectors, features.width, &segmentation.patch_labels, segmentation.colours.len())))
    }
}

fn run(engine: &mut Engine, request: &mut Request, count: usize, control: &Control) -> Result<Arc<Segments>> {
    request.task = Task::Segment { cut: Cut::Clusters(count) };
    match engine.run(request, control)? {
        Output::Segments(segments) => Ok(segments),
        _ => Err(Error::Internal("segments without any".to_owned())),
    }
}

/// Cosine distances of the patches' residual streams at the segments' layer, `[N, N]`.
fn patch_distances(engine: &mut Engine, request: &Request, segments: &Segments, control: &Control) -> Result<Vec<f32>> {
    let traced = engine.trace(request, control)?;
    let features = features(&traced.model, &traced.trace, segments.layer, Facet::Residual)?;
    Ok(cosine_distances(features.of_patches(&traced.trace), features.width))
}

/// The nearest of so many points by lot: a Voronoi diagram.
fn regions((height, width): (usize, usize), count: usize, random: &mut Random) -> Vec<u16> {
    let points: Vec<(f64, f64)> = (0..count).map(|_| (random.unit() * height as f64, random.unit() * width as f64)).collect();
    let nearest = |i: usize| {
        let (y, x) = ((i / width) as f64 + 0.5, (i % width) as f64 + 0.5);
        let square = |&(py, px): &(f64, f64)| (y - py).powi(2) + (x - px).powi(2);
        (0..count).min_by(|&a, &b| square(&points[a]).total_cmp(&square(&points[b]))).unwrap_or(0) as u16
    };
    (0..height * width).map(nearest).collect()
}
