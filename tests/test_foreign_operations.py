"""Every operation that a traced module may use, alone, against autograd."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pfmap

torch = pytest.importorskip("torch")

from foreign_modules import TIGHT, L, Of, by_autograd, made  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from pfmap.models.foreign.torch_activations import DEFAULTS, call_name  # noqa: E402
from pfmap.models.foreign.torch_functions import FUNCTIONS  # noqa: E402
from pfmap.models.foreign.torch_walk import traced  # noqa: E402


def in_place(h):
    h = h + 0.0
    h += 1.0
    h *= 2.0
    return h.relu_()


# Of h with shape (points, 2, 4), made of the inputs by a layer; what they give is flattened.
OPERATIONS = {
    "add": lambda s, h: h + 2.0 + torch.add(1.5, h) + s.row,
    "in place": lambda s, h: in_place(h),
    "sub": lambda s, h: (h - 1.0) + (1.0 - h) * h - (h - s.grid),
    "mul": lambda s, h: 3.0 * h * (s.scale * h),
    "truediv": lambda s, h: h / 4.0 + h.div(2),
    "neg": lambda s, h: -h + h.neg(),
    "pow": lambda s, h: h**3 + h.square() + torch.pow(h, 2),
    "matmul": lambda s, h: h @ s.matrix + torch.matmul(h, s.matrix),
    "bmm": lambda s, h: torch.bmm(h, h.transpose(1, 2)),
    "linear": lambda s, h: functional.linear(h, s.matrix, s.row),
    "no bias": lambda s, h: functional.linear(h, s.matrix),
    "softmax": lambda s, h: h.softmax(-1) + functional.softmax(h, dim=1),
    "attention": lambda s, h: functional.scaled_dot_product_attention(
        h, h * 2.0, h, attn_mask=torch.ones(2, 2, dtype=torch.bool).tril(), scale=0.5
    ),
    "mean": lambda s, h: h.mean(dim=(1, 2), keepdim=True) + h.mean(1, keepdim=True).mean(-1, True),
    "sum": lambda s, h: h.sum(1) + torch.sum(h, dim=-2),
    "flatten": lambda s, h: h.flatten(1) + torch.flatten(h, 1),
    "unflatten": lambda s, h: h.unflatten(2, (2, 2)),
    "view": lambda s, h: h.view(h.size(0), -1) + h.reshape(-1, 8) + h.reshape(h.shape[0], 8),
    "permute": lambda s, h: h.permute(0, 2, 1) + torch.permute(h, (0, 2, 1)).contiguous(),
    "transpose": lambda s, h: h.transpose(-1, 1),
    "unsqueeze": lambda s, h: h.unsqueeze(1).squeeze(1) + h.unsqueeze(-1).squeeze(-1),
    "getitem": lambda s, h: h[:, 0] + h[..., 1, :] + h[:, [1, 0]][:, 1],
    "expand": lambda s, h: h[:, :1].expand(-1, 3, 4) + s.token.expand(h.size(0), -1, -1),
    "cat": lambda s, h: torch.cat([h, h * 2.0], dim=1) + torch.concat((h, h), 1),
    "stack": lambda s, h: torch.stack([h, h**2], dim=2),
    "chunk": lambda s, h: h.chunk(2, dim=-1)[1] * h.split([2, 2], dim=2)[0],
    "dropout": lambda s, h: functional.dropout(h, 0.5, s.training),
    "positions": lambda s, h: h + s.places[:, : h.size(1)] + s.places[:, 1:],
    "parameters": lambda s, h: h * (s.grid**2 + s.row).tanh() + s.matrix[:2] * s.matrix.sum(0),
    "turned": lambda s, h: h @ s.matrix.transpose(0, 1),
    "from the left": lambda s, h: s.matrix @ h.transpose(1, 2),
    "shapes of parameters": lambda s, h: (
        h * s.token.flatten().chunk(3)[0].size(0) + s.token.view(3, 4)[:2]
    ),
    "constants": lambda s, h: (
        (h.ndim + h.dim()) * h * torch.arange(h.shape[-1], dtype=h.dtype) + math.sqrt(h.shape[1])
    ),
    "tanh": lambda s, h: torch.tanh(h) + h.tanh() + functional.tanh(h),
    "sigmoid": lambda s, h: h.sigmoid() + torch.sigmoid(h),
    "relu": lambda s, h: functional.relu(h, inplace=False) + torch.relu(h),
    "waves": lambda s, h: torch.sin(h) + h.cos() + torch.erf(h),
    "silu": lambda s, h: functional.silu(h) + functional.gelu(h, approximate="tanh"),
    "gelu": lambda s, h: functional.gelu(h) + functional.elu(h, 0.7) + functional.elu(h),
    "softplus": lambda s, h: functional.softplus(h, 2) + functional.softplus(h, threshold=30),
    "leaky_relu": lambda s, h: functional.leaky_relu(h, negative_slope=0.3),
}


class Whole(Of):
    """A layer, an operation on what it gives, and parameters beside it."""

    def __init__(self, function):
        super().__init__(lambda s, x: function(s, s.first(x).view(x.size(0), 2, 4)).flatten(1))
        self.first = L(3, 8)
        self.row = nn.Parameter(torch.zeros(4))
        self.grid = nn.Parameter(torch.zeros(2, 4))
        self.scale = nn.Parameter(torch.zeros(1))
        self.matrix = nn.Parameter(torch.zeros(4, 4))
        self.token = nn.Parameter(torch.zeros(1, 3, 4))
        self.places = nn.Parameter(torch.zeros(1, 3, 4))


def whole(name):
    """The module of an operation, without the parameters that it does not use."""

    def make():
        module = Whole(OPERATIONS[name])
        used = str(OPERATIONS[name].__code__.co_names)
        for parameter in ("row", "grid", "scale", "matrix", "token", "places"):
            if f"'{parameter}'" not in used:
                setattr(module, parameter, None)
        return module

    return made(make, (3,))


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_agrees_with_autograd(name):
    module, inputs = whole(name)
    found = pfmap.from_torch(module, inputs)
    assert (found.kind, found.because) == ("native program", "")
    targets = np.random.default_rng(1).normal(size=len(found.model.targets))
    outputs, gradients = by_autograd(module, inputs, targets)
    np.testing.assert_allclose(found.model.outputs(found.weights), outputs, atol=TIGHT)
    gradient = found.model.with_targets(targets).gradient(found.weights)
    for parameter, place in found.places.items():
        np.testing.assert_allclose(gradient[place], gradients[parameter], atol=TIGHT)


def test_no_operation_of_the_table_is_left_out():
    used = set()
    for name in OPERATIONS:
        graph = traced(nn.Sequential(whole(name)[0]))
        used |= {call_name(node) for node in graph.nodes if node.op.startswith("call_f")}
        used |= {call_name(node) for node in graph.nodes if node.op == "call_method"}
    assert not (set(FUNCTIONS) | set(DEFAULTS)) - used


ACROSS = {
    "sum": lambda s, h: h.sum(0).expand(11, 2, 4),
    "sum of all": lambda s, h: h * h.sum(),
    "flip of points": lambda s, h: h[[1, 0, *range(2, 11)]],
    "two shapes": lambda s, h: h.mean(dim=(1, 2), keepdim=True) + h.mean(dim=(1, 2)),
    "one point": lambda s, h: h - h[:1],
    "joined": lambda s, h: torch.cat(
        [h[:, :1].transpose(0, 1), h[:, 1:].transpose(0, 1)]
    ).transpose(0, 1),
    "reshaped": lambda s, h: h.reshape(-1, 22).reshape(11, 8),
    "softmax": lambda s, h: h.softmax(0),
    "norm of points": lambda s, h: h.permute(1, 0, 2).permute(1, 0, 2),
}


@pytest.mark.parametrize("name", ACROSS)
def test_what_mixes_points_is_never_native(name, monkeypatch):
    """Some change nothing in the end; none may be taken for one that acts on each point."""
    monkeypatch.setitem(OPERATIONS, name, ACROSS[name])
    module, inputs = whole(name)
    found = pfmap.from_torch(module, inputs)
    assert found.kind == "own"
    outputs, _ = by_autograd(module, inputs, np.zeros(len(found.model.targets)))
    np.testing.assert_allclose(found.model.outputs(found.weights), outputs, atol=TIGHT)
