//! The README's tables of methods and segmenters are the registry's.

use tokenscope::domain::info::Info;
use tokenscope::method::METHODS;
use tokenscope::segment::SEGMENTERS;

#[test]
fn the_tables_of_methods_are_the_registry_s() {
    check("methods", "shows", METHODS.iter().map(|m| m.info()));
    check("segmenters", "finds", SEGMENTERS.iter().map(|s| s.info()));
}

fn check(mark: &str, verb: &str, infos: impl Iterator<Item = &'static Info>) {
    let mut table = format!("| `--method` | {verb} | needs | cost | source |\n|---|---|---|---|---|\n");
    for info in infos {
        let needs = if info.needs.is_empty() { "any model".to_owned() } else { info.needs_in_words() };
        table += &format!("| `{}` | {} | {needs} | {} | {} |\n", info.id, info.summary, info.cost, info.citation);
    }
    let readme = include_str!("../README.md");
    let (begin, end) = (format!("<!-- {mark} -->\n"), format!("<!-- /{mark} -->"));
    let between = readme.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end));
    assert_eq!(between.map(|(found, _)| found), Some(table.as_str()), "paste this between the marks in README.md:\n{table}");
}
