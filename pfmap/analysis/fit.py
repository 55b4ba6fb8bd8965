"""One row of the table of fits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class FitRow:
    """A coefficient with its interval; NaN where it does not exist, with the reason as verdict."""

    fit: str
    response: str
    predictor: str
    coefficient: str
    estimate: float
    low: float = float("nan")
    high: float = float("nan")
    n: int = 0
    method: str = ""
    verdict: str = "ok"


def missing_rows(
    fit: str, response: str, predictor: str, coefficients: Iterable[str], n: int, problem: str
) -> list[FitRow]:
    """Rows of a fit that could not be made."""
    nan = float("nan")
    return [
        FitRow(fit, response, predictor, name, nan, n=n, verdict=problem) for name in coefficients
    ]
