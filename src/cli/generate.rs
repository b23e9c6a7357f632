//! `generate`: a causal language model continues a text, on standard output as it comes. And the flags by which `explain`, `trace`
//! and the window look at such a text.

use std::io::Write;
use std::path::PathBuf;

use super::args::Source;
use super::progress::{Watch, mention, say};
use super::stdout::check;
use super::tasks::describe;
use crate::domain::request::{DeviceKind, Generation, Input, ModelRef, Request, Task};
use crate::domain::{Error, Progress, Result};
use crate::engine::outputs::{self, Reads};
use crate::engine::{Continuation, Ending, Engine, Output};
use crate::figure::continuation;
use crate::method::Control;

const HEADING: &str = "Continuation of a text";

/// How tokens are chosen.
#[derive(Debug, clap::Args)]
struct Choice {
    /// 0 takes the most probable token every time, 1 draws as the model was trained [default: 0].
    #[arg(long, value_name = "T", help_heading = HEADING, allow_negative_numbers = true)]
    temperature: Option<f64>,
    /// Draw only from the fewest tokens whose probabilities reach this sum [default: 1, all].
    #[arg(long, value_name = "P", help_heading = HEADING, allow_negative_numbers = true)]
    top_p: Option<f64>,
    /// Where the random numbers begin [default: 0].
    #[arg(long, value_name = "S", help_heading = HEADING)]
    seed: Option<u64>,
}

impl Choice {
    fn generation(&self, tokens: u32) -> Result<Generation> {
        let default = Generation::default();
        let generation = Generation {
            tokens: tokens as usize,
            temperature: self.temperature.unwrap_or(default.temperature),
            top_p: self.top_p.unwrap_or(default.top_p),
            seed: self.seed.unwrap_or(default.seed),
        };
        generation.check()?;
        let unread = [("--top-p", self.top_p.is_some()), ("--seed", self.seed.is_some())].into_iter().find(|(_, given)| *given);
        if let Some((flag, _)) = unread.filter(|_| generation.is_greedy()) {
            return Err(Error::refused(flag, "is not read where the most probable token is taken every time")
                .expected("--temperature above 0 beside it")
                .remedy(format!("add one, such as --temperature 1, or leave {flag} out")));
        }
        Ok(generation.canonical())
    }
}

/// The continuation of a text that is looked at.
#[derive(Debug, clap::Args)]
pub(super) struct Continued {
    /// Let the model, a causal language model, add at most so many tokens first.
    #[arg(long, value_name = "N", help_heading = HEADING, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    generate: Option<u32>,
    #[command(flatten)]
    choice: Choice,
}

impl Continued {
    /// What was asked for, if anything was.
    pub(super) fn generation(&self) -> Result<Option<Generation>> {
        let Choice { temperature, top_p, seed } = &self.choice;
        match self.generate {
            Some(tokens) => self.choice.generation(tokens).map(Some),
            None if temperature.is_none() && top_p.is_none() && seed.is_none() => Ok(None),
            None => Err(Error::refused("--temperature, --top-p, --seed", "nothing is generated")
                .expected("--generate N beside them")
                .remedy("say how many tokens the model is to add")),
        }
    }
}

#[derive(Debug, clap::Args)]
#[command(mut_arg("input", |input| input.required_unless_present("text")))]
pub(super) struct Generate {
    #[command(flatten)]
    source: Source,
    /// A Hugging Face model folder, or a .safetensors file beside its config.json, of a causal language model.
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// At most so many tokens are added; fewer where the model ends the text.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    tokens: u32,
    #[command(flatten)]
    choice: Choice,
    /// cpu, cuda or metal.
    #[arg(long, default_value = "cpu", value_parser = super::args::word::<DeviceKind>)]
    device: DeviceKind,
    /// A .txt file for the text, a .json file for its record; may be repeated.
    #[arg(long, value_name = "FILE")]
    out: Vec<PathBuf>,
}

impl Generate {
    fn request(&self) -> Result<Request> {
        let input: Input = self.source.needed()?;
        let model = self.model.clone().map_or_else(|| ModelRef::built_in_for(&input), ModelRef::from);
        let generation = Some(self.choice.generation(self.tokens)?);
        Ok(Request { generation, device: self.device, ..Request::of(Task::Generate, input, model) })
    }
}

/// Continues a text on standard output, then writes its files.
pub(super) fn generate(args: &Generate, verbose: bool) -> Result<()> {
    let request = args.request()?;
    continuation::check_paths(&args.out)?;
    outputs::check("--out", &args.out, &Reads::of(&request))?;
    let (watch, started) = (Watch::start()?, std::time::Instant::now());
    // The text itself says how far it is: a bar would be drawn across it.
    let control = Control { cancel: watch.control().cancel.clone(), progress: Progress::default() };
    let Some(done) = stream(&request, &control, args.out.is_empty())? else { return Ok(()) };
    continuation::write(&done, &args.out)?;
    drop(watch);
    done.scene.notices.iter().for_each(mention);
    if verbose {
        describe(&done.scene, started);
    }
    if verbose || done.ending != Ending::Count {
        say(&format!("{} tokens: {}", done.num_generated(), done.ending));
    }
    args.out.iter().for_each(|path| say(&format!("wrote {}", path.display())));
    Ok(())
}

/// One token after the other. When nobody reads any more, which is no failure, files are still to be written; `None` where there are
/// none either.
fn stream(request: &Request, control: &Control, only_printed: bool) -> Result<Option<std::sync::Arc<Continuation>>> {
    let (mut engine, mut out, mut written, mut is_read) = (Engine::default(), std::io::stdout().lock(), 0, true);
    let generation = request.generation.unwrap_or_default();
    let mut newest = None;
    for tokens in 1..=generation.tokens {
        let so_far = Request { generation: Some(Generation { tokens, ..generation }), ..request.clone() };
        let answer = engine.run(&so_far, control);
        if answer.is_err() && written > 0 {
            // The line that was begun is ended before the refusal begins another.
            drop(writeln!(out));
        }
        let Output::Continuation(continuation) = answer? else { break };
        let text = continuation.scene.layout.text.as_ref().map_or("", |text| &text.string);
        let printed = write!(out, "{}", text.get(written..).unwrap_or("")).and_then(|()| out.flush());
        is_read &= printed.is_ok();
        check(printed)?;
        if !is_read && only_printed {
            return Ok(None);
        }
        written = text.len();
        let is_last = continuation.ending != Ending::Count;
        newest = Some(continuation);
        if is_last {
            break;
        }
    }
    check(writeln!(out))?;
    // The record is that of the whole question, not of its last step.
    Ok(newest.map(|last| std::sync::Arc::new(Continuation { request: request.clone(), ..(*last).clone() })))
}
