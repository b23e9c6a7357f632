"""A BERT encoder read layer by layer: teacher and student are both transformers' `BertModel`, run by the functions here.

Matrix products are in bf16 (twice as fast as f32 on processors that have it), the residual stream, layer norms
and losses in f32; `exact=True` computes everything in f32 and is what measures use.

Shapes: B texts, T pieces, D width, H heads, L blocks, W words of the whole batch.
"""

import torch
import torch.nn.functional as F


def linear(x, module, exact):
    """`module` on the last axis of x."""
    if exact:
        return F.linear(x, module.weight, module.bias)
    return F.linear(x.bfloat16(), module.weight.bfloat16(), module.bias.bfloat16())


def norm(x, module):
    return F.layer_norm(x.float(), module.normalized_shape, module.weight, module.bias, module.eps)


def embed(model, ids, exact=False):
    """ids [B, T] -> layer 0 [B, T, D]: piece, position and type vectors, added and normalised."""
    parts = model.embeddings
    place = parts.position_embeddings.weight[: ids.shape[1]]
    return norm(F.embedding(ids, parts.word_embeddings.weight) + place + parts.token_type_embeddings.weight[0], parts.LayerNorm)


def block(layer, x, mask, exact=False):
    """One block: x [B, T, D] and mask (additive, [B, 1, 1, T], or None) -> [B, T, D]."""
    batch, pieces, width = x.shape
    attention = layer.attention.self
    heads = attention.num_attention_heads
    split = lambda y: y.view(batch, pieces, heads, width // heads).transpose(1, 2)
    source = x if exact else x.bfloat16()
    query, key, value = (split(linear(source, part, exact)) for part in (attention.query, attention.key, attention.value))
    scores = query @ key.mT * (width // heads) ** -0.5
    weights = torch.softmax(scores.float() if mask is None else scores + mask, -1)
    mixed = weights.to(value.dtype) @ value
    mixed = mixed.transpose(1, 2).reshape(batch, pieces, width)
    x = norm(linear(mixed, layer.attention.output.dense, exact) + x, layer.attention.output.LayerNorm)
    hidden = F.gelu(linear(x, layer.intermediate.dense, exact))
    return norm(linear(hidden, layer.output.dense, exact) + x, layer.output.LayerNorm)


def additive_mask(lengths, pieces):
    """lengths [B] -> [B, 1, 1, T], or None where no text is padded."""
    if int(lengths.min()) == pieces:
        return None
    real = torch.arange(pieces)[None, :] < lengths[:, None]
    return torch.zeros(real.shape).masked_fill(~real, -1e9)[:, None, None, :]


def all_layers(model, ids, lengths, exact=False):
    """ids [B, T] -> list of L + 1 tensors [B, T, D], layer 0 (embeddings) first."""
    mask = additive_mask(lengths, ids.shape[1])
    layers = [embed(model, ids, exact)]
    for layer in model.encoder.layer:
        layers.append(block(layer, layers[-1], mask, exact))
    return layers


def mean_pooled(x, lengths):
    """x [B, T, D] -> [B, D], the mean over each text's own pieces ([CLS] and [SEP] included, as the teacher does)."""
    real = (torch.arange(x.shape[1])[None, :] < lengths[:, None]).to(x.dtype)
    return (x * real[:, :, None]).sum(1) / lengths[:, None].to(x.dtype)


def word_means(x, word_of_piece, words):
    """x [B, T, D] and the word each piece is of [B, T] (`words` for padding) -> [W, D], the mean over a word's pieces."""
    flat = word_of_piece.reshape(-1)
    total = torch.zeros(words + 1, x.shape[-1]).index_add(0, flat, x.reshape(-1, x.shape[-1]).float())
    count = torch.bincount(flat, minlength=words + 1).clamp(min=1)
    return total[:words] / count[:words, None]
