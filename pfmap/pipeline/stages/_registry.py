"""The stages by name, in the order they run: those of the files here, and those that were added."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from pfmap.errors import SettingsError
from pfmap.kernels._jit import kernel_folder

from ._stage import Stage

_STAGES: dict[str, Stage] = {}


def _stages() -> dict[str, Stage]:
    """All stages. Their files are imported here, since some of them ask this registry."""
    if not _STAGES:
        for file in pkgutil.iter_modules([str(Path(__file__).parent)]):
            if not file.name.startswith("_"):
                stage: Stage = importlib.import_module(f"{__package__}.{file.name}").STAGE
                _STAGES[stage.name] = stage
    return _STAGES


def stage_of(name: str) -> Stage:
    """The record of a stage.

    Raises
    ------
    SettingsError
        If there is none of that name.

    Examples
    --------
    >>> stage_of("llc").needs
    ('complexity',)
    """
    if name not in _stages():
        raise SettingsError(
            f"stages: no such stage, got {name!r}",
            next_step=f"choose from {', '.join(stage_names())}",
        )
    return _stages()[name]


def with_needed(names: Iterable[str]) -> tuple[str, ...]:
    """Stages and all that they need, each after what it needs.

    Examples
    --------
    >>> with_needed(["llc"])
    ('sample', 'functions', 'complexity', 'llc')
    """

    def below(name: str) -> Iterator[str]:
        for needed in stage_of(name).needs:
            yield from below(needed)
        yield name

    return tuple(dict.fromkeys(stage for name in names for stage in below(name)))


def stage_names() -> tuple[str, ...]:
    """Names of all stages in the order they run; the figures come last.

    Examples
    --------
    >>> stage_names()
    ('sample', 'functions', 'complexity', 'llc', 'volume', 'free_energy', 'analyze', 'plot')
    """
    return with_needed(["plot", *_stages()])


def stage_of_table(table: str) -> str | None:
    """The first stage that writes a table; None for one that a command of its own writes.

    Examples
    --------
    >>> stage_of_table("functions"), stage_of_table("posterior")
    ('functions', None)
    """
    return next((name for name in stage_names() if table in stage_of(name).tables), None)


def compiled(names: Iterable[str]) -> bool:
    """Whether the cache holds machine code of the largest kernels of stages as they are now."""
    folders = [kernel_folder(kernel) for name in names for kernel in stage_of(name).kernels]
    return all(folder is not None and any(folder.glob("*.nbc")) for folder in folders)


def register_stage(stage: Stage) -> None:
    """Add a stage of your own to those that campaigns run, in this process, after the others.

    Parameters
    ----------
    stage : Stage
        What it needs are stages that are known.

    Raises
    ------
    SettingsError
        If the name is no identifier or is taken, or a needed stage is unknown.
    """
    if not stage.name.isidentifier() or stage.name in _stages():
        raise SettingsError(
            f"stage: a new name must be an identifier that is not taken, got {stage.name!r}",
            next_step=f"taken are {', '.join(stage_names())}",
        )
    with_needed(stage.needs)
    _STAGES[stage.name] = stage
