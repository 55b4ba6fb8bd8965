"""``pfmap show``: everything a campaign knows of one function."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .campaigns import find_folder
from .render import JsonFlag, emit, table

if TYPE_CHECKING:
    from pfmap.settings.campaign import Campaign

BASE = (
    "function", "count", "p", "log2_p", "p_low", "p_high", "first_draw", "ones",
    "orbit", "orbit_size", "orbit_count", "log2_p_orbit",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("show")(show)


def show(
    key: Annotated[
        str,
        typer.Argument(
            help="Key of the function, of which the beginning is enough; on all inputs of n bits "
            "also its name, an expression such as 'x1 & ~x2', or its truth table, as for pfmap "
            "probability."
        ),
    ],
    folder: Annotated[
        Path, typer.Option("--in", help="Folder of a campaign, or its name under results/.")
    ] = Path("default"),
    as_json: JsonFlag = False,
) -> None:
    """Show a function: truth table, P, complexities, learning coefficients, ranks.

    Example: pfmap show majority --in default
    """
    from pfmap.opened.names import spelled_key
    from pfmap.store import find_functions, read_campaign_folder, read_table

    found = find_folder(folder)
    campaign = read_campaign_folder(found)
    spelled = spelled_key(key, campaign)
    # Not campaign.draws: a larger total may have been asked for since.
    draws, rows = find_functions(found, spelled)
    if len(rows) != 1:
        _refuse(key, len(rows), draws, found)
    row = rows.iloc[0].to_dict()
    full_key = str(row["function"])
    payload: dict[str, Any] = {name: row[name] for name in BASE} | {"draws": draws}
    payload |= _values(full_key, int(row["first_draw"]), campaign)
    payload["count_error"] = int(row.pop("count_error", 0))
    payload["complexity"] = {name: value for name, value in row.items() if name not in BASE}
    payload["evidence"] = []
    if (found / "evidence.parquet").exists():
        evidence = read_table(found, "evidence").to_pandas()
        payload["evidence"] = evidence[evidence["function"] == full_key].to_dict("records")
    payload["llc"] = []
    if (found / "llc.parquet").exists():
        llc = read_table(found, "llc").to_pandas()
        payload["llc"] = llc[llc["function"] == full_key].to_dict("records")
    emit(payload, _text(payload, campaign), as_json)


def _refuse(key: str, matches: int, draws: int, folder: Path) -> None:
    from pfmap.errors import SettingsError
    from pfmap.functions.probability import clopper_pearson
    from pfmap.pipeline import counting

    if matches > 1:
        raise SettingsError(
            f"key: must begin one function only, got {key!r}, which begins {matches}",
            next_step="write more of the key",
        )
    how = counting(folder)
    if how["keep"] == "sampled":
        raise SettingsError(
            f"key: no function kept begins with {key}; only a sample of the functions is counted",
            next_step="measure it by splitting: name it under [volume] named",
        )
    unseen = how["count_error"] or 0
    (p_high,) = clopper_pearson([unseen], draws)[1]
    if unseen:
        raise SettingsError(
            f"key: no function kept begins with {key}; one that is not kept was drawn {unseen:,} "
            f"times or less in {draws:,} draws: named beforehand, it has P < {p_high:.2g} (95 %)",
            next_step=f"take a key from {folder / 'functions.parquet'}, the most frequent first",
        )
    raise SettingsError(
        f"key: no function drawn begins with {key}; a function named beforehand and never seen in "
        f"{draws:,} draws has P < {p_high:.2g} (95 %)",
        next_step=f"take a key from {folder / 'functions.parquet'}, the most frequent first",
    )


def _values(key: str, first_draw: int, campaign: Campaign) -> dict[str, Any]:
    """What the function is, in the order of the domain: its bits, or its rounded outputs."""
    from pfmap.opened.names import values_of_key

    values = values_of_key(key, first_draw, campaign)
    if campaign.readout.kind == "sign":
        return {"truth_table": None if values is None else "".join(map(str, values))}
    return {"truth_table": None, "values": values}


def _text(payload: dict[str, Any], campaign: Campaign) -> str:
    bits = payload["truth_table"]
    lines = [f"function {payload['function']} of campaign {campaign.name}"]
    if bits is None:
        lines.append("outputs, rounded to the step of the readout, in the order of the points:")
        shown = [f"{value:g}" for value in payload["values"]]
        lines += [f"  {' '.join(shown[start : start + 16])}" for start in range(0, len(shown), 16)]
    else:
        boolean = campaign.domain.kind == "boolean"
        order = "first input bit most significant" if boolean else "in the order of the points"
        lines.append(f"truth table, {order}:")
        lines += [f"  {bits[start : start + 64]}" for start in range(0, len(bits), 64)]
    error = payload["count_error"]
    least = f"{payload['count']:,}" + (f" to {payload['count'] + error:,}" if error else "")
    lines.append(
        f"P = {payload['p']:.4g} ({least} of {payload['draws']:,} draws; 95 % "
        f"[{payload['p_low']:.4g}, {payload['p_high']:.4g}] if it was named beforehand)"
    )
    skip = ("function", "count", "p", "p_low", "p_high")
    rows = [{"quantity": name, "value": payload[name]} for name in BASE if name not in skip]
    rows += [{"quantity": name, "value": value} for name, value in payload["complexity"].items()]
    lines += ["", table(rows)]
    if payload["evidence"]:
        columns = [
            "loss", "log2_p", "log2_p_se", "log2_p_lower", "log2_p_upper", "verdict", "levels",
            "runs",
        ]  # fmt: skip
        lines += ["", "by splitting:", table(payload["evidence"], columns)]
    if payload["llc"]:
        columns = ["draw", "center", "estimator", "llc", "llc_se", "rank", "rhat", "ess", "verdict"]
        lines += ["", table(payload["llc"], columns)]
    else:
        lines += [
            "",
            "no learning coefficient: name the function under [llc] named, and run the stage",
        ]
    return "\n".join(lines)
