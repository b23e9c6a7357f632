//! Flags of single methods, made of what the methods declare.

use clap::{Arg, ArgMatches, FromArgMatches};

use crate::domain::Result;
use crate::domain::info::Info;
use crate::domain::knob::{Knob, KnobKind, Knobs};
use crate::method::METHODS;
use crate::segment::SEGMENTERS;

/// The values of knobs that were named on the command line.
#[derive(Clone, Debug, Default)]
pub(super) struct KnobFlags(Vec<(&'static Knob, String)>);

impl KnobFlags {
    /// As a request holds them.
    ///
    /// # Errors
    /// A refusal of a value that a knob does not take.
    pub(super) fn knobs(&self) -> Result<Knobs> {
        let mut knobs = Knobs::default();
        self.0.iter().try_for_each(|(knob, value)| knobs.set(knob, value))?;
        Ok(knobs)
    }
}

/// Every method and every segmenter.
pub(super) fn infos() -> impl Iterator<Item = &'static Info> {
    METHODS.iter().map(|m| m.info()).chain(SEGMENTERS.iter().map(|s| s.info()))
}

/// Every knob once, with the methods that have it.
fn all() -> Vec<(&'static Knob, Vec<&'static str>)> {
    let mut all: Vec<(&'static Knob, Vec<&'static str>)> = Vec::new();
    for info in infos() {
        for knob in info.knobs {
            match all.iter_mut().find(|(known, _)| known.id == knob.id) {
                Some((_, methods)) => methods.push(info.id),
                None => all.push((knob, vec![info.id])),
            }
        }
    }
    all
}

fn flag(knob: &'static Knob, methods: &[&'static str]) -> Arg {
    let default = Some(knob.default_value()).filter(|value| !value.is_empty() && knob.kind != KnobKind::Switch);
    let default = default.map_or_else(String::new, |value| format!(" [default: {value}]"));
    let words = match knob.kind {
        KnobKind::Choice(words) => format!(": {}", words.join(", ")),
        _ => String::new(),
    };
    let name = match knob.kind {
        KnobKind::Whole { .. } => "N",
        KnobKind::Real { .. } => "X",
        KnobKind::Choice(_) => "WORD",
        KnobKind::Switch => "on|off",
        KnobKind::Text { .. } => "WORDS",
        KnobKind::File { .. } => "FILE",
    };
    let arg = Arg::new(knob.id)
        .long(knob.id)
        .value_name(name)
        .allow_negative_numbers(true)
        .help(format!("{}: {}{words}{default}", methods.join(", "), knob.help))
        .help_heading("Parameters of single methods")
        .value_parser(move |text: &str| knob.read(text));
    if knob.kind == KnobKind::Switch { arg.num_args(0..=1).default_missing_value("on") } else { arg }
}

impl clap::Args for KnobFlags {
    fn augment_args(command: clap::Command) -> clap::Command {
        all().into_iter().fold(command, |command, (knob, methods)| command.arg(flag(knob, &methods)))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for KnobFlags {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let value = |knob: &'static Knob| matches.get_one::<String>(knob.id).map(|value| (knob, value.clone()));
        Ok(Self(all().into_iter().filter_map(|(knob, _)| value(knob)).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
