"""A campaign as a commented TOML file: every key with its meaning, rule and value."""

from __future__ import annotations

import textwrap
from typing import Any, get_args

import tomli_w
from pydantic import BaseModel, WithJsonSchema
from pydantic.fields import FieldInfo

from pfmap.settings.campaign import Campaign

_INTRO = """\
# A pfmap campaign. Run it with: pfmap run THIS_FILE
# Every key is optional. Without a key, its default holds, which need not be the value below: see
# docs/campaign-file.md. Without the whole table [prior] the law is that of vallePerez2019; with it,
# keys left out have the values of gaussian. Draws, counts and complexities depend on this file
# alone; learning coefficients also on the processor, in their last digits, and probabilities by
# splitting within their errors; nothing depends on threads."""

TABLES = ("network", "model")
"""Tables of which a campaign has one."""

_NAMES = {
    "ge": "at least",
    "gt": "more than",
    "le": "at most",
    "lt": "less than",
    "min_length": "length at least",
}


def _rule(info: FieldInfo) -> str:
    """Allowed values of a field in words."""
    choices = [choice for choice in _choices(info.annotation) if choice is not None]
    for item in info.metadata:
        if isinstance(item, WithJsonSchema) and item.json_schema:
            choices += item.json_schema.get("enum", [])
    if len(choices) > 1:
        return "one of: " + ", ".join(str(choice) for choice in choices)
    bounds = []
    for item in info.metadata:
        for attribute, words in _NAMES.items():
            value = getattr(item, attribute, None)
            if value is not None:
                bounds.append(f"{words} {value:,}")
    return ", ".join(bounds)


def _choices(annotation: Any) -> list[Any]:
    """Values of every Literal inside an annotation."""
    found: list[Any] = []
    for argument in get_args(annotation):
        if isinstance(argument, (str, int, float)) and not isinstance(argument, type):
            found.append(argument)
        else:
            found.extend(_choices(argument))
    return found


def _comment(text: str) -> str:
    return textwrap.fill(text, 96, initial_indent="# ", subsequent_indent="#   ")


def _table(model: BaseModel) -> list[str]:
    """Lines of one table: comment, then `key = value`; keys without a value stay comments."""
    lines = []
    for key, info in type(model).model_fields.items():
        value = getattr(model, key)
        if isinstance(value, BaseModel) or key in TABLES:
            continue
        description = info.description or ""
        rule = _rule(info)
        lines.append(_comment(f"{description} ({rule})" if rule else description))
        if value is None:
            lines.append(f"# {key} =")
        else:
            dumped = list(value) if isinstance(value, tuple) else value
            text = tomli_w.dumps({key: dumped}, multiline_strings=False).strip()
            lines.append(" ".join(text.split()).replace("[ ", "[").replace(", ]", "]"))
    return lines


def render_template(campaign: Campaign) -> str:
    """Commented TOML of a campaign; reading it back gives an equal campaign.

    Parameters
    ----------
    campaign : Campaign
        Settings to write.

    Returns
    -------
    str

    Examples
    --------
    >>> text = render_template(Campaign())
    >>> "draws = 1000000" in text
    True
    """
    lines = [_INTRO, "", *_table(campaign)]
    for key in type(campaign).model_fields:
        value = getattr(campaign, key)
        if isinstance(value, BaseModel):
            doc = (type(value).__doc__ or "").strip().splitlines()[0]
            lines += ["", _comment(doc), f"[{key}]", *_table(value)]
    return "\n".join(lines) + "\n"
