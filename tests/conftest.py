"""Shared by every test: the repository's root, and small campaigns."""

from __future__ import annotations

import os
import signal
from pathlib import Path

# Workers share the cores, and threads of the linear algebra wait for each other busily. It reads
# this as NumPy is imported; tests of its threads set their number themselves.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import settings

from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping

# Property tests for hours: pytest --hypothesis-profile long
settings.register_profile("long", max_examples=20_000)

ROOT = Path(__file__).parents[1]

# A shell starts its background jobs with SIGINT ignored, nohup its own with SIGHUP, and children
# inherit that: the tests would send signals that nobody gets, and wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def root() -> Path:
    """Root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def scripts():
    """The processes of the scripts that inject faults."""
    import fault_processes

    return fault_processes


@pytest.fixture(scope="session")
def tiny_campaign() -> Campaign:
    """A campaign of seconds: 3 inputs, a few thousand draws, every stage on."""
    return campaign_from_mapping(
        {
            "name": "tiny",
            "draws": 20_000,
            "block_draws": 4096,
            "network": {"widths": [3, 8, 1]},
            "prior": {"preset": "gaussian"},
            "llc": {"functions": 4, "draws_per_function": 2, "steps": 100, "warmup": 50},
            "volume": {"functions": 2, "named": ["and"], "chains": 16, "steps": 8, "runs": 2},
            "analysis": {"bootstrap": 100},
        }
    )


@pytest.fixture(scope="module")
def short_conclusions():
    """Two figures and few resamples: analysis and figures are most of what a small campaign takes.

    For tests of anything else; both have tests of their own.
    """
    from pfmap.analysis import line, predictors
    from pfmap.figures import draw

    every = draw.applicable
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draw, "applicable", lambda tables: dict(list(every(tables).items())[:2]))
        patch.setattr(line, "ENVELOPE_RESAMPLES", 5)
        patch.setattr(predictors, "REPEATS", 1)
        yield
