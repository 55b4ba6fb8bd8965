"""What pydantic finds wrong with settings, as one line: key, rule, value, next step."""

from __future__ import annotations

import difflib
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from pfmap.errors import SettingsError, shown

from .domain import Domain

# A tagged union, whose tag pydantic takes for a key.
_DOMAINS: dict[str, type[BaseModel]] = {
    get_args(model.model_fields["kind"].annotation)[0]: model
    for model in get_args(get_args(Domain)[0])
}
# What pydantic says in words of Python.
_RULES = {
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "tuple_type": "must be a list",
    "too_short": "must hold at least {min_length} values",
}
_EXPLAINED = "every key is explained in the file that this writes: pfmap init OTHER.toml"
_FEWER_DRAWS = "begin with draws = 1000000; --resume adds more to what is finished"


def settings_error(
    error: ValidationError, model: type[BaseModel], source: str, family: type[BaseModel] = BaseModel
) -> SettingsError:
    """The first complaint as an error for the user.

    Parameters
    ----------
    error : ValidationError
        Raised by pydantic.
    model : type
        The settings that were validated: keys, and tables of keys.
    source : str
        Where the settings come from.
    family : type, optional
        The table ``[model]``, if there is one: its keys are those of its family.

    Returns
    -------
    SettingsError
    """
    first = error.errors()[0]
    parts = [str(part) for part in first["loc"]]
    tag = parts.pop(1) if parts[:1] == ["domain"] and len(parts) > 2 else None
    key = ".".join(parts)
    if first["type"] == "extra_forbidden":
        return SettingsError(
            f"{source}: {key}: unknown key, got {shown(first['input'])}",
            next_step=_closest(parts[-1], _known_keys(model, parts[:-1], tag, family)),
        )
    if first["type"] == "union_tag_invalid":
        return SettingsError(
            f"{source}: {key}.kind: must be one of {first['ctx']['expected_tags']}, "
            f"got {shown(first['ctx']['tag'])}"
        )
    if first["type"] == "missing":
        return SettingsError(f"{source}: {key}: must be given", next_step=_EXPLAINED)
    rule = first["msg"].removeprefix("Value error, ")
    if first["type"] in _RULES:
        rule = _RULES[first["type"]].format(**first.get("ctx", {}))
    if not key:
        return SettingsError(f"{source}: {rule}")
    return SettingsError(
        f"{source}: {key}: {rule}, got {shown(first['input'])}",
        next_step=_FEWER_DRAWS if key == "draws" else _EXPLAINED,
    )


def check_kinds(settings: Any, completed: Any, source: str, key: str = "") -> None:
    """Refuse values that were converted: ``draws = true`` is a slip, not one draw.

    Parameters
    ----------
    settings : Any
        As written in the file.
    completed : Any
        As validated.
    source, key : str
        Where they come from, for the error message.

    Raises
    ------
    SettingsError
        If a truth value, a number or a text became one of the others.
    """
    if isinstance(completed, BaseModel) and isinstance(settings, dict):
        for name, value in settings.items():
            check_kinds(value, getattr(completed, name), source, f"{key}.{name}".lstrip("."))
    elif isinstance(completed, tuple):
        for value, item in zip(settings, completed, strict=True):
            check_kinds(value, item, source, key)
    elif completed is not None and _kind(settings) != _kind(completed):
        raise SettingsError(f"{source}: {key}: must be {_kind(completed)}, got {shown(settings)}")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "text" if isinstance(value, str) else "a number"


def _known_keys(
    model: type[BaseModel], parents: list[str], tag: str | None, family: type[BaseModel]
) -> list[str]:
    """Keys allowed inside the table at `parents`."""
    if tag is not None:
        return list(_DOMAINS[tag].model_fields)
    table: Any = model
    for parent in parents:
        annotation = table.model_fields[parent].annotation
        table = next((item for item in get_args(annotation) if item is not type(None)), annotation)
        table = family if parent == "model" else table
    return list(table.model_fields)


def _closest(key: str, known: list[str]) -> str:
    """The known key that looks like `key`, else all of them."""
    close = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
