//! From the scores of classes to what readers are shown, as transformers' pipelines for texts and images have it.

use super::config::Config;
use crate::domain::Result;

/// What the scores of classes mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scoring {
    /// One class is right: probabilities by the softmax.
    OneOf,
    /// Each class is right or not, whatever the others are: probabilities by the sigmoid.
    Each,
    /// Scores are the answer itself (regression).
    Plain,
}

impl Scoring {
    /// By `problem_type` of config.json, for a head of `num_classes`: regression gives plain values, several labels and a single
    /// class the sigmoid, and all else the softmax.
    ///
    /// # Errors
    /// A refusal of another `problem_type`.
    pub fn read(config: &Config, num_classes: usize) -> Result<Self> {
        match config.word("problem_type")? {
            Some("regression") => Ok(Self::Plain),
            Some("multi_label_classification") => Ok(Self::Each),
            None | Some("single_label_classification") => Ok(if num_classes == 1 { Self::Each } else { Self::OneOf }),
            Some(_) => Err(config
                .refuse("problem_type", "single_label_classification, multi_label_classification, regression, or no such field")),
        }
    }

    /// What [`Self::level`] is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::OneOf | Self::Each => "probability",
            Self::Plain => "value",
        }
    }

    /// Whether a level is a probability, 0..1.
    pub fn is_probability(self) -> bool {
        self != Self::Plain
    }

    /// The probability of a class, or its plain value; `None` for a class without a score.
    pub fn level(self, scores: &[f32], class: usize) -> Option<f32> {
        let own = *scores.get(class)?;
        Some(match self {
            Self::OneOf => {
                let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let sum: f64 = scores.iter().map(|score| f64::from(score - top).exp()).sum();
                (f64::from(own - top).exp() / sum) as f32
            }
            Self::Each => sigmoid(own),
            Self::Plain => own,
        })
    }
}

/// 1 / (1 + exp(-x)).
pub(super) fn sigmoid(score: f32) -> f32 {
    (1.0 / (1.0 + (-f64::from(score)).exp())) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &str, num_classes: usize) -> Result<Scoring> {
        Scoring::read(&Config::parse("config.json".to_owned(), fields.as_bytes())?, num_classes)
    }

    /// As `postprocess` of transformers' text-classification and image-classification pipelines.
    #[test]
    fn the_problem_decides_what_scores_mean() {
        for (fields, num_classes, want) in [
            ("{}", 3, Scoring::OneOf),
            ("{}", 1, Scoring::Each),
            (r#"{"problem_type": null}"#, 2, Scoring::OneOf),
            (r#"{"problem_type": "single_label_classification"}"#, 1, Scoring::Each),
            (r#"{"problem_type": "multi_label_classification"}"#, 6, Scoring::Each),
            (r#"{"problem_type": "regression"}"#, 1, Scoring::Plain),
            (r#"{"problem_type": "regression"}"#, 3, Scoring::Plain),
        ] {
            assert_eq!(read(fields, num_classes).unwrap(), want, "{fields}");
        }
        assert!(read(r#"{"problem_type": "ranking"}"#, 2).unwrap_err().to_string().contains("problem_type is \"ranking\""));
    }

    #[test]
    fn levels_are_those_of_numpy() {
        let scores = [-7.0, 0.2, 1000.0];
        let close = |scoring: Scoring, class, want: f32| (scoring.level(&scores, class).unwrap() - want).abs() < 1e-6;
        assert!(close(Scoring::Each, 0, 0.000_911_051) && close(Scoring::Each, 1, 0.549_834) && close(Scoring::Each, 2, 1.0));
        assert!(close(Scoring::OneOf, 2, 1.0) && close(Scoring::OneOf, 0, 0.0));
        assert_eq!((Scoring::Plain.level(&scores, 0), Scoring::OneOf.level(&scores, 3)), (Some(-7.0), None));
        assert!((Scoring::OneOf.level(&[0.0, 3.0_f32.ln()], 1).unwrap() - 0.75).abs() < 1e-6);
    }
}
