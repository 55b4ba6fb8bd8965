"""Named, ready campaigns for the systems of the literature, and the commented template.

A new one is one new TOML file in this folder, holding only what differs from the defaults.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files

from pfmap.errors import SettingsError
from pfmap.experiments.template import render_template
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping

__all__ = ["campaign_names", "campaign_note", "named_campaign", "render_template"]


def campaign_names() -> list[str]:
    """Names of the campaigns that ship with pfmap.

    Returns
    -------
    list of str

    Examples
    --------
    >>> "default" in campaign_names()
    True
    """
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in files(__package__).iterdir()
        if entry.name.endswith(".toml")
    )


def _text(name: str) -> str:
    if name not in campaign_names():
        raise SettingsError(
            f"campaign: no file and no named campaign, got {name!r}",
            next_step=f"use a file, or one of: {', '.join(campaign_names())}",
        )
    return (files(__package__) / f"{name}.toml").read_text(encoding="utf-8")


def campaign_note(name: str) -> str:
    """What the named campaign is, from the comment that opens its file."""
    lines = _text(name).splitlines()
    comment = [line.removeprefix("#").strip() for line in lines if line.startswith("#")]
    return " ".join(comment)


def named_campaign(name: str) -> Campaign:
    """Campaign called `name`.

    Parameters
    ----------
    name : str
        One of `campaign_names`.

    Returns
    -------
    Campaign

    Raises
    ------
    SettingsError
        If there is none of that name.

    Examples
    --------
    >>> named_campaign("default").network.widths
    (4, 8, 1)
    """
    return campaign_from_mapping(tomllib.loads(_text(name)), source=name)
