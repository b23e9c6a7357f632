//! Models in formats that are not read: what a folder or a file holds instead of a checkpoint of transformers, and what the user
//! can do about it.

mod folder;
mod quantised;

use std::path::Path;

use super::config::Config;
use crate::domain::{Error, Notice, Result};
use crate::store::TensorFiles;
use folder::Listing;

/// A refusal that names what lies at a path where no checkpoint was found; `None` where nothing is recognised.
pub(super) fn refusal(path: &Path) -> Option<Error> {
    if path.is_dir() {
        return Listing::of(path)?.refusal();
    }
    if path.exists() { folder::of_file(path) } else { None }
}

/// Refuses a configuration of another library, and quantised weights; `files` is `None` where the weights could not be opened.
///
/// # Errors
/// That refusal.
pub(super) fn check(path: &Path, config: &Config, files: Option<&TensorFiles>) -> Result<()> {
    check_config(path.display(), config)?;
    let names = || files.into_iter().flat_map(TensorFiles::names);
    if let Some(name) = names().find(|name| [".lora_A.", ".lora_B.", ".base_layer."].iter().any(|part| name.contains(part))) {
        return Err(Error::refused(
            path.display(),
            format!("holds a LoRA adapter that was not merged into the weights ({name})"),
        )
        .expected("a model with its adapter merged")
        .remedy("load it with peft, call merge_and_unload() and save_pretrained(), and name the folder saved"));
    }
    quantised::check(path, config, files)
}

/// Refuses a model by its config.json alone, before its weights are there: one of another library, or a quantised one.
///
/// # Errors
/// That refusal.
pub fn check_foreign(place: impl std::fmt::Display, config: &Config) -> Result<()> {
    check_config(&place, config)?;
    quantised::said(config).map_or(Ok(()), |said| Err(quantised::refused(place, format!("is quantised {said}"))))
}

/// Refuses a configuration of another library, told from config.json alone.
///
/// # Errors
/// That refusal.
fn check_config(place: impl std::fmt::Display, config: &Config) -> Result<()> {
    let text = |field: &str| config.word(field).ok().flatten();
    let model_type = text("model_type");
    if let (Some(architecture), None | Some("timm_wrapper")) = (text("architecture"), model_type) {
        return Err(of_timm(place, architecture));
    }
    if let (Some(class), None) = (text("_class_name"), model_type) {
        return Err(Error::refused(place, format!("is a part of a diffusers pipeline ({class})"))
            .expected("a checkpoint of transformers")
            .remedy("the pipeline's text_encoder may be one: name that folder"));
    }
    Ok(())
}

/// A timm checkpoint: which family it is of, and what makes a checkpoint of transformers of it.
fn of_timm(place: impl std::fmt::Display, architecture: &str) -> Error {
    let has = |part: &str| architecture.contains(part);
    let remedy = if has("dinov3") {
        "the hub has it for transformers as a dinov3_vit, such as facebook/dinov3-vits16-pretrain-lvd1689m".to_owned()
    } else if has("dinov2") {
        "the hub has it for transformers as a dinov2, such as facebook/dinov2-small".to_owned()
    } else if has("siglip") {
        "the hub has it for transformers as a siglip, such as google/siglip-base-patch16-224".to_owned()
    } else if has("clip") {
        "the hub has it for transformers as a clip, such as openai/clip-vit-base-patch32".to_owned()
    } else if has("beit") {
        "the hub has it for transformers as a beit, such as microsoft/beit-base-patch16-224".to_owned()
    } else if architecture.starts_with("deit") && has("distilled") {
        format!("convert it to a deit: convert_deit_timm_to_pytorch.py of transformers 4 with --deit_name {architecture}")
    } else if architecture.starts_with("vit_") || architecture.starts_with("deit") {
        format!("convert it to a vit: convert_vit_timm_to_pytorch.py of transformers 4 with --vit_name {architecture}")
    } else {
        "choose a vision transformer: `tokenscope models` lists the families that are read".to_owned()
    };
    Error::refused(place, format!("is a timm checkpoint ({architecture})"))
        .expected("a checkpoint of transformers")
        .remedy(remedy)
}

/// Names of weights, whose they are, and what to do.
const NAMES: &[(&str, &str, &str)] = &[
    ("_orig_mod.", "torch.compile", "save the module inside it: model._orig_mod.save_pretrained(FOLDER)"),
    ("module.", "DataParallel", "save the module inside it: model.module.save_pretrained(FOLDER)"),
    ("visual.conv1.weight", "OpenAI's or open_clip's CLIP", CONVERTED),
    ("visual.transformer.resblocks.", "OpenAI's or open_clip's CLIP", CONVERTED),
    ("visual.trunk.", "open_clip", CONVERTED),
    ("tok_embeddings.weight", "Meta's own code of Llama", CONVERTED),
    ("blocks.0.attn.qkv.weight", "timm, or of the authors' own code of DeiT, BEiT or DINO", CONVERTED),
    ("backbone.blocks.0.attn.qkv.weight", "the authors' own code of DINO", CONVERTED),
];

const CONVERTED: &str = "choose the checkpoint that was converted for transformers, or convert it with transformers 4";

/// A refusal that says whose names the weights have, where none of those that were looked for is there.
pub(super) fn by_names(files: &TensorFiles) -> Option<Error> {
    let begins = |name: &str| files.names().any(|known| known.starts_with(name));
    let &(_, whose, remedy) = NAMES.iter().find(|(name, ..)| begins(name))?;
    let some: Vec<&str> = files.names().take(3).collect();
    Some(
        Error::refused(files.place(), format!("holds weights by the names of {whose} ({}, ..)", some.join(", ")))
            .expected("names as transformers has them")
            .remedy(remedy),
    )
}

/// What lies beside a checkpoint and changes what other programs make of it.
pub(super) fn notices(folder: &Path) -> Vec<Notice> {
    let adapter = folder.join("adapter_config.json");
    if !adapter.is_file() {
        return Vec::new();
    }
    let what = "an adapter lies beside the model, and is not applied";
    vec![Notice::new(adapter.display(), what).remedy("merge it with peft's merge_and_unload() if it is meant")]
}
