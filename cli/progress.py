"""Progress of a run on stderr: a bar with ETA on a terminal, a plain line elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

import typer

from .render import counted

LINE_EVERY_S = 5.0
TITLES = {
    "calibrate": "estimating known models",
    "verify": "verifying",
    "merge": "joining campaigns",
}
"""What is not a stage of a campaign; stages have a label of their own."""


def title_of(what: str) -> str:
    """What progress calls a stage, or anything else that takes long.

    Examples
    --------
    >>> title_of("sample"), title_of("P of parity")
    ('sampling the prior', 'P of parity')
    """
    if what in TITLES or not what.isidentifier():
        return TITLES.get(what, what)
    from pfmap.pipeline.stages import stage_names, stage_of

    return stage_of(what).label if what in stage_names() else what


class ProgressReporter:
    """Reporter of the pipeline that draws on stderr; stdout stays for data."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._bar: Any = None
        self._task: Any = None
        self._last_line = 0.0
        self._first: tuple[float, int] | None = None
        self._workers = 0

    def __enter__(self) -> Self:
        if self._terminal:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )

            self._bar = Progress(
                TextColumn("{task.description:<24}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("elapsed,"),
                TimeRemainingColumn(),
                TextColumn("left"),
                console=Console(stderr=True),
            )
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def started(self, stage: str) -> None:
        """Stage `stage` begins."""
        self._last_line = time.monotonic()
        self._first = None
        if self._bar is not None:
            self._task = self._bar.add_task(title_of(stage), total=None)
        else:
            self._print(f"{title_of(stage)} …")

    def progress(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` units of the stage are finished."""
        now = time.monotonic()
        # The first units may have had to wait for compilation: the rate is that of the others.
        if self._first is None and done > 0:
            self._first = now, done
        if self._bar is not None:
            title = title_of(stage) + self._who_and_how_fast(stage, now, done)
            self._bar.update(self._task, completed=done, total=total, description=title)
            return
        if now - self._last_line < LINE_EVERY_S or self._first is None:
            return
        self._last_line = now
        began, before = self._first
        left = ""
        if done > before:
            left = f", {_clock((now - began) * (total - done) / (done - before))} left"
        title = title_of(stage)
        how = self._who_and_how_fast(stage, now, done)
        self._print(f"{title}: {done:,} of {total:,} ({done / total:.0%}){how}{left}")

    def _who_and_how_fast(self, stage: str, now: float, done: int) -> str:
        """Workers of a cluster, and draws a second."""
        said = f", {counted(self._workers, 'worker')}" if self._workers else ""
        if stage == "sample" and self._first is not None and done > self._first[1]:
            rate = (done - self._first[1]) / max(now - self._first[0], 1e-9)
            said += f", {float(f'{rate:.3g}'):,.0f} draws/s"
        return said

    def workers(self, number: int) -> None:
        """`number` workers of a cluster are there now."""
        if number != self._workers:
            self._workers = number
            self.message(f"cluster: {counted(number, 'worker')}")

    def pilot(self, level: int) -> None:
        """The pilot of a splitting has found a level; how many there will be nobody knows."""
        now = time.monotonic()
        if now - self._last_line >= LINE_EVERY_S:
            self._last_line = now
            self.message(f"pilot: {level} levels, down to about 2^-{2 * level}")

    def message(self, text: str) -> None:
        """One line worth reading."""
        if self._bar is not None:
            self._bar.console.print(text, style="dim", markup=False, highlight=False)
        else:
            self._print(text)

    def finished(self, stage: str, elapsed_s: float, up_to_date: bool) -> None:
        """Stage `stage` ended, or was up to date."""
        if self._bar is not None:
            task = self._bar.tasks[self._task]
            total = task.total or 1
            note = " (up to date)" if up_to_date else ""
            self._bar.update(
                self._task,
                completed=total,
                total=total,
                description=title_of(stage) + note,
            )
        else:
            state = "up to date" if up_to_date else f"{elapsed_s:.1f} s"
            self._print(f"{title_of(stage)}: {state}")

    @staticmethod
    def _print(text: str) -> None:
        # Unlike print, it writes UTF-8 where the locale claims ASCII.
        typer.echo(text, err=True)


def _clock(seconds: float) -> str:
    """A duration as the bar shows it.

    Examples
    --------
    >>> _clock(3725.4)
    '1:02:05'
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
