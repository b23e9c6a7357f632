"""Trains the built-in image model: a ViT that starts from random numbers and learns to see as a larger-trained ViT does.

    python image.py --teacher vit-tiny-patch16-224 --photos photos --photos photos_train --work WORK --out ../image

Three steps, each resumed where it stopped: `cache` runs the teacher on views of the photos and keeps its layers; `blocks` lets
every block learn, alone, to map the teacher's layer to the teacher's next layer; `whole` then trains the model end to end on
every layer's tokens, attention and class scores. README.md beside this file has the data, the figures and the time it took.
"""

import argparse
import itertools
import json
import threading
import time
from itertools import pairwise
from pathlib import Path
from queue import Queue

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from transformers import ViTForImageClassification

from muon import Muon
from photos import Views, normalised, split
from vit import Student


def teacher_layers(teacher, pixels):
    """Layers 0..L, [B, L + 1, T, D]."""
    with torch.no_grad():
        return torch.stack(teacher.vit(pixels, output_hidden_states=True).hidden_states, 1)


def cache(args, teacher, train):
    """Writes `views` views: pixels, [V, 3, S, S] u8, and the teacher's layers, [V, L + 1, T, D] f16."""
    side, layers = teacher.config.image_size, teacher.config.num_hidden_layers + 1
    tokens = 1 + (side // teacher.config.patch_size) ** 2
    open_file = lambda name, mode, dtype, shape: np.memmap(args.work / name, dtype, mode, shape=(args.views, *shape))
    done = args.work / "cache.done"
    mode = "r" if done.exists() else "w+"
    pixels = open_file("pixels.u8", mode, np.uint8, (3, side, side))
    stream = open_file("layers.f16", mode, np.float16, (layers, tokens, teacher.config.hidden_size))
    if not done.exists():
        views, start = Views(train, side, seed=0), time.time()
        for at in range(0, args.views, 16):
            batch = views.batch(min(16, args.views - at))
            pixels[at : at + 16] = batch.numpy()
            stream[at : at + 16] = teacher_layers(teacher, normalised(batch)).half().numpy()
            if at % 800 == 0:
                print(f"cache {at}/{args.views} {time.time() - start:.0f} s", flush=True)
        done.touch()
    return pixels, stream


def per_token(error, target, variance):
    """Squared error over variance, [B, R, D] to [B, R]. A token whose target is an outlier counts relative to its own size."""
    size = target.pow(2).mean(-1)
    return error.pow(2).mean(-1) / (variance + size.clamp(min=4 * variance) - 4 * variance)


def token_loss(prediction, target, variances):
    """Mean over patches, plus a tenth of the class token's. `variances` is (class token's, patches')."""
    error = prediction - target
    cls = per_token(error[:, :1], target[:, :1], variances[0]).mean()
    return per_token(error[:, 1:], target[:, 1:], variances[1]).mean() + 0.1 * cls


def variances_of(values):
    """(class token's, patches') median over features of the variance over images and tokens. `values` is [V, T, D]."""
    cls, patches = values[:, 0].var(0), values[:, 1:].flatten(0, 1).var(0)
    return max(cls.median().item(), 1e-4), patches.median().item()


def optimiser(student, lr):
    matrices = [p for p in student.parameters() if p.ndim == 2]
    return Muon(matrices, [p for p in student.parameters() if p.ndim != 2], lr=lr)


def save(path, student, opt, step):
    torch.save(dict(student=student.state_dict(), opt=opt.state_dict(), step=step), path.with_suffix(".tmp"))
    path.with_suffix(".tmp").rename(path)


def resume(path, student, opt):
    if not path.exists():
        return 0
    state = torch.load(path)
    student.load_state_dict(state["student"])
    opt.load_state_dict(state["opt"])
    return state["step"]


def set_lr(opt, peak, step, steps, warm=50):
    """Linear up, linear down to zero."""
    for group in opt.param_groups:
        group["lr"] = peak * min((step + 1) / warm, max(steps - step, 0) / (steps - warm))


def head_loss(student, teacher, cls):
    """How far the class scores are from the teacher's, when both read the teacher's last class token, [B, D]."""
    with torch.no_grad():
        wanted = teacher.classifier(teacher.vit.layernorm(cls))
    scores = student.head(student.norm(cls)).float()
    return score_loss(scores, wanted)


def score_loss(scores, wanted):
    centred = lambda s: s - s.mean(-1, keepdim=True)
    spread = centred(wanted).pow(2).mean()
    return (centred(scores) - centred(wanted)).pow(2).mean() / spread + F.kl_div(
        scores.log_softmax(-1), wanted.log_softmax(-1), log_target=True, reduction="batchmean"
    )


def train_blocks(args, student, teacher, pixels, stream):
    """Every block alone: from the teacher's layer k - 1 to what the teacher's block k adds to it."""
    sample = torch.from_numpy(stream[:: max(1, len(stream) // 64)].astype(np.float32))
    var = [variances_of(sample[:, 0])] + [variances_of(sample[:, k + 1] - sample[:, k]) for k in range(len(student.blocks))]
    opt = optimiser(student, args.lr_blocks)
    path = args.work / "blocks.pt"
    start_step, rng, start = resume(path, student, opt), np.random.default_rng(1), time.time()
    running = None
    for step in range(start_step, args.steps_blocks):
        set_lr(opt, args.lr_blocks, step, args.steps_blocks)
        size = args.batch_blocks // 2 + args.batch_blocks * step // args.steps_blocks
        chosen = np.sort(rng.choice(len(stream), size, replace=False))
        layers = torch.from_numpy(np.stack([stream[i] for i in chosen])).transpose(0, 1)
        rows = torch.cat([torch.zeros(1, dtype=int), 1 + torch.randperm(layers.shape[2] - 1)[: args.rows]])
        losses = []
        with torch.autocast("cpu", torch.bfloat16):
            embedded = student.embed(normalised(torch.from_numpy(np.stack([pixels[i] for i in chosen]))))
            losses.append(token_loss(embedded, layers[0].float(), var[0]))
            losses[-1].backward()
            for k, block in enumerate(student.blocks):
                x = layers[k].float()
                added, _, _ = block(x, rows)
                losses.append(token_loss(added, layers[k + 1][:, rows].float() - x[:, rows], var[k + 1]))
                losses[-1].backward()
            losses.append(head_loss(student, teacher, layers[-1][:, 0].float()))
            losses[-1].backward()
        opt.step()
        opt.zero_grad(set_to_none=True)
        losses = torch.stack(losses).detach()
        running = losses if running is None else running.lerp(losses, 0.05)
        if step % 50 == 0 or step + 1 == args.steps_blocks:
            shown = " ".join(f"{v:.3f}" for v in running)
            print(f"blocks {step} {time.time() - start:.0f} s mean {running[1:-1].mean():.4f} | {shown}", flush=True)
        if step % 500 == 499 or step + 1 == args.steps_blocks:
            save(path, student, opt, step + 1)


def ahead(views, size, count):
    """Batches of views, made by another thread while the model learns."""
    queue = Queue(4)

    def fill():
        for _ in range(count):
            queue.put(views.batch(size))

    threading.Thread(target=fill, daemon=True).start()
    for _ in range(count):
        yield queue.get()


@torch.no_grad()
def align_heads(student, teacher, pixels):
    """Puts each block's heads in the order in which their attention is nearest the teacher's: alone, blocks learn them in any."""
    wanted = teacher.vit(pixels, output_attentions=True).attentions
    _, scores, _, _ = student(pixels)
    for k, (block, a, s) in enumerate(zip(student.blocks, wanted, scores)):
        distance = torch.cdist(a.transpose(0, 1).flatten(1), s.softmax(-1).transpose(0, 1).flatten(1))
        orders = itertools.permutations(range(block.heads))
        best = min(orders, key=lambda order: sum(distance[i, j].item() for i, j in enumerate(order)))
        rows = torch.arange(block.query.weight.shape[0]).unflatten(0, (block.heads, -1))[list(best)].flatten()
        for linear in (block.query, block.key, block.value):
            linear.weight.copy_(linear.weight[rows])
            linear.bias.copy_(linear.bias[rows])
        block.out.weight.copy_(block.out.weight[:, rows])
        print(f"block {k}: heads {best}", flush=True)


@torch.no_grad()
def align_norm(student, teacher, pixels):
    """Gives the final norm's output the teacher's scale and mean, feature by feature, and takes both out of the head again: the
    class scores stay what they were. Alone, norm and head find any of the scales that give the same scores."""
    layer = teacher_layers(teacher, pixels)[:, -1]
    wanted, got = (norm(layer).flatten(0, 1) for norm in (teacher.vit.layernorm, student.norm))
    centred = got - got.mean(0)
    scale = (centred * (wanted - wanted.mean(0))).sum(0) / centred.pow(2).sum(0)
    shift = wanted.mean(0) - scale * got.mean(0)
    student.norm.weight.mul_(scale)
    student.norm.bias.mul_(scale).add_(shift)
    student.head.weight.div_(scale)
    student.head.bias.sub_(student.head.weight @ shift)


def train_whole(args, student, teacher, train):
    """End to end: every layer's tokens, the attention of every block, the last layer after its norm, and the class scores.

    Returns the mean of the weights of the last hundred steps or so (exponential moving average), less noisy than the last.
    """
    opt = optimiser(student, args.lr_whole)
    path = args.work / "whole.pt"
    begin, start, running, var = resume(path, student, opt), time.time(), None, None
    average = AveragedModel(student, multi_avg_fn=get_ema_multi_avg_fn(0.99))
    views = Views(train, teacher.config.image_size, seed=2 + begin)
    if begin == 0:
        align_heads(student, teacher, normalised(views.batch(8)))
        align_norm(student, teacher, normalised(views.batch(8)))
    for step, batch in zip(range(begin, args.steps_whole), ahead(views, args.batch_whole, args.steps_whole - begin)):
        set_lr(opt, args.lr_whole, step, args.steps_whole)
        pixels = normalised(batch)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                out = teacher(pixels, output_hidden_states=True, output_attentions=True)
                wanted_norm = teacher.vit.layernorm(out.hidden_states[-1])
            if var is None:
                var = [variances_of(h.float()) for h in out.hidden_states]
                var_norm = variances_of(wanted_norm.float())
            layers, scores, _, logits = student(pixels)
            tokens = torch.stack([token_loss(x, h.float(), v) for x, h, v in zip(layers, out.hidden_states, var)])
            last = token_loss(student.norm(layers[-1]).float(), wanted_norm.float(), var_norm)
            attention = torch.stack([cross_entropy(a, s) for a, s in zip(out.attentions, scores)]).mean()
            classes = score_loss(logits, out.logits.float())
            sums = sum_loss(layers, out.hidden_states)
            # Weighted so that no part's gradient drowns the others'.
            loss = 2 * tokens.mean() + last + 0.3 * sums + args.weight_attention * attention + 0.05 * classes
        loss.backward()
        with torch.autocast("cpu", torch.bfloat16):
            flow = flow_loss(student, teacher, pixels[: args.batch_flow])
        (args.weight_flow * flow).backward()
        opt.step()
        opt.zero_grad(set_to_none=True)
        average.update_parameters(student)
        shown = torch.stack([tokens.mean(), tokens[-1], last, attention, sums, flow, classes]).detach()
        running = shown if running is None else running.lerp(shown, 0.05)
        if step % 25 == 0 or step + 1 == args.steps_whole:
            names = ("tokens", "layer L", "after norm", "attention", "sums", "flow", "classes")
            text = " ".join(f"{n} {v:.4f}" for n, v in zip(names, running))
            print(f"whole {step} {time.time() - start:.0f} s {text}", flush=True)
        if step % 100 == 99 or step + 1 == args.steps_whole:
            save(path, student, opt, step + 1)
            save(args.work / "average.pt", average.module, opt, step + 1)
    return average.module


def sum_loss(layers, wanted):
    """Of what each block adds to a token, the sum over features: squared error over the teacher's variance, mean over blocks.

    No later layer reads this one direction, because a layer norm takes it out, and the teacher's is small; but it is the one
    that ULTra reads (arXiv 2411.12589, scalar sum). `layers` and `wanted` are [B, T, D] each, 0..L.
    """
    added = lambda stream: torch.stack([(above.float() - below.float()).sum(-1) for below, above in pairwise(stream)])
    got, target = added(layers), added(wanted)
    spread = (target - target.mean((1, 2), keepdim=True)).abs().flatten(1).median(1).values.square()[:, None, None]
    return ((got - target).square() / (spread + target.square())).mean()


def flow_loss(student, teacher, pixels):
    """How far what flows along the student's attention is from the teacher's: the gradient of all tokens' sums with respect to
    the attention, times the attention, which is what ULTra reads. Mean over blocks of log(1 + squared error / teacher's square);
    a token's own entry is left out. `pixels` is [B, 3, S, S]."""
    pixels = pixels.detach().requires_grad_()
    out = teacher.vit(pixels, output_hidden_states=True, output_attentions=True)
    layers, _, shares, _ = student(pixels)
    losses, others = [], 1 - torch.eye(shares[0].shape[-1])
    wanted = gradients(out.hidden_states[-1], out.attentions, create_graph=False)
    for a, da, b, db in zip(out.attentions, wanted, shares, gradients(layers[-1], shares, create_graph=True)):
        target = (a * da).detach().float() * others
        losses.append((((b * db).float() * others - target).square().sum() / target.square().sum()).log1p())
    return torch.stack(losses).mean()


def gradients(tokens, attentions, create_graph):
    """Of the sum of all tokens' features, each token over its length, [B, T, D], with respect to the attention of every block."""
    tokens = tokens.float()
    total = (tokens / tokens.detach().norm(dim=-1, keepdim=True)).sum()
    return torch.autograd.grad(total, attentions, create_graph=create_graph)


def cross_entropy(attention, scores):
    """Of the teacher's attention and the student's scores, [B, H, T, T]: mean over rows of -sum a log softmax(s)."""
    scores = scores.float()
    return scores.logsumexp(-1).mean() - (attention * scores).sum(-1).mean()


def export(args, student, teacher):
    """A Hugging Face folder: config.json, preprocessor_config.json, model.safetensors (f16)."""
    args.out.mkdir(parents=True, exist_ok=True)
    save_file(student.to_hugging_face(), args.out / "model.safetensors", metadata={"format": "pt"})
    kept = "hidden_size num_hidden_layers num_attention_heads intermediate_size hidden_act layer_norm_eps image_size patch_size num_channels qkv_bias id2label".split()
    config = {"architectures": ["ViTForImageClassification"], "model_type": "vit", "dtype": "float16"}
    config |= {k: v for k, v in teacher.config.to_dict().items() if k in kept}
    (args.out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    processor = dict(image_processor_type="ViTImageProcessor", do_resize=True, size=dict(height=224, width=224), resample=3)
    processor |= dict(do_rescale=True, rescale_factor=1 / 255, do_normalize=True, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    (args.out / "preprocessor_config.json").write_text(json.dumps(processor, indent=1) + "\n")


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--teacher", type=Path, required=True)
    p.add_argument("--photos", type=Path, action="append", required=True)
    p.add_argument("--work", type=Path, required=True, help="cache and checkpoints (7 GB)")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--views", type=int, default=6000)
    p.add_argument("--steps-blocks", type=int, default=3000)
    p.add_argument("--batch-blocks", type=int, default=16, help="views a step on average: half as many at first, half more at the end")
    p.add_argument("--rows", type=int, default=48)
    p.add_argument("--lr-blocks", type=float, default=1e-2)
    p.add_argument("--steps-whole", type=int, default=1000)
    p.add_argument("--batch-whole", type=int, default=16)
    p.add_argument("--lr-whole", type=float, default=5e-4)
    p.add_argument("--weight-attention", type=float, default=0.5)
    p.add_argument("--weight-flow", type=float, default=0.02)
    p.add_argument("--batch-flow", type=int, default=4, help="views a step whose gradients are compared")
    return p.parse_args()


def main():
    args = arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    teacher = ViTForImageClassification.from_pretrained(args.teacher, attn_implementation="eager").eval().requires_grad_(False)
    train, _ = split(args.photos)
    student = Student(teacher.config)
    pixels, stream = cache(args, teacher, train)
    if not (args.work / "whole.pt").exists():
        train_blocks(args, student, teacher, pixels, stream)
    export(args, train_whole(args, student, teacher, train), teacher)


if __name__ == "__main__":
    main()
