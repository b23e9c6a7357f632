//! A real checkpoint on labelled photos: how often the most probable class is the right one.
//!
//!     TOKENSCOPE_MODEL=FOLDER TOKENSCOPE_PHOTOS=FOLDER TOKENSCOPE_RIGHT=772 cargo test --release --test photos -- --ignored --nocapture
//!
//! The folder of photos holds labels.csv with lines `file,class`.

use std::path::PathBuf;

use tokenscope::domain::request::{Request, Task};
use tokenscope::engine::{Engine, Output};
use tokenscope::method::Control;

#[test]
#[ignore = "needs a real checkpoint and labelled photos, named by environment variables"]
fn the_most_probable_class_is_right_as_often_as_with_pillow_and_pytorch() {
    let folder = |name: &str| PathBuf::from(std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set")));
    let (model, photos) = (folder("TOKENSCOPE_MODEL"), folder("TOKENSCOPE_PHOTOS"));
    let labels = std::fs::read_to_string(photos.join("labels.csv")).unwrap();
    let mut engine = Engine::default();
    let (mut right, mut count) = (0, 0);
    for line in labels.lines().skip(1) {
        let (file, class) = line.rsplit_once(',').unwrap();
        let request = Request::new(Task::Trace, photos.join(file), &model);
        let Output::Scene(scene) = engine.run(&request, &Control::default()).unwrap() else { panic!("not a scene") };
        right += usize::from(scene.predictions[0].class == class.parse::<usize>().unwrap());
        count += 1;
    }
    println!("right on {right} of {count} photos");
    if let Ok(wanted) = std::env::var("TOKENSCOPE_RIGHT") {
        assert!(right.abs_diff(wanted.parse().unwrap()) <= 3, "right on {right} of {count}, wanted {wanted}");
    }
}
