//! Segmentations: by a segmenter of the registry, or by clustering the maps that a method makes of all patches.

use std::sync::Arc;

use super::output::{Explanation, Photo, Segments};
use super::phrase::{self, Phrase};
use super::{Traced, finite, leading, needs, resolve_layer, resolved};
use crate::domain::exhibit::Shown;
use crate::domain::request::{Cut, Request, Task, Tokens};
use crate::domain::resample::{Kernel, pillow_taps_in, resample_plane};
use crate::domain::{Error, Result};
use crate::method::{Control, METHODS, Method, Reach, Target};
use crate::segment::{self, Cutting, Finish, MapTree, Partition, Relations, Rgb, SEGMENTERS, Scope, Segmenter};

/// Answers a request for segments.
///
/// # Errors
/// A refusal of texts, of a method whose maps do not differ from patch to patch, of parameters; [`Error::Cancelled`].
pub(super) fn segment(request: &Request, traced: &Traced, phrases: &[Arc<Phrase>], control: &Control) -> Result<Segments> {
    let photo = traced.scene.photo.as_ref().ok_or_else(|| {
        Error::refused("segments", "the input is a text").expected("a picture").remedy("explain its tokens instead")
    })?;
    let request = resolved(request, traced);
    match segment::by_id(&request.method) {
        Some(segmenter) => by_segmenter(request, segmenter, traced, photo, control),
        None => by_maps(request, traced, phrases, photo, control),
    }
}

/// The ids that `segment --method` takes.
pub fn segment_ids() -> impl Iterator<Item = &'static str> {
    let maps = METHODS.iter().map(|m| m.info()).filter(|info| info.reach == Reach::Rows).map(|info| info.id);
    maps.chain(SEGMENTERS.iter().map(|s| s.info().id))
}

fn by_segmenter(
    request: Request,
    segmenter: &'static dyn Segmenter,
    traced: &Traced,
    photo: &Photo,
    control: &Control,
) -> Result<Segments> {
    let info = segmenter.info();
    needs::check(info, &traced.scene)?;
    segment::check_patches(traced.scene.layout.grid.len())?;
    let layer = resolve_layer(&request, info, traced.trace.num_layers())?;
    let cut = if let Task::Segment { cut } = request.task { cut } else { Cut::default() };
    let seen = || seen_rgb(photo);
    let rgb = Rgb::new(&seen);
    let (model, trace) = (&traced.model, &traced.trace);
    let scope = Scope { model, trace, layer, params: &request.params, cut, rgb: &rgb, size: photo.input_size, control };
    let partition = segmenter.segment(&scope)?;
    let cutting = segmenter.cutting();
    finished(Segments {
        request,
        scene: traced.scene.clone(),
        method: info,
        cutting,
        layer,
        maps: None,
        partition,
        relations: Relations::of(model, trace, layer)?,
        shown: Arc::default(),
    })
}

fn by_maps(request: Request, traced: &Traced, phrases: &[Arc<Phrase>], photo: &Photo, control: &Control) -> Result<Segments> {
    let (scene, layout) = (&traced.scene, &traced.scene.layout);
    let method = by_id(&request.method)?;
    let info = method.info();
    needs::check(info, scene)?;
    let layer = resolve_layer(&request, info, traced.trace.num_layers())?;
    let positions: Vec<usize> = (0..layout.grid.len()).map(|p| layout.position_of(p)).collect();
    let matches = phrase::matches(traced, phrases)?;
    let target = Target { layer, positions: &positions, params: &request.params, phrase: leading(phrases) };
    let relevance = method.explain(&traced.model, &traced.trace, &target, control)?;
    finite::check_rows(method, &request, traced, &relevance)?;
    let all = Request { task: Task::Explain, tokens: Tokens::All, ..request.clone() };
    let maps = Explanation {
        request: all,
        scene: scene.clone(),
        method: info,
        layer,
        positions,
        relevance: relevance.into(),
        layers: None,
        score: None,
        matches,
        shown: Arc::default(),
    };
    let heatmaps: Vec<f32> = (0..layout.grid.len()).flat_map(|n| maps.heatmap(n).values.to_vec()).collect();
    let finish = Finish::new(&request.params, &Rgb::new(&|| seen_rgb(photo)), photo.input_size, &control.cancel)?;
    let tree = MapTree::new(heatmaps, layout.grid, photo.input_size, &control.cancel)?.with_regions(finish.regions);
    finished(Segments {
        request,
        scene: scene.clone(),
        method: info,
        cutting: Cutting::Tree,
        layer,
        maps: Some(Arc::new(maps)),
        partition: Partition::Maps(tree),
        relations: Relations::of(&traced.model, &traced.trace, layer)?,
        shown: Arc::default(),
    })
}

/// With what there is to see beside the labels, at the cut that was asked for.
fn finished(segments: Segments) -> Result<Segments> {
    let cut = if let Task::Segment { cut } = segments.request.task { cut } else { Cut::default() };
    let exhibits = segments.exhibits(&segments.partition.segmentation(cut));
    Ok(Segments { shown: Arc::new(Shown { exhibits, ..Shown::default() }), ..segments })
}

/// The method whose maps are clustered.
fn by_id(id: &str) -> Result<&'static dyn Method> {
    let known = || segment_ids().collect::<Vec<_>>().join(", ");
    let refused = |what: &str| Error::refused(format!("--method {id}"), what).expected(known());
    let method = METHODS.iter().copied().find(|m| m.info().id == id).ok_or_else(|| refused("unknown segmenter"))?;
    if method.info().reach == Reach::Rows { Ok(method) } else { Err(refused("has no map of its own for each patch")) }
}

/// The part of a picture that the model saw, at the size at which it saw it.
///
/// # Shapes
/// `[height, width, 3]`, row-major.
fn seen_rgb(photo: &Photo) -> Vec<u8> {
    let (picture, seen, (height, width)) = (&photo.picture, photo.seen, photo.input_size);
    let ys = pillow_taps_in(seen.y, seen.y + seen.height, picture.height, height, Kernel::Bilinear);
    let xs = pillow_taps_in(seen.x, seen.x + seen.width, picture.width, width, Kernel::Bilinear);
    let mut rgb = vec![0; height * width * 3];
    for channel in 0..3 {
        let plane: Vec<f32> = picture.rgb.iter().skip(channel).step_by(3).map(|&value| f32::from(value)).collect();
        let small = resample_plane(&plane, picture.width, &ys, &xs);
        for (pixel, value) in rgb.chunks_exact_mut(3).zip(small) {
            pixel[channel] = value.round().clamp(0.0, 255.0) as u8;
        }
    }
    rgb
}
