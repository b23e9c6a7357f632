//! Image processors: what a checkpoint does to a picture, and the defaults of the classes of transformers 5.24 that are
//! followed (models/*/image_processing_pil_*.py). The file that names a class and its fields is read in `processor_file.rs`;
//! resizing, cropping and normalising are in `preprocess.rs`.

use super::pixels::Transparency;
use crate::domain::Notice;
use crate::domain::resample::Kernel;

const IMAGENET: [[f32; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];
pub(super) const HALF: [[f32; 3]; 2] = [[0.5; 3]; 2];
const CLIP: [[f32; 3]; 2] = [[0.481_454_66, 0.457_827_5, 0.408_210_73], [0.268_629_54, 0.261_302_6, 0.275_777_1]];
/// Largest side that a file may name; beyond it the file is damaged.
pub(super) const MAX_NAMED: u64 = 65_536;

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
    /// What becomes of a picture's transparency: `do_convert_rgb`.
    pub transparency: Transparency,
    /// What the user should know of how the file was read.
    pub notices: Vec<Notice>,
}

/// The defaults of one class of transformers.
pub(super) struct Class {
    pub(super) processor: Processor,
    /// What `size` as a bare number means.
    pub(super) square: bool,
    /// The crop that `do_center_crop` makes when the file names no size.
    pub(super) crop_default: Option<(usize, usize)>,
}

fn class(resize: Resize, kernel: Kernel, crop: Option<(usize, usize)>, normalize: [[f32; 3]; 2]) -> Class {
    let processor = Processor {
        resize,
        kernel,
        crop,
        rescale: Some(1.0 / 255.0),
        normalize: Some(normalize),
        in_floats: false,
        transparency: Transparency::Dropped,
        notices: Vec::new(),
    };
    Class { processor, square: matches!(resize, Resize::Exact { .. }), crop_default: crop }
}

/// Defaults by `image_processor_type` or `feature_extractor_type`, without their endings.
pub(super) fn class_from_name(name: &str) -> Option<Class> {
    let square = |side| Resize::Exact { height: side, width: side };
    let shortest = |side| Resize::Shortest { side, at_most: None };
    let crop = Some((224, 224));
    let over_white = |mut class: Class| {
        class.processor.transparency = Transparency::OverWhite;
        class
    };
    Some(match name {
        "ViT" => class(square(224), Kernel::Bilinear, None, HALF),
        "DeiT" => class(square(256), Kernel::Bicubic, crop, HALF),
        "Beit" => Class { crop_default: crop, ..class(square(224), Kernel::Bicubic, None, HALF) },
        "Bit" | "CLIP" | "ChineseCLIP" => over_white(class(shortest(224), Kernel::Bicubic, crop, CLIP)),
        "Siglip" => over_white(Class { square: false, ..class(square(224), Kernel::Bicubic, None, HALF) }),
        "DINOv3ViT" => {
            let mut dinov3 = class(square(224), Kernel::Bilinear, None, IMAGENET);
            dinov3.processor.in_floats = true;
            dinov3
        }
        _ => return None,
    })
}

/// The class that transformers takes for a `model_type` where the file names none (`IMAGE_PROCESSOR_MAPPING_NAMES`), and for
/// towers and relatives of those, without its ending.
pub(super) fn class_of_model(model_type: &str) -> Option<&'static str> {
    Some(match model_type {
        "vit" | "vit_mae" | "vit_msn" | "ijepa" => "ViT",
        "deit" => "DeiT",
        "beit" | "data2vec-vision" => "Beit",
        "dinov2" | "dinov2_with_registers" => "Bit",
        "dinov3_vit" => "DINOv3ViT",
        "clip" | "clip_vision_model" | "metaclip_2" | "mlcd" | "altclip" => "CLIP",
        "chinese_clip" | "chinese_clip_vision_model" => "ChineseCLIP",
        "siglip" | "siglip_vision_model" => "Siglip",
        _ => return None,
    })
}

/// Classes of transformers that do more than resize, crop, rescale and normalise, whether or not their fields say so: those
/// that override `resize` or `_preprocess`. Without the ending `ImageProcessor`.
pub(super) const DO_MORE: &[&str] = &[
    "Apertus1p5",
    "Aria",
    "BridgeTower",
    "CHMv2",
    "Cohere2Vision",
    "CohereCompass",
    "ConditionalDetr",
    "ConvNext",
    "Cosmos3Edge",
    "DPT",
    "DeepseekOcr2",
    "DeepseekVL",
    "DeepseekVLHybrid",
    "DeformableDetr",
    "DepthPro",
    "Detr",
    "Donut",
    "EfficientLoFTR",
    "EfficientNet",
    "Emu3",
    "Eomt",
    "Ernie4_5_VLMoe",
    "Flava",
    "Fuyu",
    "GLPN",
    "Gemma3",
    "Gemma4",
    "Gemma4Unified",
    "Glm46V",
    "Glm4v",
    "Glm5Next",
    "GlmImage",
    "Glmga",
    "GotOcr2",
    "GraniteDocling",
    "GroundingDino",
    "HYV4VL",
    "HunYuanVL",
    "Idefics",
    "Idefics2",
    "Idefics3",
    "ImageGPT",
    "Inkling",
    "Inkling2",
    "Janus",
    "Kimi_K25",
    "Kosmos2_5",
    "LayoutLMv2",
    "LayoutLMv3",
    "Levit",
    "Lfm2Vl",
    "LightGlue",
    "Llama4",
    "Llava",
    "LlavaNext",
    "LlavaOnevision",
    "Mask2Former",
    "MaskFormer",
    "MiniCPMOcr",
    "MiniCPMV4_6",
    "MiniMaxM3VL",
    "Mllama",
    "MobileNetV2",
    "MobileViT",
    "Molmo2",
    "MuseGlimmer",
    "NeoMME",
    "NemotronH_Omni_Reasoning_V3",
    "Nougat",
    "OneFormer",
    "Ovis2",
    "Owlv2",
    "PI0",
    "PPDocLayoutV2",
    "PPDocLayoutV3",
    "PPDocLayoutV4",
    "PPFormulaNet",
    "PPLCNet",
    "PPOCRV5ServerDet",
    "PPOCRV5ServerRec",
    "PPOCRV6SmallRec",
    "PaddleOCRVL",
    "Perceiver",
    "PerceptionLM",
    "Phi4Multimodal",
    "Pix2Struct",
    "Pixtral",
    "PoolFormer",
    "PromptDepthAnything",
    "Qwen2VL",
    "RTDetr",
    "RfDetr",
    "SLANeXt",
    "Sam",
    "Sam2",
    "Sam3",
    "Sapiens2",
    "SegGpt",
    "Segformer",
    "Siglip2",
    "SmolVLM",
    "Step3p7",
    "SuperGlue",
    "SuperPoint",
    "Swin2SR",
    "TextNet",
    "TimmWrapper",
    "Tvp",
    "UVDoc",
    "UltraVBert",
    "UnlimitedOcr",
    "VideoLlama3",
    "VideoLlava",
    "VideoMAE",
    "Vilt",
    "VitMatte",
    "VitPose",
    "Vivit",
    "Yolos",
    "ZoeDepth",
];

impl Processor {
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
        let is_over_white = model_type.starts_with("dinov2") || model_type.contains("clip") || model_type.contains("siglip");
        let transparency = if is_over_white { Transparency::OverWhite } else { Transparency::Dropped };
        let in_floats = model_type.starts_with("dinov3");
        Self { in_floats, transparency, ..class(resize, kernel, crop, normalize).processor }
    }

    /// Shorter side of the model's input, where the checkpoint fixes one.
    pub fn shorter_side(&self) -> Option<usize> {
        match (self.crop, self.resize) {
            (Some((height, width)), _) | (None, Resize::Exact { height, width }) => Some(height.min(width)),
            (None, Resize::Shortest { side, .. }) => Some(side),
            (None, Resize::Keep) => None,
        }
    }
}
