"""Sentences out of Markdown books, the held-out ones, and made-up texts that widen the vocabulary seen.

Everything is deterministic: a sentence's place in the order is the SHA-256 of the seed and its own words, so
adding a book does not reshuffle the others, and the made-up texts come from one seeded generator.
"""

import hashlib
import random
import re
from pathlib import Path

SEED = 20
HELD_OUT = 500
DEVELOPMENT = 500

_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|st|messrs|mme|mlle|prof|rev|hon|capt|col|gen|lt|sgt|esq|jr|sr|vol|chap|no|vs|etc|viz|i\.e|e\.g)|\b[a-z])\.$",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])([\"'”’)\]]*)\s+(?=[\"'“‘(\[]*[A-Z0-9])")
_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")


def plain_paragraphs(markdown):
    """The running text of a Markdown book, one string a paragraph: no headings, rules, tables, notes or marks."""
    text = markdown.replace("\r\n", "\n")
    text = re.sub(r"^---\n.*?\n---\n", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->|<[^>\n]{1,80}>", " ", text, flags=re.DOTALL)
    for paragraph in re.split(r"\n\s*\n", text):
        lines = [line.strip().lstrip(">").strip() for line in paragraph.split("\n")]
        if any(line.startswith(("#", "|", "```")) or re.fullmatch(r"[-*_=\s]{3,}", line) for line in lines):
            continue
        joined = " ".join(line for line in lines if line)
        joined = re.sub(r"!\[[^\]]*\]\([^)]*\)|\[\^?\d+\]:?|\[\^[^\]]*\]", " ", joined)
        joined = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", joined)
        joined = re.sub(r"[*_`\\~]+", "", joined)
        joined = re.sub(r"\s+", " ", joined).strip()
        if joined and not re.search(r"project gutenberg|all rights reserved|www\.|https?:", joined, re.IGNORECASE):
            yield joined


def sentences_of(paragraph):
    """Splits one paragraph after `.`, `!` and `?`, but not after titles ("Mr.") and initials."""
    pieces = []
    start = 0
    for end in _SENTENCE_END.finditer(paragraph):
        candidate = paragraph[start : end.end(1)]
        if _ABBREVIATION.search(candidate):
            continue
        pieces.append(candidate.strip())
        start = end.end()
    pieces.append(paragraph[start:].strip())
    return [piece for piece in pieces if piece]


def fingerprint(sentence):
    """Two sentences with the same fingerprint are the same sentence: letters and digits only, lower case."""
    return re.sub(r"[^a-z0-9]+", " ", sentence.lower()).strip()


def _order(sentence):
    return hashlib.sha256(f"{SEED} {fingerprint(sentence)}".encode()).digest()


def read_books(folder):
    """All distinct sentences, as a list of (book, sentences in reading order)."""
    seen = set()
    books = []
    for path in sorted(Path(folder).glob("*.md")):
        kept = []
        for paragraph in plain_paragraphs(path.read_text(encoding="utf-8", errors="replace")):
            for sentence in sentences_of(paragraph):
                key = fingerprint(sentence)
                if key and key not in seen and len(sentence) <= 600:
                    seen.add(key)
                    kept.append(sentence)
        books.append((path.name, kept))
    return books


def split(books, long_enough):
    """(training, development, held out). The last two are dealt round the books, so every book is in them.

    `long_enough(list of sentences)` gives a list of booleans: which of them have 5 to 80 pieces.
    """
    usable = []
    for _, sentences in books:
        keep = long_enough(sentences)
        usable.append([sentence for sentence, good in zip(sentences, keep) if good])
    decks = [sorted(sentences, key=_order) for sentences in usable if sentences]
    dealt = []
    depth = 0
    while len(dealt) < HELD_OUT + DEVELOPMENT:
        dealt += [deck[depth] for deck in decks if depth < len(deck)]
        depth += 1
    held_out = dealt[:HELD_OUT]
    development = dealt[HELD_OUT : HELD_OUT + DEVELOPMENT]
    away = {fingerprint(sentence) for sentence in held_out + development}
    training = [sentence for sentences in usable for sentence in sentences if fingerprint(sentence) not in away]
    return training, development, held_out


def invented(training, vocabulary, counts):
    """Texts that no book holds, made from the books' sentences and the words of the teacher's vocabulary.

    `vocabulary` is ordered from frequent to rare, as BERT's is; `counts` says how many of each kind.
    Books of the 19th century lack most words of today; these texts at least show each word in some sentence.
    """
    draw = random.Random(SEED)
    words = [word for word in vocabulary if re.fullmatch(r"[a-z]{3,}", word)]
    weights = [1.0 / (rank + 1000) for rank in range(len(words))]

    def some_words(number):
        return draw.choices(words, weights, k=number)

    def replaced(sentence, share):
        fresh = iter(some_words(64))
        swap = lambda match: next(fresh, match[0]) if len(match[0]) > 3 and draw.random() < share else match[0]
        return _WORD.sub(swap, sentence)

    texts = []
    for _ in range(counts["replaced"]):
        texts.append(replaced(draw.choice(training), draw.choice((0.2, 0.4, 0.6))))
    for _ in range(counts["fragments"]):
        tokens = draw.choice(training).split()
        length = draw.randint(1, 8)
        start = draw.randint(0, max(0, len(tokens) - length))
        texts.append(" ".join(tokens[start : start + length]))
    for _ in range(counts["lists"]):
        texts.append(" ".join(some_words(draw.randint(1, 6))))
    for _ in range(counts["shuffled"]):
        tokens = draw.choice(training).split() + some_words(2)
        chunks = [tokens[i : i + 3] for i in range(0, len(tokens), 3)]
        draw.shuffle(chunks)
        texts.append(" ".join(token for chunk in chunks for token in chunk))
    for _ in range(counts["pairs"]):
        at = draw.randrange(len(training) - 1)
        texts.append(training[at] + " " + training[at + 1])
    return texts
