"""Muon for the matrices of a network, AdamW for everything else.

Muon: momentum, whose matrix is replaced by the nearest one with orthonormal rows (all singular values 1), so
that every direction of a weight matrix moves at the same speed. Keller Jordan et al., "Muon: An optimizer for
hidden layers in neural networks" (2024), https://kellerjordan.github.io/posts/muon/; the scale
0.2 sqrt(max(rows, columns)), which gives its steps the size of AdamW's, is of Liu et al., "Muon is scalable
for LLM training" (2025), arXiv:2502.16982.
"""

import torch


def orthogonalised(matrices, steps=5):
    """matrices [N, rows, columns], rows <= columns -> the same with singular values near 1 (Newton-Schulz in bf16).

    The quintic's coefficients make it converge fast but not exactly: values end between about 0.7 and 1.2.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices.bfloat16()
    x = x / (x.float().norm(dim=(1, 2), keepdim=True) + 1e-7).bfloat16()
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + torch.baddbmm(gram, gram, gram, beta=b, alpha=c) @ x
    return x


class Muon(torch.optim.Optimizer):
    """`matrices`: 2-D parameters, stepped by Muon (group 0). `others`: stepped by AdamW (group 1).

    Matrices of one shape (or its transpose) are orthogonalised together, as one batch of products.
    """

    def __init__(self, matrices, others, lr=2e-3, momentum=0.95, betas=(0.9, 0.99), eps=1e-8):
        groups = [
            {"params": list(matrices), "kind": "muon", "momentum": momentum},
            {"params": list(others), "kind": "adamw", "betas": betas, "eps": eps},
        ]
        super().__init__(groups, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            if group["kind"] == "muon":
                self._muon(group)
            else:
                self._adamw(group)

    def _muon(self, group):
        by_shape = {}
        for weight in group["params"]:
            if weight.grad is None:
                continue
            state = self.state[weight]
            if not state:
                state["momentum"] = torch.zeros_like(weight)
            state["momentum"].lerp_(weight.grad, 1 - group["momentum"])
            ahead = weight.grad.lerp(state["momentum"], group["momentum"])
            tall = weight.shape[0] > weight.shape[1]
            wide = ahead.T if tall else ahead
            by_shape.setdefault(tuple(wide.shape), []).append((weight, wide, tall))
        for shape, members in by_shape.items():
            updates = orthogonalised(torch.stack([wide for _, wide, _ in members]))
            scale = 0.2 * max(shape) ** 0.5
            for (weight, _, tall), update in zip(members, updates):
                weight.add_((update.T if tall else update).float(), alpha=-group["lr"] * scale)

    def _adamw(self, group):
        first, second = group["betas"]
        for weight in group["params"]:
            if weight.grad is None:
                continue
            state = self.state[weight]
            if not state:
                state.update(step=0, mean=torch.zeros_like(weight), square=torch.zeros_like(weight))
            state["step"] += 1
            state["mean"].lerp_(weight.grad, 1 - first)
            state["square"].mul_(second).addcmul_(weight.grad, weight.grad, value=1 - second)
            unbiased = (state["square"] / (1 - second ** state["step"])).sqrt_().add_(group["eps"])
            weight.addcdiv_(state["mean"], unbiased, value=-group["lr"] / (1 - first ** state["step"]))
