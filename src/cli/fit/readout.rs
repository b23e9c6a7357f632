//! `fit readout`: directions along which ULTra reads tokens, learned from a folder without labels.

use std::path::PathBuf;

use super::super::progress::{Watch, say};
use super::super::stdout::print;
use crate::domain::Result;
use crate::domain::request::ModelRef;
use crate::engine::Engine;
use crate::engine::fit::readout::pictures_of;
use crate::engine::outputs::Reads;
use crate::engine::tensors::check_path;
use crate::method::readout::Training;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ReadoutArgs {
    /// A folder of pictures; no masks or labels are needed.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// `image` (built in), a model folder, or a model of the hub.
    #[arg(long, default_value = "image")]
    model: PathBuf,
    /// Layer 1..L whose tokens are read.
    #[arg(long)]
    layer: usize,
    /// Use so many pictures at most.
    #[arg(long, default_value_t = 64)]
    limit: usize,
    /// Principal directions of the tokens that W may stretch.
    #[arg(long, default_value_t = 32)]
    rank: usize,
    /// Steps of training.
    #[arg(long, default_value_t = 200)]
    steps: usize,
    /// Pictures a step.
    #[arg(long, default_value_t = 4)]
    batch: usize,
    /// Where the random numbers begin.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A .safetensors file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn readout(args: &ReadoutArgs) -> Result<()> {
    let model = ModelRef::from(args.model.clone());
    let mut pictures = pictures_of(&args.folder)?;
    let mut reads = Reads::default();
    pictures.iter().for_each(|picture| reads.add(picture, "is one of the pictures"));
    reads.add_model(&model);
    check_path(&args.out, &reads)?;
    pictures.truncate(args.limit);
    let ReadoutArgs { layer, rank, steps, batch, seed, .. } = *args;
    let training = Training { layer, rank, steps, batch, seed };
    let watch = Watch::start()?;
    let found = Engine::default().fit_readout(&model, &pictures, &training, &args.out, watch.control())?;
    drop(watch);
    print(format!("loss of held-out pictures: {:.5} without W, {:.5} with it", found.before, found.after))?;
    if found.after >= found.before {
        say("training found nothing better: W is the identity");
    }
    say(&format!("wrote {}", args.out.display()));
    Ok(())
}
