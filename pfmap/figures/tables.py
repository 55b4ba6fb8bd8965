"""The tables of one campaign, as the figures read them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from pfmap.analysis.coverage import counted_words
from pfmap.analysis.population import (
    Population,
    counted_well,
    population_of,
    read_population,
)
from pfmap.analysis.quantities import order_bound_columns
from pfmap.settings.campaign import Campaign
from pfmap.store import CampaignFolder, read_campaign_folder, read_table
from pfmap.store.schema import COUNT_ERROR, FUNCTIONS, arrow_schema

_CONTRACT = {column.name for column in (*FUNCTIONS, COUNT_ERROR)}


@dataclass(frozen=True)
class Tables:
    """What figures are drawn from: settings and tables of a campaign's folder, nothing else.

    Attributes
    ----------
    campaign : Campaign
        Completed settings; `analysis.min_count` as `counted_well` raises it.
    functions : DataFrame
        ``functions.parquet``, or the rows of it that enter by themselves.
    llc, fits, correlations, predictors, evidence, classes, free_energy, relations : DataFrame
        The other tables; empty where the folder has none.
    population : Population or None
        All functions drawn, tallied; None: `functions` holds all of them.
    """

    campaign: Campaign
    functions: pd.DataFrame
    llc: pd.DataFrame
    fits: pd.DataFrame
    correlations: pd.DataFrame
    predictors: pd.DataFrame
    evidence: pd.DataFrame
    population: Population | None = None
    classes: pd.DataFrame = field(default_factory=pd.DataFrame)
    free_energy: pd.DataFrame = field(default_factory=pd.DataFrame)
    relations: pd.DataFrame = field(default_factory=pd.DataFrame)

    @cached_property
    def everything(self) -> Population:
        """All functions drawn; where `population` is None these are the rows of `functions`."""
        return self.population or population_of(self.functions)

    @property
    def levels(self) -> pd.DataFrame:
        """How many functions have each pair of ``count`` and ``lz``."""
        return self.everything.levels

    @property
    def complexities(self) -> list[str]:
        """Names of the complexity columns that have a value, and the order that they read."""
        left_out = {*_CONTRACT, *order_bound_columns(self.campaign)}
        return [name for name in self.everything.valued if name not in left_out]

    @property
    def has_orbits(self) -> bool:
        """Whether the prior has symmetries and all functions were kept: orbits have P."""
        return bool(self.functions["orbit_count"].notna().any())

    @property
    def noun(self) -> str:
        """What the rows of ``functions`` are: functions, or how they were chosen."""
        part = self.everything.part
        return "functions" if part is None else counted_words(part)

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


def read_tables(
    folder: Path,
    *,
    scratch: Path | None = None,
    threads: int | None = None,
    memory: int | None = None,
) -> Tables:
    """Read what the figures of the campaign in `folder` need.

    `scratch`, `threads` and `memory` are as in `pfmap.store.merge.stream_counts`.

    Raises
    ------
    DataError
        If there is no campaign, no ``functions.parquet``, or a damaged table.
    """
    path = CampaignFolder(folder).table("functions")
    campaign = counted_well(read_campaign_folder(folder), path)
    named = (
        "llc", "fits", "correlations", "predictors", "evidence",
        "classes", "free_energy", "relations",
    )  # fmt: skip
    others = {name: _table_or_empty(folder, name) for name in named}
    population = read_population(
        path,
        min_count=campaign.analysis.min_count,
        named=others["llc"]["function"],
        scratch=scratch,
        threads=threads,
        memory=memory,
    )
    return Tables(
        campaign=campaign,
        functions=population.functions,
        population=population,
        **others,
    )


def _table_or_empty(folder: Path, name: str) -> pd.DataFrame:
    """One table of the folder, without rows where it has not been made yet."""
    if not (folder / f"{name}.parquet").exists():
        return arrow_schema(name).empty_table().to_pandas()
    return read_table(folder, name).to_pandas()
