"""What the benchmark of learning coefficients concludes from its numbers; nothing is timed."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from scipy.integrate import quad


@pytest.fixture
def scripts(root, monkeypatch):
    """The folder of the scripts, importable."""
    monkeypatch.syspath_prepend(str(root / "scripts"))
    return root / "scripts"


# K = (w1 w2)²/2 and γ = 1: given w1, w2 is Gaussian of precision γ + nβ w1².
@pytest.mark.parametrize(("n_beta", "right"), [(100.0, True), (1000.0, False)])
def test_reference_matches_quadrature(scripts, n_beta, right):
    from deep_linear_reference import reference_mean

    def weight(x):
        return math.exp(-x * x / 2) / math.sqrt(1 + 100 * x * x)

    def inner(x):
        return 50 * x * x / (1 + 100 * x * x) * weight(x)

    exact = quad(inner, -9, 9, points=[0])[0] / quad(weight, -9, 9, points=[0])[0]
    mean, error, acceptance = reference_mean(
        (1, 1, 1), 0, n_beta=n_beta, gamma=1.0, chains=400, burn_in=30, trajectories=100
    )
    assert bool(abs(mean - exact) < 5 * error) is right
    assert error < 0.005
    assert acceptance > 0.9


def test_reference_has_the_right_gradient_for_three_layers(scripts):
    # A wrong force would lower the acceptance of short steps; unequal widths show a transpose.
    from deep_linear_reference import reference_mean

    *_, acceptance = reference_mean(
        (3, 2, 4, 2), 1, n_beta=20.0, gamma=1.0, chains=50, burn_in=10, trajectories=40
    )
    assert acceptance > 0.95


def test_relative_error_holds_bias_and_spread(scripts):
    from bench_llc import relative_error

    kept = np.array([[11.0, 11.0], [13.0, 13.0]])
    assert relative_error(kept, 10.0) == pytest.approx(math.hypot(2.0, 1.0) / 10)
    assert math.isnan(relative_error(np.full((2, 3), math.nan), 10.0))


def test_steps_needed_is_the_length_from_which_on_all_are_accurate(scripts):
    from bench_llc import ACCURACY, LENGTHS, steps_needed

    def made(errors):
        table = dict(zip(LENGTHS, errors, strict=True))
        return lambda n: np.full((4, 3), 10.0 * (1 + table[n]))

    good, bad = ACCURACY / 2, 2 * ACCURACY
    n = len(LENGTHS)
    assert steps_needed(made([bad] * n), 10.0) is None
    assert steps_needed(made([good] * n), 10.0) == LENGTHS[0]
    assert steps_needed(made([good, bad] + [good] * (n - 2)), 10.0) == LENGTHS[2]
    assert steps_needed(made([good] * (n - 1) + [math.nan]), 10.0) is None


def test_the_script_runs_without_peers_and_refuses_a_wrong_one(scripts):
    command = [sys.executable, str(scripts / "bench_llc.py"), "--help"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "--peer-python" in done.stdout
    from bench_llc import ask_peer

    with pytest.raises(SystemExit, match="devinterp failed"):
        ask_peer(sys.executable, {"contestant": "devinterp", "widths": [2, 2], "rank": 1})


def test_tables_hold_a_row_a_model(scripts, monkeypatch):
    import bench_llc

    monkeypatch.setattr(bench_llc, "DEEP_LINEAR", (((2, 2, 2), 1, 1.9),))
    monkeypatch.setattr(bench_llc, "LENGTHS", (250, 500))
    monkeypatch.setattr(bench_llc, "STEPS", 100)
    rows = bench_llc.peer_table(1, None, None)
    assert [row["contestant"].split(",")[0] for row in rows] == [
        "pfmap MALA", "pfmap SGLD", "pfmap RMSProp-SGLD",
    ]  # fmt: skip
    assert all(row["gradients"] == 800 and abs(row["error"]) < 1 for row in rows)
    json.dumps(rows)
