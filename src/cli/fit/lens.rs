//! `fit lens`: a tuned lens for a causal language model, from texts.

use std::path::PathBuf;

use super::super::progress::{Watch, say};
use super::super::stdout::print;
use crate::domain::request::{DeviceKind, Input, ModelRef};
use crate::domain::{Error, Result};
use crate::engine::Engine;
use crate::engine::fit::lens::{FittedLens, LensRequest};
use crate::engine::outputs::Reads;
use crate::engine::tensors::check_path;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct LensArgs {
    /// .txt files of some length: books.
    #[arg(value_name = "TEXT", required = true)]
    texts: Vec<PathBuf>,
    /// A causal language model: a Hugging Face folder, or a model of the hub.
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,
    /// Tokens that are read at most, of all texts together; a tenth of them is kept for trying the lens.
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..))]
    tokens: u32,
    /// How much the maps are drawn to the logit lens, in mean squares of a feature.
    #[arg(long, value_name = "X", default_value_t = 1e-4, allow_negative_numbers = true)]
    ridge: f64,
    /// cpu, cuda or metal.
    #[arg(long, default_value = "cpu", value_parser = crate::cli::args::word::<DeviceKind>)]
    device: DeviceKind,
    /// The .safetensors file of maps, for `--method tuned-lens --lens FILE`.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl LensArgs {
    fn request(&self) -> Result<LensRequest> {
        if !self.ridge.is_finite() || self.ridge < 0.0 {
            return Err(
                Error::refused(format!("--ridge {}", self.ridge), "unknown value").expected("a number from 0, such as 0.0001")
            );
        }
        let texts = self.texts.iter().cloned().map(Input::from).collect();
        let model = ModelRef::from(self.model.clone());
        Ok(LensRequest { texts, model, device: self.device, tokens: self.tokens as usize, ridge: self.ridge })
    }
}

/// Makes the lens, and says how well it reads what it was not made of.
pub(super) fn lens(args: &LensArgs) -> Result<()> {
    let request = args.request()?;
    let mut reads = Reads::default();
    args.texts.iter().for_each(|text| reads.add(text, "is one of the texts"));
    reads.add_model(&request.model);
    check_path(&args.out, &reads)?;
    let watch = Watch::start()?;
    let fitted = Engine::default().fit_lens(&request, &args.out, watch.control())?;
    drop(watch);
    print(table(&fitted))?;
    say(&format!("wrote {}", args.out.display()));
    Ok(())
}

/// One line a layer.
fn table(fitted: &FittedLens) -> String {
    let mut lines = vec![
        format!("maps by least squares from {} tokens (a stand-in for training by gradient descent)", fitted.num_tokens),
        format!("surprisal of {} other tokens, nats a token:", fitted.num_held_out),
        "  layer  logit lens  this lens".to_owned(),
    ];
    let line = |(layer, [plain, tuned]): (usize, &[f64; 2])| format!("{layer:>7}  {plain:>10.3}  {tuned:>9.3}");
    lines.extend(fitted.surprisal.iter().enumerate().map(line));
    lines.join("\n")
}
