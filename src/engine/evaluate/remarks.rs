//! What a table says below its numbers: how masks were read, what was left out, which answers were refused and why.

use std::collections::{BTreeMap, BTreeSet};

use super::contender::Contender;
use super::left_out::LeftOut;
use super::plan::Plan;
use super::row::Row;
use super::truth::{OBJECTS, RESIZED, TURNED, UNKNOWN, VOID};
use crate::domain::Notice;

/// Lines below a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Remarks {
    /// Everything, a sentence each.
    pub(super) lines: Vec<String>,
    /// What the user is told once more when the run ends.
    pub(super) notices: Vec<Notice>,
}

impl Remarks {
    /// Of the rows of a folder. Rows that no contender of the plan made do not count.
    pub(super) fn of(plan: &Plan, contenders: &[Contender], rows: &[Row], left_out: &[LeftOut]) -> Self {
        let place = plan.data.images.display();
        let mut remarks = Self::default();
        remarks.masks(plan, rows);
        remarks.pictures(plan, contenders, rows);
        remarks.models(contenders, rows);
        for one in left_out {
            remarks.lines.push(format!("{one}."));
            remarks.notices.push(Notice::new(&place, one));
        }
        for contender in contenders {
            let name = contender.name();
            let ours = || rows.iter().filter(|row| row.contender == name);
            let mut refused = ours().filter_map(|row| Some((row, row.refused.as_ref()?)));
            if let Some((row, why)) = refused.next() {
                let count = refused.count() + 1;
                remarks.lines.push(format!(
                    "{name}: {count} of {} pictures refused, first {}: {why}.",
                    ours().count(),
                    row.image
                ));
            }
        }
        remarks
    }

    /// Says how the masks of all pictures were read.
    fn masks(&mut self, plan: &Plan, rows: &[Row]) {
        // A picture has the same masks in all of its rows.
        let by_image: BTreeMap<&str, &Row> =
            rows.iter().filter(|row| !row.masks.is_empty()).map(|row| (row.image.as_str(), row)).collect();
        let mut counts: BTreeMap<&str, (u64, &str)> = BTreeMap::new();
        for (image, row) in &by_image {
            for (words, count) in &row.masks {
                let sum = &mut counts.entry(words).or_insert((0, image)).0;
                *sum = sum.saturating_add(*count);
            }
        }
        if counts.is_empty() {
            return;
        }
        let kinds: Vec<String> = counts.iter().map(|(words, (count, _))| format!("{count} {words}")).collect();
        self.lines.push(format!("Masks: {}.", kinds.join("; ")));
        let place = plan.data.masks.as_ref().unwrap_or(&plan.data.images).display();
        for words in [TURNED, RESIZED, UNKNOWN] {
            if let Some((count, first)) = counts.get(words) {
                let masks = match (words == UNKNOWN, *count == 1) {
                    (true, _) => "",
                    (false, true) => " mask",
                    (false, false) => " masks",
                };
                self.notices.push(Notice::new(&place, format!("{count}{masks} {words}; the first is that of {first}")));
            }
        }
        if counts.contains_key(OBJECTS) && counts.keys().any(|words| words.ends_with(VOID)) {
            let what = "255 is the object in some masks, which hold only 0 and 255, and void in others";
            self.lines.push(format!("{what}."));
            self.notices.push(Notice::new(&place, what).remedy("look whether all of them mean the same"));
        }
    }

    /// Says what was said of pictures, and of how many.
    fn pictures(&mut self, plan: &Plan, contenders: &[Contender], rows: &[Row]) {
        let names: BTreeSet<String> = contenders.iter().map(Contender::name).collect();
        // What differs in numbers alone is one remark.
        let kind = |what: &str| what.replace(|c: char| c.is_ascii_digit(), "");
        let mut said: BTreeMap<String, BTreeMap<&str, &str>> = BTreeMap::new();
        for row in rows.iter().filter(|row| names.contains(&row.contender)) {
            for notice in &row.notices.input {
                said.entry(kind(&notice.what)).or_default().insert(&row.image, &notice.what);
            }
        }
        for images in said.values() {
            let Some((first, what)) = images.first_key_value() else { continue };
            let more = match images.len() - 1 {
                0 => String::new(),
                1 => "; 1 more picture is read like it".to_owned(),
                count => format!("; {count} more pictures are read like it"),
            };
            let line = format!("{first}: {what}{more}");
            self.lines.push(format!("{line}."));
            self.notices.push(Notice::new(plan.data.images.display(), line));
        }
    }

    /// Says what was said of each model.
    fn models(&mut self, contenders: &[Contender], rows: &[Row]) {
        let mut said: BTreeSet<(String, String)> = BTreeSet::new();
        for contender in contenders {
            let (name, [model, ..]) = (contender.name(), contender.cells());
            for notice in rows.iter().filter(|row| row.contender == name).flat_map(|row| &row.notices.model) {
                said.insert((model.clone(), notice.to_string()));
            }
        }
        for (model, what) in said {
            self.lines.push(format!("{model}: {what}."));
            self.notices.push(Notice::new(model, what));
        }
    }

    /// Below a table in Markdown.
    pub(super) fn markdown(&self) -> String {
        self.lines.iter().map(|line| format!("\n{}\n", one_line(line))).collect()
    }

    /// Below a table in LaTeX.
    pub(super) fn latex(&self) -> String {
        self.lines.iter().map(|line| format!("% {}\n", one_line(line))).collect()
    }
}

fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}
