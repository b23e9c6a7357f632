//! Classes by their names.

use serde_json::Value;

use super::Model;
use super::config::Config;
use super::head::Head;
use crate::domain::{Error, Notice, Result};

/// Names that a refusal or a notice lists.
const MOST_NAMES: usize = 5;

/// A class by its number, its name, or one of the names that commas part. `#3` is the number 3, whatever names there are.
///
/// # Errors
/// A refusal of a name that no class has, or that several have, with their numbers.
pub fn class_named(model: &Model, named: &str) -> Result<usize> {
    let count = model.head.as_ref().map_or(0, Head::num_classes);
    find(&model.class_names, count, named)
}

fn find(names: &[String], count: usize, named: &str) -> Result<usize> {
    let refused = |what: String| Error::refused(format!("the class {named}"), what);
    if let Some(number) = named.strip_prefix('#').and_then(|number| number.parse::<usize>().ok()).filter(|&class| class < count) {
        return Ok(number);
    }
    let lower = named.to_lowercase();
    let has = |name: &String| name.to_lowercase() == lower || name.split(',').any(|part| part.trim().to_lowercase() == lower);
    let found: Vec<usize> = (0..names.len()).filter(|&class| has(&names[class])).collect();
    let number = named.parse::<usize>().ok().filter(|class| *class < count);
    match (number, &found[..]) {
        (Some(class), []) => return Ok(class),
        (Some(class), found) if found.iter().any(|other| *other != class) => {
            return Err(refused(format!("is a number, and also the name of {}", numbered(found)))
                .expected("one class")
                .remedy(format!("write #{class} for class number {class}, or # and the number of the class with that name")));
        }
        (_, &[one]) => return Ok(one),
        (_, []) => {}
        (_, several) => {
            return Err(refused(format!("is the name of {}", numbered(several)))
                .expected("a name that one class has")
                .remedy("give the number"));
        }
    }
    let parts = names.iter().flat_map(|name| name.split(',')).map(str::trim);
    let alike: Vec<&str> = parts.filter(|part| part.to_lowercase().contains(&lower)).take(MOST_NAMES).collect();
    let remedy = if alike.is_empty() { String::new() } else { format!("did you mean {}?", alike.join(", ")) };
    let first: Vec<&str> = names.iter().filter_map(|name| name.split(',').next()).take(MOST_NAMES).collect();
    Err(refused("the model has no such class".to_owned())
        .expected(format!("0 to {}, or a name such as {}", count.saturating_sub(1), first.join(", ")))
        .remedy(remedy))
}

/// `classes 0 and 1`.
fn numbered(classes: &[usize]) -> String {
    let mut numbers: Vec<String> = classes.iter().take(MOST_NAMES).map(usize::to_string).collect();
    match (numbers.pop(), classes.len() > MOST_NAMES) {
        (Some(last), false) if !numbers.is_empty() => format!("classes {} and {last}", numbers.join(", ")),
        (Some(last), false) => format!("class {last}"),
        (last, _) => format!("classes {}, ..", numbers.into_iter().chain(last).collect::<Vec<_>>().join(", ")),
    }
}

/// What the names in config.json say that is not so of a head of `count` classes.
pub(super) fn notices(config: &Config, count: usize) -> Vec<Notice> {
    let Some(names) = config.value("id2label").and_then(Value::as_object).filter(|_| count > 0) else { return Vec::new() };
    let mut notices = Vec::new();
    let missing = (0..count).filter(|class| !names.contains_key(&class.to_string())).count();
    if missing > 0 || names.len() > count {
        let what = format!("id2label names {} classes, and the weights have {count}", names.len());
        notices.push(Notice::new(config.place(), what).remedy("check that config.json and the weights belong together"));
    }
    let disagrees = |(name, number): (&String, &Value)| {
        let class = number.as_u64()?;
        let said = names.get(&class.to_string())?.as_str()?;
        (said != name).then(|| format!("label2id calls class {class} {name}, and id2label calls it {said}"))
    };
    let numbers = config.value("label2id").and_then(Value::as_object);
    if let Some(what) = numbers.and_then(|numbers| numbers.iter().find_map(disagrees)) {
        notices.push(Notice::new(config.place(), format!("{what}: id2label is used")));
    }
    notices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(names: &[String], named: &str) -> String {
        find(names, names.len(), named).unwrap_err().to_string()
    }

    #[test]
    fn a_name_of_several_classes_is_refused_with_their_numbers() {
        let names = ["crane", "Crane", "dog, hound", "maillot", "maillot, tank suit"].map(str::to_owned);
        for named in ["crane", "Crane", "CRANE"] {
            let line = refusal(&names, named);
            assert!(line.contains("is the name of classes 0 and 1") && line.contains("give the number"), "{line}");
        }
        assert!(refusal(&names, "maillot").contains("classes 3 and 4"));
        for (named, class) in [("1", 1), ("#1", 1), ("hound", 2), ("DOG", 2), ("dog, hound", 2), ("tank suit", 4)] {
            assert_eq!(find(&names, 5, named).unwrap(), class, "{named}");
        }
        let line = refusal(&names, "craning");
        assert!(line.contains("no such class") && !line.contains("did you mean"), "{line}");
        assert!(refusal(&names, "mail").contains("did you mean maillot"));
        let many: Vec<String> = (0..9).map(|_| "same".to_owned()).collect();
        assert!(refusal(&many, "same").contains("classes 0, 1, 2, 3, 4, .."));
    }

    /// Stars of a review: class 0 is called 1.
    #[test]
    fn a_number_that_is_also_a_name_must_be_told_apart() {
        let names = ["1", "2", "3"].map(str::to_owned);
        let line = refusal(&names, "2");
        assert!(line.contains("also the name of class 1") && line.contains("#2"), "{line}");
        assert_eq!((find(&names, 3, "#2").unwrap(), find(&names, 3, "0").unwrap(), find(&names, 3, "3").unwrap()), (2, 0, 2));
        let digits = ["0", "1", "2"].map(str::to_owned);
        assert_eq!(find(&digits, 3, "2").unwrap(), 2);
    }

    #[test]
    fn names_that_do_not_fit_the_weights_are_said() {
        let said = |fields: &str, count| {
            let config = Config::parse("config.json".to_owned(), fields.as_bytes()).unwrap();
            notices(&config, count).iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        let two = r#"{"id2label": {"0": "a", "1": "b"}, "label2id": {"a": 0, "b": 1}}"#;
        assert_eq!((said(two, 2), said("{}", 2), said(two, 0)), (String::new(), String::new(), String::new()));
        assert!(said(two, 3).contains("names 2 classes, and the weights have 3"));
        assert!(said(two, 1).contains("names 2 classes, and the weights have 1"));
        let crossed = r#"{"id2label": {"0": "a", "1": "b"}, "label2id": {"b": 0, "a": 1}}"#;
        assert!(said(crossed, 2).contains("label2id calls class 1 a, and id2label calls it b: id2label is used"));
    }
}
