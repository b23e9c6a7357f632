"""The student: a ViT with the teacher's shape, written so that its blocks can be trained one by one on the teacher's layers."""

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    """A pre-norm transformer block (Dosovitskiy et al. 2021, arXiv 2010.11929) that returns what it adds to its input."""

    def __init__(self, width, heads, hidden, eps):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width, eps), nn.LayerNorm(width, eps)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out, self.up, self.down = nn.Linear(width, width), nn.Linear(width, hidden), nn.Linear(hidden, width)

    def split(self, x):
        """[B, T, D] to [B, H, T, D / H]."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x, rows=None):
        """What the block adds at the tokens `rows` (all of them by default), [B, R, D], the attention's scores and shares [B, H, R, T].

        `x` is [B, T, D]. Keys and values always come from all T tokens, so that few rows cost little more than a quarter.
        """
        normed = self.norm1(x)
        at = normed if rows is None else normed[:, rows]
        query, key, value = self.split(self.query(at)), self.split(self.key(normed)), self.split(self.value(normed))
        scores = query @ key.mT * query.shape[-1] ** -0.5
        shares = scores.softmax(-1)
        mixed = shares.to(value.dtype) @ value
        added = self.out(mixed.transpose(1, 2).flatten(2)).float()
        middle = (x if rows is None else x[:, rows]) + added
        return added + self.down(F.gelu(self.up(self.norm2(middle)))).float(), scores, shares


class Student(nn.Module):
    """Patches to class scores. Tokens: the class token, then patches row by row."""

    def __init__(self, config):
        super().__init__()
        width, side = config.hidden_size, config.image_size // config.patch_size
        self.patch_size = config.patch_size
        self.patch = nn.Linear(3 * config.patch_size**2, width)
        self.cls = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.positions = nn.Parameter(torch.randn(1, 1 + side * side, width) * 0.02)
        make = lambda: Block(width, config.num_attention_heads, config.intermediate_size, config.layer_norm_eps)
        self.blocks = nn.ModuleList(make() for _ in range(config.num_hidden_layers))
        self.norm, self.head = nn.LayerNorm(width, config.layer_norm_eps), nn.Linear(width, len(config.id2label))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def embed(self, pixels):
        """[B, 3, S, S] to layer 0, [B, T, D]."""
        p = self.patch_size
        patches = pixels.unfold(2, p, p).unfold(3, p, p).permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)
        patches = self.patch(patches).float()
        return torch.cat([self.cls.expand(len(patches), -1, -1), patches], 1) + self.positions

    def forward(self, pixels):
        """Layers 0..L ([B, T, D] each), attention before and after the softmax ([B, H, T, T] a block) and class scores [B, C]."""
        layers, all_scores, all_shares = [self.embed(pixels)], [], []
        for block in self.blocks:
            added, scores, shares = block(layers[-1])
            layers.append(layers[-1] + added)
            all_scores.append(scores)
            all_shares.append(shares)
        return layers, all_scores, all_shares, self.head(self.norm(layers[-1][:, 0])).float()

    def to_hugging_face(self):
        """The weights under the names of transformers' ViTForImageClassification, in f16."""
        patch = self.patch.weight.unflatten(1, (3, self.patch_size, self.patch_size))
        out = {
            "vit.embeddings.cls_token": self.cls,
            "vit.embeddings.position_embeddings": self.positions,
            "vit.embeddings.patch_embeddings.projection.weight": patch,
            "vit.embeddings.patch_embeddings.projection.bias": self.patch.bias,
        }
        names = {
            "norm1": "layernorm_before",
            "norm2": "layernorm_after",
            "query": "attention.attention.query",
            "key": "attention.attention.key",
            "value": "attention.attention.value",
            "out": "attention.output.dense",
            "up": "intermediate.dense",
            "down": "output.dense",
        }
        modules = {f"vit.encoder.layer.{k}.{to}": getattr(b, ours) for k, b in enumerate(self.blocks) for ours, to in names.items()}
        for name, module in {**modules, "vit.layernorm": self.norm, "classifier": self.head}.items():
            out[f"{name}.weight"], out[f"{name}.bias"] = module.weight, module.bias
        return {name: tensor.detach().half().contiguous() for name, tensor in out.items()}
