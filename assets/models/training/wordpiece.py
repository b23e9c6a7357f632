"""The student's tokenizer: the teacher's WordPiece with fewer pieces, so that both can read each other's input.

Kept: the special pieces, every single character of the alphabets below (as a word's start and as its
continuation, so that each word can still be spelled), and then the pieces that are most useful by two
measures: how often the books need them, and their place in the teacher's own list, which runs from frequent to
rare in English of the 2000s (books of the 19th century alone would leave out "computer").
"""

import json
import unicodedata
from collections import Counter

import numpy as np
from tokenizers import Tokenizer

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ALPHABETS = ("LATIN", "GREEK", "CYRILLIC", "HEBREW", "ARABIC", "DEVANAGARI", "DIGIT")
OTHER_SCRIPTS = (
    "CJK", "KATAKANA", "HIRAGANA", "BENGALI", "HANGUL", "ARMENIAN", "TAMIL", "GEORGIAN", "THAI", "TIBETAN",
    "SINHALA", "KANNADA", "FULLWIDTH", "MODIFIER", "KATAKANA-HIRAGANA", "IDEOGRAPHIC",
)


def spelled(piece):
    """Whether a piece of one character is kept for the sake of spelling."""
    letter = piece.removeprefix("##")
    if len(letter) != 1:
        return False
    script = unicodedata.name(letter, "?").split()[0]
    return script in ALPHABETS or (not piece.startswith("##") and script not in OTHER_SCRIPTS)


def choose_pieces(teacher_tokenizer, sentences, size):
    """The `size` pieces to keep, specials first, then in the teacher's order."""
    vocabulary = teacher_tokenizer.get_vocab()
    ordered = sorted(vocabulary, key=vocabulary.get)
    used = Counter()
    for encoding in teacher_tokenizer.encode_batch(sentences, add_special_tokens=False):
        used.update(encoding.tokens)
    in_books = {piece: rank for rank, (piece, _) in enumerate(used.most_common())}
    worth = {}
    for rank, piece in enumerate(piece for piece in ordered if not piece.startswith("[")):
        of_books = in_books.get(piece, len(ordered))
        worth[piece] = 1 / (of_books + 200) + 1 / (rank + 200)
    kept = [piece for piece in worth if spelled(piece)]
    rest = sorted((piece for piece in worth if len(piece.removeprefix("##")) > 1), key=worth.get, reverse=True)
    kept = set(kept + rest[: size - len(kept) - len(SPECIALS)])
    return SPECIALS + [piece for piece in ordered if piece in kept]


def restricted(teacher_tokenizer, pieces):
    """The teacher's tokenizer with `pieces` for its vocabulary: same normaliser, same splitting into words."""
    description = json.loads(teacher_tokenizer.to_str())
    ids = {piece: number for number, piece in enumerate(pieces)}
    description["model"]["vocab"] = ids
    description["truncation"] = description["padding"] = None
    for added in description["added_tokens"]:
        added["id"] = ids[added["content"]]
    for special in description["post_processor"].get("special_tokens", {}).values():
        special["ids"] = [ids[token] for token in special["tokens"]]
    for end in ("sep", "cls"):
        if end in description["post_processor"]:
            token = description["post_processor"][end][0]
            description["post_processor"][end] = [token, ids[token]]
    return Tokenizer.from_str(json.dumps(description))


class Pieces:
    """Texts as pieces, flat: text i is ids[start[i]:start[i + 1]], of words word[...]; [CLS] and [SEP] are words too."""

    def __init__(self, tokenizer, texts, longest):
        ids, word, start, words = [], [], [0], []
        for begin in range(0, len(texts), 4096):
            for encoding in tokenizer.encode_batch(texts[begin : begin + 4096]):
                inner = np.array([number for number in encoding.word_ids if number is not None], dtype=np.int64)
                if len(inner) > longest - 2:
                    inner = inner[: longest - 2]
                last = int(inner[-1]) if len(inner) else -1
                ids.append(np.array(encoding.ids[: len(inner) + 1] + encoding.ids[-1:], dtype=np.uint16))
                word.append(np.concatenate([[0], inner + 1, [last + 2]]).astype(np.uint16))
                start.append(start[-1] + len(inner) + 2)
                words.append(last + 3)
        self.ids = np.concatenate(ids)
        self.word = np.concatenate(word)
        self.start = np.array(start)
        self.words = np.array(words)

    def __len__(self):
        return len(self.words)

    def lengths(self):
        return np.diff(self.start)
