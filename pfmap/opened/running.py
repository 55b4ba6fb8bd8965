"""Running a campaign from Python: what it returns, and how it says to go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pfmap import pipeline
from pfmap.errors import PfmapError, StoppedEarly
from pfmap.settings.campaign import Campaign

from .campaign import OpenedCampaign

RESULTS = Path("results")


def run(campaign: Campaign, folder: Path | str | None = None, **options: Any) -> OpenedCampaign:
    """Run a campaign in a folder, or what of it is missing, and open it.

    Parameters
    ----------
    campaign : Campaign
        Settings.
    folder : Path or str, optional
        Folder of the campaign; made if absent. None is ``results/NAME``, as on the command line.
    **options
        As for `pfmap.pipeline.run`: ``resume``, ``fresh``, ``threads``, ``memory``, ``cluster``,
        ``staging``, ``lease_s``, ``blocks``, ``stages``, ``profile``, ``reporter``.

    Returns
    -------
    OpenedCampaign
        Its ``outcome`` says what the run did.

    Raises
    ------
    StoppedEarly
        On Ctrl-C (the interrupt of a notebook's cell) or SIGTERM. Everything finished is kept, and
        the error says how to go on.
    SettingsError, DataError, EnvironmentFault
        As `pfmap.pipeline.run`.

    Examples
    --------
    >>> import tempfile
    >>> settings = Campaign(draws=1000, network={"widths": (2, 4, 1)})
    >>> campaign = run(settings, tempfile.mkdtemp(), stages=["functions"])
    >>> int(campaign.functions["count"].sum()), campaign.tables
    (1000, ['counts', 'functions'])
    """
    place = RESULTS / campaign.name if folder is None else Path(folder)
    try:
        outcome = pipeline.run(campaign, place, **options)
    except StoppedEarly as error:
        step = f"pfmap.open_campaign({str(place)!r}).resume()"
        raise StoppedEarly(error.message, next_step=step) from None
    except PfmapError as error:
        raise type(error)(error.message, next_step=_in_python(error.next_step)) from error
    return OpenedCampaign(place, outcome)


def _in_python(step: str) -> str:
    """A next step as Python spells it.

    Examples
    --------
    >>> _in_python("continue it with --resume, start over with --fresh, or choose another folder")
    'continue it with resume=True, start over with fresh=True, or choose another folder'
    """
    for flag in ("resume", "fresh"):
        step = step.replace(f"--{flag}", f"{flag}=True")
    return step.replace("--out", "folder")
