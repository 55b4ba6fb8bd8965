"""The tables of one campaign, as the figures read them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pfmap.campaign import Campaign
from pfmap.store import read_campaign_folder, read_table
from pfmap.store.schema import FUNCTIONS, arrow_schema

_CONTRACT = {column.name for column in FUNCTIONS}


@dataclass(frozen=True)
class Tables:
    """What figures are drawn from: settings and tables of a campaign's folder, nothing else.

    Attributes
    ----------
    campaign : Campaign
        Completed settings.
    functions : DataFrame
        ``functions.parquet``.
    llc, fits, correlations, predictors, evidence : DataFrame
        The other tables; empty where the folder has none.
    """

    campaign: Campaign
    functions: pd.DataFrame
    llc: pd.DataFrame
    fits: pd.DataFrame
    correlations: pd.DataFrame
    predictors: pd.DataFrame
    evidence: pd.DataFrame

    @property
    def complexities(self) -> list[str]:
        """Names of the complexity columns that have a value."""
        return [
            name
            for name in self.functions.columns
            if name not in _CONTRACT and self.functions[name].notna().any()
        ]

    @property
    def has_orbits(self) -> bool:
        """Whether the prior has symmetries, so that orbits have probabilities."""
        return bool(self.functions["orbit"].notna().any())

    @property
    def has_ones(self) -> bool:
        """Whether T(f), the number of ones, is defined."""
        return bool(self.functions["ones"].notna().all())

    @property
    def log2_possible(self) -> float | None:
        """log2 of the number of possible functions; None for a quantised readout."""
        return float(self.campaign.n_points) if self.campaign.readout.kind == "sign" else None

    def numbers(self, column: str) -> np.ndarray:
        """A column of ``functions`` as float64, NaN where it is null."""
        return pd.to_numeric(self.functions[column]).to_numpy(dtype=float)

    def coefficients(self, fit: str, response: str, predictor: str) -> dict[str, float]:
        """Coefficients of one fit by name; empty if it could not be made."""
        rows = self.fits[
            (self.fits["fit"] == fit)
            & (self.fits["response"] == response)
            & (self.fits["predictor"] == predictor)
            & (self.fits["verdict"] == "ok")
        ]
        return dict(zip(rows["coefficient"], rows["estimate"].astype(float), strict=True))


def read_tables(folder: Path) -> Tables:
    """Read what the figures of the campaign in `folder` need.

    Raises
    ------
    DataError
        If there is no campaign, no ``functions.parquet``, or a damaged table.
    """
    return Tables(
        campaign=read_campaign_folder(folder),
        functions=read_table(folder, "functions").to_pandas(),
        llc=_table_or_empty(folder, "llc"),
        fits=_table_or_empty(folder, "fits"),
        correlations=_table_or_empty(folder, "correlations"),
        predictors=_table_or_empty(folder, "predictors"),
        evidence=_table_or_empty(folder, "evidence"),
    )


def _table_or_empty(folder: Path, name: str) -> pd.DataFrame:
    """One table of the folder, without rows where it has not been made yet."""
    if not (folder / f"{name}.parquet").exists():
        return arrow_schema(name).empty_table().to_pandas()
    return read_table(folder, name).to_pandas()
