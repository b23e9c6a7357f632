//! The arrows between the folders of `src/`, and the few habits that a reader of any file may count on. The rules are the tables
//! at the top; below them a scanner that reads Rust just well enough: comments and literals are blanked, paths are followed
//! through nested `use` trees, `crate`, `self` and `super`.

#[path = "layering/scanner.rs"]
mod scanner;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders, the highest row first. A folder may name any lower row; of its own row, itself.
const ROWS: &[&[&str]] = &[
    &["app", "cli"],
    &["engine", "figure"],
    &["method", "segment", "measure", "render"],
    &["model", "input", "hub"],
    &["builtin", "store", "algebra", "letters"],
    &["guard"],
    &["domain"],
];

/// Arrows inside a row: figures are made from the engine's answers.
const BESIDE: &[(&str, &str)] = &[("figure", "engine")];

/// The rooms of the window, the highest first: each may name those below it. What stands in `app/` itself holds them together.
const APP_ROWS: &[&str] = &["shell", "pane", "widgets", "command", "resolve", "ask", "state"];

/// Crates that only some folders may name.
const CRATES: &[(&[&str], &[&str])] = &[
    (&["candle_core", "candle_nn", "candle_transformers"], &["model", "method"]),
    (&["eframe", "egui", "egui_wgpu", "wgpu", "winit"], &["app", "render"]),
    (&["rfd", "poll_promise"], &["app"]),
    (&["ureq"], &["hub"]),
    (&["nalgebra"], &["algebra"]),
    (&["pathfinding"], &["measure"]),
    (&["clap", "ctrlc", "indicatif"], &["cli"]),
    (&["fontique", "harfrust", "unicode_bidi"], &["letters"]),
    (&["skrifa"], &["letters", "figure"]),
];

/// The crates that plain data may name, beside std.
const PLAIN_DATA: (&str, &[&str]) = ("domain", &["serde", "serde_json"]);

/// candle's fused operations: they cut gradients silently, so that what comes out looks plausible and is wrong.
const NO_GRADIENT: &[&str] = &["softmax_last_dim", "candle_nn::layer_norm", "candle_nn::rms_norm", "candle_nn::rotary_emb"];

/// What ends the program in place of refusing.
const PANICS: &[&str] = &[".unwrap()", ".expect(", "panic!", "unreachable!", "todo!", "unimplemented!"];

const MAX_FILE_LINES: usize = 450;
/// Of a file of the window.
const MAX_APP_LINES: usize = 300;
const MAX_FUNCTION_LINES: usize = 70;

#[test]
fn arrows_point_down() {
    let dependencies = dependencies();
    report(sources().iter().flat_map(|source| wrong_arrows(source, &dependencies)));
}

#[test]
fn rooms_of_the_window_name_lower_ones_only() {
    report(sources().iter().flat_map(wrong_rooms));
}

#[test]
fn no_files_of_the_window_name_each_other_in_a_circle() {
    let sources: Vec<Source> = sources().into_iter().filter(|source| source.name.starts_with("src/app/")).collect();
    report(circles(&sources).into_iter().map(|circle| format!("a circle: {}", circle.join(" -> "))));
}

#[test]
fn files_say_what_they_are_for_and_stay_small() {
    report(sources().iter().flat_map(|source| {
        let count = source.text.lines().count();
        let nameless = (!source.text.starts_with("//!")).then(|| "does not begin with //!".to_owned());
        let most = if source.name.starts_with("src/app/") { MAX_APP_LINES } else { MAX_FILE_LINES };
        let long = (count > most).then(|| format!("has {count} lines, more than {most}"));
        [nameless, long].into_iter().flatten().map(|what| format!("{}: {what}", source.name)).collect::<Vec<_>>()
    }));
}

#[test]
fn functions_stay_small() {
    report(sources().iter().flat_map(|source| {
        let long = functions(&tokens(&source.code)).into_iter().filter(|f| f.lines > MAX_FUNCTION_LINES);
        long.map(|f| format!("{}:{}: {} has {} lines, more than {MAX_FUNCTION_LINES}", source.name, f.line, f.name, f.lines))
            .collect::<Vec<_>>()
    }));
}

#[test]
fn nothing_panics_outside_tests() {
    // Tests that outgrew the file that they test lie beside it.
    let is_tested = |source: &&Source| !source.name.ends_with("/tests.rs") && !source.name.contains("/tests/");
    let sources = sources();
    report(sources.iter().filter(is_tested).flat_map(|source| mentions(&source.name, &without_tests(&source.code), PANICS)));
}

#[test]
fn no_operation_cuts_gradients() {
    report(sources().iter().flat_map(|source| mentions(&source.name, &source.code, NO_GRADIENT)));
}

/// Fails with every finding, not only the first.
fn report(findings: impl Iterator<Item = String>) {
    let mut text = String::new();
    findings.for_each(|finding| writeln!(text, "  {finding}").unwrap());
    assert!(text.is_empty(), "\n{text}");
}

// ---- reading

struct Source {
    /// Path from the package's root.
    name: String,
    text: String,
    /// `text` with comments and literals blanked, line by line the same.
    code: String,
}

impl Source {
    fn new(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.to_owned(), code: blanked(text) }
    }

    /// The file's module, outermost first.
    fn module(&self) -> Vec<String> {
        let path = Path::new(&self.name).strip_prefix("src").unwrap().with_extension("");
        let mut parts: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        parts.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
        parts
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    collect(&root().join("src"), &mut files);
    files.sort();
    assert!(files.len() > 50, "only {} files below src", files.len());
    let source = |path: &PathBuf| {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        Source::new(&name, &fs::read_to_string(path).unwrap())
    };
    files.iter().map(source).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// Names of the crates in Cargo.toml's `[dependencies]`, as code spells them.
fn dependencies() -> Vec<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest.split("\n[").find_map(|part| part.strip_prefix("dependencies]")).unwrap();
    let names = section.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name.trim().replace('-', "_"));
    names.filter(|name| !name.starts_with('#')).collect()
}

// ---- arrows

fn wrong_arrows(source: &Source, dependencies: &[String]) -> Vec<String> {
    let module = source.module();
    // The library's root and the binary hold everything together.
    let Some(folder) = module.first() else { return Vec::new() };
    if row_of(folder).is_none() {
        return vec![format!("{}: {folder} has no row in this test", source.name)];
    }
    let wrong = |named: Named| {
        let (line, what) = (named.line, named.path.get(usize::from(named.own))?);
        let found = if named.own {
            (!may_name(folder, what)).then(|| format!("{folder} names {what}"))
        } else {
            (!may_use(folder, what, dependencies)).then(|| format!("{folder} names the crate {what}"))
        };
        found.map(|found| format!("{}:{line}: {found}", source.name))
    };
    paths(&tokens(&source.code), &module).into_iter().filter_map(wrong).collect()
}

fn wrong_rooms(source: &Source) -> Vec<String> {
    let module = source.module();
    let [app, room, ..] = &module[..] else { return Vec::new() };
    let Some(from) = APP_ROWS.iter().position(|row| row == room).filter(|_| app == "app") else { return Vec::new() };
    let wrong = |named: Named| {
        let path = named.path.get(1..).filter(|path| named.own && path.first().is_some_and(|first| first == "app"))?;
        let what = path.get(1)?;
        let is_lower = APP_ROWS.iter().position(|row| row == what).is_some_and(|to| to >= from);
        (!is_lower).then(|| format!("{}:{}: {room} names {what}", source.name, named.line))
    };
    paths(&tokens(&without_tests(&source.code)), &module).into_iter().filter_map(wrong).collect()
}

/// Files that lead back to themselves. Those of a folder's tests are not looked at.
fn circles(sources: &[Source]) -> Vec<Vec<String>> {
    let modules: Vec<Vec<String>> = sources.iter().map(Source::module).collect();
    let file_of = |path: &[String]| (1..=path.len()).rev().find_map(|n| modules.iter().position(|module| *module == path[..n]));
    let names = |at: usize| -> Vec<usize> {
        let named = paths(&tokens(&without_tests(&sources[at].code)), &modules[at]);
        let own = named.into_iter().filter_map(|named| {
            // `child::item` in a folder's own file names the child.
            let child = || [&modules[at][..], &named.path[..]].concat();
            let path = if named.own { named.path[1..].to_vec() } else { child() };
            file_of(&path).filter(|&to| to != at && (named.own || modules[to].len() > modules[at].len()))
        });
        own.collect()
    };
    let is_test = |at: &usize| modules[*at].iter().any(|part| part == "tests");
    let graph: Vec<Vec<usize>> = (0..sources.len()).map(|at| if is_test(&at) { Vec::new() } else { names(at) }).collect();
    let mut found = Vec::new();
    for start in 0..graph.len() {
        if let Some(circle) = way_back(&graph, start) {
            // Each circle once, from its first file.
            if circle.iter().min() == Some(&start) {
                found.push(circle.iter().map(|&at| sources[at].name.clone()).collect());
            }
        }
    }
    found
}

/// The shortest way from a file back to itself.
fn way_back(graph: &[Vec<usize>], start: usize) -> Option<Vec<usize>> {
    let mut from: Vec<Option<usize>> = vec![None; graph.len()];
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for &next in &graph[at] {
            if next == start {
                let mut way = vec![at];
                while let Some(before) = way.last().and_then(|&last| from[last]) {
                    way.push(before);
                }
                way.reverse();
                return Some(way);
            }
            if from[next].is_none() {
                from[next] = Some(at);
                queue.push_back(next);
            }
        }
    }
    None
}

fn row_of(folder: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&folder))
}

fn may_name(folder: &str, other: &str) -> bool {
    match (row_of(folder), row_of(other)) {
        // What stands at the root and is no folder is the crate's own macro or the like.
        (_, None) | (None, _) => true,
        (Some(from), Some(to)) => to > from || folder == other || BESIDE.contains(&(folder, other)),
    }
}

fn may_use(folder: &str, name: &str, dependencies: &[String]) -> bool {
    let reserved = CRATES.iter().find(|(names, _)| names.contains(&name));
    let plain = folder != PLAIN_DATA.0 || PLAIN_DATA.1.contains(&name) || !dependencies.iter().any(|d| d == name);
    plain && reserved.is_none_or(|(_, folders)| folders.contains(&folder))
}

/// A path that the code names.
struct Named {
    line: usize,
    /// `crate` first, with `self` and `super` resolved, where it is the package's own.
    path: Vec<String>,
    own: bool,
}

fn paths(tokens: &[Token<'_>], file: &[String]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut module = file.to_vec();
    // Depths of braces at which inline modules began.
    let (mut depth, mut inline) = (0, Vec::new());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            "mod" if tokens.get(at + 2).is_some_and(|t| t.text == "{") => {
                module.push(tokens[at + 1].text.to_owned());
                inline.push(depth);
                at += 1;
            }
            _ => {}
        }
        if token.text == "}" && inline.last() == Some(&depth) {
            inline.pop();
            module.pop();
        }
        if token.is_word() {
            let imported = at > 0 && tokens[at - 1].text == "use";
            let mut named = Vec::new();
            let end = tree(tokens, at, &[], &mut named);
            found.extend(named.into_iter().filter(|(_, p)| p.len() > 1 || imported).map(|(line, p)| resolved(p, &module, line)));
            at = end;
        } else {
            at += 1;
        }
    }
    found
}

/// Follows `a::b::{c, d::e as f, *}` from the word at `at`; returns where it ends.
fn tree(tokens: &[Token<'_>], mut at: usize, prefix: &[String], named: &mut Vec<(usize, Vec<String>)>) -> usize {
    let text = |at: usize| tokens.get(at).map_or("", |t| t.text);
    let mut path = prefix.to_vec();
    loop {
        path.push(text(at).to_owned());
        at += 1;
        let goes_on = text(at) == "::";
        match text(at + 1) {
            "{" if goes_on => {
                at += 2;
                while !["}", ""].contains(&text(at)) {
                    let is_part = tokens[at].is_word() || text(at) == "*";
                    at = if is_part { tree(tokens, at, &path, named) } else { at + 1 };
                    if text(at) == "as" {
                        at += 2;
                    }
                }
                return at + 1;
            }
            "*" if goes_on => at += 1,
            _ if goes_on && tokens.get(at + 1).is_some_and(Token::is_word) => at += 1,
            _ => break,
        }
    }
    named.push((tokens[at - 1].line, path));
    at
}

fn resolved(path: Vec<String>, module: &[String], line: usize) -> Named {
    let mut here = module.to_vec();
    let mut rest = path.as_slice();
    let own = ["crate", "self", "super"].contains(&path[0].as_str());
    while let Some((first, others)) = rest.split_first().filter(|_| own) {
        match first.as_str() {
            "crate" => here.clear(),
            "self" => {}
            "super" => drop(here.pop()),
            _ => break,
        }
        rest = others;
    }
    let path = if own { [&["crate".to_owned()], here.as_slice(), rest].concat() } else { path };
    Named { line, path, own }
}

// ---- words and functions

#[derive(Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    line: usize,
}

impl Token<'_> {
    fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// Words, `::`, and every other character alone.
fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let in_word = |c: char| c.is_alphanumeric() || c == '_';
            let length = if in_word(first) {
                rest.find(|c| !in_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            found.push(Token { text: &rest[..length], line: number + 1 });
            rest = rest[length..].trim_start();
        }
    }
    found
}

struct Function {
    name: String,
    line: usize,
    lines: usize,
}

fn functions(tokens: &[Token<'_>]) -> Vec<Function> {
    let starts = tokens.windows(2).enumerate().filter(|(_, pair)| pair[0].text == "fn" && pair[1].is_word());
    let function = |(at, pair): (usize, &[Token<'_>])| {
        let mut depth = 0;
        for token in &tokens[at..] {
            match token.text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                ";" if depth == 0 => return None,
                _ => {}
            }
            if token.text == "}" && depth == 0 {
                let (line, lines) = (pair[0].line, token.line - pair[0].line + 1);
                return Some(Function { name: pair[1].text.to_owned(), line, lines });
            }
        }
        None
    };
    starts.filter_map(function).collect()
}

fn mentions(name: &str, code: &str, words: &[&str]) -> Vec<String> {
    let lines = code.lines().enumerate();
    lines
        .flat_map(|(i, line)| words.iter().filter(move |w| line.contains(**w)).map(move |w| format!("{name}:{}: {w}", i + 1)))
        .collect()
}

/// Code with the items below `#[cfg(test)]` blanked.
fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(start) = out.find("#[cfg(test)]") {
        let mut depth = 0;
        let end = out[start + 12..].find(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0 && (c == '}' || c == ';')
        });
        let end = end.map_or(out.len(), |length| start + 12 + length + 1);
        let blank: String = out[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(start..end, &blank);
    }
    out
}

/// Comments, strings and characters as spaces, so that what is left is code.
fn blanked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (length, keep) = match literal(rest) {
            Some(length) => (length, false),
            None => {
                let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                (word.max(rest.chars().next().map_or(1, char::len_utf8)), true)
            }
        };
        let part = &rest[..length];
        if keep {
            out.push_str(part);
        } else {
            out.extend(part.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = &rest[length..];
    }
    out
}

/// Length of the comment or literal that `text` begins with.
fn literal(text: &str) -> Option<usize> {
    let whole = text.len();
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(whole));
    }
    if text.starts_with("/*") {
        let mut depth = 0;
        let ends = text.match_indices(['/', '*']).find(|(at, _)| {
            let opens = text[*at..].starts_with("/*");
            depth += i32::from(opens) - i32::from(text[..at + 1].ends_with("*/") && *at > 2);
            depth == 0
        });
        return Some(ends.map_or(whole, |(at, _)| at + 1));
    }
    let bare = text.strip_prefix('b').unwrap_or(text);
    let raw = bare.strip_prefix('r').map(|r| (r, r.len() - r.trim_start_matches('#').len()));
    if let Some((body, hashes)) = raw.filter(|(body, hashes)| body[*hashes..].starts_with('"')) {
        let close = format!("\"{}", "#".repeat(hashes));
        let start = whole - body.len() + hashes + 1;
        return Some(text[start..].find(&close).map_or(whole, |end| start + end + close.len()));
    }
    let start = whole - bare.len() + 1;
    if bare.starts_with('"') {
        return Some(closed(text, start, '"'));
    }
    let is_char = bare.starts_with("'\\") || bare.starts_with('\'') && bare.chars().nth(2) == Some('\'');
    is_char.then(|| closed(text, start, '\''))
}

/// Where a literal that began before `start` ends.
fn closed(text: &str, start: usize, quote: char) -> usize {
    let mut escaped = false;
    let end = text[start..].char_indices().find(|(_, c)| {
        let ends = *c == quote && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| start + at + 1)
}
