"""A campaign's folder as one object: settings, tables, functions, weights, figures."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from pfmap.display import Displayed, html_table, value_text
from pfmap.errors import DataError, EnvironmentFault, SettingsError
from pfmap.execution import check_threads
from pfmap.execution.stopping import StopRequest
from pfmap.functions.keys import key_length
from pfmap.pipeline import SilentReporter, stage_of_table, status
from pfmap.pipeline.job import Job
from pfmap.pipeline.stages.llc import choose_draws
from pfmap.reading import reading
from pfmap.sampling import weights_of_draws
from pfmap.settings.campaign import Campaign
from pfmap.store import CampaignFolder, find_functions, read_campaign_folder, read_table
from pfmap.store.folder import SUMMARY, block_draws
from pfmap.store.schema import IN_FOLDERS, TABLES, arrow_schema
from pfmap.store.tables import row_count

from .function import FunctionRecord, record_of
from .names import spelled_key
from .plots import Plots

if TYPE_CHECKING:
    import pyarrow as pa

    from pfmap.pipeline import RunResult

COUNTS = "counts"
TABLE_NAMES = tuple(name for name in TABLES if name == COUNTS or name not in IN_FOLDERS)
"""Tables that are read as one."""


class OpenedCampaign(Displayed):
    """What lies in a campaign's folder, read when it is asked for.

    Every table of the data contract is an attribute by its name and a pandas table: ``functions``,
    ``llc``, ``evidence``, ``free_energy``, …; one that has not been made is a `DataError` that says
    which stage makes it. Of an interrupted campaign there is what was finished.

    Parameters
    ----------
    folder : Path
        Folder of the campaign.
    outcome : RunResult, optional
        What the run did that this campaign comes from.

    Attributes
    ----------
    folder : Path
    outcome : RunResult or None
        None where it was opened and not run.
    settings : Campaign
        Completed settings.
    plot : Plots
        Its figures: ``campaign.plot.probability_lz(ax=…)``.
    """

    SHOWN: ClassVar = ("folder", "settings.name", "settings.draws", "tables")

    def __init__(self, folder: Path, outcome: RunResult | None = None) -> None:
        self.folder = folder
        self.outcome = outcome
        self.settings: Campaign = read_campaign_folder(folder)
        self.plot = Plots(folder)
        self._read: dict[str, tuple[tuple[int, ...], pa.Table, pd.DataFrame]] = {}

    @property
    def files(self) -> CampaignFolder:
        """Paths of the folder, and its journal as it is now."""
        return CampaignFolder(self.folder)

    @property
    def tables(self) -> list[str]:
        """Names of the tables that are there."""
        files = self.files
        made = [name for name in TABLE_NAMES if name != COUNTS and files.table(name).is_file()]
        return [COUNTS, *made] if files.finished_blocks(self.settings) else made

    @property
    def status(self) -> dict[str, Any]:
        """How far it is, as `pfmap.status` says."""
        return status(self.folder)

    def _repr_html_(self) -> str:
        state = self.status
        rows = {name: value_text(attrgetter(name)(self)) for name in self.SHOWN[:-1]}
        rows["draws done"] = f"{state['draws']['done']:,} of {state['draws']['total']:,}"
        rows |= {f"stage {name}": entry["state"] for name, entry in state["stages"].items()}
        for name in self.tables:
            if name != COUNTS:
                rows[name] = f"{row_count(self.files.table(name), name):,} rows"
        return html_table(type(self).__name__, rows)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *TABLE_NAMES]

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name not in TABLE_NAMES:
            raise AttributeError(f"{type(self).__name__} has no attribute or table {name!r}")
        return self.table(name)

    def table(self, name: str) -> pd.DataFrame:
        """A table as pandas; kept until its file changes.

        Raises
        ------
        DataError
            If it has not been made, naming the stage that makes it, or is damaged.
        """
        return self._tables_of(name)[1]

    def arrow(self, name: str) -> pa.Table:
        """A table as Arrow, units and meanings in the metadata of its fields; raises as `table`."""
        return self._tables_of(name)[0]

    def polars(self, name: str) -> Any:
        """A table as polars, which must be installed; raises as `table`."""
        try:
            import polars
        except ImportError as error:
            raise EnvironmentFault(
                "polars: is not installed", next_step="pip install polars, or use arrow or table"
            ) from error
        return polars.from_arrow(self.arrow(name))

    def rows_of(self, name: str, column: str = "", values: Iterable[str] = ()) -> pd.DataFrame:
        """Rows of a table with some values in a column; none where the table is not there."""
        if name not in self.tables:
            return arrow_schema(name).empty_table().to_pandas()
        table = self.table(name)
        return table[table[column].isin(list(values))] if column else table

    def function(self, name: str) -> FunctionRecord:
        """All that is known of one function, drawn or not.

        Parameters
        ----------
        name : str
            Its key, or enough of its beginning; on all inputs of n bits also a name, an expression
            or a truth table, as `pfmap.function` reads them.

        Raises
        ------
        SettingsError
            If the campaign can have no such function, or several drawn ones begin so.
        """
        key = spelled_key(name, self.settings)
        if len(key) < key_length(self.settings.n_points, self.settings.exact_keys):
            key = self._completed(key)
        return record_of(self, key, name)

    def weights(self, name: str, count: int = 1) -> np.ndarray:
        """Parameter vectors of draws that express a function, made again from (seed, draw).

        Parameters
        ----------
        name : str
            As for `function`.
        count : int, default 1
            How many. First draws of different blocks come for free; blocks are drawn again where
            more are wanted.

        Returns
        -------
        ndarray of float32, shape (found, d)
            In the order of `pfmap.models.network.unflatten`; fewer than `count` where it was drawn
            less often.

        Raises
        ------
        SettingsError
            If `count` is below 1 or no draw expresses it.
        DataError
            If a draw, made again, expresses another function than its shard says.
        """
        if count < 1:
            raise SettingsError(f"count: must be at least 1, got {count}")
        record = self.function(name)
        if not record.count:
            raise SettingsError(
                f"function: no draw of the campaign expresses {name}",
                next_step="pfmap.estimate_probability measures how rare it is",
            )
        # Only how many draws are wanted differs from the run's own settings.
        chosen = self.settings.llc.model_copy(update={"draws_per_function": count})
        settings = self.settings.model_copy(update={"llc": chosen})
        job = Job(settings, self.files, check_threads(None), SilentReporter(), StopRequest())
        draws = choose_draws(job, pd.Series([record.key]))["draw"].to_numpy()
        return weights_of_draws(job.plan, draws)

    def summary(self) -> str:
        """The text that ends a run; of an unfinished one, how far it is."""
        path = self.folder / SUMMARY
        if path.is_file():
            with reading(path, kind="text", next_step="pfmap run --resume makes it again"):
                return path.read_text(encoding="utf-8")
        state = self.status
        done = ", ".join(
            name for name, entry in state["stages"].items() if entry["state"] == "done"
        )
        return (
            f"{state['name']}: {state['draws']['done']:,} of {state['draws']['total']:,} draws; "
            f"stages done: {done or 'none'}\n"
        )

    def resume(self, **options: Any) -> OpenedCampaign:
        """Go on with what is missing; keywords as for `pfmap.run`."""
        from .running import run

        return run(self.settings, self.folder, resume=True, **options)

    def counted(self, key: str) -> tuple[dict[str, Any], int]:
        """The row of a drawn function, empty for another, and the draws that were made."""
        if "functions" in self.tables:
            draws, rows = find_functions(self.folder, key)
        else:
            blocks = self.files.finished_blocks(self.settings)
            draws = sum(block_draws(self.settings, index) for index in blocks)
            rows = self.rows_of(COUNTS, "function", [key])
        return ({str(k): v for k, v in rows.iloc[0].items()} if len(rows) else {}), draws

    def _completed(self, beginning: str) -> str:
        """The one key drawn that begins so."""
        source = "functions" if "functions" in self.tables else COUNTS
        keys = self.table(source)["function"]
        found = keys[keys.str.startswith(beginning)]
        if len(found) != 1:
            raise SettingsError(
                f"function: must begin one function drawn, got {beginning!r}, which begins "
                f"{len(found)}",
                next_step="write the whole key",
            )
        return str(found.iloc[0])

    def _tables_of(self, name: str) -> tuple[pa.Table, pd.DataFrame]:
        """A table in both forms, read again if its file is another."""
        if name not in TABLE_NAMES:
            raise DataError(f"table: must be one of {', '.join(TABLE_NAMES)}, got {name!r}")
        if name not in self.tables:
            raise DataError(f"{name}: there is no such table in {self.folder}", **_remedy(name))
        stamp = self._stamp(name)
        known = self._read.get(name)
        if known is None or known[0] != stamp:
            table = read_table(self.folder, name)
            known = self._read[name] = (stamp, table, table.to_pandas())
        return known[1:]

    def _stamp(self, name: str) -> tuple[int, ...]:
        """What changes with the file of a table, or with the blocks behind ``counts``."""
        if name == COUNTS:
            return tuple(self.files.finished_blocks(self.settings))
        found = self.files.table(name).stat()
        return found.st_mtime_ns, found.st_size


def _remedy(name: str) -> dict[str, str]:
    """What makes a table, as the last part of an error."""
    stage = stage_of_table(name)
    if stage is None:
        return {"next_step": f"pfmap {name.replace('calibration', 'calibrate')} --out writes it"}
    return {"next_step": f"the stage {stage} makes it: campaign.resume(stages=[{stage!r}])"}


def open_campaign(folder: Path | str) -> OpenedCampaign:
    """Open the folder of a campaign, finished or interrupted.

    Parameters
    ----------
    folder : Path or str
        A folder that `pfmap.run` or ``pfmap run`` wrote.

    Returns
    -------
    OpenedCampaign

    Raises
    ------
    DataError
        If the folder holds no campaign.

    Examples
    --------
    >>> import tempfile
    >>> from pfmap import pipeline
    >>> settings = Campaign(draws=4096, network={"widths": (3, 8, 1)}, prior={"preset": "gaussian"})
    >>> folder = tempfile.mkdtemp()
    >>> _ = pipeline.run(settings, folder, stages=["complexity"])
    >>> campaign = open_campaign(folder)
    >>> int(campaign.functions["count"].sum())
    4096
    >>> campaign.function("majority").truth_table
    '00010111'
    >>> campaign.weights("constant-0", 3).shape
    (3, 41)
    >>> campaign.llc
    Traceback (most recent call last):
        ...
    pfmap.errors.DataError: llc: there is no such table in ... (next: the stage llc makes it: \
campaign.resume(stages=['llc']))
    """
    return OpenedCampaign(Path(folder))
