"""Modules of PyTorch of every kind that has a counterpart, and what plain PyTorch says of them."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional

TIGHT = 1e-9


class Of(nn.Module):
    """A module of layers and a function of them: ``Of(function, layer=…)``."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x)


def residual(self, x):
    h = functional.relu(self.first(x))
    h = h + self.out(torch.tanh(self.inner(self.norm(h))))
    return self.last(h)


def own_heads(self, x):
    """Attention of two heads from products, with a token of its own and a matrix parameter."""
    count, length = x.shape
    path = self.embed(x.view(count, length, 1)) + self.places
    path = torch.cat([self.token.expand(count, -1, -1), path], dim=1)
    q, k, v = self.three(path).chunk(3, dim=-1)
    q, k, v = (part.reshape(count, length + 1, 2, 2).transpose(1, 2) for part in (q, k, v))
    shares = torch.softmax(q @ k.transpose(-1, -2) / 2.0, dim=-1)
    one = (shares @ v).permute(0, 2, 1, 3).contiguous().flatten(2) @ self.matrix
    two = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    path = one * 2.0 - functional.silu(two.transpose(1, 2).flatten(2)) ** 2
    return self.last(path[:, 0] + path.mean(dim=1)).squeeze(-1)


def masked(self, x):
    hidden = torch.ones(3, 3, dtype=torch.bool).triu(1)
    return self.last(self.heads(x, x, x, attn_mask=self.mask, need_weights=False)[0].flatten(1)) + (
        0.0 * float(hidden.sum())
    )


def crossed(self, x):
    """Queries of one thing, keys and values of another."""
    mixed, _ = self.heads(self.left(x), x, x)
    return self.last(mixed.sum(dim=1))


def chain(*layers):
    return nn.Sequential(*layers)


def encoder(norm_first, activation="relu"):
    layer = nn.TransformerEncoderLayer(
        4, 2, 6, batch_first=True, norm_first=norm_first, activation=activation
    )
    stack = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(4), enable_nested_tensor=False)
    return chain(stack, nn.Flatten(), nn.Linear(12, 1))


def tied():
    layer = nn.Linear(3, 3)
    return chain(layer, nn.Tanh(), layer, nn.ReLU(), nn.Linear(3, 1))


def mask():
    return torch.zeros(3, 3).masked_fill(torch.ones(3, 3).triu(1) > 0, -torch.inf)


class Masked(Of):
    def __init__(self):
        super().__init__(masked, heads=nn.MultiheadAttention(4, 2, batch_first=True, bias=False))
        self.last = nn.Linear(12, 1)
        self.register_buffer("mask", mask())


L = nn.Linear
NETWORKS = {
    "relu": (lambda: chain(L(3, 4), nn.ReLU(), L(4, 4), nn.ReLU(), L(4, 1)), (3,)),
    "square": (lambda: chain(L(3, 3), nn.Tanh(), L(3, 3), nn.Tanh(), L(3, 3)), (3,)),
    "no bias": (lambda: chain(L(3, 4, bias=False), nn.GELU(), L(4, 2, bias=False)), (3,)),
    "output unit": (lambda: chain(L(3, 4), nn.SiLU(), L(4, 2), nn.Sigmoid()), (3,)),
    "one layer": (lambda: L(3, 2), (3,)),
    "functions": (
        lambda: Of(lambda s, x: s.b(functional.softplus(s.a(x))), a=L(3, 4), b=L(4, 1)),
        (3,),
    ),
    "dropout": (lambda: chain(L(3, 4), nn.ELU(), nn.Dropout(0.3), L(4, 1)), (3,)),
}
PROGRAMS = {
    "two activations": (lambda: chain(L(3, 4), nn.ReLU(), L(4, 4), nn.Tanh(), L(4, 1)), (3,)),
    "some biases": (lambda: chain(L(3, 4, bias=False), nn.ReLU(), L(4, 1)), (3,)),
    "flattened": (lambda: chain(nn.Flatten(), L(6, 4), nn.LeakyReLU(), L(4, 1)), (2, 3)),
    "settings": (
        lambda: chain(
            L(3, 4), nn.LeakyReLU(0.2), L(4, 4), nn.ELU(0.5), L(4, 4), nn.Softplus(2.0), L(4, 4),
            nn.GELU("tanh"), L(4, 1),
        ),
        (3,),
    ),
    "residual": (
        lambda: Of(
            residual, first=L(3, 4), inner=L(4, 4), out=L(4, 4), last=L(4, 2), norm=nn.LayerNorm(4)
        ),
        (3,),
    ),
    "convolution": (
        lambda: chain(
            nn.Conv1d(2, 4, 3, padding=1, stride=2, groups=2), nn.GELU(), nn.GroupNorm(2, 4),
            nn.Conv1d(4, 3, 3, padding="same", dilation=2), nn.Tanh(), nn.AdaptiveAvgPool1d(2),
            nn.Flatten(), L(6, 1),
        ),
        (2, 7),
    ),
    "images": (
        lambda: chain(
            nn.Conv2d(1, 3, 3, padding=1, padding_mode="circular"), nn.BatchNorm2d(3), nn.ReLU(),
            nn.AvgPool2d(2), nn.Conv2d(3, 2, (2, 1), bias=False), nn.SiLU(), nn.Flatten(), L(4, 1),
        ),
        (1, 4, 4),
    ),
    "attention": (
        lambda: Of(
            own_heads, embed=L(1, 4), three=L(4, 12), last=L(4, 1),
            places=nn.Parameter(torch.randn(3, 4)), token=nn.Parameter(torch.randn(1, 1, 4)),
            matrix=nn.Parameter(torch.randn(4, 4)),
        ),
        (3,),
    ),
    "masked heads": (Masked, (3, 4)),
    "crossed heads": (
        lambda: Of(
            crossed, heads=nn.MultiheadAttention(4, 2, batch_first=True), left=L(4, 4),
            last=L(4, 1),
        ),
        (3, 4),
    ),
    "norms before": (lambda: encoder(True), (3, 4)),
    "norms behind": (lambda: encoder(False, "gelu"), (3, 4)),
    "tied": (tied, (3,)),
}  # fmt: skip
NATIVE = {**NETWORKS, **PROGRAMS}


def made(make, shape, points=11, seed=0):
    """A module in evaluation mode whose every number is drawn, and inputs."""
    torch.manual_seed(seed)
    module = make().eval()
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point() and torch.isfinite(tensor).all():
                tensor.copy_(torch.rand_like(tensor) + 0.1)
                tensor.mul_(torch.where(torch.rand_like(tensor) < 0.5, 1.0, -1.0))
        for name, tensor in module.named_buffers():
            if name.endswith("running_var"):
                tensor.abs_()
    return module, torch.randn(points, *shape)


def by_autograd(module, inputs, targets):
    """Outputs [output, point], and the gradient by parameter name, of plain PyTorch in float64."""
    module = copy.deepcopy(module).double()
    outputs = module(inputs.double()).reshape(len(inputs), -1).T.reshape(-1)
    loss = (outputs - torch.tensor(targets)).square().sum() / (2 * len(inputs))
    names = [name for name, tensor in module.named_parameters() if tensor.requires_grad]
    found = torch.autograd.grad(loss, [module.get_parameter(name) for name in names])
    return outputs.detach().numpy(), dict(zip(names, map(torch.Tensor.numpy, found), strict=True))
