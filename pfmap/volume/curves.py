"""Volume curve, free energy, λ and m of several functions of one network, and their tables."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from pfmap.errors import SettingsError
from pfmap.functions.named import BooleanFunction
from pfmap.settings.campaign import Campaign
from pfmap.store.schema import arrow_schema

from .asymptote import asymptote_start
from .crossings import Crossing, Side, find_crossings
from .estimate import VolumeEstimate, estimate_volume
from .evidence import FreeEnergy, free_energy
from .fit import MIN_RUNS, CurveFit, fit_curve
from .known import known_bounds
from .probability import estimate_probability
from .rows import evidence_row, volume_rows
from .splitting import Settings
from .target import Target, loss_target

Loss = Literal["squared", "bernoulli"]


@dataclass(frozen=True)
class Wanted:
    """What a curve is wanted of.

    Attributes
    ----------
    name : str
        Key of the function, or a name of the user's own.
    targets : ndarray of float64, shape (points,)
        Outputs wanted: ±1, real numbers, or logits for ``bernoulli``.
    loss : {"squared", "bernoulli"}
        K = ½ mean (output - target)², or the mean KL divergence of the probabilities.
    function : BooleanFunction or None
        The Boolean function with these signs, if there is one whose P(f) is wanted too.
    """

    name: str
    targets: np.ndarray
    loss: Loss = "squared"
    function: BooleanFunction | None = None


@dataclass(frozen=True)
class FunctionCurve:
    """What is known of one function.

    Attributes
    ----------
    wanted : Wanted
    estimate : VolumeEstimate
        Of the loss.
    energy : FreeEnergy
    fit : CurveFit
        λ and m.
    probability : VolumeEstimate or None
        Of the zero-one loss; None where no Boolean function was wanted.
    n_asymptote : float, default NaN
        Lower bound on the n at which λ log n can begin to be the leading term, where the curve ends
        on a plateau and one is known (`pfmap.volume.asymptote`).
    """

    wanted: Wanted
    estimate: VolumeEstimate
    energy: FreeEnergy
    fit: CurveFit
    probability: VolumeEstimate | None
    n_asymptote: float = math.nan

    @property
    def side(self) -> Side:
        """What a comparison with another curve needs; λ counts only with the verdict ok."""
        lambda_known, p = self.fit.verdict == "ok", self.probability
        return Side(
            self.wanted.name,
            self.energy,
            p.log2_p if p is not None else math.nan,
            self.fit.learning_coefficient if lambda_known else math.nan,
            p.log2_p_se if p is not None else math.nan,
            self.fit.learning_coefficient_se if lambda_known else math.nan,
        )


class CurveTables(NamedTuple):
    """The tables of `curve_tables`."""

    volume: pa.Table
    evidence: pa.Table
    free_energy: pa.Table
    crossings: pa.Table


def function_target(campaign: Campaign, wanted: Wanted) -> Target:
    """Small loss of a campaign's model, under the campaign's prior.

    Raises
    ------
    SettingsError
        If there is not one finite target for every point.

    Examples
    --------
    >>> from pfmap.settings.network import Network
    >>> perceptron = Campaign(network=Network(widths=(2, 1)))
    >>> function_target(perceptron, Wanted("and", np.array([-1.0, -1.0, -1.0, 1.0]))).loss
    'squared'
    """
    model = campaign.compiled_model().with_targets(wanted.targets)
    if wanted.loss == "bernoulli":
        model = model.in_bernoulli_form()
    return loss_target(
        model,
        campaign.standard_deviations,
        name=wanted.name,
        law=campaign.prior.law,
        loss=wanted.loss,
    )


def check_curve_settings(settings: Settings) -> None:
    """Refuse settings that no curve can be fitted with, before anything is sampled.

    Raises
    ------
    SettingsError
        If ``lowest`` is not above 0, or there are fewer than four runs.

    Examples
    --------
    >>> check_curve_settings(Settings(runs=3, lowest=1e-6))
    Traceback (most recent call last):
    pfmap.errors.SettingsError: runs: must be at least 4 for a curve, so that the spread between ...
    """
    if not settings.lowest > 0.0:
        raise SettingsError(
            f"lowest: must be above 0 for a curve, got {settings.lowest}", next_step="such as 1e-6"
        )
    if settings.runs < MIN_RUNS:
        raise SettingsError(
            f"runs: must be at least {MIN_RUNS} for a curve, so that the spread between runs can "
            f"be told for λ, got {settings.runs}",
            next_step="leave it out for 8 runs",
        )


def measure_curve(
    campaign: Campaign,
    wanted: Wanted,
    settings: Settings,
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FunctionCurve:
    """Volume curve of one function, and all that follows from it.

    Parameters
    ----------
    campaign : Campaign
        Network, prior and domain.
    wanted : Wanted
    settings : Settings
        ``lowest`` is the smallest t; it must be above 0. At least four runs. P(f) is measured with
        the same lengths.
    threads : int, optional
        None means every CPU. The result does not depend on it.
    progress : callable, optional
        Called with (done, total) runs of the loss.

    Raises
    ------
    SettingsError
        If `settings` or `wanted` break a rule.

    Examples
    --------
    AND of two inputs by a perceptron, whose three parameters cannot meet four targets:

    >>> from pfmap.settings.network import Network
    >>> perceptron = Campaign(network=Network(widths=(2, 1)))
    >>> wanted = Wanted("8", np.array([-1.0, -1.0, -1.0, 1.0]))
    >>> found = measure_curve(perceptron, wanted, Settings(lowest=1e-6), threads=1)
    >>> found.estimate.verdict, found.fit.verdict, found.fit.multiplicity
    ('stalled', 'not reached', None)
    >>> bool(found.estimate.curve.severities[-1] > 0.12)  # least squares leave K = 1/8
    True
    """
    check_curve_settings(settings)
    target = function_target(campaign, wanted)
    estimate = estimate_volume(target, settings, threads=threads, progress=progress)
    probability = None
    if wanted.function is not None:
        lengths = Settings(
            settings.chains, settings.steps, settings.runs, settings.max_levels, 0.0, settings.seed
        )
        probability = estimate_probability(campaign, wanted.function, lengths, threads=threads)
    known = known_bounds(campaign, wanted)
    energy, fit = free_energy(estimate), fit_curve(estimate, known=known)
    begins = math.nan
    if fit.verdict == "plateau":
        begins = asymptote_start(campaign, wanted, energy, known)
    return FunctionCurve(wanted, estimate, energy, fit, probability, begins)


def compare_curves(curves: list[FunctionCurve]) -> list[Crossing]:
    """Crossings of all pairs of curves of the same loss, in the order given."""
    found = []
    for f, g in itertools.combinations(curves, 2):
        if f.wanted.loss == g.wanted.loss:
            found += find_crossings(f.side, g.side)
    return found


def curve_tables(curves: list[FunctionCurve]) -> CurveTables:
    """Tables ``volume``, ``evidence``, ``free_energy`` and ``crossings`` of some curves."""
    volume, evidence, energies, crossings = [], [], [], []
    for curve in curves:
        name, loss = curve.wanted.name, curve.wanted.loss
        volume += volume_rows(curve.estimate, function=name)
        label = curve.wanted.function.label if curve.wanted.function is not None else name
        evidence.append(
            evidence_row(curve.estimate, function=name, name=label)
            | {
                "learning_coefficient": _known(curve.fit.learning_coefficient),
                "learning_coefficient_se": _known(curve.fit.learning_coefficient_se),
                "multiplicity": curve.fit.multiplicity,
                "fit": curve.fit.verdict,
                "learning_coefficient_low": _known(curve.fit.low),
                "learning_coefficient_high": _known(curve.fit.high),
                "learning_coefficient_known_low": _number(curve.fit.known.low),
                "learning_coefficient_known_high": _number(curve.fit.known.high),
                "learning_coefficient_known": curve.fit.known.source,
                "n_asymptote": _known(curve.n_asymptote),
            }
        )
        if curve.probability is not None:
            volume += volume_rows(curve.probability, function=name)
            evidence.append(evidence_row(curve.probability, function=name, name=label))
        energies.append(energy_frame(curve.energy, function=name, loss=loss))
    losses = {curve.wanted.name: curve.wanted.loss for curve in curves}
    crossings = [crossing_row(item, losses[item.function]) for item in compare_curves(curves)]
    ones = {c.wanted.name: int(c.wanted.function.bits.sum()) for c in curves if c.wanted.function}
    for row in evidence:
        row.setdefault("ones", ones.get(row["function"]))
    return CurveTables(
        pa.Table.from_pylist(volume, arrow_schema("volume")),
        pa.Table.from_pylist(evidence, arrow_schema("evidence")),
        pa.Table.from_pandas(pd.concat(energies), arrow_schema("free_energy"), False),
        pa.Table.from_pylist(crossings, arrow_schema("crossings")),
    )


def energy_frame(energy: FreeEnergy, *, function: str, loss: str) -> pd.DataFrame:
    """Rows of the table ``free_energy``; NaN becomes null there."""
    return pd.DataFrame(
        {
            "function": function,
            "loss": loss,
            "n": energy.n,
            "free_energy": energy.free_energy,
            "free_energy_se": energy.free_energy_se,
            "lambda_eff": energy.lambda_eff,
            "lambda_eff_se": energy.lambda_eff_se,
        }
    )


def crossing_row(crossing: Crossing, loss: str) -> dict[str, Any]:
    """Row of the table ``crossings``."""
    return {
        "function": crossing.function,
        "other": crossing.other,
        "loss": loss,
        "n": _known(crossing.n),
        "n_low": _known(crossing.n_low),
        "n_high": _known(crossing.n_high),
        "n_from": crossing.n_from,
        "n_to": crossing.n_to,
        "log_evidence_ratio_at_equal_fit_from": crossing.log_ratio_from,
        "log_evidence_ratio_at_equal_fit_to": crossing.log_ratio_to,
        "log_evidence_ratio_at_equal_fit_to_se": crossing.log_ratio_to_se,
        "prior_bits": _known(crossing.prior_bits),
        "log_n_bits": _known(crossing.log_n_bits),
        "rest_bits": _known(crossing.rest_bits),
        "prior_bits_se": _known(crossing.prior_bits_se),
        "log_n_bits_se": _known(crossing.log_n_bits_se),
        "rest_bits_se": _known(crossing.rest_bits_se),
        "settled": crossing.settled,
    }


def _number(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _known(value: float) -> float | None:
    """The value, or None (null in the table) for NaN."""
    return None if math.isnan(value) else float(value)
