//! Rows that no evaluation arrives at: refused by their line, whoever reads them.

use serde_json::{Value, json};

use super::desk;

#[test]
fn impossible_numbers_are_refused_by_their_line() {
    let desk = desk();
    let line = "evaluate segments @data --model %vit --method kmeans --method random --clusters 3 --limit 2 --out @out";
    desk.run(line).done();
    let good = String::from_utf8(desk.read("out/rows.jsonl")).unwrap();
    let rows: Vec<Value> = good.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [kmeans, random] = ["kmeans", "random"].map(|id| {
        let is_of = |row: &&Value| row["contender"].as_str().unwrap().contains(id);
        rows.iter().rposition(|row| is_of(&row)).unwrap()
    });
    type Change<'a> = &'a dyn Fn(&mut Value);
    let cases: &[(usize, Change<'_>, &str)] = &[
        (kmeans, &|row| row["scores"]["miou"] = json!(7), "miou is 7"),
        (kmeans, &|row| row["scores"]["accuracy"] = json!(-0.25), "accuracy is -0.25"),
        (random, &|row| row["scores"]["voi"] = json!(-1), "voi is -1"),
        (random, &|row| row["scores"]["segments"] = json!(2.5), "segments"),
        (random, &|row| row["scores"]["luck"] = json!(0.5), "luck"),
        (random, &|row| row["scores"] = json!({}), "neither a score"),
        (random, &|row| row["scores"]["miou"] = json!("good"), "invalid type"),
        (kmeans, &|row| row["counts"][0][2] = json!(-5), "invalid value"),
        (kmeans, &|row| row["counts"][0][2] = json!(1_u64 << 50), "more than a picture has"),
        (kmeans, &|row| row["counts"][0][0] = json!(9), "segment"),
        (kmeans, &|row| row["counts"] = Value::Null, "counts"),
        (kmeans, &|row| row["counts"] = json!([[0, 0, 5], [0, 0, 6]]), "twice"),
        (kmeans, &|row| row["thinned"]["predicted_matched"] = json!(1_000_000), "boundary pixels are matched"),
        (kmeans, &|row| row["unthinned"]["true_matched"] = json!(1_000_000), "boundary pixels are matched"),
        (kmeans, &|row| drop(row["vectors"].as_array_mut().unwrap().pop()), "vectors of 2 segments"),
        (kmeans, &|row| row["vectors"][1] = json!([1.0, 0.0, 0.0]), "vectors of 3 numbers, and the model's have 24"),
        (kmeans, &|row| row["vectors"] = json!([[1.0], [0.5], [0.25]]), "vectors of 1 numbers"),
        (kmeans, &|row| row["vectors"][0][0] = json!(40.0), "length 1"),
        (kmeans, &|row| row["vectors"] = Value::Null, "no vectors"),
        (random, &|row| row["vectors"] = json!([[1.0], [0.5], [0.25]]), "no model"),
        (random, &|row| drop(row.as_object_mut().unwrap().remove("image")), "missing field"),
    ];
    for (at, change, word) in cases {
        let mut rows = rows.clone();
        change(&mut rows[*at]);
        let text = rows.iter().map(|row| format!("{row}\n")).collect::<String>();
        let place = format!("rows.jsonl, line {}", at + 1);
        desk.write("out/rows.jsonl", &text);
        desk.run(line).refused(&[&place, word, "delete the line"]);
        desk.run("evaluate merge @out --out @all").refused(&[&place, word]);
        assert_eq!(desk.read("out/rows.jsonl"), text.as_bytes(), "a refusal leaves all as it was");
    }
    for bad in ["{\"image\": NaN}", "[]", "{\"image\":\"p0\",\"contender\":\"x\",\"scores\":{\"f\":NaN}}", "\u{0}"] {
        desk.write("out/rows.jsonl", format!("{good}{bad}\n"));
        desk.run(line).refused(&["rows.jsonl, line 5", "delete the line"]);
    }
    // The remedy helps.
    desk.write("out/rows.jsonl", good.lines().skip(1).map(|line| format!("{line}\n")).collect::<String>());
    desk.run(line).done();
    desk.run("evaluate merge @out --out @all").done();
}
