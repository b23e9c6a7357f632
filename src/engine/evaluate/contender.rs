//! Who is scored: a method at a layer of a model, or a baseline that needs none of these.

use super::plan::{Plan, Select, Test};
use crate::domain::info::Info;
use crate::domain::knob::Knob;
use crate::domain::path::escaped;
use crate::domain::request::{ModelRef, Params, Request};
use crate::domain::{Error, Result};
use crate::engine::segment_ids;
use crate::method::METHODS;
use crate::segment::{self, Cutting, SEGMENTERS};

/// Regions or maps by lot.
pub(super) const RANDOM: &str = "random";
/// A Gaussian in the middle, as a map.
pub(super) const GAUSSIAN: &str = "gaussian";

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Contender {
    /// What is asked of each picture; of a baseline of regions nothing.
    pub request: Option<Request>,
    /// The method as it was spelled, with its parameters.
    pub method: String,
    /// How the number of segments is chosen, where there is a choice.
    pub select: Option<Select>,
    /// Whether it stands here because everything was asked for: then it may refuse every picture.
    pub may_fail: bool,
}

impl Contender {
    /// Everyone that a plan names, in the order of the table.
    ///
    /// # Errors
    /// A refusal of an unknown method or parameter.
    pub fn all(plan: &Plan) -> Result<Vec<Self>> {
        let selects: Vec<Option<Select>> = match &plan.test {
            Test::Segments { from, to, select } if from < to => select.iter().copied().map(Some).collect(),
            _ => vec![None],
        };
        let is_segments = matches!(plan.test, Test::Segments { .. });
        check_shared(plan)?;
        let mut all = Vec::new();
        for model in &plan.models {
            for &layer in &plan.layers {
                for (method, may_fail) in methods(plan) {
                    if is_segments && is_baseline(&method) {
                        continue;
                    }
                    let request = request_of(plan, &method, model, layer)?;
                    // What decides for itself how many segments there are leaves nothing to choose.
                    let is_fixed = segment::by_id(&request.method).is_some_and(|s| s.cutting() == Cutting::Fixed);
                    let selects = if is_fixed { &[None] } else { selects.as_slice() };
                    let contender = |&select| Self { request: Some(request.clone()), method: method.clone(), select, may_fail };
                    all.extend(selects.iter().map(contender));
                }
                // Vectors of patches are answers too, and differ from layer to layer.
                if matches!(plan.test, Test::Faithfulness { .. }) {
                    all.extend([RANDOM, GAUSSIAN].map(|id| Self::baseline_of(plan, id, model, layer)));
                }
            }
        }
        if is_segments && methods(plan).iter().any(|(method, _)| is_baseline(method)) {
            let drawn = |&select| Self { request: None, method: RANDOM.to_owned(), select, may_fail: false };
            all.extend(selects.iter().map(drawn));
        }
        let mut names: Vec<String> = all.iter().map(Self::name).collect();
        names.sort();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(twice) => Err(Error::refused(&twice[0], "is named twice").expected("every contender once")),
            None => Ok(all),
        }
    }

    /// A map that looks at nothing, beside those of a model.
    fn baseline_of(plan: &Plan, id: &str, model: &ModelRef, layer: i32) -> Self {
        let request = Request { model: model.clone(), layer, ..plan.request.clone() };
        Self { request: Some(request), method: id.to_owned(), select: None, may_fail: false }
    }

    /// What tells it from all others.
    pub fn name(&self) -> String {
        let model = self.request.as_ref().map_or_else(String::new, |r| escaped(&r.model.spelling()).into_owned());
        let [_, layer, method, select] = self.cells();
        [model, layer, method, select].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" | ")
    }

    /// What the table says of it: model, layer, method, how the number of segments was chosen. Empty where it has none.
    pub fn cells(&self) -> [String; 4] {
        let request = self.request.as_ref();
        let model = request.map_or_else(String::new, |r| r.model.name());
        let layer = request.map_or_else(String::new, |r| r.layer.to_string());
        let select = match self.select {
            None => "",
            Some(Select::Oracle) => "oracle",
            Some(Select::Unsupervised) => "unsupervised",
        };
        [model, layer, self.method.clone(), select.to_owned()]
    }
}

/// Whether regions by lot are meant: a segmenter of that name would go before.
fn is_baseline(method: &str) -> bool {
    method == RANDOM && !segment_ids().any(|id| id == RANDOM)
}

/// The methods that a plan names, and whether they may fail.
fn methods(plan: &Plan) -> Vec<(String, bool)> {
    let every: Vec<&str> = match plan.test {
        Test::Segments { .. } => segment_ids().chain([RANDOM]).collect(),
        Test::Faithfulness { .. } | Test::Randomization => METHODS.iter().map(|m| m.info().id).collect(),
    };
    let named = plan.methods.iter().flat_map(|method| match method.as_str() {
        "all" => every.iter().map(|id| ((*id).to_owned(), true)).collect(),
        _ => vec![(method.clone(), false)],
    });
    let mut methods: Vec<(String, bool)> = Vec::new();
    named.for_each(|(method, may_fail)| {
        if !may_fail || !methods.iter().any(|(known, _)| *known == method) {
            methods.push((method, may_fail));
        }
    });
    methods
}

/// `ID` or `ID,flag=value,..`: what is asked of every picture.
fn request_of(plan: &Plan, spelled: &str, model: &ModelRef, layer: i32) -> Result<Request> {
    let mut parts = spelled.split(',');
    let id = parts.next().unwrap_or_default();
    let info = info(plan, id)?;
    let known = if matches!(plan.test, Test::Segments { .. }) { segment::knobs_of(info) } else { info.knobs.to_vec() };
    // What is asked of all counts for those that read it.
    let mut params = info.only(&plan.request.params, &known, plan.request.task);
    for part in parts {
        let (flag, value) = part.split_once('=').ok_or_else(|| {
            Error::refused(format!("--method {spelled}"), format!("{part} is no parameter"))
                .expected("ID,flag=value such as similarity,facet=key")
        })?;
        set(&mut params, (info.id, &known), flag.trim_start_matches("--"), value)?;
    }
    info.check(&params, &known, plan.request.task).map_err(|err| of_method(err, spelled))?;
    Ok(Request { model: model.clone(), layer, method: id.to_owned(), params, ..plan.request.clone() })
}

/// A refusal of a parameter that a method was spelled with.
fn of_method(err: Error, spelled: &str) -> Error {
    match err {
        Error::Refused { place, what, expected, remedy } => {
            Error::Refused { place: format!("--method {spelled}: {place}"), what, expected, remedy }
        }
        other => other,
    }
}

/// Refuses flags for all methods that none of them reads.
fn check_shared(plan: &Plan) -> Result<()> {
    let (params, task) = (&plan.request.params, plan.request.task);
    let infos = methods(plan).into_iter().filter(|(method, _)| !is_baseline(method));
    let infos = infos.map(|(method, _)| info(plan, method.split(',').next().unwrap_or_default())).collect::<Result<Vec<_>>>()?;
    let is_read =
        |flag: &str| infos.iter().any(|info| info.chosen(params, task).any(|(name, _, is_read)| name == flag && is_read));
    let Some(first) = infos.first() else { return Ok(()) };
    match first.chosen(params, task).find(|(name, ..)| !is_read(name)) {
        Some((name, value, _)) => {
            let ids: Vec<&str> = infos.iter().map(|info| info.id).collect();
            Err(Error::refused(format!("--{name} {value}"), format!("is no parameter of {}", ids.join(", ")))
                .expected("flags that one of the methods reads")
                .remedy("leave it out"))
        }
        None => Ok(()),
    }
}

fn set(params: &mut Params, (id, knobs): (&str, &[&'static Knob]), flag: &str, value: &str) -> Result<()> {
    match flag {
        "head" => params.head = value.parse()?,
        "facet" => params.facet = value.parse()?,
        "scalar" => params.scalar = value.parse()?,
        "rows" => params.rows = value.parse()?,
        "own" => params.own = value.parse()?,
        _ => {
            let knob = knobs.iter().find(|knob| knob.id == flag).ok_or_else(|| {
                let own = knobs.iter().map(|knob| knob.id);
                let known: Vec<&str> = ["head", "facet", "scalar", "rows", "own"].into_iter().chain(own).collect();
                Error::refused(format!("--method {id},{flag}={value}"), "unknown parameter").expected(known.join(", "))
            })?;
            params.knobs.set(knob, value)?;
        }
    }
    Ok(())
}

fn info(plan: &Plan, id: &str) -> Result<&'static Info> {
    let is_segments = matches!(plan.test, Test::Segments { .. });
    let segmenters = SEGMENTERS.iter().map(|s| s.info()).filter(|_| is_segments);
    let mut known: Vec<&'static Info> = METHODS.iter().map(|m| m.info()).chain(segmenters).collect();
    known.retain(|info| !is_segments || segment_ids().any(|id| id == info.id));
    known.iter().copied().find(|info| info.id == id).ok_or_else(|| {
        let baseline = if is_segments { ", random, all" } else { ", all" };
        let ids: Vec<&str> = known.iter().map(|info| info.id).collect();
        Error::refused(format!("--method {id}"), "unknown method").expected(ids.join(", ") + baseline)
    })
}
