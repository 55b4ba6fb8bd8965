"""Networks and programs as modules of PyTorch: the same outputs and gradients, and back again."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import pfmap
from pfmap.errors import DataError, SettingsError

torch = pytest.importorskip("torch")

from foreign_modules import PROGRAMS, TIGHT, made  # noqa: E402
from torch import nn  # noqa: E402


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
