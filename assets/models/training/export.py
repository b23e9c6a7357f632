"""Writes the Hugging Face folder and measures what was written."""

import json

import torch
from safetensors.torch import save_file
from transformers import BertModel

import corpus
import measures
from texts import INVENTED


def export(run):
    """Writes the model in f16, its tokenizer and configuration, and the figures measured on them; returns these as JSON."""
    out = run.args.out
    out.mkdir(parents=True, exist_ok=True)
    weights = {name: value.half().contiguous() for name, value in run.student.state_dict().items() if value.is_floating_point()}
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)
    config = run.student.config
    (out / "config.json").write_text(json.dumps({
        "architectures": ["BertModel"], "model_type": "bert", "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size, "num_hidden_layers": config.num_hidden_layers,
        "num_attention_heads": config.num_attention_heads, "intermediate_size": config.intermediate_size,
        "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
        "max_position_embeddings": config.max_position_embeddings, "type_vocab_size": config.type_vocab_size,
        "initializer_range": 0.02, "layer_norm_eps": config.layer_norm_eps, "pad_token_id": 0,
        "position_embedding_type": "absolute", "torch_dtype": "float16",
    }, indent=2) + "\n")
    (out / "tokenizer.json").write_text(run.texts.tokenizer.to_str(), encoding="utf-8")
    (out / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "BertTokenizer", "do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True,
        "model_max_length": config.max_position_embeddings, "pad_token": "[PAD]", "unk_token": "[UNK]",
        "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]",
    }, indent=2) + "\n")
    figures = figures_of(run)
    (out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    return json.dumps(figures)


def figures_of(run):
    """All measures, in f32 on the weights as written (rounded to f16)."""
    written = BertModel.from_pretrained(run.args.out, add_pooling_layer=False, dtype=torch.float32).eval()
    figures = {}
    for name in ("held_out", "development", "modern"):
        pooled, words = measures.read(written, run.texts.student[name])
        figures[name] = {"sentences": len(pooled)} | measures.sentence_figures(pooled, run.theirs[name][0])
        figures[name]["layer_cosines"] = measures.layer_figures(
            words, run.theirs[name][1], run.texts.student[name], run.texts.teacher[name]
        )
    size = sum((run.args.out / name).stat().st_size for name in ("model.safetensors", "tokenizer.json"))
    return figures | {
        "training": {
            "book_sentences": run.texts.sentences, "made_up_texts": sum(INVENTED.values()),
            "steps": dict(zip(("blocks", "whole"), run.steps)),
            "seconds": dict(zip(("blocks", "whole"), (round(value) for value in run.seconds))),
            "pieces_read": dict(zip(("blocks", "whole"), run.pieces_read)), "seed": corpus.SEED,
            "held_out_sha256": run.texts.digest,
        },
        "parameters": sum(weight.numel() for weight in written.parameters()),
        "bytes_of_weights_and_tokenizer": size,
    }
