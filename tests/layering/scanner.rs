//! The scanner, on programs made for it.

use super::*;

#[test]
fn an_upward_arrow_is_caught_however_it_is_written() {
    for text in [
        "use crate::engine::Engine;",
        "use crate::{\n    domain::{Error, Result},\n    engine::{self, Output},\n};",
        "use super::super::engine as e;",
        "fn f() -> crate::engine::Output { todo!() }",
        "fn f() { let x = super::super::engine::worker::Worker::spawn(); }",
        "mod inner {\n    fn f() { super::super::super::engine::f() }\n}",
    ] {
        let wrong = wrong_arrows(&Source::new("src/method/new.rs", text), &[]);
        assert!(!wrong.is_empty() && wrong.iter().all(|w| w.ends_with("method names engine")), "{text}\n{wrong:?}");
    }
}

#[test]
fn rows_and_crates_are_told_apart() {
    let names = |file: &str, text: &str| wrong_arrows(&Source::new(file, text), &["serde".to_owned(), "rayon".to_owned()]);
    assert_eq!(names("src/figure/a.rs", "use crate::engine::Output;"), [""; 0]);
    assert_eq!(names("src/engine/a.rs", "\nuse crate::figure::Layout;"), ["src/engine/a.rs:2: engine names figure"]);
    assert_eq!(names("src/cli/a.rs", "use crate::app::App;"), ["src/cli/a.rs:1: cli names app"]);
    assert_eq!(names("src/model/mod.rs", "use super::input::Picture;"), ["src/model/mod.rs:1: model names input"]);
    assert_eq!(names("src/segment/a.rs", "use crate::{method::METHODS};"), ["src/segment/a.rs:1: segment names method"]);
    assert_eq!(names("src/engine/a.rs", "use candle_core::Tensor;"), ["src/engine/a.rs:1: engine names the crate candle_core"]);
    assert_eq!(names("src/domain/a.rs", "use serde::Serialize; use rayon::prelude::*;").len(), 1);
    assert_eq!(names("src/main.rs", "use tokenscope::{app, cli};"), [""; 0]);
    assert_eq!(names("src/new/a.rs", "use crate::domain::Error;"), ["src/new/a.rs: new has no row in this test"]);
}

#[test]
fn words_in_comments_and_literals_are_no_arrows() {
    let text = r##"//! [`crate::app`] /* .unwrap() */
/* use crate::app; /* nested */ panic!() */
fn f<'a>(x: &'a str) -> char { g("crate::app \" .unwrap()", r#"crate::cli "quoted""#, b'\'', 'c', '\u{41}') }
struct S { engine: u8 }
"##;
    let source = Source::new("src/domain/a.rs", text);
    assert_eq!(wrong_arrows(&source, &[]), [""; 0]);
    assert_eq!(mentions("a.rs", &source.code, PANICS), [""; 0]);
    assert_eq!(source.code.lines().count(), text.lines().count());
}

#[test]
fn panics_are_seen_outside_test_modules_only() {
    let text = "fn f() { x.unwrap(); }\n#[cfg(test)]\nmod tests {\n    fn g() { x.unwrap(); }\n}\nfn h() { y.expect(z) }\n";
    let code = without_tests(&Source::new("src/domain/a.rs", text).code);
    assert_eq!(mentions("a.rs", &code, PANICS), ["a.rs:1: .unwrap()", "a.rs:6: .expect("]);
}

#[test]
fn functions_are_measured_from_their_name_to_their_end() {
    let text = "fn short() {}\nimpl S {\n    fn long(f: fn(u8) -> u8) -> [u8; 2]\n    where\n        u8: Copy,\n    {\n        {}\n    }\n}\n\
                trait T {\n    fn none(&self);\n}\n";
    let found = functions(&tokens(text));
    let sizes: Vec<(&str, usize)> = found.iter().map(|f| (f.name.as_str(), f.lines)).collect();
    assert_eq!(sizes, [("short", 1), ("long", 6)]);
}
