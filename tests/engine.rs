//! The engine and its worker thread: answers are remembered, cancelled work leaves nothing wrong behind, the newest wish wins.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokenscope::domain::request::{Cut, ModelRef, Params, Request, Rows, SizeRule, Task, Tokens};
use tokenscope::domain::request_key::RequestKey;
use tokenscope::domain::{Error, Result};
use tokenscope::engine::fit::readout::pictures_of;
use tokenscope::engine::{Engine, Oracle, Output, Reply, Worker};
use tokenscope::method::Control;
use tokenscope::method::readout::Training;

fn model() -> PathBuf {
    common::own_models().join("vit")
}

fn photo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/samples/cat.jpg")
}

fn explain(layer: i32, rows: Rows) -> Request {
    let mut request = Request::new(Task::Explain, photo(), model());
    request.layer = layer;
    request.tokens = Tokens::All;
    request.params = Params { rows, ..Params::default() };
    request
}

fn run(engine: &mut Engine, request: &Request) -> Result<Output> {
    engine.run(request, &Control::default())
}

#[test]
fn an_answer_is_remembered_and_equal_requests_share_it() {
    let mut engine = Engine::default();
    let first = run(&mut engine, &explain(-1, Rows::All)).unwrap();
    let again = run(&mut engine, &explain(-1, Rows::All)).unwrap();
    let (Output::Explanation(first), Output::Explanation(again)) = (first, again) else { panic!("not explanations") };
    assert!(Arc::ptr_eq(&first, &again));
    let Output::Explanation(other) = run(&mut engine, &explain(1, Rows::All)).unwrap() else { panic!("not an explanation") };
    assert!(Arc::ptr_eq(&first.scene, &other.scene), "the trace was run twice");
    assert_ne!(first.relevance, other.relevance);
}

#[test]
fn negative_layers_count_from_the_top_and_others_are_refused() {
    let mut engine = Engine::default();
    let layer = |output: Output| if let Output::Explanation(e) = output { e.layer } else { panic!("not an explanation") };
    assert_eq!(layer(run(&mut engine, &explain(-1, Rows::All)).unwrap()), 3);
    assert_eq!(layer(run(&mut engine, &explain(-4, Rows::All)).unwrap()), 0);
    for wrong in [4, -5] {
        let err = run(&mut engine, &explain(wrong, Rows::All)).unwrap_err();
        assert!(err.to_string().contains("layers 0..3"), "{err}");
    }
    let attention = Request { method: "attention".to_owned(), ..explain(0, Rows::All) };
    assert!(run(&mut engine, &attention).unwrap_err().to_string().contains("layers 1..3"));
}

#[test]
fn cancelled_work_answers_nothing_and_spoils_nothing() {
    let mut engine = Engine::default();
    let cancelled = Control::default();
    cancelled.cancel.cancel();
    let requests =
        [explain(-1, Rows::All), Request { task: Task::Segment { cut: Cut::default() }, ..explain(-1, Rows::Some(8)) }];
    for request in &requests {
        assert_eq!(engine.run(request, &cancelled).unwrap_err(), Error::Cancelled);
        run(&mut engine, request).unwrap();
    }
}

#[test]
fn a_segmentation_labels_every_pixel_and_patch() {
    let mut engine = Engine::default();
    let request = Request { task: Task::Segment { cut: Cut::Clusters(4) }, ..explain(-1, Rows::Some(8)) };
    let Output::Segments(segments) = run(&mut engine, &request).unwrap() else { panic!("not segments") };
    let segmentation = segments.partition.segmentation(Cut::Clusters(4));
    assert_eq!((segmentation.labels.len(), segmentation.patch_labels.len()), (40 * 40, 25));
    assert_eq!(segments.maps.as_ref().unwrap().relevance.len(), 25 * 26);
    assert!((segmentation.shares().iter().sum::<f64>() - 1.0).abs() < 1e-9);
}

/// Replies until `last` is among them, in order; at most half a minute.
fn replies_until(worker: &mut Worker, last: RequestKey) -> Vec<Reply> {
    let (started, mut replies) = (Instant::now(), Vec::<Reply>::new());
    while !replies.iter().any(|r| r.key == last) {
        assert!(started.elapsed() < Duration::from_secs(30), "the worker does not answer");
        replies.extend(worker.poll());
        std::thread::sleep(Duration::from_millis(2));
    }
    replies
}

#[test]
fn of_many_quick_wishes_the_newest_is_answered() {
    let mut worker = Worker::spawn(Engine::default(), || {}).unwrap();
    let wish = |side: usize| Request { size: SizeRule::Exact { height: side, width: side }, ..explain(-1, Rows::Some(1)) };
    for step in 1..=40 {
        worker.wish(vec![wish(8 * step)]);
    }
    let replies = replies_until(&mut worker, wish(320).key());
    assert!(replies.len() < 30, "{} wishes that nobody had any more were answered", replies.len() - 1);
    assert!(replies.iter().all(|r| r.result.is_ok()));
}

#[test]
fn wishes_are_answered_in_order_and_errors_come_back() {
    let mut worker = Worker::spawn(Engine::default(), || {}).unwrap();
    let missing = Request { input: "missing.png".into(), ..explain(-1, Rows::All) };
    worker.wish(vec![explain(-1, Rows::Some(1)), missing.clone()]);
    let replies = replies_until(&mut worker, missing.key());
    assert_eq!(replies[0].key, explain(-1, Rows::Some(1)).key());
    assert!(replies[0].result.is_ok());
    assert_eq!(replies[1].key, missing.key());
    assert!(replies[1].result.as_ref().unwrap_err().to_string().contains("missing.png"));
    worker.wish(vec![Request { size: SizeRule::Exact { height: 480, width: 480 }, ..explain(-1, Rows::All) }]);
    drop(worker); // joins at once, whatever is running
}

/// The whole way from a folder of pictures to a file that another request names.
#[test]
fn a_read_out_is_learned_from_a_folder_and_never_makes_held_out_pictures_worse() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/samples");
    let pictures = pictures_of(&folder).unwrap();
    let desk = tempfile::tempdir().unwrap();
    let vit = ModelRef::Path(model());
    let training = Training { layer: 3, rank: 6, steps: 4, batch: 2, seed: 1 };
    let fit = |name: &str| {
        let out = desk.path().join(name);
        let found = Engine::default().fit_readout(&vit, &pictures, &training, &out, &Control::default()).unwrap();
        (found, std::fs::read(out).unwrap())
    };
    let (found, bytes) = fit("a.safetensors");
    assert!(found.after <= found.before && found.before > 0.0 && found.before <= 2.0, "{found:?}");
    assert_eq!(fit("b.safetensors").1, bytes, "the same seed gives the same file");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let width = (found.matrix.len() as f64).sqrt() as usize;
    assert_eq!(tensors.tensor("W").unwrap().shape(), [width, width]);
    let few =
        Engine::default().fit_readout(&vit, &pictures[..2], &training, &desk.path().join("c.safetensors"), &Control::default());
    assert!(few.unwrap_err().to_string().contains("at least 4 pictures"));
}
