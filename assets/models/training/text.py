"""Distils a small sentence encoder from MiniLM-L6, in two stages, on a processor.

    python text.py --teacher DIR --books DIR --out DIR [--resume]

The student is a BERT of the teacher's width and depth with a narrower MLP and fewer word pieces, from random numbers.

1. Blocks: the teacher reads texts cut by the student's tokenizer; in one step every block of the student learns
   to map the teacher's layer k - 1 to the teacher's layer k, and the embeddings learn layer 0. The error is counted
   in variances of what the block adds.
2. Whole: the student runs end to end, and learns what the teacher says when it reads with its own tokenizer: the
   mean-pooled sentence vector, the cosines between the sentences of a batch, and the words' vectors at layers 2, 4, 6.

Needs torch, transformers, tokenizers, safetensors, scipy, numpy. Stages end by the clock (--minutes), the learning
rate falls linearly to 0 in each, and a checkpoint is written every five minutes; --resume goes on from it.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import AutoModel, BertConfig, BertModel

import corpus
import measures
from export import export
from muon import Muon
from stages import Blocks, Whole, start_norms
from targets import Store
from texts import prepared, shuffled_batches

VOCABULARY = 12_200
MLP_WIDTH = 752
POSITIONS = 256
WARM_UP_STEPS = 10
CHECKPOINT_SECONDS = 300
REPORT_SECONDS = 150


def say(text):
    print(time.strftime("%H:%M:%S"), text, flush=True)


def new_student(vocabulary_size, mlp_width):
    """A BertModel from random numbers, without pooler."""
    config = BertConfig(
        vocab_size=vocabulary_size, hidden_size=384, num_hidden_layers=6, num_attention_heads=12,
        intermediate_size=mlp_width, max_position_embeddings=POSITIONS, architectures=["BertModel"],
    )
    return BertModel(config, add_pooling_layer=False)


class Run:
    """Everything of one training run, and where it stands."""

    def __init__(self, args):
        self.args = args
        torch.manual_seed(corpus.SEED)
        teacher_tokenizer = Tokenizer.from_file(str(args.teacher / "tokenizer.json"))
        teacher_tokenizer.no_truncation()
        teacher_tokenizer.no_padding()
        self.teacher = AutoModel.from_pretrained(args.teacher).eval().requires_grad_(False)
        self.texts = prepared(args, teacher_tokenizer, self.teacher)
        self.usable = self.texts.usable
        self.student = new_student(args.vocabulary, args.mlp_width)
        self.store = None
        self.theirs = self.texts.theirs
        self.stage, self.seconds, self.steps, self.pieces_read = 0, [0.0, 0.0], [0, 0], [0, 0]
        self.optimizer_state = None

    @property
    def checkpoint(self):
        return self.args.work / f"{self.args.name}.pt"

    def save(self, optimizer):
        state = {
            "model": self.student.state_dict(), "optimizer": optimizer.state_dict(), "stage": self.stage,
            "seconds": self.seconds, "steps": self.steps, "pieces_read": self.pieces_read,
        }
        part = self.checkpoint.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, self.checkpoint)

    def load(self, path):
        state = torch.load(path, weights_only=True)
        self.student.load_state_dict(state["model"])
        self.optimizer_state = state["optimizer"]
        for name in ("stage", "seconds", "steps", "pieces_read"):
            setattr(self, name, state[name])

    def optimizer(self, rates):
        """Muon for the blocks' matrices, AdamW for embeddings, norms and biases."""
        matrices, others = [], []
        for name, weight in self.student.named_parameters():
            (matrices if weight.ndim == 2 and name.startswith("encoder.") else others).append(weight)
        optimizer = Muon(matrices, others, lr=rates[0])
        optimizer.param_groups[1]["lr"] = rates[1]
        return optimizer

    def train(self, stage, minutes, rates, pieces_a_batch):
        """Steps until the stage's minutes are used up (minutes of earlier, resumed runs count)."""
        number = self.stage
        optimizer = self.optimizer(rates)
        if self.optimizer_state is not None:
            optimizer.load_state_dict(self.optimizer_state)
            self.optimizer_state = None
        draw = np.random.default_rng([corpus.SEED, number, self.steps[number]])
        torch.manual_seed(corpus.SEED + 1000 * number + self.steps[number])
        batches = shuffled_batches(self.texts.student["training"], self.usable, pieces_a_batch, draw)
        highest = [group["lr"] if self.steps[number] == 0 else group["highest"] for group in optimizer.param_groups]
        begun = time.time() - self.seconds[number]
        saved = reported = time.time()
        sums = []
        while (elapsed := time.time() - begun) < minutes * 60:
            self.seconds[number] = elapsed
            share = min(1.0, (self.steps[number] + 1) / WARM_UP_STEPS) * max(0.0, 1 - elapsed / (minutes * 60))
            for group, rate in zip(optimizer.param_groups, highest):
                group["highest"], group["lr"] = rate, rate * share
            batch = next(batches)
            loss, errors = stage.loss(batch)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            self.steps[number] += 1
            self.pieces_read[number] += int(self.texts.student["training"].lengths()[batch].sum())
            sums.append([float(error.detach()) for error in errors])
            if time.time() - reported > REPORT_SECONDS:
                self.report(stage, sums)
                sums, reported = [], time.time()
            if time.time() - saved > CHECKPOINT_SECONDS:
                self.save(optimizer)
                saved = time.time()
        self.seconds[number] = minutes * 60
        self.report(stage, sums)
        self.save(optimizer)

    def report(self, stage, sums):
        """Prints the errors since the last report, and how the student does on the development sentences and on today's."""
        number = self.stage
        width = max((len(row) for row in sums), default=0)
        errors = np.mean([row for row in sums if len(row) == width], 0) if sums else []
        figures = measures.sentence_figures(self.pooled("development", exact=False), self.theirs["development"][0])
        modern = torch.cosine_similarity(self.pooled("modern", exact=False), self.theirs["modern"][0], dim=1).mean()
        say(
            f"{stage.name} step {self.steps[number]} at {self.seconds[number]:.0f} s, {self.pieces_read[number] / 1e6:.2f} M pieces, "
            f"errors {' '.join(f'{error:.4f}' for error in errors)}; development cosine {figures['cosine']:.4f} "
            f"spearman {figures['spearman']:.4f}, modern {modern:.4f}"
        )

    def pooled(self, name, exact):
        return measures.read(self.student, self.texts.student[name], exact)[0]

    def run(self):
        args = self.args
        if args.resume and self.checkpoint.exists():
            self.load(self.checkpoint)
        elif args.begin:
            self.load(args.begin)
            self.optimizer_state, self.stage = None, 1
            self.seconds[1], self.steps[1], self.pieces_read[1] = 0.0, 0, 0
        if self.stage == 0:
            if self.steps[0] == 0:
                start_norms(self)
            self.train(Blocks(self), args.minutes[0], (args.rates[0], args.rates[1]), args.batch[0])
            self.stage = 1
        if not args.only_blocks:
            if args.kept > 0:
                pieces = self.texts.teacher["training"]
                self.store = Store(args.work / "answers", pieces, self.teacher.config.hidden_size)
                self.usable = np.intersect1d(self.texts.usable, self.store.fill(self.teacher, pieces, args.kept, say))
            self.train(Whole(self), args.minutes[1], (args.rates[2], args.rates[3]), args.batch[1])
        say(export(self))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", type=Path, required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--books", type=Path, required=True, help="folder of Markdown books")
    parser.add_argument("--out", type=Path, required=True, help="where the model is written")
    parser.add_argument("--work", type=Path, default=Path("runs"), help="checkpoints and prepared texts (and the teacher's answers, up to 18 GB)")
    parser.add_argument("--name", default="text", help="of the checkpoint")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--begin", type=Path, help="a checkpoint whose student begins stage 2")
    parser.add_argument("--only-blocks", action="store_true")
    parser.add_argument("--minutes", type=float, nargs=2, default=(20, 40), metavar=("BLOCKS", "WHOLE"))
    parser.add_argument("--rates", type=float, nargs=4, default=(5e-3, 5e-3, 8e-4, 5e-4), metavar="RATE", help="Muon and AdamW, in each stage")
    parser.add_argument("--batch", type=int, nargs=2, default=(2048, 2048), metavar="PIECES")
    parser.add_argument("--kept", type=float, default=0.0, help="keep the teacher's answers on this share of the texts, and train on these")
    parser.add_argument("--vocabulary", type=int, default=VOCABULARY)
    parser.add_argument("--mlp-width", type=int, default=MLP_WIDTH)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    Run(args).run()


if __name__ == "__main__":
    main()
