//! Tables of what is done, computed from the rows alone.

use std::io::Write;
use std::path::Path;

use super::Report;
use super::contender::Contender;
use super::joint;
use super::journal;
use super::layout::Layout;
use super::pictures::Pictures;
use super::plan::{Plan, Test};
use super::randomization::column;
use super::remarks::Remarks;
use super::row::Row;
use super::table::{Better, Column, Table, csv_line};
use crate::domain::{Error, Result};
use crate::engine::whole_file::{WholeFile, refusal};
use crate::measure::assignment::{Assignment, hungarian, majority};
use crate::measure::boundary::BoundaryCounts;
use crate::measure::{Confusion, Contingency};

/// A column of means: id of the score, title, which numbers are good.
type Mean = (&'static str, &'static str, Better);

const SEGMENTS: &[Mean] = &[
    ("k", "K", Better::Neither),
    ("segments", "segments", Better::Neither),
    ("scored", "scored", Better::Neither),
    ("accuracy", "accuracy", Better::Higher),
    ("miou", "mIoU", Better::Higher),
    ("majority_accuracy", "majority accuracy", Better::Higher),
    ("majority_miou", "majority mIoU", Better::Higher),
    ("ari", "ARI", Better::Higher),
    ("nmi", "NMI", Better::Higher),
    ("rand", "Rand index", Better::Higher),
    ("voi", "VoI (bits)", Better::Lower),
    ("covering", "covering", Better::Higher),
    ("precision", "boundary precision", Better::Higher),
    ("recall", "boundary recall", Better::Higher),
    ("f", "boundary F", Better::Higher),
    ("f_unthinned", "boundary F (unthinned)", Better::Higher),
];

const FAITHFULNESS: &[Mean] = &[
    ("answer", "answer", Better::Neither),
    ("deletion", "deletion", Better::Lower),
    ("insertion", "insertion", Better::Higher),
    ("comprehensiveness", "comprehensiveness", Better::Higher),
    ("sufficiency", "sufficiency", Better::Lower),
    ("latent_deletion", "latent deletion", Better::Lower),
];

/// Columns that are not means over pictures but scores of the counts of all pictures.
const OF_SUMS: [&str; 8] = [
    "mIoU of sums",
    "majority mIoU of sums",
    "joint accuracy",
    "joint mIoU",
    "joint mIoU lowest",
    "joint mIoU highest",
    "boundary F of sums",
    "boundary F of sums (unthinned)",
];

const SEGMENTS_LEGEND: &str = "Means over images; columns of sums are scores of the counts of all images together. accuracy and mIoU: \
segments are given classes one to one, image by image; majority: many to one; joint: the segments of all images are clustered together \
by their mean vectors, as many clusters as classes, and matched once for the data set: the k-means start with the least inertia of 20, \
and the lowest and highest mIoU of these starts. boundary: as the Berkeley benchmark counts, predicted boundaries thinned and matched \
one to one within 0.75 % of the diagonal; the benchmark's own score is boundary F of sums. unthinned: boundaries as they are, \
whose additional pixels match more of the truth. scored: the share of the masks that the model saw.\n";
const FAITHFULNESS_LEGEND: &str = "Means over images. answer: probability (of a regression the value) of the class that the whole picture is predicted as; deletion, \
insertion: area under its curve; comprehensiveness, sufficiency: mean fall over 1, 5, 10, 20, 50 % of the patches; latent deletion: area \
under the curve of a patch's cosine with what it was.\n";
const RANDOMIZATION_LEGEND: &str = "Means over images of Spearman's correlation with the map of the learned model, after the weights of the last blocks were shuffled.\n";

/// Writes the tables of a folder.
///
/// # Errors
/// A refusal of rows that cannot be read, or of files that cannot be written.
pub(super) fn write(out: &Path, plan: &Plan, layout: &Layout) -> Result<Report> {
    let (rows, contenders) = (journal::rows(out)?, Contender::all(plan)?);
    let of = |contender: &Contender| {
        let name = contender.name();
        rows.iter().filter(|row| row.contender == name && row.refused.is_none()).collect::<Vec<&Row>>()
    };
    let scored: Vec<(&Contender, Vec<&Row>)> =
        contenders.iter().map(|c| (c, of(c))).filter(|(_, rows)| !rows.is_empty()).collect();
    let remarks = Remarks::of(plan, &contenders, &rows, &Pictures::read(out)?.left_out);
    let mut refused = rows.iter().filter_map(|row| row.refused.as_ref());
    let refused = refused.next().map(|first| (refused.count() + 1, first.clone()));
    if let (true, None, Some((_, why))) = (scored.is_empty(), plan.shard, &refused) {
        return Err(Error::refused(out.display(), format!("nothing could be scored; the first refusal: {why}")));
    }
    let table = table(plan, &scored, &rows)?.without_empty_columns();
    let legend = match plan.test {
        Test::Segments { .. } => SEGMENTS_LEGEND,
        Test::Faithfulness { .. } => FAITHFULNESS_LEGEND,
        Test::Randomization => RANDOMIZATION_LEGEND,
    };
    let markdown = table.markdown();
    let mut texts = vec![
        ("table.md", format!("{markdown}\n{legend}{}", remarks.markdown())),
        ("table.csv", table.csv()),
        ("table.tex", table.latex() + &remarks.latex()),
    ];
    let confusions = confusions(&scored, layout);
    if !confusions.is_empty() {
        texts.push(("confusion.csv", confusions));
    }
    let mut files = Vec::new();
    for (name, text) in texts {
        let path = out.join(name);
        let mut file = WholeFile::create(&path)?;
        file.write_all(text.as_bytes()).map_err(|err| refusal(&path, &err))?;
        file.finish()?;
        files.push(path);
    }
    let num_rows = scored.iter().map(|(_, rows)| rows.len()).sum();
    Ok(Report { table: markdown, files, num_rows, num_asked: rows.len(), refused, notices: remarks.notices })
}

fn table(plan: &Plan, scored: &[(&Contender, Vec<&Row>)], all: &[Row]) -> Result<Table> {
    let text = |title: &str| Column { title: title.to_owned(), better: Better::Neither, is_text: true };
    let number = |title: &str, better| Column { title: title.to_owned(), better, is_text: false };
    let means: Vec<(String, String, Better)> = match plan.test {
        Test::Segments { .. } => owned(SEGMENTS),
        Test::Faithfulness { .. } => owned(FAITHFULNESS),
        Test::Randomization => (1..=deepest(scored)).map(|n| (column(n), format!("last {n}"), Better::Neither)).collect(),
    };
    let mut columns: Vec<Column> = ["model", "layer", "method", "clusters"].map(text).into();
    columns.push(number("images", Better::Neither));
    columns.extend(means.iter().map(|(_, title, better)| number(title, *better)));
    columns.extend(OF_SUMS.map(|title| number(title, Better::Higher)));
    columns.push(number("refused", Better::Neither));
    let line = |(contender, rows): &(&Contender, Vec<&Row>)| {
        let mut cells: Vec<String> = contender.cells().into();
        cells.push(rows.len().to_string());
        cells.extend(means.iter().map(|(id, ..)| mean(rows, id)));
        cells.extend(of_sums(rows, plan.seed)?);
        let name = contender.name();
        let refused = all.iter().filter(|row| row.contender == name && row.refused.is_some()).count();
        cells.push(if refused == 0 { String::new() } else { refused.to_string() });
        Ok(cells)
    };
    Ok(Table { columns, lines: scored.iter().map(line).collect::<Result<_>>()? })
}

fn owned(means: &[Mean]) -> Vec<(String, String, Better)> {
    means.iter().map(|(id, title, better)| ((*id).to_owned(), (*title).to_owned(), *better)).collect()
}

/// The blocks of the deepest model.
fn deepest(scored: &[(&Contender, Vec<&Row>)]) -> usize {
    scored.iter().flat_map(|(_, rows)| rows).map(|row| row.scores.len()).max().unwrap_or(0)
}

/// The mean over the pictures that have a score; nothing where none has.
fn mean(rows: &[&Row], id: &str) -> String {
    let values: Vec<f64> = rows.iter().filter_map(|row| row.scores.get(id).copied().flatten()).collect();
    if values.is_empty() { String::new() } else { shown(values.iter().sum::<f64>() / values.len() as f64) }
}

fn shown(value: f64) -> String {
    format!("{value:.4}")
}

fn of_sums(rows: &[&Row], seed: u64) -> Result<[String; 8]> {
    let tables: Vec<&Contingency> = rows.iter().filter_map(|row| row.counts.as_ref()).collect();
    let matched = |matching| if tables.is_empty() { String::new() } else { shown(confusion(&tables, matching).mean_iou()) };
    let [accuracy, miou, lowest, highest] = of_joint(rows, seed)?;
    let [f, f_unthinned] = [|row: &Row| row.thinned, |row: &Row| row.unthinned].map(|counts| boundary_f(rows, counts));
    Ok([matched(hungarian), matched(majority), accuracy, miou, lowest, highest, f, f_unthinned])
}

/// Accuracy and mean IoU of the joint clusters, from the start with the least inertia, and the least and greatest mean IoU of all.
fn of_joint(rows: &[&Row], seed: u64) -> Result<[String; 4]> {
    let starts: Vec<Confusion> =
        joint::contingencies(rows, seed)?.iter().map(|table| Confusion::new(table, &hungarian(table))).collect();
    let Some(best) = starts.first() else { return Ok(Default::default()) };
    let all = || starts.iter().map(Confusion::mean_iou);
    let (lowest, highest) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    Ok([best.accuracy(), best.mean_iou(), lowest, highest].map(shown))
}

/// Boundary F of the counts of all images together.
fn boundary_f(rows: &[&Row], counts: fn(&Row) -> Option<BoundaryCounts>) -> String {
    let mut sum: Option<BoundaryCounts> = None;
    rows.iter().filter_map(|row| counts(row)).for_each(|counts| sum.get_or_insert_default().merge(&counts));
    sum.map_or_else(String::new, |sum| shown(sum.f_measure()))
}

/// The sum of the confusions of images that are matched one by one.
fn confusion(tables: &[&Contingency], matching: fn(&Contingency) -> Assignment) -> Confusion {
    let mut sum = Confusion::default();
    tables.iter().for_each(|table| sum.merge(&Confusion::new(table, &matching(table))));
    sum
}

/// The confusion of every contender over the data set, matched one to one image by image.
fn confusions(scored: &[(&Contender, Vec<&Row>)], layout: &Layout) -> String {
    let mut text = String::new();
    for (contender, rows) in scored {
        let tables: Vec<&Contingency> = rows.iter().filter_map(|row| row.counts.as_ref()).collect();
        if tables.is_empty() {
            continue;
        }
        for (i, line) in confusion(&tables, hungarian).table(|class| layout.class_name(class)).into_iter().enumerate() {
            let who = if i == 0 { "contender".to_owned() } else { contender.name() };
            text += &csv_line(&[vec![who], line].concat());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::check::range;
    use super::*;

    #[test]
    fn every_score_has_a_range_that_rows_are_checked_by() {
        let columns = SEGMENTS.iter().chain(FAITHFULNESS).map(|(id, ..)| (*id).to_owned()).chain([column(1), column(99)]);
        for id in columns {
            assert!(range(&id).is_some(), "{id}");
        }
    }

    #[test]
    fn the_legend_counts_the_starts_of_the_joint_clusters() {
        assert!(SEGMENTS_LEGEND.contains(&format!("least inertia of {},", joint::STARTS)));
    }
}
