"""The texts of a run, cut by both tokenizers, and the order in which batches of them come."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import torch

import corpus
import measures
import wordpiece
from targets import batches_by_length

HERE = Path(__file__).parent
INVENTED = {"replaced": 50_000, "fragments": 30_000, "lists": 30_000, "shuffled": 15_000, "pairs": 10_000}
SHORTEST, LONGEST = 5, 80
PIECES_A_TEXT = 192


class Texts:
    """All texts, cut by both tokenizers; `development` and `held_out` are never trained on, nor is `modern`."""

    def __init__(self, books, teacher_tokenizer, vocabulary_size):
        def long_enough(sentences):
            sizes = [len(e.ids) for e in teacher_tokenizer.encode_batch(sentences, add_special_tokens=False)]
            return [SHORTEST <= size <= LONGEST for size in sizes]

        training, development, held_out = corpus.split(corpus.read_books(books), long_enough)
        vocabulary = teacher_tokenizer.get_vocab()
        made_up = corpus.invented(training, sorted(vocabulary, key=vocabulary.get), INVENTED)
        pieces = wordpiece.choose_pieces(teacher_tokenizer, training, vocabulary_size)
        self.tokenizer = wordpiece.restricted(teacher_tokenizer, pieces)
        self.sentences = len(training)
        modern = (HERE / "modern.txt").read_text(encoding="utf-8").splitlines()
        sets = {"training": training + made_up, "development": development, "held_out": held_out, "modern": modern}
        self.student = {name: wordpiece.Pieces(self.tokenizer, texts, PIECES_A_TEXT) for name, texts in sets.items()}
        self.teacher = {name: wordpiece.Pieces(teacher_tokenizer, texts, PIECES_A_TEXT) for name, texts in sets.items()}
        self.to_teacher = torch.tensor([vocabulary[piece] for piece in pieces])
        # A text too long for the student's cut has fewer words there: such texts are not trained on.
        self.usable = np.flatnonzero(self.student["training"].words == self.teacher["training"].words)
        self.digest = hashlib.sha256("\n".join(held_out).encode()).hexdigest()


def prepared(args, teacher_tokenizer, teacher):
    """The texts, cut once and kept in the work folder with what the teacher makes of those that measure."""
    kept = args.work / f"texts-{args.vocabulary}.pickle"
    if kept.exists():
        with kept.open("rb") as file:
            return pickle.load(file)
    texts = Texts(args.books, teacher_tokenizer, args.vocabulary)
    texts.theirs = {name: measures.read(teacher, texts.teacher[name]) for name in ("development", "held_out", "modern")}
    with kept.open("wb") as file:
        pickle.dump(texts, file)
    return texts


def shuffled_batches(pieces, usable, pieces_a_batch, draw):
    """Endless batches of texts of about one length, in a drawn order; every text once before any comes twice."""
    lengths = pieces.lengths()
    while True:
        order = draw.permutation(usable)
        for begin in range(0, len(order), 16_384):
            pool = order[begin : begin + 16_384]
            pool = pool[np.argsort(lengths[pool], kind="stable")]
            batches = list(batches_by_length(lengths, pieces_a_batch, pool))
            draw.shuffle(batches)
            yield from batches
