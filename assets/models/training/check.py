"""Opens the written folder with transformers alone, and compares its sentence vectors with the training program's.

    python check.py --out DIR --teacher DIR
"""

import argparse
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer

import encoder
import wordpiece

TEXTS = (
    "The quick brown fox.",
    "It's naïve, isn't it? Straße, Ελλάδα, Москва!",
    "日本 and 中文 🙂 [MASK] tokens",
    "antidisestablishmentarianism co-operated at 10:35, for $4.50",
    "",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True)
    args = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(args.out)
    theirs = AutoTokenizer.from_pretrained(args.teacher)
    model = AutoModel.from_pretrained(args.out, dtype=torch.float32, add_pooling_layer=False).eval()
    modern = (Path(__file__).parent / "modern.txt").read_text(encoding="utf-8").splitlines()
    worst = 0.0
    for text in TEXTS + tuple(modern):
        inputs = tokenizer(text, return_tensors="pt")
        pieces = wordpiece.Pieces(tokenizer.backend_tokenizer, [text], 192)
        assert inputs["input_ids"][0].tolist() == pieces.ids.tolist(), text
        join = lambda tokens: "".join(token.removeprefix("##") for token in tokens if token != "[UNK]")
        spelled = join(tokenizer.tokenize(text)), join(theirs.tokenize(text))
        if spelled[0] != spelled[1]:
            print(f"spelled differently: {text!r}: {tokenizer.tokenize(text)} and {theirs.tokenize(text)}")
        with torch.no_grad():
            hidden = model(**inputs, output_hidden_states=True).hidden_states
        lengths = torch.tensor([inputs["input_ids"].shape[1]])
        with torch.no_grad():
            ours = encoder.all_layers(model, inputs["input_ids"], lengths, exact=True)
        worst = max(worst, max((a - b).abs().max().item() for a, b in zip(hidden, ours)))
    print(f"{len(TEXTS) + len(modern)} texts, ids equal, largest difference over all layers {worst:.2e}")
    assert worst < 1e-4


if __name__ == "__main__":
    main()
