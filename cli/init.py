"""``pfmap init``: write a commented campaign file."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from .render import JsonFlag, emit


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("init")(init)


def init(
    file: Annotated[
        Path | None, typer.Argument(help="File to write; NAME.toml if left out.")
    ] = None,
    source: Annotated[
        str, typer.Option("--from", help="Named campaign to start from; see --list.")
    ] = "default",
    names: Annotated[bool, typer.Option("--list", help="List the named campaigns.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write a commented campaign file.

    Example: pfmap init my.toml --from small
    """
    from pfmap.errors import EnvironmentFault, SettingsError
    from pfmap.experiments import campaign_names, campaign_note, named_campaign, render_template

    if names:
        notes = {name: campaign_note(name) for name in campaign_names()}
        emit(notes, "\n".join(f"{name}: {note}" for name, note in notes.items()), as_json)
        return
    campaign = named_campaign(source)
    path = file or Path(f"{campaign.name}.toml")
    if file is not None:  # its folder under results/ is then its own
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem).lstrip("._-") or campaign.name
        campaign = campaign.model_copy(update={"name": name})
    try:
        with path.open("x", encoding="utf-8") as handle:
            handle.write(render_template(campaign))
    except FileExistsError as error:
        raise SettingsError(
            f"init: will not overwrite the existing file {path}",
            next_step="name another file: pfmap init OTHER.toml",
        ) from error
    except OSError as error:
        raise EnvironmentFault(
            f"init: cannot write {path}: {error.strerror}", next_step="name a writable file"
        ) from error
    emit({"file": path}, f"wrote {path}; run it with: pfmap run {shlex.quote(str(path))}", as_json)
