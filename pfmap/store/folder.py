"""The folder of a campaign: where each file lies, and reading it back."""

from __future__ import annotations

import io
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pfmap.errors import DataError
from pfmap.settings.campaign import Campaign
from pfmap.settings.domain import PointsDomain
from pfmap.settings.read import read_campaign

from .atomic import file_digest, sweep, write_bytes
from .journal import BlockEntry, Journal, ProvenanceEntry
from .merge import merge_counts
from .provenance import read_provenance, write_provenance
from .schema import IN_FOLDERS, TABLES
from .tables import bears_mark, counting_notes, read_file, stream_file

FIGURES = "figures"
SUMMARY = "summary.md"
SPLITTING_STAGES = ("volume", "free_energy")
"""Stages that keep runs of splittings."""


@dataclass(frozen=True)
class CampaignFolder:
    """Paths inside a campaign's folder.

    Parameters
    ----------
    path : Path
        The folder; it need not exist yet.

    Examples
    --------
    >>> folder = CampaignFolder(Path("results/default"))
    >>> folder.shard(12).as_posix()
    'results/default/counts/part-000012.parquet'
    >>> folder.table("llc").as_posix()
    'results/default/llc.parquet'
    """

    path: Path

    @property
    def campaign_file(self) -> Path:
        """Completed settings."""
        return self.path / "campaign.toml"

    @property
    def provenance_file(self) -> Path:
        """Versions, machine, threads and wall times."""
        return self.path / "provenance.json"

    @property
    def points_file(self) -> Path:
        """Copy of the points of a domain that was read from a file."""
        return self.path / "domain.npy"

    @cached_property
    def journal(self) -> Journal:
        """The journal of finished blocks and stages."""
        return Journal(self.path / "journal.jsonl")

    @property
    def resume_command(self) -> str:
        """What continues or repairs the campaign, for the shell.

        Examples
        --------
        >>> CampaignFolder(Path("results/my net")).resume_command
        "pfmap run 'results/my net' --resume"
        """
        path = str(self.path)
        # A leading dash would make it an option.
        return f"pfmap run {shlex.quote(f'./{path}' if path.startswith('-') else path)} --resume"

    @property
    def counts(self) -> Path:
        """Folder of the shards."""
        return self.path / "counts"

    def shard(self, block_index: int) -> Path:
        """Shard of one block."""
        return self.counts / f"part-{block_index:06d}.parquet"

    def folded(self, name: str, blocks: int) -> Path:
        """Counts of the first `blocks` blocks in one file: of a sample, or of frequent functions.

        Examples
        --------
        >>> CampaignFolder(Path("results/default")).folded("sample", 64).as_posix()
        'results/default/counts/sample-000064.parquet'
        """
        return self.counts / f"{name}-{blocks:06d}.parquet"

    def runs(self, stage: str) -> Path:
        """Folder of the finished runs of a stage of splittings, one folder a function.

        Examples
        --------
        >>> CampaignFolder(Path("results/default")).runs("volume").as_posix()
        'results/default/volume'
        """
        return self.path / stage

    def keeps_run(self, path: Path) -> bool:
        """Whether a file is a kept run by its place."""
        return any(path.is_relative_to(self.runs(stage)) for stage in SPLITTING_STAGES)

    def table(self, name: str) -> Path:
        """Parquet file of a derived table."""
        return self.path / f"{name}.parquet"

    def relative(self, path: Path) -> str:
        """`path` as the journal names it: from the folder, with forward slashes."""
        return path.relative_to(self.path).as_posix()

    def damage(self, name: str, sha256: str) -> str:
        """What is wrong with a file that the journal names, in words; empty if nothing."""
        path = self.path / name
        if not path.is_file():
            return f"{name} is missing"
        if file_digest(path) != sha256:
            return f"{name} is damaged: its SHA-256 is not the journal's"
        return ""

    def holds_campaign(self) -> bool:
        """Whether a campaign was started here."""
        return self.journal.path.exists()

    def write_settings(self, campaign: Campaign) -> None:
        """Write ``campaign.toml``, naming the folder's own points so that the folder can move."""
        domain = campaign.domain
        if isinstance(domain, PointsDomain) and Path(domain.file) == self.points_file.resolve():
            own = domain.model_copy(update={"file": self.points_file.name})
            campaign = campaign.model_copy(update={"domain": own})
        write_bytes(self.campaign_file, campaign.to_toml().encode())

    def write_points(self, points: np.ndarray) -> None:
        """Write the copy of the domain's points."""
        buffer = io.BytesIO()
        np.save(buffer, points, allow_pickle=False)
        write_bytes(self.points_file, buffer.getvalue())

    def sweep(self) -> list[Path]:
        """Remove the temporary files of killed writers."""
        folders = [self.path, self.counts, *self.run_folders(), self.path / FIGURES]
        return [path for folder in folders if folder.is_dir() for path in sweep(folder)]

    def record_run(self, campaign: Campaign, run: dict[str, Any], *, first: bool = False) -> None:
        """Write ``provenance.json`` with one run more, or the last one anew; the journal knows."""

        def note(sha256: str) -> None:
            self.journal.append(ProvenanceEntry(sha256))

        write_provenance(self.provenance_file, campaign, run, first=first, note=note)

    def provenance_damage(self) -> str:
        """What is wrong with ``provenance.json``, in words; empty if nothing."""
        if not read_provenance(self.provenance_file)["runs"]:
            return "missing or damaged; the next run begins a new one"
        noted = self.journal.state.provenance
        if noted and file_digest(self.provenance_file) not in noted:
            return "damaged or was changed: its SHA-256 is not the journal's"
        return ""

    def written_files(self) -> list[Path]:
        """Every file here that pfmap wrote, the journal last.

        What the journal names, and what says so itself, if the journal was lost.
        """
        return [path for path, ours in self._places().items() if ours]

    def foreign_files(self) -> list[Path]:
        """Files that pfmap did not write in places where it writes or reads.

        A table that the journal names and that cannot be read is a damaged one of pfmap's; one that
        can be read, without pfmap's mark, is somebody's own.
        """
        return [
            path
            for path, ours in self._places().items()
            if not ours or (path.suffix == ".parquet" and bears_mark(path) is False)
        ]

    def unrecorded_files(self) -> list[Path]:
        """What pfmap wrote and no line of the journal names: tables, shards, the summary.

        Kept runs of a splitting say themselves what they are of, and count without a line.
        """
        kept = {self.campaign_file, self.provenance_file, self.points_file, self.journal.path}
        known = self._recorded() | kept
        files = [path for path in self.written_files() if not self.keeps_run(path)]
        return [path for path in files if path not in known]

    def run_folders(self, *stages: str) -> list[Path]:
        """Folders of the functions whose runs are kept, of some stages or of all."""
        homes = [self.runs(stage) for stage in stages or SPLITTING_STAGES]
        return sorted(path for home in homes for path in home.glob("*") if path.is_dir())

    def _places(self) -> dict[Path, bool]:
        """The files in pfmap's places, the journal last, and whether pfmap wrote each."""
        tables = [self.table(name) for name in TABLES if name not in IN_FOLDERS]
        parts = sorted(
            path
            for folder in (self.counts, *self.run_folders())
            for path in folder.glob("*.parquet")
            if not path.name.startswith(".")
        )
        known = self._recorded()
        places = {self.campaign_file: True}
        for path in [*tables, *parts, *sorted(known)]:
            places[path] = path in known or bool(bears_mark(path))
        has_run = (
            self.holds_campaign()
            or any(places[path] for path in [*tables, *parts])
            or bool(read_provenance(self.provenance_file)["runs"])
        )
        others = [self.provenance_file, self.points_file, self.path / SUMMARY]
        places |= dict.fromkeys(others, has_run)
        places[self.journal.path] = True
        return {path: ours for path, ours in places.items() if path.is_file()}

    def _recorded(self) -> set[Path]:
        """What the journal names; through a link inside the folder, nothing outside of it."""
        root = self.path.resolve()
        state = self.journal.state
        named = {self.path / name for name in state.files}
        named = {path for path in named if path.resolve().is_relative_to(root)}
        return named | {self.shard(index) for index in state.blocks}

    def clear(self) -> list[Path]:
        """Remove the files that pfmap wrote, and its folders where nothing else is left."""
        removed = self.written_files()
        for path in removed:
            path.unlink()
        homes = [self.runs(stage) for stage in SPLITTING_STAGES]
        for folder in (self.counts, *self.run_folders(), *homes, self.path / FIGURES):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        self.__dict__.pop("journal", None)
        return removed

    def finished_blocks(self, campaign: Campaign) -> dict[int, BlockEntry]:
        """Journal entries of the blocks that are done for this campaign's total of draws."""
        entries = self.journal.state.blocks
        return {
            index: entries[index]
            for index in range(campaign.n_blocks)
            if index in entries and entries[index].draws == block_draws(campaign, index)
        }


def block_draws(campaign: Campaign, block_index: int) -> int:
    """Draws of one block: `campaign.block_draws`, fewer in the last.

    Examples
    --------
    >>> campaign = Campaign(draws=1000, block_draws=512)
    >>> block_draws(campaign, 0), block_draws(campaign, 1)
    (512, 488)
    """
    return min(campaign.block_draws, campaign.draws - block_index * campaign.block_draws)


def read_campaign_folder(folder: Path | str) -> Campaign:
    """Settings of the campaign in `folder`.

    Parameters
    ----------
    folder : Path or str
        A folder written by ``pfmap run``.

    Returns
    -------
    Campaign

    Raises
    ------
    DataError
        If there is no campaign.
    SettingsError
        If its ``campaign.toml`` was edited into something invalid.
    """
    files = CampaignFolder(Path(folder))
    if not files.campaign_file.is_file():
        raise DataError(
            f"{files.path}: holds no campaign (no campaign.toml)",
            next_step="name a folder written by pfmap run, such as results/default",
        )
    return read_campaign(files.campaign_file)


def read_table(folder: Path | str, name: str, columns: list[str] | None = None) -> pa.Table:
    """Read one table of a campaign's folder, verified.

    Parameters
    ----------
    folder : Path or str
        A folder written by ``pfmap run``.
    name : str
        ``functions``, ``llc``, ``evidence``, ``fits``, …, or ``counts``: the shards of all
        finished blocks merged, one row a function, by descending count. Where a campaign does not
        keep all functions, ``counts`` is what ``functions`` holds of them.
    columns : list of str, optional
        Columns to read; None reads all.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    DataError
        If the table is missing, foreign, damaged, or of a format this version cannot read.
    """
    if name not in TABLES:
        raise DataError(f"table: no such table, got {name!r}; there are {', '.join(TABLES)}")
    files = CampaignFolder(Path(folder))
    if name != "counts":
        return read_file(files.table(name), name, columns)
    campaign = read_campaign_folder(folder)
    if campaign.counting.keep != "all":
        wanted = columns or [column.name for column in TABLES["counts"]]
        return read_file(files.table("functions"), "functions", wanted)
    blocks = files.finished_blocks(campaign)
    counts = merge_counts([files.shard(index) for index in blocks], scratch=None)
    return counts if columns is None else counts.select(columns)


def find_functions(folder: Path | str, beginning: str) -> tuple[int, pd.DataFrame]:
    """Functions whose key begins with some digits, without holding the whole table.

    Parameters
    ----------
    folder : Path or str
        A folder with ``functions.parquet``.
    beginning : str
        First digits of the key, or all of them.

    Returns
    -------
    draws : int
        Draws of the campaign when the table was made.
    functions : DataFrame
        Rows of ``functions.parquet``, the most frequent first.

    Raises
    ------
    DataError
        If the table is missing or damaged.
    """
    draws, found = 0, []
    path = CampaignFolder(Path(folder)).table("functions")
    for rows in stream_file(path, "functions"):
        draws += pc.sum(rows["count"]).as_py() or 0
        found.append(rows.filter(pc.starts_with(rows["function"], beginning)))
    # Where not all functions are kept their counts do not add up to the draws.
    draws = int(counting_notes(path, "functions").get("pfmap_draws", draws))
    return draws, pa.concat_tables(found).to_pandas()
