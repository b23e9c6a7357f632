//! The README's table of methods is the registry's.

use tokenscope::method::METHODS;

#[test]
fn the_table_of_methods_is_the_registry_s() {
    let mut table = "| `--method` | shows | cost | source |\n|---|---|---|---|\n".to_owned();
    for method in METHODS {
        let info = method.info();
        table += &format!("| `{}` | {} | {} | {} |\n", info.id, info.summary, info.cost, info.citation);
    }
    let readme = include_str!("../README.md");
    let between = readme.split_once("<!-- methods -->\n").and_then(|(_, rest)| rest.split_once("<!-- /methods -->"));
    assert_eq!(between.map(|(found, _)| found), Some(table.as_str()), "paste this between the marks in README.md:\n{table}");
}
