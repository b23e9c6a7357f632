//! Files that were made to do harm: every reader is given right files that were changed where their format has its joints, from
//! fixed seeds. None may panic or abort, hold more than a gibibyte, or refuse in more than a line.
//!
//! `cargo test --test hostile` reads 2,000 files; with `-- --ignored --nocapture` it reads 20,000 and says how each reader did.
//! `HOSTILE=picture:17` reads one of them and says what became of it.

#[path = "hostile/basis.rs"]
mod basis;
#[path = "hostile/checkpoint.rs"]
mod checkpoint;
#[path = "hostile/harness/mod.rs"]
mod harness;
#[path = "hostile/head.rs"]
mod head;
#[path = "hostile/hub.rs"]
mod hub;
#[path = "hostile/ids.rs"]
mod ids;
#[path = "hostile/journal.rs"]
mod journal;
#[path = "hostile/lens.rs"]
mod lens;
#[path = "hostile/mask.rs"]
mod mask;
#[path = "hostile/npy.rs"]
mod npy;
#[path = "hostile/picture.rs"]
mod picture;
#[path = "hostile/processor.rs"]
mod processor;
#[path = "common/program.rs"]
mod program;
#[path = "hostile/readout.rs"]
mod readout;
#[path = "hostile/record.rs"]
mod record;
#[path = "hostile/session.rs"]
mod session;
#[path = "hostile/text.rs"]
mod text;
#[path = "hostile/tokenizer.rs"]
mod tokenizer;

use harness::{Figures, Reader, run};

/// Every reader.
fn readers() -> Vec<Box<dyn Reader>> {
    vec![
        Box::new(checkpoint::Config),
        Box::new(checkpoint::Safetensors),
        Box::new(checkpoint::Pickle),
        Box::new(checkpoint::Index),
        Box::new(tokenizer::Json),
        Box::new(tokenizer::Settings),
        Box::new(tokenizer::Vocabulary),
        Box::new(tokenizer::SentencePiece),
        Box::new(processor::Processors),
        Box::new(picture::Pictures),
        Box::new(mask::Masks),
        Box::new(text::Texts),
        Box::new(ids::Ids),
        Box::new(npy::Npy),
        Box::new(head::Heads::default()),
        Box::new(lens::Lenses::default()),
        Box::new(basis::Bases::default()),
        Box::new(readout::Readouts::default()),
        Box::new(record::Records::default()),
        Box::new(session::Sessions),
        Box::new(journal::Journals::new()),
        Box::new(hub::Answers),
    ]
}

/// Reads so many files, in equal parts by every reader.
fn read_all(cases: usize) -> Vec<Figures> {
    let mut readers = readers();
    let share = cases.div_ceil(readers.len());
    let only = std::env::var("HOSTILE").ok();
    readers.retain(|reader| only.as_ref().is_none_or(|only| only.split(':').next() == Some(reader.name())));
    readers.iter_mut().map(|reader| run(&mut **reader, share)).collect()
}

fn report(figures: &[Figures]) {
    let failures: Vec<&String> = figures.iter().flat_map(|figures| &figures.failures).collect();
    assert!(failures.is_empty(), "{} of the files did harm:\n{failures:#?}", failures.len());
}

#[test]
fn two_thousand_hostile_files_do_no_harm() {
    report(&read_all(2_000));
}

#[test]
#[ignore = "takes minutes"]
fn twenty_thousand_hostile_files_do_no_harm() {
    let figures = read_all(20_000);
    println!("{}", Figures::heads());
    figures.iter().for_each(|figures| println!("{}", figures.line()));
    let seconds: f64 = figures.iter().map(|figures| figures.total.as_secs_f64()).sum();
    println!("{} files in {seconds:.0} s", figures.iter().map(|figures| figures.cases).sum::<usize>());
    report(&figures);
}
