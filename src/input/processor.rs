//! preprocessor_config.json: what a checkpoint does to a picture.
//!
//! The fields, their defaults and what a bare number means follow the image processors of transformers 5.23
//! (models/*/image_processing_pil_*.py and `get_size_dict` in image_processing_utils.py): missing and null fields take the
//! default of the class named in the file. What a checkpoint *without* the file expects is another matter, see
//! [`Processor::default_for`]. Resizing, cropping and normalising are in `preprocess.rs`.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use crate::domain::resample::Kernel;
use crate::domain::{Error, Notice, Result};
use crate::store::{misnamed, unreadable, without_mark};

const IMAGENET: [[f32; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];
const HALF: [[f32; 3]; 2] = [[0.5; 3]; 2];
const CLIP: [[f32; 3]; 2] = [[0.481_454_66, 0.457_827_5, 0.408_210_73], [0.268_629_54, 0.261_302_6, 0.275_777_1]];
/// Largest side that a file may name; beyond it the file is damaged.
const MAX_NAMED: u64 = 65_536;
const MAX_FILE: u64 = 1 << 20;

/// How large a picture becomes before it is cropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// No resize.
    Keep,
    /// To this size, whatever the picture's aspect.
    Exact {
        /// Pixels.
        height: usize,
        /// Pixels.
        width: usize,
    },
    /// The shorter side to so many pixels, the longer one in proportion.
    Shortest {
        /// Pixels of the shorter side.
        side: usize,
        /// The longer side is at most this, at the cost of the shorter one.
        at_most: Option<usize>,
    },
    /// The longer side to so many pixels, the shorter one in proportion.
    Longest(usize),
}

/// What a checkpoint does to a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Processor {
    /// Size before the crop.
    pub resize: Resize,
    /// Kernel of the resize.
    pub kernel: Kernel,
    /// Height and width of the centre crop.
    pub crop: Option<(usize, usize)>,
    /// Factor on the 8-bit values.
    pub rescale: Option<f64>,
    /// Mean and standard deviation of each channel.
    pub normalize: Option<[[f32; 3]; 2]>,
    /// Whether values are rescaled before they are resized and stay floats, as DINOv3's processor does it.
    pub in_floats: bool,
    /// What the user should know of how the file was read.
    pub notices: Vec<Notice>,
}

/// The defaults of one class of transformers.
struct Class {
    processor: Processor,
    /// What `size` as a bare number means.
    square: bool,
    /// The crop that `do_center_crop` makes when the file names no size.
    crop_default: Option<(usize, usize)>,
}

fn class(resize: Resize, kernel: Kernel, crop: Option<(usize, usize)>, normalize: [[f32; 3]; 2]) -> Class {
    let processor = Processor {
        resize,
        kernel,
        crop,
        rescale: Some(1.0 / 255.0),
        normalize: Some(normalize),
        in_floats: false,
        notices: Vec::new(),
    };
    Class { processor, square: matches!(resize, Resize::Exact { .. }), crop_default: crop }
}

/// Defaults by `image_processor_type` or `feature_extractor_type`, without their endings.
fn class_from_name(name: &str) -> Option<Class> {
    let square = |side| Resize::Exact { height: side, width: side };
    let shortest = |side| Resize::Shortest { side, at_most: None };
    let crop = Some((224, 224));
    Some(match name {
        "ViT" => class(square(224), Kernel::Bilinear, None, HALF),
        "DeiT" => class(square(256), Kernel::Bicubic, crop, HALF),
        "Beit" => Class { crop_default: crop, ..class(square(224), Kernel::Bicubic, None, HALF) },
        "Bit" | "CLIP" | "ChineseCLIP" => class(shortest(224), Kernel::Bicubic, crop, CLIP),
        "Siglip" => Class { square: false, ..class(square(224), Kernel::Bicubic, None, HALF) },
        "DINOv3ViT" => {
            let mut dinov3 = class(square(224), Kernel::Bilinear, None, IMAGENET);
            dinov3.processor.in_floats = true;
            dinov3
        }
        _ => return None,
    })
}

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

    /// What the published checkpoints of a `model_type` expect, for folders without the file. `image_size` is that of
    /// config.json. Self-supervised ViTs such as DINO share the model type `vit` and want ImageNet's mean: they come with
    /// the file.
    pub fn default_for(model_type: &str, image_size: usize) -> Self {
        let square = |side| Resize::Exact { height: side, width: side };
        let image_size = image_size.clamp(1, MAX_NAMED as usize);
        let with_margin = (image_size * 256 + 112) / 224;
        let crop = Some((image_size, image_size));
        let (resize, kernel, crop, normalize) = match model_type {
            "deit" => (square(with_margin), Kernel::Bicubic, crop, IMAGENET),
            "vit_mae" | "vit_msn" | "ijepa" => (square(image_size), Kernel::Bilinear, None, IMAGENET),
            name if name.starts_with("dinov2") => {
                (Resize::Shortest { side: with_margin, at_most: None }, Kernel::Bicubic, crop, IMAGENET)
            }
            name if name.starts_with("dinov3") => (square(image_size), Kernel::Bilinear, None, IMAGENET),
            name if name.contains("siglip2") => (square(image_size), Kernel::Bilinear, None, HALF),
            name if name.contains("siglip") => (square(image_size), Kernel::Bicubic, None, HALF),
            name if name.contains("clip") => (Resize::Shortest { side: image_size, at_most: None }, Kernel::Bicubic, crop, CLIP),
            "beit" | "data2vec-vision" => (square(image_size), Kernel::Bicubic, None, HALF),
            _ => (square(image_size), Kernel::Bilinear, None, HALF),
        };
        Self { in_floats: model_type.starts_with("dinov3"), ..class(resize, kernel, crop, normalize).processor }
    }

    /// Shorter side of the model's input, where the checkpoint fixes one.
    pub fn shorter_side(&self) -> Option<usize> {
        match (self.crop, self.resize) {
            (Some((height, width)), _) | (None, Resize::Exact { height, width }) => Some(height.min(width)),
            (None, Resize::Shortest { side, .. } | Resize::Longest(side)) => Some(side),
            (None, Resize::Keep) => None,
        }
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

/// The fields of one file.
struct Fields<'a> {
    file: &'a Path,
    map: &'a Map<String, Value>,
}

impl Fields<'_> {
    fn processor(&self) -> Result<Processor> {
        let Class { processor: mut made, square, crop_default } = self.class()?;
        for field in ["crop_pct", "do_flip_channel_order", "do_pad"] {
            let used = self.value(field).filter(|&v| *v != Value::Bool(false));
            if let Some(value) = used {
                return Err(self.bad(field, value, "a processor without this step").remedy("open another checkpoint"));
            }
        }
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
        // Without a rescale DINOv3's processor resizes the 8-bit values themselves.
        made.in_floats &= made.rescale.is_some();
        Ok(made)
    }

    /// The class that the file names; a file that names none is taken for ViT's, and so is an unknown one that leaves
    /// nothing to a default.
    fn class(&self) -> Result<Class> {
        let value = self.value("image_processor_type").or_else(|| self.value("feature_extractor_type"));
        let full = value.and_then(Value::as_str).unwrap_or("ViTImageProcessor");
        let base = ["Fast", "Pil"].iter().fold(full, |name, end| name.strip_suffix(end).unwrap_or(name));
        let base = ["ImageProcessor", "FeatureExtractor"].iter().fold(base, |name, end| name.strip_suffix(end).unwrap_or(name));
        let complete = ["size", "resample", "image_mean", "image_std"].iter().all(|f| self.value(f).is_some());
        class_from_name(base).or_else(|| class_from_name("ViT").filter(|_| complete)).ok_or_else(|| {
            let expected = "the image processor of ViT, DeiT, Beit, Bit, CLIP, Siglip or DINOv3ViT";
            let remedy = "name size, resample, image_mean and image_std in the file, or open another checkpoint";
            self.bad("image_processor_type", &Value::from(full), expected).remedy(remedy)
        })
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
        let expected = "a number, [height, width], or one of {height, width}, {shortest_edge}, {shortest_edge, longest_edge}, \
                        {longest_edge}";
        match size {
            Value::Number(_) => {
                let side = self.side("size", size)?;
                Ok(if square { Resize::Exact { height: side, width: side } } else { Resize::Shortest { side, at_most: None } })
            }
            Value::Array(pair) if pair.len() == 2 => {
                Ok(Resize::Exact { height: self.side("size", &pair[0])?, width: self.side("size", &pair[1])? })
            }
            Value::Object(keys) => {
                let get = |key: &str| keys.get(key).filter(|v| !v.is_null()).map(|v| self.side("size", v)).transpose();
                match (get("height")?, get("width")?, get("shortest_edge")?, get("longest_edge")?) {
                    (Some(height), Some(width), None, None) => Ok(Resize::Exact { height, width }),
                    (None, None, Some(side), at_most) => Ok(Resize::Shortest { side, at_most }),
                    (None, None, None, Some(side)) => Ok(Resize::Longest(side)),
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
            (r#"{"image_processor_type": "LevitImageProcessor"}"#, "LevitImageProcessor"),
        ];
        for (json, field) in cases {
            let line = parse(json).unwrap_err().to_string();
            assert!(line.starts_with("m/preprocessor_config.json: ") && line.contains(field), "{line}");
        }
    }
}
