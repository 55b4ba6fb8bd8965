"""What a run says while it works, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pfmap.campaign import Campaign

Progress = Callable[[int, int], None]


class Reporter(Protocol):
    """Receives what a run has to say; the command line draws it, scripts stay silent."""

    def started(self, stage: str) -> None:
        """Stage `stage` begins."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` units of the stage are finished (draws, functions, estimates)."""

    def workers(self, number: int) -> None:
        """`number` workers of a cluster are there now."""

    def message(self, text: str) -> None:
        """One line worth reading: compiling, a damaged shard found, an estimate of time."""

    def finished(self, stage: str, elapsed_s: float, up_to_date: bool) -> None:
        """Stage `stage` ended, or was skipped because nothing it depends on has changed."""


class SilentReporter:
    """Says nothing."""

    def started(self, stage: str) -> None:
        """Say nothing."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """Say nothing."""

    def workers(self, number: int) -> None:
        """Say nothing."""

    def message(self, text: str) -> None:
        """Say nothing."""

    def finished(self, stage: str, elapsed_s: float, up_to_date: bool) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class StageOutcome:
    """How one stage went.

    Attributes
    ----------
    elapsed_s : float
        Wall time in this run.
    up_to_date : bool
        Whether it was skipped because its inputs and settings had not changed.
    files : tuple of Path
        Its tables or figures.
    """

    elapsed_s: float
    up_to_date: bool
    files: tuple[Path, ...]


@dataclass
class RunResult:
    """What a run did.

    Attributes
    ----------
    folder : Path
        The campaign's folder.
    campaign : Campaign
        Completed settings.
    stages : dict
        Stage name to `StageOutcome`, in order, of the stages asked for.
    repaired : list of str
        Files that were damaged and have been made again.
    elapsed_s : float
        Wall time of the whole run.
    """

    folder: Path
    campaign: Campaign
    stages: dict[str, StageOutcome] = field(default_factory=dict)
    repaired: list[str] = field(default_factory=list)
    elapsed_s: float = 0.0
