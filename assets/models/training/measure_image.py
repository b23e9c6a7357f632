"""Measures the image model against its teacher on photos that training never saw.

    python measure_image.py --teacher vit-tiny-patch16-224 --student ../image --photos photos --photos photos_train

Held out: every tenth photo of each folder, by name (`photos.split`). Printed for each folder and together: the cosine of the
last layer's patch tokens, mean-centred over the photo, before and after the final norm; the correlation of ULTra maps of the
last layer (arXiv 2411.12589, scalar sum, own entry left out), median over 20 tokens a photo, then mean over photos; how often
the student's first class is among the teacher's first five.
"""

import argparse
import json
import random
from pathlib import Path

import numpy as np
import torch
from transformers import ViTForImageClassification

from photos import normalised, split, whole


def load(folder):
    return ViTForImageClassification.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()


def cosine_of_patches(a, b):
    """Mean cosine of patch tokens less their mean. `a` and `b` are [T, D]; the class token is left out."""
    a, b = (x[1:] - x[1:].mean(0) for x in (a, b))
    return torch.cosine_similarity(a, b, dim=-1).mean().item()


def ultra(model, pixels, targets):
    """Relevance rows of the last layer, [targets, T]: r <- r + r M_b from the top block down."""
    stream = []
    hook = model.vit.encoder.layer[-1] if hasattr(model.vit, "encoder") else model.vit.layers[-1]
    handle = hook.register_forward_hook(lambda m, a, out: stream.append(out[0] if isinstance(out, tuple) else out))
    attention = model.vit(pixels, output_attentions=True).attentions
    handle.remove()
    rows = []
    for target in targets:
        z = stream[0][0, target]
        grads = torch.autograd.grad((z / z.detach().norm()).sum(), attention, retain_graph=True)
        row = torch.zeros(attention[0].shape[-1])
        row[target] = 1
        for grad, shares in zip(reversed(grads), reversed(attention)):
            row = row + row @ (grad * shares.detach())[0].clamp(min=0).mean(0)
        rows.append(row)
    return torch.stack(rows)


def map_correlation(teacher, student, pixels, rng):
    """Median over 20 patch tokens of the correlation of their maps over the other patches."""
    targets = rng.sample(range(1, 197), 20)
    values = []
    for target, a, b in zip(targets, ultra(teacher, pixels, targets), ultra(student, pixels, targets)):
        others = [i for i in range(1, len(a)) if i != target]
        values.append(np.corrcoef(a[others], b[others])[0, 1])
    return float(np.median(values))


def measure(teacher, student, photos, num_maps):
    rng, rows = random.Random(0), []
    with_maps = set(photos[:: max(1, len(photos) // num_maps)])
    for path in photos:
        pixels = normalised(torch.from_numpy(whole(path, 224).copy()))[None]
        with torch.no_grad():
            a, b = (m(pixels, output_hidden_states=True) for m in (teacher, student))
            last = [o.hidden_states[-1][0] for o in (a, b)]
            normed = [m.vit.layernorm(x) for m, x in zip((teacher, student), last)]
        correlation = map_correlation(teacher, student, pixels, rng) if path in with_maps else float("nan")
        best = a.logits[0].topk(5).indices
        rows.append([cosine_of_patches(*last), cosine_of_patches(*normed), correlation, float(b.logits[0].argmax() in best)])
    names = ("patch_cosine", "patch_cosine_after_norm", "ultra_correlation", "top1_in_teachers_top5")
    return dict(zip(names, np.nanmean(np.array(rows), 0).round(4).tolist())) | {"photos": len(photos), "photos_with_maps": len(with_maps)}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--teacher", type=Path, required=True)
    p.add_argument("--student", type=Path, required=True)
    p.add_argument("--photos", type=Path, action="append", required=True)
    p.add_argument("--maps", type=int, default=60, help="photos of each folder whose maps are compared")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--out", type=Path, help="a JSON file")
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    teacher, student = load(args.teacher), load(args.student)
    figures = {folder.name: measure(teacher, student, split([folder])[1], args.maps) for folder in args.photos}
    total = sum(f["photos"] for f in figures.values())
    keys = [k for k in next(iter(figures.values())) if not k.startswith("photos")]
    figures["all"] = {k: round(sum(f[k] * f["photos"] for f in figures.values()) / total, 4) for k in keys} | {"photos": total}
    print(json.dumps(figures, indent=1))
    if args.out:
        args.out.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
