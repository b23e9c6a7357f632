//! Principal components of the patches' features as colours.

mod basis;

use super::{Control, Gaps, Info, Method, Reach, Target, Uses};
use crate::domain::exhibit::{Chart, Exhibit, Paint, Series, Shown};
use crate::domain::knob::{Knob, KnobKind};
use crate::domain::{Error, Result};
use crate::model::features::{Features, features_of};
use crate::model::outliers::{MADS, OUTLIERS};
use crate::model::projection::PROJECT;
use crate::model::{Model, Trace};
pub use basis::{Basis, BasisTensor};

/// PCA of features to red, green and blue.
#[derive(Debug)]
pub struct Pca;

/// Whether features are made unit vectors first.
pub const NORMALISE: Knob = Knob {
    id: "normalise",
    name: "Unit vectors",
    help: "features of length 1 before their components are taken",
    kind: KnobKind::Switch,
    given: None,
};

const FOREGROUND: Knob = Knob {
    id: "foreground",
    name: "Foreground",
    help: "components of the patches on the positive side of the first component alone, or of those on the other side",
    kind: KnobKind::Choice(&["off", "first", "flipped"]),
    given: None,
};

const COMPONENT: Knob = Knob {
    id: "component",
    name: "Component",
    help: "the map is of this component, from 1; it and the next two are red, green and blue",
    kind: KnobKind::Whole { min: 1, max: 64, default: 1 },
    given: None,
};

const BASIS: Knob = Knob {
    id: "basis",
    name: "Basis",
    help: "components that `tokenscope fit basis` took of several pictures, so that one colour means one thing in all of them",
    kind: KnobKind::File { extension: "safetensors" },
    given: None,
};

static INFO: Info = Info {
    id: "feature-pca",
    name: "Feature PCA",
    summary: "How the features of all tokens differ: their principal components, three of them as colours",
    formula: "<z_j - mean, c_k>, c_k the k-th principal component of the patches; colours from percentile 1 to 99 of each component",
    citation: "Oquab et al., DINOv2: Learning Robust Visual Features without Supervision, TMLR 2024",
    cost: "an eigendecomposition of N x N or D x D",
    unit: "score",
    signed: true,
    min_layer: 0,
    needs: &[],
    reach: Reach::Whole,
    uses: &[Uses::Facet],
    knobs: &[&NORMALISE, &FOREGROUND, &COMPONENT, &BASIS, &PROJECT, &OUTLIERS, &MADS],
};

/// Components of which the share is drawn.
const DRAWN: usize = 10;
/// What a colour shows of components that are not there.
const NO_COMPONENT: f32 = 0.5;

impl Method for Pca {
    fn info(&self) -> &'static Info {
        &INFO
    }

    /// What is not in the foreground has none.
    fn gaps(&self) -> Gaps {
        Gaps::Anywhere
    }

    fn explain(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Vec<f32>> {
        let fitted = Fitted::new(model, trace, target, control)?;
        let component = fitted.component;
        if component >= fitted.basis.len() {
            return Err(Error::refused(format!("--component {}", component + 1), "there is no such component")
                .expected(format!("1 to {}", fitted.basis.len()))
                .remedy("choose a smaller one, or another picture"));
        }
        let score = |(vector, is_shown): (Vec<f64>, &bool)| if *is_shown { vector[component] as f32 } else { f32::NAN };
        let row: Vec<f32> = fitted.scores().zip(&fitted.is_shown).map(score).collect();
        Ok(row.repeat(target.positions.len()))
    }

    fn show(&self, model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Shown> {
        let fitted = Fitted::new(model, trace, target, control)?;
        Ok(Shown { paint: Some(fitted.paint(trace)), exhibits: fitted.variance().map(Exhibit::Chart).into_iter().collect() })
    }
}

/// Features and the components that they are seen along.
struct Fitted {
    basis: Basis,
    features: Features,
    /// `[T]`: in the foreground, or no patch at all.
    is_shown: Vec<bool>,
    /// From 0.
    component: usize,
}

impl Fitted {
    fn new(model: &Model, trace: &Trace, target: &Target<'_>, control: &Control) -> Result<Self> {
        let knobs = &target.params.knobs;
        let features = features_of(model, trace, target.layer, target.params)?;
        let component = knobs.whole(&COMPONENT)? - 1;
        let patches: Vec<usize> = trace.layout.ranged().map(|patch| trace.layout.position_of(patch)).collect();
        let taken = |positions: &[usize]| -> Vec<f32> {
            positions.iter().flat_map(|&p| &features.values[p * features.width..][..features.width]).copied().collect()
        };
        let (file, normalise) = (knobs.text(&BASIS), knobs.switch(&NORMALISE)?);
        let count = DRAWN.max(component + 3);
        let fit = |positions: &[usize]| Basis::fit(&taken(positions), features.width, normalise, count, &control.cancel);
        let mut basis = if file.is_empty() { fit(&patches)? } else { Basis::read(file.as_ref(), features.width, normalise)? };
        let is_finite = |scores: Vec<f64>| scores.iter().all(|score| (*score as f32).is_finite());
        if !file.is_empty() && !basis.scores(&features.values).all(is_finite) {
            return Err(Error::refused(format!("--basis {file}"), "makes scores that overflow of the features")
                .expected("components whose scores are finite")
                .remedy("make it with `tokenscope fit basis` of the same model, layer and facet"));
        }
        let mut is_shown = vec![true; trace.num_tokens()];
        let foreground = knobs.choice(&FOREGROUND)?;
        if foreground != "off" && !basis.is_empty() {
            let scores = basis.scores(&features.values);
            let is_positive: Vec<bool> = scores.map(|scores| scores[0] > 0.0).collect();
            let kept: Vec<usize> = patches.iter().copied().filter(|&p| is_positive[p] == (foreground == "first")).collect();
            patches.iter().for_each(|&p| is_shown[p] = is_positive[p] == (foreground == "first"));
            if file.is_empty() {
                basis = fit(&kept)?;
            }
        }
        if basis.ranges.is_empty() {
            let shown: Vec<usize> = patches.into_iter().filter(|&p| is_shown[p]).collect();
            basis.ranges = basis.ranges_of(&taken(&shown));
        }
        Ok(Self { basis, features, is_shown, component })
    }

    /// Of every token along every component.
    fn scores(&self) -> impl Iterator<Item = Vec<f64>> {
        self.basis.scores(&self.features.values)
    }

    fn paint(&self, trace: &Trace) -> Paint {
        let channel = |scores: &[f64], k: usize| match (scores.get(k), self.basis.ranges.get(k)) {
            (Some(score), Some((low, high))) if high > low => ((score - low) / (high - low)).clamp(0.0, 1.0) as f32,
            _ => NO_COMPONENT,
        };
        let colour = |(scores, is_shown): (Vec<f64>, &bool)| match is_shown {
            true => [0, 1, 2].map(|c| channel(&scores, self.component + c)),
            false => [0.0; 3],
        };
        let colours: Vec<[f32; 3]> = self.scores().zip(&self.is_shown).map(colour).collect();
        let legend = [("red", [1.0, 0.0, 0.0]), ("green", [0.0, 1.0, 0.0]), ("blue", [0.0, 0.0, 1.0])].into_iter().enumerate();
        Paint {
            colours: colours.into_iter().skip(trace.layout.prefix.len()).collect(),
            legend: legend.map(|(c, (name, colour))| (format!("{name}: component {}", self.component + c + 1), colour)).collect(),
        }
    }

    /// What share of all variance components hold; a basis from elsewhere may not say.
    fn variance(&self) -> Option<Chart> {
        let shares = self.basis.shares()?;
        let mut sum = 0.0;
        let points: Vec<[f64; 2]> = shares.iter().enumerate().map(|(k, share)| [(k + 1) as f64, 100.0 * share]).collect();
        let sums = points.iter().map(|[k, share]| {
            sum += share;
            [*k, sum]
        });
        Some(Chart {
            title: "Variance that components explain".to_owned(),
            x_label: "component".to_owned(),
            y_label: "per cent".to_owned(),
            series: vec![
                Series { name: "together".to_owned(), points: sums.collect() },
                Series { name: "each".to_owned(), points },
            ],
            mark: Some((self.component + 1) as f64),
            bars: false,
        })
    }
}
