"""Everything that a campaign knows of one function."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from pfmap.display import Displayed, displayed_values, html_table, value_text
from pfmap.functions.keys import keys_from_words, words_from_keys
from pfmap.functions.orbits import canonical_words
from pfmap.functions.picture import table_svg
from pfmap.functions.probability import clopper_pearson
from pfmap.functions.symmetry import prior_symmetries
from pfmap.settings.campaign import Campaign
from pfmap.store.schema import COUNT_ERROR, FUNCTIONS

from .names import values_of_key

if TYPE_CHECKING:
    from .campaign import OpenedCampaign

_CONTRACT = {column.name for column in (*FUNCTIONS, COUNT_ERROR)}
_REACHED = "reached"


@dataclass(frozen=True, repr=False)
class FunctionRecord(Displayed):
    """One function of a campaign.

    Attributes
    ----------
    key, label : str
        Its key, and what it was asked for by.
    values : ndarray, shape (points,), or None
        Truth table as uint8, or rounded outputs of a quantised readout; None where the key is a
        hash and no draw is known.
    count, draws : int
        Draws that express it, of how many.
    p, p_low, p_high : float
        Share of the draws and its 95 % interval for a function named beforehand.
    log2_p, log2_p_se : float
        Best estimate of log2 P in bits, and its standard error; NaN where there is none.
    p_from : str
        counts | splitting | class (P of a member of its orbit) | few counts | not drawn: what
        `log2_p` rests on.
    orbit : str or None
        Key of the canonical member of its orbit; None where no symmetry holds.
    function_llc_low, function_llc_high : float
        Bounds on λ_f, equal where it is exact; NaN where not known.
    complexity : dict of str to float
        Every measure of the campaign; NaN where one is not defined.
    evidence, llc, free_energy : DataFrame
        Its rows of these tables; `free_energy` is that of its class. Empty where there are none.
    """

    SHOWN: ClassVar = (
        "key",
        "label",
        "p",
        "p_low",
        "p_high",
        "log2_p",
        "log2_p_se",
        "p_from",
        "function_llc",
    )

    key: str
    label: str
    values: np.ndarray | None
    count: int
    draws: int
    p: float
    p_low: float
    p_high: float
    log2_p: float
    log2_p_se: float
    p_from: str
    orbit: str | None
    function_llc_low: float
    function_llc_high: float
    complexity: dict[str, float]
    evidence: pd.DataFrame
    llc: pd.DataFrame
    free_energy: pd.DataFrame

    @property
    def bits(self) -> np.ndarray | None:
        """Truth table, uint8 of shape (points,); None where `values` is, or holds outputs."""
        known = self.values is not None and self.values.dtype == np.uint8
        return self.values if known else None

    @property
    def truth_table(self) -> str | None:
        """The bits as text."""
        return None if self.bits is None else "".join(map(str, self.bits))

    @property
    def function_llc(self) -> float:
        """λ_f where it is exact, else NaN."""
        exact = self.function_llc_low == self.function_llc_high
        return self.function_llc_low if exact else math.nan

    def _repr_html_(self) -> str:
        rows = displayed_values(self)
        rows |= {name: value_text(value) for name, value in self.complexity.items()}
        picture = "" if self.bits is None else table_svg(self.bits, self.label)
        return f"<div>{picture}{html_table(f'{self.label} ({self.key})', rows)}</div>"


def record_of(opened: OpenedCampaign, key: str, label: str) -> FunctionRecord:
    """The record of the function with a whole key, from the tables that are there."""
    campaign = opened.settings
    row, draws = opened.counted(key)
    count = int(row.get("count", 0))
    error = int(row.get("count_error", 0))
    p_low, p_high = (float(end[0]) for end in clopper_pearson([count], max(draws, 1)))
    if error:
        p_high = float(clopper_pearson([min(count + error, draws)], draws)[1][0])
    values = values_of_key(key, int(row["first_draw"]) if count else None, campaign)
    evidence, llc = (opened.rows_of(name, "function", [key]) for name in ("evidence", "llc"))
    orbit, of_class = _class_of(opened, key)
    log2_p, log2_p_se, p_from = _best(count, draws, evidence, of_class, campaign)
    low, high = _function_llc(opened, key, of_class)
    members = [key, *of_class["function"]]
    return FunctionRecord(
        key=key,
        label=label,
        values=values,
        count=count,
        draws=draws,
        p=count / draws if draws else math.nan,
        p_low=p_low,
        p_high=p_high,
        log2_p=log2_p,
        log2_p_se=log2_p_se,
        p_from=p_from,
        orbit=orbit,
        function_llc_low=low,
        function_llc_high=high,
        complexity=_complexity(row, values, campaign),
        evidence=evidence,
        llc=llc,
        free_energy=opened.rows_of("free_energy", "function", members),
    )


def _class_of(opened: OpenedCampaign, key: str) -> tuple[str | None, pd.DataFrame]:
    """Key of the orbit, and its row of ``classes``, if it has one."""
    campaign = opened.settings
    classes = opened.rows_of("classes")
    symmetries = prior_symmetries(campaign)
    if not (symmetries.any and campaign.exact_keys):
        return None, classes[classes["function"] == key]
    keys = [key, *classes["function"]]
    words = words_from_keys(keys, campaign.n_points, True)
    canonical, _ = canonical_words(words, campaign.n_inputs, symmetries)
    same = (canonical == canonical[0]).all(axis=1)
    return str(keys_from_words(canonical[:1], campaign.n_points, True)[0]), classes[same[1:]]


def _best(
    count: int, draws: int, evidence: pd.DataFrame, of_class: pd.DataFrame, campaign: Campaign
) -> tuple[float, float, str]:
    """log2 P, its standard error, and what they rest on."""
    if count >= campaign.analysis.min_count:
        return (*_counted(count, draws), "counts")
    measured = evidence
    if len(evidence):
        signs, reached = evidence["loss"] == "signs", evidence["verdict"] == _REACHED
        measured = evidence[signs & reached]
    for rows, source in ((measured, "splitting"), (of_class, "class")):
        if len(rows) and pd.notna(rows["log2_p"].iloc[0]):
            row = rows.iloc[0]
            return float(row["log2_p"]), float(row["log2_p_se"]), source
    if count:
        return (*_counted(count, draws), "few counts")
    return math.nan, math.nan, "not drawn"


def _counted(count: int, draws: int) -> tuple[float, float]:
    """log2 of a share and its standard error, sqrt((1 - p) / (N p)) / ln 2."""
    p = count / draws
    return math.log2(p), math.sqrt((1.0 - p) / count) / math.log(2.0)


def _function_llc(opened: OpenedCampaign, key: str, of_class: pd.DataFrame) -> tuple[float, float]:
    """Bounds on λ_f, which all members of an orbit share."""
    for rows in (opened.rows_of("function_llc", "function", [key]), of_class):
        if len(rows):
            low, high = (rows[f"function_llc_{end}"].iloc[0] for end in ("low", "high"))
            return float(low), float(high)
    return math.nan, math.nan


def _complexity(
    row: dict[str, Any], values: np.ndarray | None, campaign: Campaign
) -> dict[str, float]:
    """The measures of the function's row; those without a value are measured, on a cube."""
    from pfmap.complexity import measure_tables
    from pfmap.pipeline.proxies import campaign_proxies

    known = {name: float(value) for name, value in row.items() if name not in _CONTRACT}
    names = [item.name for item in campaign_proxies(campaign)]
    missing = [name for name in names if math.isnan(known.get(name, math.nan))]
    if campaign.domain.kind == "boolean" and campaign.readout.kind == "sign" and missing:
        table = "" if values is None else "".join(map(str, values))
        measured = measure_tables([table], missing) if table else {}
        known |= {name: float(column[0]) for name, column in measured.items()}
    return {name: known.get(name, math.nan) for name in dict.fromkeys([*names, *known])}
