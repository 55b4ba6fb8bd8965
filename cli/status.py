"""``pfmap status``: how far a campaign is."""

from __future__ import annotations

from pathlib import Path

import typer

from .campaigns import FolderArgument, find_folder
from .render import JsonFlag, counted, counting_text, emit, table


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("status")(status)


def status(folder: FolderArgument = Path("default"), as_json: JsonFlag = False) -> None:
    """Show blocks, stages and files of a campaign.

    Example: pfmap status results/default
    """
    from pfmap import pipeline
    from pfmap.store import CampaignFolder

    found = find_folder(folder)
    payload = pipeline.status(found)
    draws, blocks = payload["draws"], payload["blocks"]
    rows = [
        {"stage": name, "state": entry["state"], "elapsed_s": entry["elapsed_s"]}
        for name, entry in payload["stages"].items()
    ]
    text = [
        f"{payload['folder']}: campaign {payload['name']}, "
        f"{'complete' if payload['complete'] else 'not complete'}, "
        f"{counted(payload['runs'], 'run')}",
        f"{draws['done']:,} of {draws['total']:,} draws, "
        f"{blocks['done']} of {blocks['total']} blocks",
        *counting_text(payload["counting"]),
        "",
        table(rows),
        "",
        table([{"file": name, "bytes": size} for name, size in payload["files"].items()]),
    ]
    if not payload["complete"]:
        text += ["", f"continue with: {CampaignFolder(found).resume_command}"]
    emit(payload, "\n".join(text), as_json)
