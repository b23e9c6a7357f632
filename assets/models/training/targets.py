"""What the teacher says of texts when it reads them with its own tokenizer: at each step, or once and kept on disk.

For each text these are the mean-pooled vector and, for each word ([CLS] and [SEP] are words too), the mean over its
pieces of layers 2, 4 and 6. Words are the same for both tokenizers, pieces are not: this is how the student's layers
are compared with the teacher's own. Keeping them pays where each text is read twice or more.
"""

import json
import time
from pathlib import Path

import numpy as np
import torch

import corpus
import encoder

KEPT_LAYERS = (2, 4, 6)


def batches_by_length(lengths, pieces_a_batch, order):
    """Cuts `order` (text numbers, sorted by length) into batches of about `pieces_a_batch` pieces, padding included."""
    batch, widest = [], 0
    for text in order:
        widest = max(widest, int(lengths[text]))
        if batch and widest * (len(batch) + 1) > pieces_a_batch:
            yield np.array(batch)
            batch, widest = [], int(lengths[text])
        batch.append(text)
    if batch:
        yield np.array(batch)


def gather(pieces, batch):
    """The texts `batch` of `pieces` -> ids [B, T], lengths [B], word of each piece [B, T] (numbered through the batch,
    `words` for padding), words."""
    lengths = pieces.lengths()[batch]
    ids = np.zeros((len(batch), lengths.max()), dtype=np.int64)
    words = int(pieces.words[batch].sum())
    word_of_piece = np.full(ids.shape, words, dtype=np.int64)
    first = np.concatenate([[0], np.cumsum(pieces.words[batch])[:-1]])
    for row, text in enumerate(batch):
        begin, end = pieces.start[text], pieces.start[text + 1]
        ids[row, : end - begin] = pieces.ids[begin:end]
        word_of_piece[row, : end - begin] = pieces.word[begin:end] + first[row]
    return torch.from_numpy(ids), torch.from_numpy(lengths), torch.from_numpy(word_of_piece), words


@torch.no_grad()
def answers(teacher, pieces, batch):
    """The teacher on the texts `batch` -> pooled [B, D], words [W, kept layers, D]."""
    ids, lengths, word_of_piece, words = gather(pieces, batch)
    layers = encoder.all_layers(teacher, ids, lengths)
    means = torch.stack([encoder.word_means(layers[k], word_of_piece, words) for k in KEPT_LAYERS], 1)
    return encoder.mean_pooled(layers[-1], lengths), means


class Store:
    """Answers on disk, in f16: `pooled` [texts, D] and `words` [all words, kept layers, D], text i's words at first[i]:first[i + 1]."""

    def __init__(self, folder, pieces, width):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.first = np.concatenate([[0], np.cumsum(pieces.words)])
        shape = (int(self.first[-1]), len(KEPT_LAYERS), width)
        mode = "r+" if (self.folder / "words.f16").exists() else "w+"
        self.words = np.memmap(self.folder / "words.f16", np.float16, mode, shape=shape)
        self.pooled = np.memmap(self.folder / "pooled.f16", np.float16, mode, shape=(len(pieces), width))

    def of(self, batch):
        """-> pooled [B, D], words [W, kept layers, D], both f32."""
        words = np.concatenate([self.words[self.first[text] : self.first[text + 1]] for text in batch])
        return torch.from_numpy(self.pooled[batch]).float(), torch.from_numpy(words).float()

    @torch.no_grad()
    def fill(self, teacher, pieces, share, say):
        """Runs the teacher over all texts, in a drawn order of batches; begins where an earlier run was cut off.

        Stops after `share` of them (there may be less time than texts); returns the numbers of the texts answered.
        """
        progress = self.folder / "progress.json"
        done = json.loads(progress.read_text())["batches"] if progress.exists() else 0
        lengths = pieces.lengths()
        batches = list(batches_by_length(lengths, 8192, np.argsort(lengths, kind="stable")))
        order = np.random.default_rng(corpus.SEED).permutation(len(batches))
        begun = time.time()
        wanted = max(done, round(share * len(batches)))
        for number in range(done, wanted):
            batch = batches[order[number]]
            pooled, means = (answer.numpy().astype(np.float16) for answer in answers(teacher, pieces, batch))
            self.pooled[batch] = pooled
            begin = 0
            for text in batch:
                end = begin + int(pieces.words[text])
                self.words[self.first[text] : self.first[text + 1]] = means[begin:end]
                begin = end
            if number % 20 == 19 or number + 1 == wanted:
                progress.write_text(json.dumps({"batches": number + 1, "of": len(batches)}))
                say(f"teacher: {number + 1} of {len(batches)} batches, {time.time() - begun:.0f} s")
        return np.concatenate([batches[number] for number in order[:wanted]])
