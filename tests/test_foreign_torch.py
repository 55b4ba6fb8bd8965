"""Modules of PyTorch: what becomes native agrees with autograd, and what does not is named."""

from __future__ import annotations

import copy
import itertools
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import pfmap
from pfmap.errors import DataError, EnvironmentFault, SettingsError

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from pfmap.models.foreign import torch_conversion  # noqa: E402
from pfmap.models.foreign.torch_model import TorchModel, slots_of  # noqa: E402

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


@pytest.mark.parametrize("name", NATIVE)
def test_native_models_have_the_outputs_and_gradients_of_autograd(name):
    module, inputs = made(*NATIVE[name])
    found = pfmap.from_torch(module, inputs)
    assert found.because == ""
    assert found.kind == ("native network" if name in NETWORKS else "native program")
    assert found.kind in repr(found)
    assert 0.0 < found.difference < TIGHT
    targets = np.random.default_rng(1).normal(size=len(found.model.targets))
    outputs, gradients = by_autograd(module, inputs, targets)
    np.testing.assert_allclose(found.model.outputs(found.weights), outputs, atol=TIGHT)
    gradient = found.model.with_targets(targets).gradient(found.weights)
    assert sorted(found.places) == sorted(gradients)
    for parameter, place in found.places.items():
        np.testing.assert_allclose(gradient[place], gradients[parameter], atol=TIGHT)
        values = module.get_parameter(parameter).detach().numpy()
        np.testing.assert_array_equal(found.weights[place], values)
    taken = np.concatenate([place.ravel() for place in found.places.values()])
    np.testing.assert_array_equal(np.sort(taken), np.arange(found.model.n_parameters))


@pytest.mark.parametrize("name", ["square", "tied", "convolution"])
def test_a_wrong_layout_is_another_function(name):
    """The negative control: one matrix the other way round, or one kernel turned around."""
    module, inputs = made(*NATIVE[name])
    found = pfmap.from_torch(module, inputs)
    place = found.places["0.weight"]
    wrong = found.weights.copy()
    wrong[place] = wrong[place[..., ::-1] if name == "convolution" else place.T]
    apart = np.abs(found.model.outputs(wrong) - found.model.outputs(found.weights)).max()
    assert apart > 1e-3


@pytest.mark.parametrize("which", ["network_of", "program_of"])
def test_a_conversion_that_differs_is_an_error(monkeypatch, which):
    right = getattr(torch_conversion, which)

    def misplaced(*args):
        found = right(*args)
        if found is None:
            return None
        model, places = found
        return model, places | {"0.0.weight": places["0.0.weight"].T}

    monkeypatch.setattr(torch_conversion, which, misplaced)
    name = "square" if which == "network_of" else "tied"
    with pytest.raises(DataError, match="outputs: differ from PyTorch's by"):
        pfmap.from_torch(*made(*NATIVE[name]))


def test_a_gradient_alone_that_differs_is_an_error(monkeypatch):
    """Outputs are right: only a comparison of gradients can see it."""
    module, inputs = made(*NATIVE["residual"])
    right = TorchModel.gradient
    monkeypatch.setattr(TorchModel, "gradient", lambda self, w: right(self, w) * (1 + 1e-5))
    with pytest.raises(DataError, match="gradient: differ"):
        pfmap.from_torch(module, inputs)


def test_the_module_stays_as_it_was():
    module, inputs = made(*NATIVE["images"])
    module.train()
    module[1].eval()
    before = copy.deepcopy(module.state_dict())
    pfmap.from_torch(module, inputs)
    assert module.training
    assert all(torch.equal(before[name], now) for name, now in module.state_dict().items())
    assert next(module.parameters()).dtype == torch.float32


def test_frozen_parameters_are_constants():
    module, inputs = made(lambda: chain(L(3, 4), nn.Tanh(), L(4, 1)), (3,))
    module[0].weight.requires_grad_(False)
    found = pfmap.from_torch(module, inputs)
    assert (found.kind, found.model.n_parameters) == ("native program", 4 + 4 + 1)
    assert "0.weight" not in found.places
    outputs, _ = by_autograd(module, inputs, np.zeros(11))
    np.testing.assert_allclose(found.model.outputs(found.weights), outputs, atol=TIGHT)


def test_targets_stand_points_first():
    module, inputs = made(lambda: chain(L(3, 4), nn.Tanh(), L(4, 2)), (3,))
    wanted = np.random.default_rng(0).normal(size=(11, 2))
    loss = float(((module(inputs).detach().numpy() - wanted) ** 2).sum() / 22)
    found = pfmap.from_torch(module, inputs, targets=wanted)
    assert abs(found.model.loss(found.weights) - loss) < 1e-5
    with pytest.raises(SettingsError, match=r"targets: must have shape \(11, …\), 2 a point"):
        pfmap.from_torch(module, inputs, targets=wanted.T)


def first_of_two(self, x):
    return self.a(x) if self.a(x).sum() > 0 else -self.a(x)


OWN = {
    "MaxPool1d at 1: has no counterpart": (
        lambda: chain(nn.Conv1d(2, 3, 3), nn.MaxPool1d(2), nn.Flatten(), L(6, 1)),
        (2, 6),
    ),
    "torch.fx cannot trace it": (lambda: Of(first_of_two, a=L(3, 1)), (3,)),
    "exp: has no counterpart": (lambda: Of(lambda s, x: torch.exp(s.a(x)), a=L(3, 1)), (3,)),
    "truediv: a division": (lambda: Of(lambda s, x: s.a(x) / s.b(x), a=L(3, 1), b=L(3, 1)), (3,)),
    "mean: an operation across points": (
        lambda: Of(lambda s, x: s.a(x) - s.a(x).mean(dim=0), a=L(3, 1)),
        (3,),
    ),
    "transpose: an operation across points": (
        lambda: Of(lambda s, x: s.a(x.transpose(0, 1).transpose(0, 1)), a=L(3, 1)),
        (3,),
    ),
    "a.bias: moves no output": (
        lambda: Of(lambda s, x: functional.linear(x, s.a.weight), a=L(3, 1)),
        (3,),
    ),
    "Softplus at 1: settings": (lambda: chain(L(3, 4), nn.Softplus(1.0, 2.0), L(4, 1)), (3,)),
}


@pytest.mark.parametrize("because", OWN)
def test_what_has_no_counterpart_is_named_and_taken_as_it_is(because):
    module, inputs = made(*OWN[because])
    found = pfmap.from_torch(module, inputs)
    assert found.kind == "own"
    assert because in found.because
    assert "kind='own'" in repr(found)
    targets = np.random.default_rng(1).normal(size=len(found.model.targets))
    model = found.model.with_targets(targets)
    module = copy.deepcopy(module)
    if "moves no output" in because:
        module.a.bias.requires_grad_(False)
    outputs, gradients = by_autograd(module, inputs, targets)
    np.testing.assert_allclose(model.outputs(found.weights), outputs, atol=TIGHT)
    gradient = model.gradient(found.weights)
    for name, expected in gradients.items():
        np.testing.assert_allclose(gradient[found.places[name]], expected, atol=TIGHT)
    by_rows = model.jacobian(found.weights).T @ (outputs - targets) / len(inputs)
    np.testing.assert_allclose(gradient, by_rows, atol=TIGHT)
    assert pfmap.check_gradient(model, found.weights) < 1e-4


def test_the_same_network_as_it_is_and_native_give_the_same_chain():
    module, inputs = made(*NETWORKS["square"])
    found = pfmap.from_torch(module, inputs)
    order = np.concatenate([place.ravel() for place in found.places.values()])
    assert (order == np.arange(len(order))).all()
    own = TorchModel(module.double(), inputs.double(), found.model.targets, slots_of(module))
    short = {"steps": 20, "warmup": 10, "chains": 2, "seed": 1, "threads": 1}
    native, theirs = (
        pfmap.estimate_llc(model.with_targets(model.outputs(found.weights)), found.weights, **short)
        for model in (found.model, own)
    )
    assert native.rank == theirs.rank
    assert abs(native.llc - theirs.llc) < 1e-5 * native.llc


def test_threads_do_not_mix_their_parameters():
    module, inputs = made(*OWN["MaxPool1d at 1: has no counterpart"])
    found = pfmap.from_torch(module, inputs)
    places = np.random.default_rng(0).normal(size=(200, found.model.n_parameters))
    alone = [found.model.loss(place) for place in places]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(found.model.loss, places)) == alone


def test_integer_inputs_go_to_embeddings():
    torch.manual_seed(0)
    module = chain(nn.Embedding(5, 3), nn.Flatten(), L(6, 1))
    found = pfmap.from_torch(module, torch.randint(0, 5, (7, 2)))
    assert (found.kind, found.because) == ("own", "inputs: are integers")


@pytest.mark.parametrize(
    ("make", "inputs", "rule"),
    [
        (lambda: 3, np.ones((2, 3)), "module: must be a torch.nn.Module, got int"),
        (nn.ReLU, np.ones((2, 3)), "module: must have a parameter"),
        (lambda: L(3, 1), np.ones((2, 4)), r"cannot be called with shape \(2, 4\)"),
        (lambda: L(3, 1), np.full((2, 3), np.nan), "inputs: must be finite"),
        (lambda: L(3, 1), np.ones(3), r"inputs: must be finite, points first"),
        (lambda: nn.LSTM(3, 2), np.ones((2, 2, 3)), "must give one tensor, first 2 points"),
        (lambda: chain(L(3, 1), nn.Dropout(0.5)), np.ones((2, 3)), "Dropout at 1 is in training"),
        (
            lambda: Of(lambda s, x: s.a(x) + torch.rand(1), a=L(3, 1)),
            np.ones((2, 3)),
            "others at a second call",
        ),
    ],
)
def test_what_cannot_be_taken_is_refused(make, inputs, rule):
    with pytest.raises(SettingsError, match=rule):
        pfmap.from_torch(make(), inputs)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    model = pfmap.network((2, 1))
    for call in (
        lambda: pfmap.from_torch(None, np.ones((2, 2))),
        lambda: pfmap.to_torch(model, np.zeros(3)),
    ):
        with pytest.raises(EnvironmentFault, match=r"pip install 'pfmap\[torch\]'"):
            call()


def test_every_operation_says_what_is_not_known_of_it():
    """An argument that the table does not know leads to the module as it is, never to a guess."""
    module, inputs = made(lambda: Of(lambda s, x: s.a(x).sum(dim=1, dtype=None), a=L(3, 2)), (3,))
    found = pfmap.from_torch(module, inputs)
    assert found.kind == "own"
    assert found.because.startswith("sum: ")


def activations():
    degrees = {"monomial": 3}
    names = pfmap.activations.NAMES
    return [(name, degrees.get(name, 1), out) for name in names for out in ("linear", name)]


@pytest.mark.parametrize(("name", "degree", "out"), activations())
def test_networks_become_modules_and_come_back(name, degree, out):
    model = pfmap.network((3, 4, 2), activation=name, degree=degree, output_activation=out)
    weights = np.random.default_rng(2).normal(size=model.n_parameters)
    module = pfmap.to_torch(model, weights)
    assert isinstance(module, nn.Sequential)
    points = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    outputs = module(torch.tensor(points)).detach().numpy()
    np.testing.assert_allclose(outputs.T.ravel(), model.outputs(weights), atol=TIGHT)
    back = pfmap.from_torch(module, points)
    assert back.kind == ("native program" if name == "monomial" else "native network")
    np.testing.assert_array_equal(back.weights, weights)


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_become_modules(name):
    found = pfmap.from_torch(*made(*PROGRAMS[name]))
    module = pfmap.to_torch(found.model, found.weights)
    fresh = torch.randn(5, module.n_inputs, dtype=torch.float64)
    original, _ = made(*PROGRAMS[name])
    expected = original.double()(fresh.reshape(5, *PROGRAMS[name][1])).reshape(5, -1)
    torch.testing.assert_close(module(fresh), expected, rtol=TIGHT, atol=TIGHT)
    with pytest.raises(SettingsError, match="points: must have shape"):
        module(fresh[0])


@pytest.mark.parametrize("family", ["residual", "convolution", "attention", "random_features"])
def test_families_become_modules_that_can_be_trained(family):
    points = np.random.default_rng(0).normal(size=(9, 4))
    model = getattr(pfmap.models, f"{family}_model")(points, (3,) if family == "convolution" else 3)
    weights = np.random.default_rng(1).normal(size=model.n_parameters)
    module = pfmap.to_torch(model, weights)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.01)
    losses = []
    for _ in range(3):
        optimiser.zero_grad()
        loss = module(torch.tensor(points)).square().mean() / 2
        loss.backward()
        losses.append(loss.item())
        optimiser.step()
    assert losses[2] < losses[0]
    trained = module.weights.detach().numpy()
    mean = float(module(torch.tensor(points)).detach().square().mean())
    assert abs(model.loss(trained) - mean / 2) < TIGHT
    assert module.float()(torch.tensor(points).float()).dtype == torch.float32


def test_a_module_that_differs_from_its_model_is_an_error(monkeypatch):
    from pfmap.models.foreign import torch_module

    model = pfmap.network((3, 3, 1), activation="tanh")
    right = torch_module.unflatten
    monkeypatch.setattr(
        torch_module,
        "unflatten",
        lambda *given: [(W.T if W.shape == (3, 3) else W, b) for W, b in right(*given)],
    )
    with pytest.raises(DataError, match="outputs: differ"):
        pfmap.to_torch(model, np.random.default_rng(0).normal(size=model.n_parameters))


def test_what_is_no_function_of_an_input_becomes_no_module():
    with pytest.raises(SettingsError, match="must be a network or a program, got CompiledModel"):
        pfmap.to_torch(pfmap.polynomial([[1, 2]]), np.zeros(2))
    with pytest.raises(SettingsError, match="got OwnLoss"):
        pfmap.to_torch(pfmap.OwnLoss(2, lambda w: w @ w), np.zeros(2))


def test_weights_of_a_campaign_become_a_module_that_expresses_the_function(tmp_path):
    settings = pfmap.Campaign(
        draws=4096, block_draws=4096, network={"widths": (3, 8, 1)}, prior={"preset": "gaussian"}
    )
    campaign = pfmap.run(settings, tmp_path / "c", stages=["sample"])
    (weights,) = campaign.weights("x1 & x2")
    module = pfmap.to_torch(pfmap.network((3, 8, 1)), weights)
    points = torch.tensor(list(itertools.product([0.0, 1.0], repeat=3)), dtype=torch.float64)
    signs = (module(points)[:, 0] > 0).int().tolist()
    assert signs == [0, 0, 0, 0, 0, 0, 1, 1]


def test_padding_of_even_kernels_is_pytorchs():
    module, inputs = made(lambda: chain(nn.Conv1d(1, 2, 2, padding="same"), nn.Flatten()), (1, 5))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of a copy
        assert pfmap.from_torch(module, inputs).kind == "native program"
