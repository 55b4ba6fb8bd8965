"""An activation from outside the package, through a campaign; and one without a slope."""

from __future__ import annotations

import dataclasses
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_campaign import Listener, small, table

import pfmap
from pfmap.activations import ACTIVATIONS, NAMES, Activation, register_activation
from pfmap.errors import DataError, SettingsError
from pfmap.functions import parse_function
from pfmap.kernels import _jit, registered
from pfmap.kernels.activation import N_OWN, code_of
from pfmap.models.network import unflatten
from pfmap.pipeline import run
from pfmap.sampling import bits_of_draws, plan_sampling, weights_of_draws
from pfmap.settings.network import Network
from pfmap.settings.read import campaign_from_mapping
from pfmap.volume import Settings
from pfmap.volume.checkpoint import Checkpoint
from pfmap.volume.curves import Wanted, measure_curve
from pfmap.volume.target import sign_target


def _value(degree, x):
    return x / math.sqrt(1.0 + x * x) + 0.25


def _slope(degree, x, y):
    share = 1.0 / (1.0 + x * x)
    return share * math.sqrt(share)


TOY = Activation(
    name="toy", formula="x / sqrt(1 + x²) + 1/4",
    value=_value, slope=_slope, slope_from_value=False, single=None, single_ulps=None,
    parity="neither", pieces="curved", monotone=True, keeps_sign=False, zero_at_zero=False,
    zero_on_interval=False, power=None, homogeneity=None,
    low=-0.75, high=1.25, low_attained=False, high_attained=False,
    jumps=(), kinks=(), seams=(), product_moment=None,
)  # fmt: skip
NETWORK = {"widths": [3, 6, 1], "activation": "toy"}


@pytest.fixture
def toy():
    register_activation(TOY)
    yield TOY
    del ACTIVATIONS["toy"]


def plain_outputs(weights: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Outputs of many parameter vectors by NumPy, shape (vectors, points)."""
    (first, b), (last, c) = unflatten(weights.astype(np.float64), (3, 6, 1))
    sums = points @ first.transpose(0, 2, 1) + b[:, None, :]
    hidden = sums / np.sqrt(1.0 + sums * sums) + 0.25
    return (hidden @ last.transpose(0, 2, 1) + c[:, None, :])[..., 0]


def test_sampling_an_added_activation(toy):
    campaign = campaign_from_mapping({"draws": 5000, "network": NETWORK})
    plan, draws = plan_sampling(campaign), np.arange(5000)
    exact = plain_outputs(weights_of_draws(plan, draws), campaign.points) > 0.0
    bits = bits_of_draws(plan, draws, threads=1).astype(bool)
    assert np.array_equal(bits, exact)
    other = campaign_from_mapping({"draws": 5000, "network": {**NETWORK, "activation": "tanh"}})
    assert not np.array_equal(bits, bits_of_draws(plan_sampling(other), draws, threads=1))


def test_a_form_in_float32_is_used_where_there_is_one(toy):
    def single(degree, x):
        return x / np.sqrt(np.float32(1.0) + x * x) + np.float32(0.25)

    campaign = campaign_from_mapping({"draws": 1000, "network": NETWORK})
    draws = np.arange(1000)
    plan = plan_sampling(campaign)
    slow = bits_of_draws(plan, draws, threads=1)
    assert plan.readout.tolerance == 1e-5
    ACTIVATIONS["toy"] = dataclasses.replace(toy, single=single, single_ulps=4.0)
    plan = plan_sampling(campaign)
    assert plan.readout.tolerance == 1e-5
    assert np.array_equal(bits_of_draws(plan, draws, threads=1), slow)
    # A wrong one is found by its errors, and float64 decides.
    ACTIVATIONS["toy"] = dataclasses.replace(toy, single=lambda degree, x: -x, single_ulps=4.0)
    plan = plan_sampling(campaign)
    assert plan.readout.tolerance > 1.0
    assert np.array_equal(bits_of_draws(plan, draws, threads=1), slow)


def test_learning_coefficients_of_an_added_activation(toy):
    campaign = campaign_from_mapping({"draws": 10, "network": NETWORK})
    weights = weights_of_draws(plan_sampling(campaign), np.arange(1))[0].astype(np.float64)
    model = campaign.compiled_model()
    model = model.with_targets(model.outputs(weights))
    h = 1e-6 * np.eye(len(weights))
    steps = [plain_outputs(weights + sign * h, campaign.points) for sign in (1.0, -1.0)]
    exact = (steps[0] - steps[1]).T / 2e-6
    assert np.abs(model.jacobian(weights) - exact).max() < 1e-8 * np.abs(exact).max()
    found = pfmap.estimate_llc(model, weights, n_beta=1e16, gamma=1e10)
    rank = np.linalg.matrix_rank(exact, tol=1e-6)
    assert found.verdict == "ok"
    assert found.llc == pytest.approx(rank / 2, abs=5.0 * found.llc_se + 1e-6)


def test_volume_curve_of_an_added_activation(toy):
    """Against counting: V(t) of AND where a thousand of 100,000 draws have a smaller loss."""
    campaign = campaign_from_mapping({"network": NETWORK, "prior": {"preset": "gaussian"}})
    signs = parse_function("and", 3).signs
    found = measure_curve(campaign, Wanted("and", signs), Settings(lowest=0.01), threads=1)
    weights = weights_of_draws(plan_sampling(campaign), np.arange(100_000))
    losses = ((plain_outputs(weights, campaign.points) - signs) ** 2).mean(axis=1) / 2.0
    t = np.sort(losses)[1000]
    curve = found.estimate.curve
    where = np.argsort(curve.severities)
    log_volume = np.interp(t, curve.severities[where], curve.log_volumes[where])
    se = float(np.interp(t, curve.severities[where], curve.log_volume_se[where]))
    assert abs(log_volume - math.log(0.01)) < 4.0 * math.hypot(se, 0.032)
    assert math.hypot(se, 0.032) < 0.2


def test_a_whole_campaign_of_an_added_activation(toy, tmp_path):
    run(small(network=Network(widths=(3, 6, 1), activation="toy")), tmp_path / "toy")
    assert table(tmp_path / "toy", "functions")["count"].sum() == 2800
    assert "ok" in set(table(tmp_path / "toy", "llc")["verdict"])
    reached = table(tmp_path / "toy", "evidence")
    assert (reached["verdict"] == "reached").any()


def test_a_campaign_without_slopes_counts_and_leaves_out_coefficients(tmp_path):
    listener = Listener()
    campaign = small(network=Network(widths=(3, 6, 1), activation="heaviside"))
    run(campaign, tmp_path / "steps", reporter=listener)
    assert "llc: the activation heaviside has no slope; no coefficients" in listener.messages
    assert table(tmp_path / "steps", "llc").empty
    volumes = table(tmp_path / "steps", "evidence").set_index("function")
    counts = table(tmp_path / "steps", "functions").set_index("function")
    often = [key for key in volumes.index if key in counts.index and counts["count"][key] > 100]
    assert often
    for key in often:
        share = counts["count"][key] / 2800
        error = math.hypot(volumes["log2_p_se"][key], 1.45 / math.sqrt(counts["count"][key]))
        assert abs(volumes["log2_p"][key] - math.log2(share)) < 5.0 * error


def test_names_of_added_activations(toy):
    assert code_of("toy") == list(ACTIVATIONS).index("toy") >= N_OWN
    for name in ("toy", "relu", "no name"):
        with pytest.raises(SettingsError, match="identifier that is not taken"):
            register_activation(dataclasses.replace(TOY, name=name))
    with pytest.raises(SettingsError, match="at most 256"):
        registered.register(registered.MOST, (None, None, None))


def test_what_a_folder_keeps_is_told_by_names_of_activations(tmp_path):
    """Numbers of activations change with the files that there are."""
    digests = []
    for name in ("one", "other"):
        register_activation(dataclasses.replace(TOY, name=name))
        network = {**NETWORK, "activation": name}
        plan = plan_sampling(campaign_from_mapping({"draws": 10, "network": network}))
        target = sign_target(plan, parse_function("and", 3).signs, name="and")
        digests.append((plan.shape.code, Checkpoint(tmp_path, target, Settings()).digest))
        del ACTIVATIONS[name]
    assert digests[0][0] == digests[1][0]
    assert digests[0][1] != digests[1][1]


def test_a_code_that_nobody_registered_is_no_number(toy):
    campaign = campaign_from_mapping({"draws": 10, "network": NETWORK})
    plan = plan_sampling(campaign)
    lost = dataclasses.replace(plan, shape=plan.shape._replace(code=N_OWN + 200))
    with pytest.raises(DataError, match="must be finite"):
        bits_of_draws(lost, np.arange(10), threads=1)


def test_machine_code_is_named_by_the_files_of_activations(toy, tmp_path, monkeypatch):
    before = {name: _jit.kernel_digest.__wrapped__(name) for name in ("express", "lz")}
    for path in _jit._ACTIVATIONS.glob("*.py"):
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(_jit, "_ACTIVATIONS", tmp_path)
    with open(tmp_path / "gelu.py", "a", encoding="utf-8") as file:
        file.write("# edited\n")
    assert _jit.kernel_digest.__wrapped__("express") != before["express"]
    assert _jit.kernel_digest.__wrapped__("lz") == before["lz"]


ONE_MORE = """
import numpy as np
from pfmap.activations import NAMES
from pfmap.settings.read import campaign_from_mapping
from pfmap.experiments import render_template
from pfmap.kernels.activation import code_of
from pfmap_cli.targets import ActivationOption

campaign = campaign_from_mapping({"network": {"widths": [2, 3, 1], "activation": "more"}})
assert "more" in NAMES and "silu, sin" in render_template(campaign)
assert "monomial, more, relu" in ActivationOption.__metadata__[0].help
model = campaign.compiled_model()
weights = np.arange(13.0) / 13.0
found = model.outputs(weights)
other = {"network": {"widths": [2, 3, 1], "activation": "tanh"}}
tanh = campaign_from_mapping(other).compiled_model()
assert np.allclose(found, 2.0 * tanh.outputs(weights) - weights[-1], rtol=1e-14), found
print(code_of("more"))
"""


def test_an_activation_more_needs_one_file_and_nothing_else(tmp_path):
    """A copy of the package with one more file, twice tanh, has it everywhere."""
    package = Path(pfmap.__file__).parent
    shutil.copytree(package, tmp_path / "pfmap", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(package.parent / "cli", tmp_path / "pfmap_cli")
    source = (package / "activations" / "tanh.py").read_text(encoding="utf-8")
    for old, new in (
        ('name="tanh"', 'name="more"'), ("return math.tanh(x)", "return 2.0 * math.tanh(x)"),
        ("low=-1.0, high=1.0", "low=-2.0, high=2.0"),
    ):  # fmt: skip
        assert old in source
        source = source.replace(old, new)
    (tmp_path / "pfmap" / "activations" / "more.py").write_text(source, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", ONE_MORE],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == sorted([*NAMES, "more"]).index("more")
