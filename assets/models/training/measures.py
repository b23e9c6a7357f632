"""How near the student's sentence vectors are to the teacher's."""

import numpy as np
import torch
from scipy.stats import pearsonr, spearmanr

import encoder
import targets


@torch.no_grad()
def read(model, pieces, exact=True):
    """-> mean-pooled vectors [texts, D] and, for each text, its word means at every layer, [words, L + 1, D]."""
    width = model.config.hidden_size
    pooled = torch.zeros(len(pieces), width)
    by_text = [None] * len(pieces)
    lengths = pieces.lengths()
    for batch in targets.batches_by_length(lengths, 4096, np.argsort(lengths, kind="stable")):
        ids, sizes, word_of_piece, words = targets.gather(pieces, batch)
        layers = encoder.all_layers(model, ids, sizes, exact)
        pooled[batch] = encoder.mean_pooled(layers[-1], sizes)
        means = torch.stack([encoder.word_means(layer, word_of_piece, words) for layer in layers], 1)
        for text, part in zip(batch, means.split([int(pieces.words[text]) for text in batch])):
            by_text[text] = part.clone()
    return pooled, by_text


def pair_similarities(vectors):
    """[texts, D] -> the cosines of all pairs, as one vector."""
    unit = torch.nn.functional.normalize(vectors, dim=1)
    upper = torch.triu_indices(len(unit), len(unit), 1)
    return (unit @ unit.T)[upper[0], upper[1]].numpy()


def sentence_figures(student, teacher):
    """Vectors [texts, D] of both -> cosine (mean and 5th percentile), Spearman and Pearson of pair similarities."""
    cosines = torch.cosine_similarity(student, teacher, dim=1)
    ours, theirs = pair_similarities(student), pair_similarities(teacher)
    return {
        "cosine": round(cosines.mean().item(), 4),
        "cosine_5th_percentile": round(cosines.quantile(0.05).item(), 4),
        "spearman": round(float(spearmanr(ours, theirs)[0]), 4),
        "pearson": round(float(pearsonr(ours, theirs)[0]), 4),
        "pairs": len(ours),
    }


def layer_figures(student, teacher, student_pieces, teacher_pieces):
    """Mean cosine at each layer, over the words that both tokenizers cut into equally many pieces; [CLS] and [SEP] too."""
    kept = []
    for text in range(len(student_pieces)):
        counts = [
            np.bincount(p.word[p.start[text] : p.start[text + 1]], minlength=p.words[text]) for p in (student_pieces, teacher_pieces)
        ]
        same = torch.from_numpy(counts[0] == counts[1])
        kept.append(torch.cosine_similarity(student[text][same], teacher[text][same], dim=2))
    return [round(value, 4) for value in torch.cat(kept).mean(0).tolist()]
