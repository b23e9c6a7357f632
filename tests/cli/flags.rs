//! Flags that are not read are refused by name: they would change nothing, and a record would say that they had.

use super::*;

/// Refused before the model is loaded: each line with what the refusal says.
#[test]
fn a_method_refuses_what_it_does_not_read() {
    let desk = Desk::new();
    for (flags, words) in [
        ("--method class-relevance --scalar class:2", &["--scalar class:2", "class-relevance", "say --class '2'"][..]),
        ("--method occlusion --scalar vocab:cat", &["--scalar vocab:cat", "say --class 'cat'"]),
        ("--method attention --scalar class:2", &["--scalar class:2", "--head, --mass, --renormalise", "leave it out"]),
        ("--method agreement --scalar norm", &["--scalar norm", "--scalar text:PHRASE"]),
        ("--method ultra --head 1", &["--head 1", "ultra", "--scalar, --rows, --own, --blocks"]),
        ("--method ultra --discard 0.5", &["--discard", "ultra", "--blocks"]),
        ("--method rollout --facet key", &["--facet key", "--head, --discard"]),
        ("--method similarity --rows 8", &["--rows 8", "--facet"]),
        ("--method similarity --own zero", &["--own zero"]),
        ("--method token-norms --head max", &["--head max"]),
        ("--method logit-lens --facet value", &["--facet value"]),
        ("--token 1..3 --own keep", &["--own keep", "span"]),
        ("--method class-relevance --class 1 --scalar text:cat", &["--scalar text:cat", "--class"]),
        ("--method similarity --mads 4", &["--mads 4", "--outliers replace"]),
        ("--method occlusion --effect token --class 2", &["--class 2", "--effect auto or score or probability"]),
        ("--method token-norms --token 1 --token 2", &["--token 2", "whatever the token"]),
        ("--method feature-pca --token all", &["--token all", "whatever the token"]),
    ] {
        desk.run(&format!("explain cat.jpg --model %vit {flags} --out @a.npy")).refused(words);
    }
    for (flags, words) in [
        ("--method tokencut --clusters 5", &["--clusters 5", "tokencut"][..]),
        ("--method slic --cut 0.3", &["--cut 0.3", "slic"]),
        ("--method kmeans --clusters 3 --rows all", &["--rows all", "kmeans"]),
        ("--method kmeans --clusters 3 --superpixels 64", &["--superpixels 64", "--regions slic"]),
        ("--method ncut --clusters 3 --tau 0.3", &["--tau 0.3", "--affinity threshold"]),
        ("--method attention --compactness 3", &["--compactness 3", "--regions slic"]),
        ("--method kmeans --cut 0.3", &["kmeans", "--clusters K"]),
    ] {
        desk.run(&format!("segment cat.jpg --model %vit {flags} --out @a.npy")).refused(words);
    }
    assert_eq!(desk.names("."), [""; 0]);
}

#[test]
fn defaults_may_be_spelled_out_and_what_is_read_passes() {
    let desk = Desk::new();
    for flags in [
        "--head mean --facet residual --mads 8",
        "--method similarity --outliers replace --mads 4 --rows all --own max --scalar auto",
        "--method occlusion --effect token --class=",
        "--method qk-modes --head 1 --token 2 --token 3",
    ] {
        desk.run(&format!("explain cat.jpg --model %dinov2 {flags} --out @a.npy")).done();
    }
    desk.run("segment cat.jpg --model %vit --method kmeans --clusters 3 --regions slic --superpixels 64 --rows 8 --out @a.npy")
        .done();
}

#[test]
fn an_input_a_model_and_a_command_refuse_what_they_do_not_read() {
    let desk = Desk::new();
    let pixels = "tests/fixtures/models/vit/expected.safetensors";
    for (line, words) in [
        ("explain --text hello --size 64", &["--size 64", "text"][..]),
        (&format!("explain {pixels} --model %vit --size 48"), &["--size 48", "as they are"]),
        ("explain cat.jpg --model %vit --tower image", &["--tower image", "vit", "one tower"]),
        ("explain --text hello --model %gpt2 --generate 3 --seed 4", &["--seed", "--temperature"]),
        ("generate --text hello --model %gpt2 --top-p 0.5 --temperature 0", &["--top-p", "--temperature"]),
    ] {
        desk.run(line).refused(words);
    }
    for line in [
        "trace cat.jpg --model %vit --layer 2 --out @a.safetensors",
        "trace cat.jpg --model %vit --method rollout --out @a.safetensors",
        "trace cat.jpg --model %vit --head 1 --out @a.safetensors",
        "explain cat.jpg --model %vit --solo 1 --out @a.png",
        "explain cat.jpg --model %vit --no-outlines --out @a.png",
        "segment cat.jpg --model %vit --colormap magma --out @a.png",
        "segment cat.jpg --model %vit --smooth --out @a.png",
    ] {
        desk.run(line).misused();
    }
    assert_eq!(desk.names("."), [""; 0]);
}

#[test]
fn a_figure_refuses_a_style_that_it_does_not_show() {
    let desk = Desk::new();
    for (line, words) in [
        ("explain cat.jpg --model %vit --colormap magma --out @a.npy", &["--colormap", "no figure is written"][..]),
        ("explain cat.jpg --model %vit --dpi 600", &["--dpi", "no figure is written"]),
        ("segment cat.jpg --model %vit --no-title --out @a.csv", &["--no-title"]),
        ("explain --text hello --smooth --out @a.png", &["--smooth"]),
        ("explain cat.jpg --model %vit --method feature-pca --colormap magma --out @a.png", &["--colormap"]),
        ("explain cat.jpg --model %vit --method feature-pca --range 0:1 --out @a.json", &["--range"]),
    ] {
        desk.run(line).refused(words);
    }
    assert_eq!(desk.names("."), [""; 0]);
    desk.run("explain cat.jpg --model %vit --method feature-pca --out @a.json").done();
    desk.run("segment cat.jpg --model %vit --clusters 3 --out @s.json").done();
    for name in ["a.json", "s.json"] {
        assert!(record(&desk, name)["figure"].get("colormap").is_none(), "{name} has no scale of colours");
    }
    desk.run("explain cat.jpg --model %vit --out @m.json").done();
    assert_eq!(record(&desk, "m.json")["figure"]["colormap"], "viridis");
}

#[test]
fn the_window_refuses_what_it_would_not_look_at() {
    let desk = Desk::new();
    for (flags, words) in [
        ("cat.jpg --head 1", &["--head 1", "ultra"][..]),
        ("cat.jpg --rows 8", &["--rows 8", "window"]),
        ("cat.jpg --matrix", &["--matrix", "picture"]),
        ("cat.jpg --segments --colormap magma", &["--colormap magma", "segments"]),
        ("cat.jpg --method tokencut --clusters 4", &["--clusters 4", "tokencut"]),
    ] {
        desk.run(&format!("{flags} --screenshot @a.png")).refused(words);
    }
    assert_eq!(desk.names("."), [""; 0]);
}

/// A segmenter that decides for itself how many segments there are takes no cut, and its record asks for none.
#[test]
fn a_record_of_a_segmenter_without_a_count_is_remade() {
    let desk = Desk::new();
    desk.run("segment brick.jpg --model %vit --method tokencut --out @t.json --out @t.npy").done();
    let (command, labels) = (record(&desk, "t.json")["command"].as_str().unwrap().to_owned(), desk.read("t.npy"));
    assert!(!command.contains("--cut"), "{command}");
    fs::remove_file(desk.path("t.npy")).unwrap();
    desk.shell(&command).done();
    assert_eq!(desk.read("t.npy"), labels);
}

#[test]
fn flags_of_every_command_stand_before_it_too() {
    let desk = Desk::new();
    let line = "explain cat.jpg --model %vit --token 1 --out @a.csv";
    let behind = desk.run(&format!("{line} --verbose")).done();
    let before = desk.run(&format!("--verbose {line}")).done();
    let without_times = |text: &str| text.lines().filter(|l| !l.starts_with("computed")).map(str::to_owned).collect::<Vec<_>>();
    assert!(before.stderr.contains("tokens: ") && without_times(&before.stderr) == without_times(&behind.stderr), "{before:?}");
    for line in ["--layer 2 explain cat.jpg --out @a.png", "cat.jpg methods", "--verbose --screenshot @a.png methods"] {
        let ran = desk.run(line).misused();
        assert!(ran.stderr.contains("belongs to the window"), "{ran:?}");
    }
    assert_eq!(desk.names("."), ["a.csv"]);
}

/// Of an evaluation, flags count for the methods that read them; what none reads is refused, and what a method is spelled with it must
/// read.
#[test]
fn an_evaluation_refuses_what_its_methods_do_not_read() {
    let desk = Desk::new();
    for folder in ["d/images", "d/masks"] {
        fs::create_dir_all(desk.path(folder)).unwrap();
    }
    image::RgbImage::from_fn(48, 40, |x, y| image::Rgb([(x * 5) as u8, (y * 6) as u8, 9]))
        .save(desk.path("d/images/a.png"))
        .unwrap();
    image::GrayImage::from_fn(48, 40, |x, _| image::Luma([u8::from(x > 20)])).save(desk.path("d/masks/a.png")).unwrap();
    let line = "evaluate segments @d --model %vit --clusters 3 --out @e";
    for (flags, words) in [
        ("--method similarity,head=1", &["--method similarity,head=1", "--head 1", "--facet"][..]),
        ("--method similarity,superpixels=9", &["--superpixels 9", "--regions slic"]),
        ("--method similarity --head 1", &["--head 1", "is no parameter of similarity"]),
        ("--method ultra --method kmeans --head 1", &["--head 1", "ultra, kmeans"]),
    ] {
        desk.run(&format!("{line} {flags}")).refused(words);
    }
    assert_eq!(desk.names("."), ["d"]);
    let table = desk.run(&format!("{line} --method attention --method similarity --head 1")).done().stdout;
    assert!(table.contains("attention") && table.contains("similarity"), "{table}");
}

/// What names no map, no segment or no picture is refused before anything is written.
#[test]
fn questions_without_an_answer_of_their_own_are_refused() {
    let desk = Desk::new();
    desk.write("bank.txt", "The bank of the river.");
    for (line, words) in [
        ("explain cat.jpg --model %vit --method kmeans", &["--method kmeans", "divides pictures", "`tokenscope segment`"][..]),
        ("segment cat.jpg --model %vit --clusters 3 --solo 99", &["--solo 99", "there are", "0 to 2"]),
        ("explain cat.jpg --model %vit --method class-relevance --token 1,1 --token cls", &["one map whatever the token"]),
        ("@bank.txt --method kmeans --clusters 3 --screenshot @w.png", &["--method kmeans", "the input is a text"]),
        ("@bank.txt --segments --screenshot @w.png", &["--segments", "the input is a text"]),
    ] {
        let out = if line.contains("--screenshot") { "" } else { " --out @o.png" };
        desk.run(&format!("{line}{out}")).refused(words);
    }
    assert_eq!(desk.names("."), ["bank.txt"]);
}
