"""What is declared of a stage: its place among the others, what it writes, and what it reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from pfmap.display import Displayed
from pfmap.pipeline.job import Job
from pfmap.settings.campaign import Campaign


@dataclass(frozen=True, repr=False)
class Stage(Displayed):
    """A step of a campaign: tables in, tables out.

    Attributes
    ----------
    name : str
        As in ``stages`` of `pfmap.run`; the name of its file.
    label : str
        What progress calls it, such as ``sampling the prior``.
    needs : tuple of str
        Stages whose results it reads.
    tables : tuple of str
        Tables that it writes, where the campaign has them.
    kernels : tuple of str
        Modules of `pfmap.kernels` whose machine code it needs most of.
    settings : callable
        Given a campaign, what of its settings decides the results, as plain data.
    run : callable
        Given a `Job`, makes the results; the files written, as the journal names them.
    """

    SHOWN: ClassVar = ("name", "label", "needs", "tables")

    name: str
    label: str
    needs: tuple[str, ...]
    tables: tuple[str, ...]
    kernels: tuple[str, ...]
    settings: Callable[[Campaign], Any]
    run: Callable[[Job], list[str]]
