"""Verdicts on correlations: what a learning coefficient must show before it is believed.

``supported`` needs all of:

1. the 95 % lower bound of the between-function share of the variance of λ is above 0;
2. the partial rank correlation given ``ones`` and ``entropy`` (with orbit-based P also the size of
   the orbit) excludes 0;
3. pure noise with the reported standard errors passes 1 and 2 in under 1 % of simulations;
4. the coefficient's own 95 % interval excludes 0;
5. the rows of λ that were dropped for their verdict are few and look like those kept.

Anything else is ``not supported``, with the conditions that failed. Correlations in which no
learning coefficient takes part are ``descriptive``: they describe the table, no claim is tested.
"""

from __future__ import annotations

from dataclasses import dataclass

from pfmap.analysis.correlate import Estimate
from pfmap.analysis.variance import VarianceSplit

SUPPORTED = "supported"
NOT_SUPPORTED = "not supported"
DESCRIPTIVE = "descriptive"
MAX_NOISE_RATE = 0.01
MIN_RELIABILITY = 0.2


@dataclass(frozen=True)
class Verdict:
    """A verdict and its reason."""

    verdict: str
    reason: str


def judged(item: Estimate, verdict: Verdict, subset: str = "all") -> dict[str, object]:
    """One row of the table of correlations."""
    return {
        "x": item.x,
        "y": item.y,
        "method": item.method,
        "given": item.given,
        "subset": subset,
        "n": item.n,
        "estimate": item.estimate,
        "low": item.low,
        "high": item.high,
        "verdict": verdict.verdict,
        "reason": verdict.reason,
    }


def share_reason(label: str, split: VarianceSplit) -> tuple[bool, str]:
    """Whether λ of `label` differs between functions beyond doubt, and the words for it."""
    if split.problem:
        return False, f"{label}: no variance split: {split.problem}"
    words = f"between-function share of {label} {split.shares[0]:.3f}"
    words += f" [{split.low[0]:.3f}, {split.high[0]:.3f}]"
    return split.low[0] > 0.0, words


def partial_reason(partial: Estimate | None) -> tuple[bool, str]:
    """Whether the partial rank correlation excludes 0, and the words for it."""
    if partial is None:
        return False, "no partial correlation given ones and entropy"
    if partial.problem:
        return False, f"no partial correlation: {partial.problem}"
    words = f"partial correlation given {partial.given} {partial.estimate:.3f}"
    words += f" [{partial.low:.3f}, {partial.high:.3f}]"
    return partial.excludes_zero, words


def pair_verdict(
    item: Estimate,
    splits: dict[str, VarianceSplit],
    partial: Estimate | None,
    noise_rate: float | None,
    dropping: str = "",
) -> Verdict:
    """Verdict on one coefficient between a learning coefficient and another quantity.

    Parameters
    ----------
    item : Estimate
        The coefficient.
    splits : dict of str to VarianceSplit
        Variance split of the definition that takes part, by its name.
    partial : Estimate or None
        The partial rank correlation of the same pair.
    noise_rate : float or None
        Share of pure-noise simulations that pass; None where conditions 1 and 2 already fail.
    dropping : str, default ""
        Why the rows kept cannot stand for all, from `pfmap.analysis.dropping`.
    """
    checks = [share_reason(label, split) for label, split in splits.items()]
    checks.append(partial_reason(partial))
    if noise_rate is not None:
        words = f"pure noise passes in {noise_rate:.1%} of simulations"
        checks.append((noise_rate < MAX_NOISE_RATE, words))
    if dropping:
        checks.append((False, dropping))
    if item.problem:
        checks.insert(0, (False, item.problem))
    elif not item.excludes_zero:
        checks.insert(0, (False, "interval includes 0"))
    failed = [words for passed, words in checks if not passed]
    if failed:
        return Verdict(NOT_SUPPORTED, "; ".join(failed))
    return Verdict(SUPPORTED, "; ".join(words for _, words in checks))


def table_verdict(item: Estimate, min_count: int) -> Verdict:
    """Verdict on a coefficient without a learning coefficient."""
    if item.problem:
        return Verdict(NOT_SUPPORTED, item.problem)
    rows = "orbits" if "log2_p_orbit" in (item.x, item.y) else "functions"
    return Verdict(DESCRIPTIVE, f"{rows} counted at least {min_count} times")


def disattenuated(item: Estimate, reliability: float) -> tuple[Estimate, str] | None:
    """Pearson coefficient divided by the root of the reliability of λ, or None below 0.2.

    Spearman's correction for attenuation r / sqrt(reliability), with the reliability taken as
    known: the interval is scaled by the same factor. Only for λ with something that is not
    estimated at the same draws: errors that two definitions share are no attenuation.

    References
    ----------
    Spearman, C. (1904), The proof and measurement of association between two things, American
    Journal of Psychology 15, 72-101.
    """
    if item.problem or not reliability >= MIN_RELIABILITY:
        return None
    factor = reliability**-0.5
    corrected = Estimate(
        item.x,
        item.y,
        "pearson_disattenuated",
        "",
        item.n,
        item.estimate * factor,
        item.low * factor,
        item.high * factor,
        "",
    )
    reason = f"pearson over the root of the reliability {reliability:.2f}, taken as known"
    if abs(corrected.estimate) > 1.0:
        reason += "; beyond 1 by sampling error"
    return corrected, reason
