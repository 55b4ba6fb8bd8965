"""Functions that settings name: checked before the first draw, and turned into keys."""

from __future__ import annotations

from pfmap.errors import SettingsError
from pfmap.functions.keys import check_key
from pfmap.functions.named import parse_function
from pfmap.settings.campaign import Campaign
from pfmap.settings.sections import NAMED_FUNCTIONS


def check_named(campaign: Campaign) -> None:
    """Refuse named functions that the campaign's domain does not have.

    The default names of ``volume.named`` are passed over there: `wanted_functions` says so.

    Raises
    ------
    SettingsError
        Naming the setting and the first of them.
    """
    named = {"volume.named": campaign.volume.named, "free_energy.named": campaign.free_energy.named}
    for setting, texts in named.items():
        if texts in ((), NAMED_FUNCTIONS):
            continue
        if not campaign.exact_keys:
            raise SettingsError(
                f"{setting}: functions are measured where their key spells them out, at most 256 "
                f"signs, got {campaign.n_points} points and readout.kind = {campaign.readout.kind}",
                next_step="set it to [] or leave it out",
            )
        for text in texts:
            key_of_text(text, campaign, setting)


def key_of_text(text: str, campaign: Campaign, setting: str) -> tuple[str, str]:
    """Key and label of a function given as name, table or key; as key on points of a file.

    Raises
    ------
    SettingsError
        If the campaign has no such function, naming the setting.
    """
    try:
        if campaign.domain.kind != "boolean":
            key = check_key(text, campaign)
            return key, key
        found = parse_function(text, campaign.n_inputs)
    except SettingsError as error:
        rule = error.message.removeprefix("function: ")
        raise SettingsError(
            f"{setting}: {rule}",
            next_step=f"{error.next_step}; names are for all inputs of n bits",
        ) from error
    return found.key, found.label
