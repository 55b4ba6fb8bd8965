"""Modules of PyTorch: what becomes native agrees with autograd, and what does not is named."""

from __future__ import annotations

import copy
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import pfmap
from pfmap.errors import DataError, EnvironmentFault, SettingsError

torch = pytest.importorskip("torch")

from foreign_modules import NATIVE, NETWORKS, TIGHT, L, Of, by_autograd, chain, made  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from pfmap.models.foreign import torch_conversion  # noqa: E402
from pfmap.models.foreign.torch_model import TorchModel, slots_of  # noqa: E402


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
        (
            lambda: Of(lambda s, x: s.a(x) / 0.0, a=L(3, 1)),
            np.ones((2, 3)),
            "must give finite numbers",
        ),
    ],
)
def test_what_cannot_be_taken_is_refused(make, inputs, rule):
    with pytest.raises(SettingsError, match=rule):
        pfmap.from_torch(make(), inputs)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
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


def test_padding_of_even_kernels_is_pytorchs():
    module, inputs = made(lambda: chain(nn.Conv1d(1, 2, 2, padding="same"), nn.Flatten()), (1, 5))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of a copy
        assert pfmap.from_torch(module, inputs).kind == "native program"
