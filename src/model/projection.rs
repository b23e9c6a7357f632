//! Fewer numbers a token: the code of a trained STEGO head, and what a study of it measured beside it, principal components and a
//! random projection (Koenig et al., Uncovering the Inner Workings of STEGO, CVPR Workshops 2023).

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};

use super::block::composed;
use super::features::Features;
use super::{Model, Trace, have_lengths, trace::values};
use crate::algebra::principal::principal;
use crate::algebra::random::Random;
use crate::domain::knob::{Knob, KnobKind, Knobs};
use crate::domain::request::Facet;
use crate::domain::{Cancel, Error, Result};
use crate::store::TensorFiles;

/// Into which space features are projected before they are compared.
pub const PROJECT: Knob = Knob {
    id: "project",
    name: "Project",
    help: "features into fewer dimensions first: none, pca:K of the picture's own standardised features, random:K or random:K:SEED, \
           stego:FILE.safetensors, a trained STEGO head",
    kind: KnobKind::Text { hint: "pca:70, random:70, stego:head.safetensors" },
    given: None,
};

/// A projection of features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Projection {
    /// Features as they are.
    None,
    /// So many principal components of this input's features, each number standardised first.
    Principal(usize),
    /// Onto Gaussian vectors.
    Random {
        /// Dimensions that are left.
        dimensions: usize,
        /// Of the vectors.
        seed: u64,
    },
    /// The head in a file.
    Stego(PathBuf),
}

impl Projection {
    /// The one that [`PROJECT`] names.
    ///
    /// # Errors
    /// A refusal of what is no projection.
    pub fn chosen(knobs: &Knobs) -> Result<Self> {
        Self::read(knobs.text(&PROJECT))
    }

    fn read(text: &str) -> Result<Self> {
        let number = |word: &str| word.parse::<usize>().ok().filter(|&k| k > 0);
        let found = match text.split_once(':') {
            None if text.is_empty() || text == "none" => Some(Self::None),
            Some(("stego", file)) if !file.is_empty() => Some(Self::Stego(file.into())),
            Some(("pca", k)) => number(k).map(Self::Principal),
            Some(("random", rest)) => {
                let (k, seed) = rest.split_once(':').unwrap_or((rest, "0"));
                number(k).zip(seed.parse().ok()).map(|(dimensions, seed)| Self::Random { dimensions, seed })
            }
            _ => None,
        };
        found.ok_or_else(|| {
            Error::refused(format!("--project {text}"), "is no projection")
                .expected("none, pca:K, random:K, random:K:SEED or stego:FILE.safetensors, K from 1")
        })
    }

    /// Projects the vectors of every token.
    ///
    /// # Errors
    /// A refusal of more principal components than there are, or of a file that is no head for these features.
    pub fn apply(&self, model: &Model, trace: &Trace, facet: Facet, features: Features) -> Result<Features> {
        match self {
            Self::None => Ok(features),
            Self::Principal(count) => onto_principal(&features, trace, *count),
            Self::Random { dimensions, seed } => {
                let count = check_dimensions(*dimensions, features.width)?;
                Ok(onto_rows(&features, &gaussian(count, features.width, *seed)))
            }
            Self::Stego(file) => {
                let head = StegoHead::read(file, features.width)?;
                let features = if facet == Facet::Residual { normed(model, features)? } else { features };
                let code = head.code(&features)?;
                if have_lengths(&code.values) {
                    return Ok(code);
                }
                Err(Error::refused(format!("--project stego:{}", file.display()), "makes numbers that overflow of the features")
                    .expected("a head whose codes are finite")
                    .remedy("take the head of the checkpoint that made the features, at its layer and facet"))
            }
        }
    }
}

fn check_dimensions(count: usize, most: usize) -> Result<usize> {
    if count <= most {
        return Ok(count);
    }
    Err(Error::refused("--project", format!("{count} dimensions are more than there are"))
        .expected(format!("at most {most} for these features"))
        .remedy("choose fewer"))
}

/// Products with the rows of a matrix.
fn onto_rows(features: &Features, rows: &[Vec<f64>]) -> Features {
    let along = |vector: &[f32]| -> Vec<f32> {
        rows.iter().map(|row| row.iter().zip(vector).map(|(a, x)| a * f64::from(*x)).sum::<f64>() as f32).collect()
    };
    Features { values: features.values.chunks_exact(features.width.max(1)).flat_map(along).collect(), width: rows.len() }
}

/// Normal numbers by Box and Muller, so that lengths stay as they are on average.
fn gaussian(count: usize, width: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut random = Random::new(seed);
    let mut normal = || {
        let radius = (-2.0 * (1.0 - random.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * random.unit()).cos() / (count as f64).sqrt()
    };
    (0..count).map(|_| (0..width).map(|_| normal()).collect()).collect()
}

/// Mean, deviation and components are those of the patches, or of a text's words: prefix and special tokens are of another kind.
fn onto_principal(features: &Features, trace: &Trace, count: usize) -> Result<Features> {
    let width = features.width.max(1);
    let patches: Vec<usize> = trace.layout.ranged().map(|patch| trace.layout.position_of(patch)).collect();
    let patches: Vec<f32> = patches.iter().flat_map(|p| &features.values[p * width..][..width]).copied().collect();
    let n = patches.len() / width;
    let (mean, deviation) = moments(&patches, width);
    let standard = |vectors: &[f32]| -> Vec<f64> {
        let of = |(k, x): (usize, &f32)| (f64::from(*x) - mean[k % width]) / deviation[k % width];
        vectors.iter().enumerate().map(of).collect()
    };
    check_dimensions(count, width.min(n.saturating_sub(1)))?;
    let found = principal(&standard(&patches), width, count, &Cancel::default())?;
    let scores = |vector: &[f32]| found.scores(&standard(vector)).map(|score| score as f32).collect::<Vec<_>>();
    let projected = features.values.chunks_exact(width).flat_map(scores).collect();
    Ok(Features { values: projected, width: found.components.len() })
}

/// Mean and standard deviation of each column; 1 for a column that does not vary.
fn moments(values: &[f32], width: usize) -> (Vec<f64>, Vec<f64>) {
    let n = (values.len() / width).max(1) as f64;
    let mut mean = vec![0.0; width];
    values.iter().enumerate().for_each(|(k, x)| mean[k % width] += f64::from(*x) / n);
    let mut variance = vec![0.0; width];
    values.iter().enumerate().for_each(|(k, x)| variance[k % width] += (f64::from(*x) - mean[k % width]).powi(2) / n);
    let deviation = variance.into_iter().map(|v: f64| if v > 0.0 { v.sqrt() } else { 1.0 }).collect();
    (mean, deviation)
}

/// STEGO reads the stream after the model's last norm.
fn normed(model: &Model, features: Features) -> Result<Features> {
    let Some(norm) = &model.norm else { return Ok(features) };
    let tokens = features.values.len() / features.width.max(1);
    let stream = Tensor::from_vec(features.values, (tokens, features.width), norm.weight.device())?;
    Ok(Features { values: values(&composed::norm(&stream.to_dtype(norm.weight.dtype())?, norm)?.0)?, width: features.width })
}

/// STEGO's head (Hamilton et al., ICLR 2022): a linear map, and a second one through a hidden layer added to it.
#[derive(Clone, Debug)]
struct StegoHead {
    linear: Affine,
    nonlinear: Option<(Affine, Affine)>,
}

#[derive(Clone, Debug)]
struct Affine {
    /// `[out, in]`.
    weight: Tensor,
    /// `[out]`.
    bias: Tensor,
}

impl Affine {
    fn of(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.matmul(&self.weight.t()?)?.broadcast_add(&self.bias)?)
    }
}

impl StegoHead {
    /// Reads `cluster1.0` and, unless the head is linear, `cluster2.0` and `cluster2.2`, whatever stands before these names.
    fn read(path: &Path, width: usize) -> Result<Self> {
        let place = format!("--project stego:{}", path.display());
        if path.extension().is_none_or(|extension| extension != "safetensors") {
            return Err(Error::refused(place, "is no .safetensors file")
                .expected("cluster1.0.weight, cluster1.0.bias, cluster2.0.* and cluster2.2.* of a STEGO checkpoint")
                .remedy("save its state_dict with safetensors"));
        }
        let files = TensorFiles::of_file(path)?;
        let prefix = files.names().find_map(|name| name.strip_suffix("cluster1.0.weight")).unwrap_or_default().to_owned();
        let linear = affine(&files, &format!("{prefix}cluster1.0"), None, width)?;
        let is_nonlinear = files.names().any(|name| name.starts_with(&format!("{prefix}cluster2.")));
        let nonlinear = if is_nonlinear {
            let hidden = affine(&files, &format!("{prefix}cluster2.0"), None, width)?;
            let code = Some(linear.bias.elem_count());
            let out = affine(&files, &format!("{prefix}cluster2.2"), code, hidden.bias.elem_count())?;
            Some((hidden, out))
        } else {
            None
        };
        Ok(Self { linear, nonlinear })
    }

    fn code(&self, features: &Features) -> Result<Features> {
        let tokens = features.values.len() / features.width.max(1);
        let x = Tensor::from_slice(&features.values, (tokens, features.width), &Device::Cpu)?;
        let mut code = self.linear.of(&x)?;
        if let Some((hidden, out)) = &self.nonlinear {
            code = (code + out.of(&hidden.of(&x)?.relu()?)?)?;
        }
        Ok(Features { width: code.dim(1)?, values: values(&code)? })
    }
}

/// `NAME.weight` `[out, in]`, or `[out, in, 1, 1]` of a convolution, and `NAME.bias` `[out]`.
fn affine(files: &TensorFiles, name: &str, rows: Option<usize>, width: usize) -> Result<Affine> {
    let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
    let refused = |what: String, expected: String| {
        let remedy = "take the head of the checkpoint that made the features, at its layer and facet";
        Err(Error::refused(files.place(), what).expected(expected).remedy(remedy))
    };
    let expected = format!("[{}, {width}] or [.., {width}, 1, 1]", rows.map_or("K".to_owned(), |rows| rows.to_string()));
    let out = match files.shape(&weight) {
        None => return refused(format!("holds no {weight}"), expected),
        Some(&[out, inner] | &[out, inner, 1, 1]) if inner == width && rows.is_none_or(|rows| rows == out) => out,
        Some(shape) => return refused(format!("{weight} has shape {shape:?}"), expected),
    };
    if files.shape(&bias) != Some(&[out]) {
        return refused(format!("holds no {bias} that fits {weight}"), format!("shape [{out}]"));
    }
    let shape = files.shape(&weight).unwrap_or_default().to_vec();
    let weight = Tensor::from_vec(files.read(&weight, &shape)?, (out, width), &Device::Cpu)?;
    Ok(Affine { weight, bias: Tensor::from_vec(files.read(&bias, &[out])?, out, &Device::Cpu)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projections_are_read_and_what_is_none_is_refused() {
        assert_eq!(Projection::read("").unwrap(), Projection::None);
        assert_eq!(Projection::read("pca:3").unwrap(), Projection::Principal(3));
        assert_eq!(Projection::read("random:5:7").unwrap(), Projection::Random { dimensions: 5, seed: 7 });
        assert_eq!(Projection::read("stego:/a:b.safetensors").unwrap(), Projection::Stego("/a:b.safetensors".into()));
        for wrong in ["pca", "pca:0", "pca:x", "random:", "random:3:x", "stego:", "umap:3"] {
            assert!(Projection::read(wrong).unwrap_err().to_string().contains("pca:K"), "{wrong}");
        }
    }

    #[test]
    fn a_random_projection_keeps_lengths_on_average() {
        let features = Features { values: vec![1.0; 64], width: 64 };
        let square = |seed| onto_rows(&features, &gaussian(32, 64, seed)).values.iter().map(|x| x * x).sum::<f32>();
        let mean = (0..50).map(square).sum::<f32>() / 50.0;
        assert!((mean / 64.0 - 1.0).abs() < 0.15, "{mean}");
    }
}
