//! `fit`: what is made of a number of inputs, without labels, and kept in a small file that other commands name.

mod basis;
mod lens;
mod readout;

use clap::Subcommand;

use crate::domain::Result;

#[derive(Debug, Subcommand)]
pub(super) enum Fit {
    /// Directions W along which ULTra reads tokens, trained so that a picture and its mirror image agree on which patches are made
    /// of the same parts; used by --scalar file:W.safetensors.
    Readout(readout::ReadoutArgs),
    /// Principal components of the features of several pictures, so that one colour means one thing in all of them; used by
    /// --method feature-pca --basis FILE.
    Basis(basis::BasisArgs),
    /// A tuned lens for a causal language model from texts; used by --method tuned-lens --lens FILE.
    Lens(lens::LensArgs),
}

pub(super) fn fit(what: &Fit) -> Result<()> {
    match what {
        Fit::Readout(args) => readout::readout(args),
        Fit::Basis(args) => basis::basis(args),
        Fit::Lens(args) => lens::lens(args),
    }
}
