"""What a run says while it works, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from pfmap.display import Displayed
from pfmap.settings.campaign import Campaign

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


@dataclass(frozen=True, repr=False)
class StageOutcome(Displayed):
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


@dataclass(frozen=True, repr=False)
class RunProfile(Displayed):
    """Where the time of a run went.

    Attributes
    ----------
    threads : int
        Threads of the run.
    parts : list of dict
        ``stage, part, calls, wall_s, processor_s, share``: part ``all`` of every stage that ran,
        with its share of the run's stages; below it parts of the stage, their wall times added up
        over threads, with their share of the stage's threads (its wall time × `threads`). The
        last, ``the rest``, is what no part covers: Python between the parts, waiting, idle threads.
    sampling : list of dict
        ``part, us_per_draw, share``: the parts of one kernel, each repeated by itself on one
        thread after the run, in microseconds a draw; empty if nothing was sampled.
    """

    SHOWN: ClassVar = ("threads",)

    threads: int
    parts: list[dict[str, Any]]
    sampling: list[dict[str, Any]]


@dataclass(repr=False)
class RunResult(Displayed):
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
    profile : RunProfile or None
        Where the time went, if asked for.
    """

    SHOWN: ClassVar = (
        "folder",
        "campaign.name",
        "campaign.draws",
        "elapsed_s",
        "stages",
        "repaired",
    )

    folder: Path
    campaign: Campaign
    stages: dict[str, StageOutcome] = field(default_factory=dict)
    repaired: list[str] = field(default_factory=list)
    elapsed_s: float = 0.0
    profile: RunProfile | None = None
