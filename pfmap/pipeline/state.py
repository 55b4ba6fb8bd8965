"""How far a campaign is, from its journal alone: quick, and nothing is compiled or verified."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from pfmap.errors import DataError
from pfmap.store import CampaignFolder, read_campaign_folder
from pfmap.store.provenance import read_provenance
from pfmap.store.tables import counting_notes, row_count

from .stages import stage_names, stage_of


def status(folder: Path | str) -> dict[str, Any]:
    """How far the campaign in `folder` is.

    Parameters
    ----------
    folder : Path or str
        Folder of a campaign.

    Returns
    -------
    dict
        ``folder``, ``name``, ``settings`` (completed), ``draws`` and ``blocks`` (each ``done`` and
        ``total``), ``stages`` (name to ``state``: done | stale | missing, and ``elapsed_s``),
        ``files`` (name to bytes, shards summed as ``counts/``, kept runs of a splitting as
        ``volume/``), ``runs`` (number of runs so far), ``complete``, ``counting`` (as `counting`
        says). A stage is stale when a stage it needs ran after it, or when draws were added since.

    Raises
    ------
    DataError
        If the folder holds no campaign.

    Examples
    --------
    >>> import tempfile
    >>> import pfmap
    >>> settings = pfmap.Campaign(draws=1000, network={"widths": (2, 4, 1)})
    >>> folder = pfmap.run(settings, tempfile.mkdtemp(), stages=["functions"]).folder
    >>> found = status(folder)
    >>> found["draws"], found["stages"]["functions"]["state"], found["stages"]["llc"]["state"]
    ({'done': 1000, 'total': 1000}, 'done', 'missing')
    """
    campaign = read_campaign_folder(folder)
    files = CampaignFolder(Path(folder))
    finished = files.finished_blocks(campaign)
    state = files.journal.state
    stages: dict[str, dict[str, Any]] = {}
    for stage in stage_names():
        entry = state.stages.get(stage)
        stages[stage] = {
            "state": _stage_state(stage, files, stages, len(finished) == campaign.n_blocks),
            "elapsed_s": entry.elapsed_s if entry else None,
        }
    written = files.written_files()
    sizes = {files.relative(path): path.stat().st_size for path in written}
    for inside in ("counts/", "volume/"):
        names = [name for name in sizes if name.startswith(inside)]
        if names or inside == "counts/":
            sizes[inside] = sum(sizes.pop(name) for name in names)
    return {
        "folder": str(files.path),
        "name": campaign.name,
        "settings": campaign.model_dump(mode="json", exclude_none=True),
        "draws": {
            "done": sum(entry.draws for entry in finished.values()),
            "total": campaign.draws,
        },
        "blocks": {"done": len(finished), "total": campaign.n_blocks},
        "stages": stages,
        "files": sizes,
        "runs": len(read_provenance(files.provenance_file)["runs"]),
        "complete": all(entry["state"] == "done" for entry in stages.values()),
        "counting": counting(folder),
    }


def counting(folder: Path | str) -> dict[str, Any]:
    """How the campaign in `folder` counts its functions.

    Returns
    -------
    dict
        ``keep`` (all, frequent, sampled), ``functions`` (rows of ``functions.parquet``),
        ``inclusion`` (probability with which a function is in it) and ``count_error`` (draws by
        which a count is too small at most), each None where it is not known or means nothing.

    Raises
    ------
    DataError
        If the folder holds no campaign.
    """
    keep = read_campaign_folder(folder).counting.keep
    path = CampaignFolder(Path(folder)).table("functions")
    rows: int | None = None
    notes: dict[str, str] = {}
    # Not made yet, or damaged: the state of the stages and `verify` say so.
    with suppress(DataError):
        rows, notes = row_count(path, "functions"), counting_notes(path, "functions")
    inclusion, error = (notes.get(f"pfmap_{name}") for name in ("inclusion", "count_error"))
    return {
        "keep": keep,
        "functions": rows,
        "inclusion": None if inclusion is None else float(inclusion),
        "count_error": None if error is None else int(error),
    }


def _stage_state(
    stage: str, files: CampaignFolder, known: dict[str, dict[str, Any]], all_drawn: bool
) -> str:
    """done, stale or missing."""
    state = files.journal.state
    entry = state.stages.get(stage)
    if entry is None or any(not (files.path / name).is_file() for name in entry.files):
        return "missing"
    if stage == "sample":
        return "done" if all_drawn else "stale"
    line = state.line_of_stage[stage]
    for needed in stage_of(stage).needs:
        if known[needed]["state"] != "done" or state.line_of_stage[needed] > line:
            return "stale"
    return "done"
