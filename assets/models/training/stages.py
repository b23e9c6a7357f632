"""What each of the two stages makes of a batch: a loss, and the errors it is made of."""

import numpy as np
import torch
import torch.nn.functional as F

import corpus
import encoder
from targets import KEPT_LAYERS, answers, gather
from texts import shuffled_batches

RARE_TEXTS, RARE_PIECES = 16, 256
# Of the words at layers 2, 4 and 6, the sentence vector's cosine, and the cosines between the batch's sentences.
WEIGHTS = (0.2, 0.3, 1.0, 6.0, 0.5)
# A usual variance of the cosines between sentences: it brings that error to the size of the others.
COSINE_VARIANCE = 0.02


def variance_share(ours, theirs, scale, real):
    """Mean square of ours - theirs over the `real` [B, T] pieces, in units of `scale`'s mean square there."""
    weight = real[:, :, None].to(ours.dtype)
    return ((ours - theirs).square() * weight).sum() / (scale.square() * weight).sum()


@torch.no_grad()
def start_norms(run):
    """Sets gain and bias of each block's last norm (and the embeddings') so that an untrained block begins as near to the
    teacher's next layer as a scaled copy of its input can be: a line fitted to each feature, over one batch."""
    batch = next(shuffled_batches(run.texts.student["training"], run.usable, 16_384, np.random.default_rng(corpus.SEED)))
    ids, lengths, _, _ = gather(run.texts.student["training"], batch)
    layers = encoder.all_layers(run.teacher, run.texts.to_teacher[ids], lengths)
    real = torch.arange(ids.shape[1])[None, :] < lengths[:, None]
    mask = encoder.additive_mask(lengths, ids.shape[1])
    first = run.student.embeddings.LayerNorm
    first.weight.copy_(layers[0][real].std(0))
    first.bias.copy_(layers[0][real].mean(0))
    for k, layer in enumerate(run.student.encoder.layer):
        ours, theirs = encoder.block(layer, layers[k], mask)[real], layers[k + 1][real]
        ours_off, theirs_off = ours - ours.mean(0), theirs - theirs.mean(0)
        gain = (ours_off * theirs_off).sum(0) / ours_off.square().sum(0)
        layer.output.LayerNorm.weight.copy_(gain)
        layer.output.LayerNorm.bias.copy_(theirs.mean(0) - gain * ours.mean(0))


class Blocks:
    """Stage 1: each block by itself, fed with the teacher's layer below."""

    name = "blocks"

    def __init__(self, run):
        self.run = run
        self.every_piece = len(run.texts.to_teacher)

    def loss(self, batch):
        student, teacher = self.run.student, self.run.teacher
        ids, lengths, _, _ = gather(self.run.texts.student["training"], batch)
        with torch.no_grad():
            layers = encoder.all_layers(teacher, self.run.texts.to_teacher[ids], lengths)
        real = torch.arange(ids.shape[1])[None, :] < lengths[:, None]
        mask = encoder.additive_mask(lengths, ids.shape[1])
        middle = layers[0][real].mean(0)
        errors = [variance_share(encoder.embed(student, ids), layers[0], layers[0] - middle, real)]
        for k, layer in enumerate(student.encoder.layer):
            ours = encoder.block(layer, layers[k], mask)
            errors.append(variance_share(ours, layers[k + 1], layers[k + 1] - layers[k], real))
        return sum(errors) + self.rare_pieces(), errors

    def rare_pieces(self):
        """Pieces drawn evenly from the vocabulary, at drawn places: the embeddings of rare ones learn as fast."""
        ids = torch.randint(self.every_piece, (RARE_TEXTS, RARE_PIECES))
        with torch.no_grad():
            theirs = encoder.embed(self.run.teacher, self.run.texts.to_teacher[ids])
        ours = encoder.embed(self.run.student, ids)
        return (ours - theirs).square().sum() / (theirs - theirs.mean((0, 1))).square().sum()


class Whole:
    """Stage 2: end to end, towards the teacher with its own tokenizer."""

    name = "whole"

    def __init__(self, run):
        self.run = run
        batch = next(shuffled_batches(run.texts.teacher["training"], run.usable, 16_384, np.random.default_rng(corpus.SEED)))
        self.variance = self.answers(batch)[1].var(0).mean(1)

    def answers(self, batch):
        if self.run.store is not None:
            return self.run.store.of(batch)
        return answers(self.run.teacher, self.run.texts.teacher["training"], batch)

    def loss(self, batch):
        ids, lengths, word_of_piece, words = gather(self.run.texts.student["training"], batch)
        pooled, theirs = self.answers(batch)
        layers = encoder.all_layers(self.run.student, ids, lengths)
        errors = []
        for place, k in enumerate(KEPT_LAYERS):
            ours = encoder.word_means(layers[k], word_of_piece, words)
            errors.append((ours - theirs[:, place]).square().mean() / self.variance[place])
        ours = F.normalize(encoder.mean_pooled(layers[-1], lengths), dim=1)
        wanted = F.normalize(pooled, dim=1)
        errors.append(1 - (ours * wanted).sum(1).mean())
        between = wanted @ wanted.T
        apart = ~torch.eye(len(batch), dtype=torch.bool)
        if len(batch) > 2:
            errors.append((ours @ ours.T - between)[apart].square().mean() / COSINE_VARIANCE)
        return sum(weight * error for weight, error in zip(WEIGHTS, errors)), errors
