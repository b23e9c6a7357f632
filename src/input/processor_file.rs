//! preprocessor_config.json, field by field.
//!
//! The fields, their defaults and what a bare number means follow transformers 5.24 (`get_size_dict` in
//! image_processing_utils.py): missing and null fields take the default of the class named in the file. What a checkpoint
//! *without* the file expects is another matter, see [`Processor::default_for`].

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::pixels::Transparency;
use super::processor::{Class, DO_MORE, HALF, MAX_NAMED, Processor, Resize, class_from_name, class_of_model};
use crate::domain::resample::Kernel;
use crate::domain::{Error, Notice, Result};
use crate::store::{misnamed, unreadable, without_mark};

const MAX_FILE: u64 = 1 << 20;
const NAMED: &str = "the image processor of ViT, DeiT, Beit, Bit, CLIP, ChineseCLIP, Siglip or DINOv3ViT";
/// Fields that decide the pixels. A class that is not known is followed only where the file names every one of them.
const STEPS: &[&str] =
    &["do_resize", "size", "resample", "do_rescale", "rescale_factor", "do_normalize", "image_mean", "image_std"];
/// Fields that are followed, beside [`STEPS`].
const OPTIONAL: &[&str] = &["do_center_crop", "crop_size", "do_convert_rgb"];
/// Steps of other classes: refused unless they are switched off.
const OTHER_STEPS: &[&str] = &["crop_pct", "do_flip_channel_order", "pad_size", "use_square_size"];
/// Fields that do not touch the pixels of one picture. Padding without a size only makes pictures of a batch equal.
const HARMLESS: &[&str] = &[
    "image_processor_type",
    "feature_extractor_type",
    "processor_class",
    "default_to_square",
    "do_pad",
    "do_reduce_labels",
    "reduce_labels",
    "data_format",
    "input_data_format",
    "device",
    "disable_grouping",
    "return_tensors",
    "use_fast",
    "backend",
    "_valid_processor_keys",
    "transformers_version",
    "image_seq_length",
];

impl Processor {
    /// Reads the processor of a checkpoint folder: `image_processor` of processor_config.json if it is there, else
    /// preprocessor_config.json (transformers looks in this order); `None` where the folder has neither.
    ///
    /// # Errors
    /// A file that is no JSON, or a field that cannot be followed; the refusal names both.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let outer = folder.join("processor_config.json");
        if let Some(Value::Object(nested)) = read_json(&outer)?.and_then(|mut all| all.remove("image_processor")) {
            return Fields { file: &outer, map: &nested }.processor().map(Some);
        }
        let file = folder.join("preprocessor_config.json");
        let Some(map) = read_json(&file)? else { return Ok(None) };
        Fields { file: &file, map: &map }.processor().map(Some)
    }

    /// The processor that the bytes of a preprocessor_config.json called `file` describe.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Self> {
        Fields { file, map: &parse_json(file, bytes)? }.processor()
    }
}

/// The JSON object of a file, or `None` where there is no such file.
fn read_json(file: &Path) -> Result<Option<Map<String, Value>>> {
    if !file.exists() {
        return Ok(None);
    }
    let facts = fs::metadata(file).map_err(|err| unreadable(file, &err))?;
    if !facts.is_file() || facts.len() > MAX_FILE {
        return Err(Error::refused(file.display(), "is not a configuration").expected("a JSON file of at most 1 MiB"));
    }
    let bytes = fs::read(file).map_err(|err| unreadable(file, &err))?;
    parse_json(file, &bytes).map(Some)
}

fn parse_json(file: &Path, bytes: &[u8]) -> Result<Map<String, Value>> {
    serde_json::from_slice(without_mark(bytes)).map_err(|err| {
        misnamed(file.display(), bytes).unwrap_or_else(|| {
            Error::refused(file.display(), format!("is not valid JSON ({err})"))
                .expected("a JSON object")
                .remedy("download the file again")
        })
    })
}

/// The name of a class without its endings.
fn stem(name: &str) -> &str {
    let base = ["Fast", "Pil"].iter().fold(name, |name, end| name.strip_suffix(end).unwrap_or(name));
    ["ImageProcessor", "FeatureExtractor"].iter().fold(base, |name, end| name.strip_suffix(end).unwrap_or(name))
}

/// Keys of a size.
const SIDES: &[&str] = &["height", "width", "shortest_edge", "longest_edge"];

/// The fields of one file.
struct Fields<'a> {
    file: &'a Path,
    map: &'a Map<String, Value>,
}

impl Fields<'_> {
    fn processor(&self) -> Result<Processor> {
        if let Some(value) = self.value("auto_map") {
            let refused =
                self.bad("auto_map", value, "an image processor of transformers itself: code of a checkpoint is not run");
            return Err(refused.remedy("give the model's own input: a .safetensors file that holds pixel_values"));
        }
        let Class { processor: mut made, square, crop_default } = self.class()?;
        for field in OTHER_STEPS {
            let used = self.value(field).filter(|&v| *v != Value::Bool(false));
            if let Some(value) = used {
                return Err(self.bad(field, value, "a processor without this step").remedy("open another checkpoint"));
            }
        }
        made.notices = self.notices();
        if let Some(size) = self.value("size") {
            made.resize = self.resize(size, square)?;
        }
        if !self.flag("do_resize", true)? {
            made.resize = Resize::Keep;
        }
        made.kernel = self.kernel(made.kernel)?;
        let crops = self.flag("do_center_crop", made.crop.is_some())?;
        made.crop = if crops { self.crop(crop_default)? } else { None };
        let factor = self.number("rescale_factor")?.unwrap_or(1.0 / 255.0);
        made.rescale = self.flag("do_rescale", true)?.then_some(factor);
        let [mean, std] = made.normalize.unwrap_or(HALF);
        let (mean, std) = (self.channels("image_mean", mean)?, self.channels("image_std", std)?);
        if let (true, Some(value)) = (std.contains(&0.0), self.value("image_std")) {
            return Err(self.bad("image_std", value, "numbers other than 0"));
        }
        made.normalize = self.flag("do_normalize", true)?.then_some([mean, std]);
        let over_white = self.flag("do_convert_rgb", made.transparency == Transparency::OverWhite)?;
        made.transparency = if over_white { Transparency::OverWhite } else { Transparency::Dropped };
        // Without a rescale DINOv3's processor resizes the 8-bit values themselves.
        made.in_floats &= made.rescale.is_some();
        Ok(made)
    }

    /// The class that the file names. Where it names none, transformers takes the one of the model, and so is done here.
    fn class(&self) -> Result<Class> {
        let Some(value) = self.value("image_processor_type").or_else(|| self.value("feature_extractor_type")) else {
            let of_model = self.model_type().and_then(|model| class_of_model(&model)).and_then(class_from_name);
            return of_model.or_else(|| class_from_name("ViT")).ok_or_else(|| self.bad("size", &Value::Null, NAMED));
        };
        let base = stem(value.as_str().unwrap_or_default());
        if let Some(class) = class_from_name(base) {
            return Ok(class);
        }
        let refused = |expected: &str| self.bad("image_processor_type", value, expected);
        let pixel_values = "give the model's own input: a .safetensors file that holds pixel_values";
        if DO_MORE.contains(&base) {
            return Err(refused(NAMED).remedy(pixel_values));
        }
        let missing = STEPS.iter().find(|field| self.value(field).is_none());
        let missing = missing.or_else(|| {
            let has_crop = self.value("crop_size").is_some() || self.value("do_center_crop").is_some();
            OPTIONAL[..2].iter().find(|field| has_crop && self.value(field).is_none())
        });
        if let Some(field) = missing {
            let expected = format!("{NAMED}, or every step named in the file: \"{field}\" is missing");
            return Err(refused(&expected).remedy(pixel_values));
        }
        if let Some(field) = self.unknown().next() {
            let expected = format!("{NAMED}, or known fields alone: \"{field}\" is not one");
            return Err(refused(&expected).remedy(pixel_values));
        }
        class_from_name("ViT").ok_or_else(|| refused(NAMED))
    }

    /// `model_type` of the config.json beside the file.
    fn model_type(&self) -> Option<String> {
        let config = read_json(&self.file.with_file_name("config.json")).ok().flatten()?;
        config.get("model_type").and_then(Value::as_str).map(str::to_owned)
    }

    /// Fields that are neither followed nor known to leave the pixels alone.
    fn unknown(&self) -> impl Iterator<Item = &str> {
        let known = [STEPS, OPTIONAL, OTHER_STEPS, HARMLESS];
        let is_known = move |field: &&str| known.iter().any(|fields| fields.contains(field));
        self.map.iter().filter(|(_, value)| !value.is_null()).map(|(field, _)| field.as_str()).filter(move |f| !is_known(f))
    }

    /// What of the file was not followed, or followed without knowing its class.
    fn notices(&self) -> Vec<Notice> {
        let mut notices = Vec::new();
        let named = self.value("image_processor_type").or_else(|| self.value("feature_extractor_type"));
        let named = named.and_then(Value::as_str);
        if let Some(name) = named.filter(|name| class_from_name(stem(name)).is_none()) {
            let what = format!("the image processor {name} is not known, and the steps that the file names were followed");
            notices.push(Notice::new(self.file.display(), what).remedy("compare its output with pixel_values of its own code"));
        }
        let unknown: Vec<&str> = self.unknown().take(6).collect();
        if !unknown.is_empty() {
            let what = format!("not followed, as transformers' class does not read them: {}", unknown.join(", "));
            notices.push(Notice::new(self.file.display(), what));
        }
        notices
    }

    /// A field that is there and not null.
    fn value(&self, field: &str) -> Option<&Value> {
        self.map.get(field).filter(|v| !v.is_null())
    }

    fn bad(&self, field: &str, value: &Value, expected: &str) -> Error {
        let shown: String = value.to_string().chars().take(80).collect();
        Error::refused(self.file.display(), format!("cannot follow \"{field}\": {shown}")).expected(expected)
    }

    fn flag(&self, field: &str, default: bool) -> Result<bool> {
        let Some(value) = self.value(field) else { return Ok(default) };
        value.as_bool().ok_or_else(|| self.bad(field, value, "true or false"))
    }

    fn number(&self, field: &str) -> Result<Option<f64>> {
        let Some(value) = self.value(field) else { return Ok(None) };
        let usable = value.as_f64().filter(|v| v.is_finite() && *v != 0.0);
        usable.map(Some).ok_or_else(|| self.bad(field, value, "a number other than 0"))
    }

    fn side(&self, field: &str, value: &Value) -> Result<usize> {
        // Some files hold 224.0.
        let whole = value.as_u64().or_else(|| value.as_f64().filter(|v| v.fract() == 0.0 && *v > 0.0).map(|v| v as u64));
        let usable = whole.filter(|side| (1..=MAX_NAMED).contains(side));
        usable.map(|side| side as usize).ok_or_else(|| self.bad(field, value, "a number of pixels from 1 to 65536"))
    }

    fn resize(&self, size: &Value, square: bool) -> Result<Resize> {
        let expected = "a number, [height, width], or one of {height, width}, {shortest_edge}, {shortest_edge, longest_edge}";
        match size {
            Value::Number(_) => {
                let side = self.side("size", size)?;
                Ok(if square { Resize::Exact { height: side, width: side } } else { Resize::Shortest { side, at_most: None } })
            }
            Value::Array(pair) if pair.len() == 2 => {
                Ok(Resize::Exact { height: self.side("size", &pair[0])?, width: self.side("size", &pair[1])? })
            }
            Value::Object(keys) if keys.keys().all(|key| SIDES.contains(&key.as_str())) => {
                let get = |key: &str| keys.get(key).filter(|v| !v.is_null()).map(|v| self.side("size", v)).transpose();
                match (get("height")?, get("width")?, get("shortest_edge")?, get("longest_edge")?) {
                    (Some(height), Some(width), None, None) => Ok(Resize::Exact { height, width }),
                    (None, None, Some(side), at_most) => Ok(Resize::Shortest { side, at_most }),
                    _ => Err(self.bad("size", size, expected)),
                }
            }
            _ => Err(self.bad("size", size, expected)),
        }
    }

    fn crop(&self, default: Option<(usize, usize)>) -> Result<Option<(usize, usize)>> {
        let Some(value) = self.value("crop_size") else {
            let missing = || self.bad("do_center_crop", &Value::Bool(true), "a \"crop_size\" beside it");
            return default.map(Some).ok_or_else(missing);
        };
        match self.resize(value, true) {
            Ok(Resize::Exact { height, width }) => Ok(Some((height, width))),
            _ => Err(self.bad("crop_size", value, "a number of pixels or {height, width}")),
        }
    }

    fn kernel(&self, default: Kernel) -> Result<Kernel> {
        let Some(value) = self.value("resample") else { return Ok(default) };
        match value.as_u64() {
            Some(0) => Ok(Kernel::Nearest),
            Some(1) => Ok(Kernel::Lanczos),
            Some(2) => Ok(Kernel::Bilinear),
            Some(3) => Ok(Kernel::Bicubic),
            _ => Err(self.bad("resample", value, "0 (nearest), 1 (Lanczos), 2 (bilinear) or 3 (bicubic)")),
        }
    }

    /// One number a channel; a single number stands for all three.
    fn channels(&self, field: &str, default: [f32; 3]) -> Result<[f32; 3]> {
        let Some(value) = self.value(field) else { return Ok(default) };
        let bad = || self.bad(field, value, "three finite numbers");
        let number = |v: &Value| v.as_f64().map(|v| v as f32).filter(|v| v.is_finite()).ok_or_else(bad);
        match value {
            Value::Array(three) if three.len() == 3 => Ok([number(&three[0])?, number(&three[1])?, number(&three[2])?]),
            Value::Number(_) => Ok([number(value)?; 3]),
            _ => Err(bad()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Processor> {
        let map = serde_json::from_str(json).unwrap();
        Fields { file: Path::new("m/preprocessor_config.json"), map: &map }.processor()
    }

    #[test]
    fn a_bare_number_means_what_the_class_says() {
        let size = |kind: &str| parse(&format!(r#"{{"image_processor_type": "{kind}", "size": 96}}"#)).unwrap().resize;
        for kind in ["ViTImageProcessor", "ViTImageProcessorFast", "DeiTImageProcessor", "BeitImageProcessor"] {
            assert_eq!(size(kind), Resize::Exact { height: 96, width: 96 }, "{kind}");
        }
        for kind in ["CLIPImageProcessor", "BitImageProcessor", "SiglipImageProcessor"] {
            assert_eq!(size(kind), Resize::Shortest { side: 96, at_most: None }, "{kind}");
        }
    }

    #[test]
    fn missing_and_null_fields_take_the_class_s_default() {
        let old = parse(r#"{"feature_extractor_type": "ViTFeatureExtractor", "size": 224, "resample": null}"#).unwrap();
        assert_eq!(old, Processor::default_for("vit", 224));
        let clip = parse(r#"{"feature_extractor_type": "CLIPFeatureExtractor", "crop_size": 336, "size": 336}"#).unwrap();
        assert_eq!(clip, Processor::default_for("clip_vision_model", 336));
        let dinov3 = parse(r#"{"image_processor_type": "DINOv3ViTImageProcessorFast"}"#).unwrap();
        assert_eq!(dinov3, Processor::default_for("dinov3_vit", 224));
        assert_eq!(Processor::default_for("deit", 384).resize, Resize::Exact { height: 439, width: 439 });
        let beit = parse(r#"{"image_processor_type": "BeitImageProcessor", "do_center_crop": true}"#).unwrap();
        assert_eq!(beit.crop, Some((224, 224)));
    }

    #[test]
    fn a_refusal_names_the_file_and_the_field() {
        let cases = [
            (r#"{"resample": 4}"#, "resample"),
            (r#"{"resample": "bicubic"}"#, "resample"),
            (r#"{"size": {"height": 3}}"#, "size"),
            (r#"{"size": {"max_height": 3, "max_width": 3}}"#, "size"),
            (r#"{"size": 0}"#, "size"),
            (r#"{"size": -224}"#, "size"),
            (r#"{"size": 1e300}"#, "size"),
            (r#"{"image_mean": [0.5, 0.5]}"#, "image_mean"),
            (r#"{"image_std": [0.5, 0, 0.5]}"#, "image_std"),
            (r#"{"image_std": [0.5, 1e60, 0.5]}"#, "image_std"),
            (r#"{"do_resize": "yes"}"#, "do_resize"),
            (r#"{"do_center_crop": true}"#, "crop_size"),
            (r#"{"do_center_crop": true, "crop_size": {"shortest_edge": 3}}"#, "crop_size"),
            (r#"{"rescale_factor": 0}"#, "rescale_factor"),
            (r#"{"crop_pct": 0.875}"#, "crop_pct"),
            (r#"{"size": {"longest_edge": 224}}"#, "size"),
            (r#"{"size": {"height": 224, "width": 224, "max_pixels": 9}}"#, "size"),
            (r#"{"do_pad": true, "pad_size": {"height": 9, "width": 9}}"#, "pad_size"),
            (r#"{"do_flip_channel_order": true}"#, "do_flip_channel_order"),
            (r#"{"do_convert_rgb": 1}"#, "do_convert_rgb"),
            (r#"{"image_processor_type": "ViTImageProcessor", "auto_map": {"AutoImageProcessor": "a.B"}}"#, "auto_map"),
            (r#"{"image_processor_type": "LevitImageProcessor"}"#, "LevitImageProcessor"),
            (r#"{"image_processor_type": "NewImageProcessor"}"#, "\"do_resize\" is missing"),
            (r#"{"image_processor_type": 7}"#, "image_processor_type"),
        ];
        for (json, field) in cases {
            let line = parse(json).unwrap_err().to_string();
            assert!(line.starts_with("m/preprocessor_config.json: ") && line.contains(field), "{line}");
        }
    }

    /// Every step of an image processor, and what `more` adds.
    fn complete(kind: &str, more: &str) -> Result<Processor> {
        let steps = r#""do_resize": true, "size": {"height": 32, "width": 32}, "resample": 3, "do_rescale": true,
            "rescale_factor": 0.00392156862745098, "do_normalize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]"#;
        parse(&format!(r#"{{"image_processor_type": "{kind}", {steps}{more}}}"#))
    }

    #[test]
    fn a_class_that_is_not_known_is_followed_only_where_every_step_is_named() {
        let made = complete("NewImageProcessor", "").unwrap();
        assert_eq!((made.resize, made.kernel), (Resize::Exact { height: 32, width: 32 }, Kernel::Bicubic));
        assert!(made.notices[0].to_string().contains("NewImageProcessor is not known"), "{:?}", made.notices);
        for (more, word) in [(r#", "patch_budget": 7"#, "patch_budget"), (r#", "crop_size": 32"#, "do_center_crop")] {
            let line = complete("NewImageProcessor", more).unwrap_err().to_string();
            assert!(line.contains(word) && line.contains("pixel_values"), "{line}");
        }
        // This one resizes to 256/224 of its size, which no field says.
        assert!(complete("LevitImageProcessor", "").unwrap_err().to_string().contains("LevitImageProcessor"));
    }

    #[test]
    fn transparency_follows_the_class_and_the_field() {
        let of = |json: &str| parse(json).unwrap().transparency;
        for kind in ["CLIPImageProcessor", "BitImageProcessor", "SiglipImageProcessorFast", "ChineseCLIPFeatureExtractor"] {
            assert_eq!(of(&format!(r#"{{"image_processor_type": "{kind}"}}"#)), Transparency::OverWhite, "{kind}");
        }
        for kind in ["ViTImageProcessor", "DeiTImageProcessor", "BeitImageProcessor", "DINOv3ViTImageProcessor"] {
            assert_eq!(of(&format!(r#"{{"image_processor_type": "{kind}"}}"#)), Transparency::Dropped, "{kind}");
        }
        assert_eq!(of(r#"{"image_processor_type": "ViTImageProcessor", "do_convert_rgb": true}"#), Transparency::OverWhite);
        assert_eq!(of(r#"{"image_processor_type": "CLIPImageProcessor", "do_convert_rgb": false}"#), Transparency::Dropped);
    }

    #[test]
    fn a_file_without_a_class_takes_the_one_of_its_model() {
        let folder = tempfile::TempDir::new().unwrap();
        fs::write(folder.path().join("preprocessor_config.json"), r#"{"size": 96, "extra": 1}"#).unwrap();
        let read = || Processor::read(folder.path()).unwrap().unwrap();
        assert_eq!(read().resize, Resize::Exact { height: 96, width: 96 });
        fs::write(folder.path().join("config.json"), r#"{"model_type": "clip"}"#).unwrap();
        assert_eq!((read().resize, read().crop), (Resize::Shortest { side: 96, at_most: None }, Some((224, 224))));
        assert!(read().notices[0].to_string().ends_with("does not read them: extra"), "{:?}", read().notices);
    }
}
