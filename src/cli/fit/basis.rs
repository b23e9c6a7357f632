//! `fit basis`: principal components of several pictures, so that their colours can be compared.

use std::path::PathBuf;

use super::super::args::word;
use super::super::progress::{Watch, say};
use crate::domain::Result;
use crate::domain::knob::Knobs;
use crate::domain::request::{Facet, Input, ModelRef, Params, Request, SizeRule, Task};
use crate::engine::fit::basis as fitted;
use crate::engine::outputs::Reads;
use crate::engine::{Engine, tensors};
use crate::method::pca::NORMALISE;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct BasisArgs {
    /// The pictures, or texts.
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<PathBuf>,
    /// As for `explain`.
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// 0..L; negative counts from the top.
    #[arg(long, default_value_t = -1, allow_hyphen_values = true)]
    layer: i32,
    /// residual, query, key or value.
    #[arg(long, default_value = "residual", value_parser = word::<Facet>)]
    facet: Facet,
    /// Pixels of the model's input, as for `explain`.
    #[arg(long, default_value = "checkpoint", value_parser = word::<SizeRule>, hide_default_value = true)]
    size: SizeRule,
    /// Features of length 1 before their components are taken.
    #[arg(long)]
    normalise: bool,
    /// How many components.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=64))]
    components: u32,
    /// A .safetensors file, for `explain --method feature-pca --basis FILE`.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl BasisArgs {
    fn requests(&self) -> Result<Vec<Request>> {
        let mut knobs = Knobs::default();
        knobs.set(&NORMALISE, if self.normalise { "on" } else { "off" })?;
        let request = |path: &PathBuf| {
            let input = Input::from(path.clone());
            let model = self.model.clone().map_or_else(|| ModelRef::built_in_for(&input), ModelRef::from);
            let mut request = Request::of(Task::Explain, input, model);
            (request.layer, request.size, request.method) = (self.layer, self.size, "feature-pca".to_owned());
            request.params = Params { facet: self.facet, knobs: knobs.clone(), ..Params::default() };
            request
        };
        Ok(self.inputs.iter().map(request).collect())
    }
}

pub(super) fn basis(args: &BasisArgs) -> Result<()> {
    let requests = args.requests()?;
    let mut reads = Reads::default();
    requests.iter().for_each(|request| reads.extend(Reads::of(request)));
    tensors::check_path(&args.out, &reads)?;
    let watch = Watch::start()?;
    let found = fitted::fit(&mut Engine::default(), &requests, args.components as usize, watch.control())?;
    let model = requests.first().map_or_else(String::new, |request| request.model.name());
    let about = [("model", model), ("layer", args.layer.to_string()), ("facet", args.facet.to_string())];
    fitted::write(&found, &about, &args.out)?;
    drop(watch);
    let shares = found.shares().unwrap_or_default();
    say(&format!(
        "{} components of {} inputs hold {:.1} % of the variance",
        found.len(),
        requests.len(),
        100.0 * shares.iter().sum::<f64>()
    ));
    say(&format!("wrote {}", args.out.display()));
    Ok(())
}
