//! The same by the engine and the command line, as users meet them.

use tokenscope::domain::request::{Input, ModelRef, Request, Task, Tokens};
use tokenscope::engine::{Engine, Output};

use super::program::Desk;
use super::*;

fn request(model: &str, input: Input, method: &str) -> Request {
    let mut request = Request::of(Task::Explain, input, ModelRef::Path(own_models().join(model)));
    request.method = method.to_owned();
    request.tokens = Tokens::These(vec!["3".parse().unwrap()]);
    request
}

#[test]
fn the_engine_answers_of_pictures_and_texts_with_what_there_is_to_see() {
    let mut engine = Engine::default();
    for method in ["value-weighted", "attention-entropy", "qk-modes", "feature-pca", "token-norms"] {
        for model in ["dinov2_with_registers", "gpt2"] {
            let input = own_models().join(model).join("expected.safetensors");
            let output = engine.run(&request(model, input.into(), method), &Control::default()).unwrap();
            let Output::Explanation(found) = output else { panic!("not an explanation") };
            assert_eq!(found.row(0).len(), found.scene.layout.len());
            assert_eq!(found.shown.exhibits.is_empty(), method == "value-weighted", "{method}");
            // Modes are of one head: the first, where none is named.
            assert_eq!(found.request.params.head == Head::One(0), method == "qk-modes", "{method}");
            assert_eq!(found.shown.paint.is_some(), ["qk-modes", "feature-pca"].contains(&method), "{method}");
        }
    }
}

#[test]
fn flags_reach_the_methods() {
    let desk = Desk::new();
    let run = |rest: &str| desk.run(&format!("explain cat.jpg --model %vit --token 2,2 --out @a.npy {rest}"));
    run("--method attention --mass 60 --renormalise").done();
    run("--method rollout --discard 90").done();
    run("--method qk-modes --head 1 --mode 3 --side target --partner cls").done();
    run("--method similarity --project random:4 --outliers replace --mads 3").done();
    run("--method feature-pca --foreground first --normalise --component 2").done();
    run("--method qk-modes --mode 3 --discard 4").refused(&["--discard", "qk-modes"]);
    run("--method stego").refused(&["--stego-head"]);
    run(&format!("--method stego --stego-head {}/stego_head.safetensors", golden_folder().display())).done();
    run("--method qk-modes --layer 0").refused(&["--layer 0", "layers 1..3"]);
}

/// Components of several pictures, kept in a file: scores of one picture along its own basis are those without one.
#[test]
fn a_basis_is_fitted_written_and_used() {
    let desk = Desk::new();
    desk.run("fit basis cat.jpg --model %vit --layer 2 --components 4 --out @one.safetensors").done();
    let row = |rest: &str| {
        desk.run(&format!(
            "explain cat.jpg --model %vit --layer 2 --token 0 --method feature-pca --component 2 --out @a.npy {rest}"
        ))
        .done();
        let bytes = desk.read("a.npy");
        npyz::NpyFile::new(&bytes[..]).unwrap().into_vec::<f32>().unwrap()
    };
    let basis = format!("--basis {}", desk.path("one.safetensors").display());
    assert_close("one basis", &row(&basis), &row(""), 1e-4);
    desk.run("fit basis cat.jpg astronaut.jpg --model %vit --normalise --out @two.safetensors").done();
    desk.run("explain cat.jpg --model %dinov2 --layer 2 --token 0 --method feature-pca --component 4 --out @a.npy").done();
    let two = format!("--basis {}", desk.path("two.safetensors").display());
    assert_ne!(row(&two), row(""));
    desk.run(&format!("explain cat.jpg --model %vit --token 0 --method feature-pca --component 4 --out @a.npy {two}"))
        .refused(&["--component 4", "1 to 3"]);
    desk.run("fit basis cat.jpg --model %vit --out @a.npy").refused(&["a.npy", ".safetensors"]);
    desk.run("fit basis --out @a.safetensors").misused();
}

/// A basis that is written anew is another question, though its name is the same.
#[test]
fn a_changed_file_is_read_again() {
    let desk = Desk::new();
    let basis = desk.path("b.safetensors");
    let mut asked =
        request("vit", Input::from(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/samples/cat.jpg")), "feature-pca");
    asked.params = with("feature-pca", &[("basis", basis.to_str().unwrap())]);
    let mut engine = Engine::default();
    let mut row = |picture: &str| {
        desk.run(&format!("fit basis {picture} --model %vit --out @b.safetensors")).done();
        match engine.run(&asked, &Control::default()).unwrap() {
            Output::Explanation(found) => found.row(0).to_vec(),
            other => panic!("{other:?}"),
        }
    };
    let (cat, astronaut) = (row("cat.jpg"), row("astronaut.jpg"));
    assert_ne!(cat, astronaut);
    assert_eq!(cat, row("cat.jpg"));
}
