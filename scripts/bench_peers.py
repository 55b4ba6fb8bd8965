"""Head to head: P(f) by pfmap, by subset simulation and nested sampling of general libraries.

    python scripts/bench_volume.py --peers

All take the same event (no wrong bit), the same severity (Σ_x max(0, -y g / rms(g)) over points)
and the same prior, independent normal coordinates; the peers' severities are vectorised in NumPy.
Work is error² × passes, the error being the root mean square distance of log2 P over independent
estimates from a reference by pfmap with eight times the steps; every severity is one pass.
Estimates that gave no number do not count there: `known` says how many did.

*OpenTURNS*: `SubsetSampling` as it comes (1,000 draws a level), and at the best of a search over
the share kept (.1, .25, .5) and the proposal's range (1, 2, 3), by variance × passes of four
estimates each, then with 4,000 draws a level.
*dynesty*: `NestedSampler` with 500 live points and random walks, until all live points have no
wrong bit: ln P is its log volume there.
*Counting*: (1 - P)/(P ln² 2), and the measured rate of sampling.

A package that is not installed is named and left out; `--only` picks functions.
"""

from __future__ import annotations

import importlib.util
import itertools
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from pfmap.functions import parse_function
from pfmap.sampling import plan_sampling, sample_blocks
from pfmap.settings.read import campaign_from_mapping
from pfmap.volume import Settings, estimate_volume, sign_target

FUNCTIONS = {
    "majority, (3,8,1)": ("majority", (3, 8, 1)),
    "parity, (3,8,1)": ("parity", (3, 8, 1)),
    "majority, (5,16,1)": ("majority", (5, 16, 1)),
    "parity, (5,16,1)": ("parity", (5, 16, 1)),
}
LN2 = math.log(2.0)
TIME_LIMIT_S = 120.0
"""Processor seconds after which no further estimate of a method begins."""

HOPELESS = 15.0
"""Bits below the reference at which subset simulation is stopped, and gives no number: chains that
no longer move shrink its product for ever."""


class Problem:
    """A function under one hidden relu layer and the Gaussian prior."""

    def __init__(self, label: str) -> None:
        name, widths = FUNCTIONS[label]
        network = {
            "draws": 10**8, "network": {"widths": list(widths)}, "prior": {"preset": "gaussian"}
        }  # fmt: skip
        self.plan = plan_sampling(campaign_from_mapping(network))
        self.signs = parse_function(name, widths[0]).signs
        self.target = sign_target(self.plan, self.signs, name=label)
        self.d, self.widths, self.passes = self.target.n_parameters, widths, 0
        self.reference = by_pfmap(self, 1, 1024)

    def severity(self, states: np.ndarray) -> np.ndarray:
        """Severities of states, shape (k, d); counts a pass for each."""
        self.passes += len(states)
        n, width, _ = self.widths
        w = states * self.target.scales
        inputs = self.target.kernel.net.inputs
        matrix, offset = w[:, : n * width].reshape(-1, width, n), w[:, n * width : (n + 1) * width]
        hidden = np.maximum(matrix @ inputs + offset[:, :, None], 0.0)
        outputs = (w[:, None, (n + 1) * width : -1] @ hidden)[:, 0] + w[:, -1:]
        missed = np.maximum(0.0, -self.signs * outputs).sum(axis=1)
        return missed / np.sqrt(np.mean(outputs**2, axis=1)) / inputs.shape[1]


def by_pfmap(problem: Problem, seed: int, steps: int = 128) -> float:
    """log2 P, NaN where it is no number."""
    found = estimate_volume(problem.target, Settings(seed=seed, steps=steps), threads=1)
    problem.passes += found.evaluations
    return found.log2_p


def by_openturns(
    problem: Problem, seed: int, draws: int = 1000, keep: float = 0.1, proposal: float = 2.0
) -> float:
    """log2 P by subset simulation."""
    import openturns as ot

    ot.RandomGenerator.SetSeed(seed)

    def severities(states: Any) -> Any:
        return problem.severity(np.asarray(states))[:, None]

    function = ot.PythonFunction(problem.d, 1, func_sample=severities)
    output = ot.CompositeRandomVector(function, ot.RandomVector(ot.Normal(problem.d)))
    method = ot.SubsetSampling(ot.ThresholdEvent(output, ot.LessOrEqual(), 0.0), proposal, keep)
    method.setBlockSize(100)
    method.setMaximumOuterSampling(draws // 100)
    method.setMinimumProbability(2.0 ** (problem.reference - HOPELESS))
    try:
        method.run()
    except (RuntimeError, TypeError) as error:
        # "Probability estimate too small", "The variance estimate must be >= 0": no chain moves.
        if "too small" not in str(error) and "variance estimate" not in str(error):
            raise
        return math.nan
    return math.log2(method.getResult().getProbabilityEstimate())


def by_dynesty(problem: Problem, seed: int, live: int = 500) -> float:
    """log2 P by nested sampling."""
    import dynesty
    from scipy.special import ndtri

    sampler = dynesty.NestedSampler(
        lambda z: -float(problem.severity(z[None])[0]), ndtri, problem.d, nlive=live,
        sample="rwalk", bound="none", rstate=np.random.default_rng(seed),
    )  # fmt: skip
    stop = time.process_time() + TIME_LIMIT_S
    for state in sampler.sample(dlogz=0.0):
        if sampler.live_logl.min() >= 0.0:
            return float(state.logvol) / LN2
        if time.process_time() > stop:
            break
    return math.nan


def tuned(problem: Problem) -> dict[str, Any]:
    """The best of the search for OpenTURNS."""
    best, chosen = math.inf, {}
    for keep, proposal in itertools.product((0.1, 0.25, 0.5), (1.0, 2.0, 3.0)):
        problem.passes = 0
        logs = [by_openturns(problem, seed, 1000, keep, proposal) for seed in range(4)]
        cost = float(np.var(logs, ddof=1)) * problem.passes
        if cost < best:  # NaN where an estimate is no number
            best, chosen = cost, {"draws": 4000, "keep": keep, "proposal": proposal}
    return chosen


def measured(
    problem: Problem, reference: float, estimates: int, estimate: Callable[[int], float]
) -> dict[str, Any]:
    """Root mean square error over estimates, passes and processor seconds of one."""
    problem.passes, logs, began = 0, [], time.process_time()
    for seed in range(101, 101 + estimates):
        logs.append(estimate(seed))
        if time.process_time() - began > TIME_LIMIT_S:
            break
    seconds = (time.process_time() - began) / len(logs)
    known = np.array([log for log in logs if math.isfinite(log)])
    error = math.sqrt(np.mean((known - reference) ** 2)) if len(known) else math.nan
    passes = problem.passes / len(logs)
    return {
        "estimates": len(logs),
        "known": len(known),
        "rms_error": error,
        "passes": passes,
        "processor_s": seconds,
        "error2_passes": error**2 * passes,
        "error2_processor_s": error**2 * seconds,
    }


def peers_table(estimates: int, labels: list[str]) -> list[dict[str, Any]]:
    """Every method on every function."""
    rows: list[dict[str, Any]] = []
    missing = [name for name in ("openturns", "dynesty") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"not installed: {', '.join(missing)}")
    for label in labels:
        problem = Problem(label)
        reference = problem.reference
        methods: dict[str, Callable[[int], float]] = {"pfmap": lambda s, p=problem: by_pfmap(p, s)}
        if "openturns" not in missing:
            methods["OpenTURNS, default"] = lambda s, p=problem: by_openturns(p, s)
            best = tuned(problem)
            if best:
                name = f"OpenTURNS, keep {best['keep']}, range {best['proposal']:g}"
                methods[name] = lambda s, p=problem, b=best: by_openturns(p, s, **b)
        if "dynesty" not in missing:
            methods["dynesty"] = lambda s, p=problem: by_dynesty(p, s)
        for name, estimate in methods.items():
            found = measured(problem, reference, estimates, estimate)
            rows.append({"function": label, "log2_p": reference, "method": name, **found})
        began, blocks = time.process_time(), 20
        draws = sum(t.draws for t in sample_blocks(problem.plan, range(blocks), threads=1))
        seconds = (time.process_time() - began) / draws
        needed = (2.0**-reference - 1.0) / LN2**2
        rows.append(
            {
                "function": label, "log2_p": reference, "method": "counting",
                "error2_passes": needed, "error2_processor_s": needed * seconds,
            }
        )  # fmt: skip
    return rows
