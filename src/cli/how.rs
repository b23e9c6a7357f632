//! Parameters of methods and models: how something is asked, whatever it is.

use super::args::word;
use crate::domain::request::{DeviceKind, Facet, Head, Own, Params, Request, Rows, Scalar, SizeRule, Tower};

/// What the model sees of an input, and where it computes.
#[derive(Debug, clap::Args)]
pub(super) struct Seen {
    /// Of a model with two towers (CLIP, SigLIP) `image` or `text` [default: as the input needs].
    #[arg(long, value_name = "TOWER", value_parser = word::<Tower>)]
    tower: Option<Tower>,
    /// Pixels of the model's input: S, HxW, native or native:S [default: as the checkpoint says].
    #[arg(long, default_value = "checkpoint", value_parser = word::<SizeRule>, hide_default_value = true, allow_negative_numbers = true)]
    size: SizeRule,
    /// cpu, cuda or metal.
    #[arg(long, default_value = "cpu", value_parser = word::<DeviceKind>)]
    device: DeviceKind,
}

impl Seen {
    /// The request with these choices.
    pub(super) fn fill(&self, request: Request) -> Request {
        Request { tower: self.tower, size: self.size, device: self.device, ..request }
    }
}

/// Everything but the input, the model, the layer, the method and its own parameters.
#[derive(Debug, clap::Args)]
pub(super) struct How {
    /// An attention head from 0, mean, max or min.
    #[arg(long, default_value = "mean", value_parser = word::<Head>, allow_negative_numbers = true)]
    head: Head,
    /// residual, query, key or value.
    #[arg(long, default_value = "residual", value_parser = word::<Facet>)]
    facet: Facet,
    /// ultra, of the token's vector z: sum = the sum of z/|z| with |z| held fixed, raw-sum = the sum of z, norm = |z|, or auto =
    /// norm where layers come out of a layer norm (BERT), else sum; along other tokens token:7,7 or token:3+4, a class class:tabby, a word vocab:WORD (#ID), a segment cluster:0/6 of six, or file:W.npy of D, T x D
    /// or D x D numbers. Of CLIP and SigLIP text:"a cat", the way to a phrase, also for agreement and methods that explain answers;
    /// text:"a cat | a dog" compares it with others too.
    #[arg(long, default_value = "auto", value_parser = word::<Scalar>)]
    scalar: Scalar,
    /// ultra: rows that carry the cotangent, `all` = exact [default: all; segment: 8].
    #[arg(long, value_parser = word::<Rows>, allow_negative_numbers = true)]
    rows: Option<Rows>,
    /// ultra: the target's own entry: max, keep or zero.
    #[arg(long, default_value = "max", value_parser = word::<Own>)]
    own: Own,
    #[command(flatten)]
    seen: Seen,
}

impl How {
    /// The request with these parameters; knobs stay at their defaults.
    pub(super) fn fill(&self, mut request: Request) -> Request {
        let rows = self.rows.unwrap_or(request.params.rows);
        let scalar = self.scalar.clone();
        request.params = Params { head: self.head, facet: self.facet, scalar, rows, own: self.own, ..Params::default() };
        self.seen.fill(request)
    }

    /// What `--rows` was given, if it was.
    pub(super) fn rows(&self) -> Option<Rows> {
        self.rows
    }
}
