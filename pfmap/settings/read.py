"""Settings of a campaign from a nested dict or a TOML file, with errors in plain words."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pfmap.errors import SettingsError
from pfmap.models.families import ModelSection, section_of
from pfmap.reading.settings import read_toml

from .campaign import Campaign
from .validation import check_kinds, settings_error


def campaign_from_mapping(settings: dict[str, Any], *, source: str = "campaign") -> Campaign:
    """Validate settings.

    Parameters
    ----------
    settings : dict
        Nested settings as read from TOML.
    source : str, default "campaign"
        Where they come from, for the error message.

    Returns
    -------
    Campaign

    Raises
    ------
    SettingsError
        Naming the key, the rule and the value of the first broken rule.

    Examples
    --------
    >>> campaign_from_mapping({"draws": 1000}).draws
    1000
    >>> campaign_from_mapping({"drows": 1000})
    Traceback (most recent call last):
        ...
    pfmap.errors.SettingsError: campaign: drows: unknown key, got 1000 (next: did you mean 'draws'?)
    """
    try:
        campaign = Campaign.model_validate(settings)
    except ValidationError as error:
        model = settings.get("model")
        section = ModelSection
        with suppress(SettingsError):
            section = section_of(model) if isinstance(model, dict) else ModelSection
        raise settings_error(error, Campaign, source, section) from error
    check_kinds(settings, campaign, source)
    return campaign


def read_campaign(path: Path | str) -> Campaign:
    """Read and validate a campaign file.

    Parameters
    ----------
    path : Path or str
        A TOML file, such as ``pfmap init`` writes or a campaign's folder holds.

    Returns
    -------
    Campaign

    Raises
    ------
    SettingsError
        If the file is missing, cannot be read, is not TOML, or breaks a rule.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mine.toml"
    >>> path.write_text(Campaign(name="mine", draws=1000).to_toml()) > 0
    True
    >>> read_campaign(path).name
    'mine'
    """
    path = Path(path)
    settings = read_toml(
        path,
        argument="campaign file",
        next_step="see a valid one: pfmap init OTHER.toml",
        missing_next_step=f"pfmap init {path}",
    )
    domain = settings.get("domain")
    if isinstance(domain, dict) and isinstance(domain.get("file"), str):
        # The completed file lives in another folder: it must hold an absolute path. A name that no
        # file can have is left to the reader of points, which says so.
        with suppress(ValueError):
            domain["file"] = os.path.realpath(path.parent / domain["file"])
    return campaign_from_mapping(settings, source=str(path))
