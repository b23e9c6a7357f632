//! Models that people open most, to choose from before anything is typed.

/// A model on the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its id.
    pub id: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// About how much is downloaded, in units of 10^6 bytes.
    pub megabytes: u32,
    /// Whether its owners ask for consent first.
    pub gated: bool,
}

const fn open(id: &'static str, about: &'static str, megabytes: u32) -> Known {
    Known { id, about, megabytes, gated: false }
}

const fn gated(id: &'static str, about: &'static str, megabytes: u32) -> Known {
    Known { id, about, megabytes, gated: true }
}

/// Well-known models: of pictures, of pictures and words, of words.
pub const KNOWN: &[Known] = &[
    open("facebook/dino-vits16", "DINO, ViT-S, patches of 16 pixels", 87),
    open("facebook/dino-vits8", "DINO, ViT-S, patches of 8 pixels", 87),
    open("facebook/dino-vitb16", "DINO, ViT-B, patches of 16 pixels", 343),
    open("facebook/dino-vitb8", "DINO, ViT-B, patches of 8 pixels", 343),
    open("google/vit-base-patch16-224", "ViT-B, ImageNet classes", 346),
    open("facebook/deit-small-patch16-224", "DeiT-S, ImageNet classes", 88),
    open("facebook/deit-small-distilled-patch16-224", "distilled DeiT-S, two prefix tokens", 90),
    open("microsoft/beit-base-patch16-224", "BEiT-B, relative positions", 350),
    open("facebook/dinov2-small", "DINOv2, ViT-S, patches of 14 pixels", 88),
    open("facebook/dinov2-base", "DINOv2, ViT-B, patches of 14 pixels", 346),
    open("facebook/dinov2-with-registers-small", "DINOv2 with 4 registers, ViT-S", 88),
    gated("facebook/dinov3-vits16-pretrain-lvd1689m", "DINOv3, ViT-S, rotary positions", 86),
    open("openai/clip-vit-base-patch32", "CLIP, pictures and texts, patches of 32 pixels", 605),
    open("openai/clip-vit-base-patch16", "CLIP, pictures and texts, patches of 16 pixels", 599),
    open("google/siglip-base-patch16-224", "SigLIP, pictures and texts", 813),
    open("google/siglip2-base-patch16-224", "SigLIP 2, pictures and texts", 1500),
    open("google-bert/bert-base-uncased", "BERT, English, lower case", 440),
    open("distilbert/distilbert-base-uncased", "DistilBERT, 6 layers", 268),
    open("FacebookAI/roberta-base", "RoBERTa, English", 499),
    open("sentence-transformers/all-MiniLM-L6-v2", "MiniLM, meaning of sentences, 6 layers", 91),
    open("openai-community/gpt2", "GPT-2, the smallest", 548),
    open("Qwen/Qwen2.5-0.5B", "Qwen 2.5, language model", 988),
    open("Qwen/Qwen3-0.6B", "Qwen 3, language model", 1503),
    open("HuggingFaceTB/SmolLM2-135M", "SmolLM 2, language model", 269),
    gated("meta-llama/Llama-3.2-1B", "Llama 3.2, language model", 2472),
    gated("google/gemma-2-2b", "Gemma 2, language model", 10458),
    gated("google/gemma-3-270m", "Gemma 3, language model", 536),
];

/// What is known of an id.
pub fn find(id: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.id == id)
}
