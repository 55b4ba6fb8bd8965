"""The choice of a severity by pilots."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pfmap.models.polynomial import polynomial_model
from pfmap.sampling import plan_sampling
from pfmap.settings.read import campaign_from_mapping
from pfmap.volume import Settings, loss_target, severities, sign_target
from pfmap.volume.splitting import Levels


def parity(n, hidden):
    """Parity of n inputs under one hidden layer."""
    campaign = {"network": {"widths": [n, hidden, 1]}, "prior": {"preset": "gaussian"}}
    plan = plan_sampling(campaign_from_mapping(campaign))
    points = np.array([bin(i).count("1") % 2 for i in range(2**n)])
    return sign_target(plan, 2.0 * points - 1.0, name="parity")


def pilot(margin, verdict, log_variance, evaluations, n_levels=3):
    """What a pilot might find."""
    thresholds = np.append(math.inf, np.arange(n_levels)[::-1])
    curve = [np.array([t]) for t in thresholds[1:]]
    sizes = np.zeros((n_levels + 1, 1))
    return Levels(thresholds, sizes, curve, verdict, evaluations, margin, log_variance)


@pytest.mark.parametrize(
    ("pilots", "chosen", "passes"),
    [
        ({0.0: ("reached", 0.2, 10)}, 0.0, 10),  # enough: nothing else is tried
        (
            {0.0: ("reached", 2.0, 10), 0.3: ("reached", 0.9, 20), 2.0: ("budget", 0.1, 20)},
            0.3,
            50,
        ),
        (
            {0.0: ("reached", 2.0, 10), 0.3: ("reached", 1.1, 20), 2.0: ("reached", 1.5, 20)},
            0.0,  # twice the passes for half the variance
            50,
        ),
        (
            {0.0: ("stalled", 0.1, 10), 0.3: ("stalled", 0.1, 20), 2.0: ("reached", 9.0, 20)},
            2.0,
            50,
        ),
        (
            {0.0: ("stalled", 0.1, 10), 0.3: ("stalled", 0.1, 20), 2.0: ("budget", 0.1, 20)},
            0.0,
            50,
        ),
    ],
)
def test_the_pilot_with_least_variance_times_passes_is_kept(pilots, chosen, passes, monkeypatch):
    limits = []

    def find(target, settings, pool, *, watch=None):
        limits.append(settings.max_levels)
        return pilot(target.margin, *pilots[target.margin])

    monkeypatch.setattr(severities, "find_levels", find)
    found = severities.choose_levels(parity(2, 4), Settings(), None)
    assert (found.margin, found.evaluations) == (chosen, passes)
    assert len(limits) == len(pilots)
    if pilots[0.0][0] == "reached":
        assert limits[1:] == [6] * (len(pilots) - 1)


def test_a_loss_has_one_pilot(monkeypatch):
    monkeypatch.setattr(
        severities, "find_levels", lambda *_, watch: pilot(0.0, "stalled", math.nan, 10)
    )
    target = loss_target(polynomial_model([[1]]), name="w")
    assert severities.choose_levels(target, Settings(), None).evaluations == 10
    assert target.with_margin(2.0) is target
