//! Rows come from files, and files may say anything: numbers that no evaluation arrives at are refused before they reach a table.

use std::collections::BTreeMap;

use super::contender::Contender;
use super::layout::{self, Kind};
use super::plan::{Plan, Test};
use super::row::Row;
use crate::domain::Result;
use crate::measure::Contingency;
use crate::measure::boundary::BoundaryCounts;

/// Rounding may carry a score this far beyond its range.
const SLACK: f64 = 1e-6;
/// More pixels than any picture has, and few enough to be added up for any number of pictures.
const MOST_PIXELS: u64 = 1 << 40;

/// Smallest and largest value of a score.
pub(super) fn range(id: &str) -> Option<(f64, f64)> {
    Some(match id {
        "k" => (1.0, 4096.0),
        "segments" => (0.0, 65_535.0),
        "ari" | "latent_deletion" => (-1.0, 1.0),
        // Probabilities of a classifier, but values of any size of a regression.
        "answer" | "deletion" | "insertion" | "comprehensiveness" | "sufficiency" => (f64::MIN, f64::MAX),
        // Two entropies of at most 65,536 labels have at most 16 bits each.
        "voi" => (0.0, 32.0),
        "scored" | "accuracy" | "miou" | "majority_accuracy" | "majority_miou" | "nmi" | "rand" | "covering" | "precision"
        | "recall" | "f" | "f_unthinned" => (0.0, 1.0),
        id if id.starts_with("last_") => (-1.0, 1.0),
        _ => return None,
    })
}

/// Says what is impossible about a row, whatever it is a row of.
pub(super) fn impossible(row: &Row) -> Option<String> {
    if row.refused.is_none() && row.scores.is_empty() {
        return Some("there is neither a score nor a reason for having none".to_owned());
    }
    let pixels = row.counts.as_ref().map_or(0, Contingency::total);
    if pixels > MOST_PIXELS {
        return Some(format!("it counts {pixels} pixels, more than a picture has"));
    }
    let score = row.scores.iter().find_map(|(id, value)| impossible_score(id, *value));
    let boundary = || [&row.thinned, &row.unthinned].into_iter().flatten().find_map(impossible_boundary);
    score.or_else(boundary).or_else(|| impossible_segments(row))
}

fn impossible_score(id: &str, value: Option<f64>) -> Option<String> {
    let Some((least, most)) = range(id) else { return Some(format!("{id:?} is no score")) };
    let value = value.filter(|value| !(least - SLACK..=most + SLACK).contains(value))?;
    Some(format!("{id} is {value}, and lies between {least} and {most} if it is right"))
}

fn impossible_boundary(counts: &BoundaryCounts) -> Option<String> {
    let BoundaryCounts { predicted_matched, predicted, true_matched, truth } = *counts;
    [("predicted", predicted_matched, predicted), ("true", true_matched, truth)].into_iter().find_map(|(which, matched, all)| {
        let is_possible = matched <= all && all <= MOST_PIXELS;
        (!is_possible).then(|| format!("{matched} of {all} {which} boundary pixels are matched"))
    })
}

/// Counts and vectors are of the same segments.
fn impossible_segments(row: &Row) -> Option<String> {
    let segments = row.counts.as_ref().map(Contingency::predicted);
    let said = row.scores.get("segments").copied().flatten();
    if let (Some(segments), Some(said)) = (&segments, said)
        && segments.len() as f64 != said
    {
        return Some(format!("it counts pixels of {} segments and says that there are {said}", segments.len()));
    }
    let vectors = row.vectors.as_ref()?;
    let last = segments.and_then(|segments| segments.keys().next_back().copied());
    if let Some(last) = last.filter(|last| usize::from(*last) >= vectors.len()) {
        return Some(format!("it counts pixels of segment {last} and has vectors of {} segments", vectors.len()));
    }
    // Vectors have length 1.
    let long = vectors.iter().flatten().find(|value| !(-1.001..=1.001).contains(*value))?;
    Some(format!("{long} stands in a vector of length 1"))
}

/// The contenders of a plan, with what their rows must have.
pub(super) struct Wanted {
    /// The width of a contender's vectors, where it has a model.
    widths: BTreeMap<String, Option<usize>>,
    has_classes: bool,
}

impl Wanted {
    /// Of a plan.
    ///
    /// # Errors
    /// A refusal of an unknown layout or method.
    pub(super) fn of(plan: &Plan) -> Result<Self> {
        let is_segments = matches!(plan.test, Test::Segments { .. });
        let has_classes = is_segments && matches!(layout::by_id(&plan.data.layout)?.kind, Kind::Classes { .. });
        let width = |contender: &Contender| {
            let place = plan.models.iter().position(|model| Some(model) == contender.request.as_ref().map(|r| &r.model));
            place.and_then(|place| plan.fingerprints.get(place)).map(|fingerprint| fingerprint.width)
        };
        let widths = Contender::all(plan)?.iter().map(|contender| (contender.name(), width(contender))).collect();
        Ok(Self { widths, has_classes })
    }

    /// Says why a row cannot be of the plan.
    pub(super) fn unlike(&self, row: &Row) -> Option<String> {
        let Some(width) = self.widths.get(&row.contender) else {
            return Some(format!("{:?} is none of the contenders that the settings name", row.contender));
        };
        if row.refused.is_some() {
            return None;
        }
        if self.has_classes != row.counts.is_some() {
            let [are, has] = [self.has_classes, row.counts.is_some()].map(|yes| if yes { "are" } else { "are no" });
            return Some(format!("there {are} classes and there {has} counts of them"));
        }
        match (row.vectors.as_ref(), width.filter(|_| self.has_classes)) {
            (None, Some(_)) => Some("there are no vectors of its segments".to_owned()),
            (Some(_), None) => Some("there are vectors of segments, and no model that they could be of".to_owned()),
            (Some(vectors), Some(width)) => {
                let other = vectors.iter().map(Vec::len).find(|len| *len != 0 && *len != width)?;
                Some(format!("it has vectors of {other} numbers, and the model's have {width}"))
            }
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(json: &str) -> Row {
        let text = format!(r#"{{"image":"a","contender":"b",{json}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn possible_rows_pass_and_others_are_named() {
        let good = r#""scores":{"miou":1.0000000001,"ari":-0.3,"voi":null,"segments":2.0},"counts":[[0,1,5],[3,1,5]],
            "vectors":[[0.6,0.8],[],[],[1.0,0.0]],"thinned":{"predicted_matched":3,"predicted":3,"true_matched":0,"truth":9}"#;
        assert_eq!(impossible(&row(good)), None);
        assert_eq!(impossible(&row(r#""refused":"no such file""#)), None);
        for (bad, word) in [
            (r#""scores":{}"#, "neither a score"),
            (r#""scores":{"miou":7.0}"#, "miou is 7"),
            (r#""scores":{"f":-0.1}"#, "f is -0.1"),
            (r#""scores":{"voi":1e300}"#, "voi"),
            (r#""scores":{"wonder":0.5}"#, "wonder"),
            (r#""scores":{"last_001":-1.5}"#, "last_001"),
            (r#""scores":{"f":0.5},"thinned":{"predicted_matched":4,"predicted":3,"true_matched":0,"truth":9}"#, "4 of 3"),
            (r#""scores":{"f":0.5},"unthinned":{"predicted_matched":4,"predicted":30,"true_matched":10,"truth":9}"#, "10 of 9"),
            (r#""scores":{"segments":3.0},"counts":[[0,1,5],[1,1,5]]"#, "2 segments"),
            (r#""scores":{"f":0.5},"counts":[[0,1,1099511627777]]"#, "pixels"),
            (r#""scores":{"f":0.5},"counts":[[4,1,5]],"vectors":[[1.0]]"#, "segment 4"),
            (r#""scores":{"f":0.5},"vectors":[[1e39]]"#, "length 1"),
        ] {
            assert!(impossible(&row(bad)).is_some_and(|what| what.contains(word)), "{bad}: {:?}", impossible(&row(bad)));
        }
    }
}
