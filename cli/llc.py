"""``pfmap llc``: learning coefficients of a campaign's functions, or at weights of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .campaigns import CampaignArgument, ThreadsOption, find_campaign, find_folder
from .render import JsonFlag, emit, table
from .run import run_stages

if TYPE_CHECKING:
    from pfmap.campaign import Campaign
    from pfmap.llc.estimate import LlcEstimate

COLUMNS = [
    "center", "estimator", "llc", "llc_se", "rank", "rank_constant", "rhat", "ess", "acceptance",
    "verdict",
]  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("llc")(llc)


def llc(
    campaign: CampaignArgument = "default",
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            help="Estimate at these weights instead: .npz with `weights`, or W1, b1, W2, b2, …",
        ),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option(
            "--target",
            help="Train from the weights to this `target` first: .npz with bits, or real numbers.",
        ),
    ] = None,
    threads: ThreadsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Estimate learning coefficients of selected functions, or at weights of your own.

    With --weights, network, domain and sampler settings are those of the campaign.

    Example: pfmap llc default --weights weights.npz
    """
    if weights is None:
        from pfmap.errors import SettingsError

        if target is not None:
            raise SettingsError("--target: goes with --weights", next_step="give both")
        found = str(find_folder(Path(campaign)))
        run_stages(found, stages=("llc",), threads=threads, resume=True, as_json=as_json)
        return
    typer.echo("pfmap: estimating …", err=True)
    settings, _ = find_campaign(campaign)
    estimates = _estimate(settings, weights, target, threads)
    rows = _rows(estimates)
    advice = [
        f"{item.center}: {item.verdict}: {item.advice}"
        for item in estimates
        if item.verdict != "ok"
    ]
    emit({"estimates": rows}, "\n".join([table(rows, COLUMNS), *advice]), as_json)


def _estimate(
    campaign: Campaign, weights: Path, target: Path | None, threads: int | None
) -> list[LlcEstimate]:
    """Estimates at the user's weights: against their own outputs, and at the trained minimum."""
    from pfmap.execution import check_threads
    from pfmap.llc.estimate import estimate_llc
    from pfmap.llc.load import load_targets, load_weights
    from pfmap.llc.stage import campaign_model, sampler_arguments

    position = load_weights(weights, campaign.network)
    shared = {**sampler_arguments(campaign), "threads": check_threads(threads)}
    model = campaign_model(campaign)
    estimates = [estimate_llc(model, position, center="self", **shared)]
    if target is not None:
        targets = load_targets(target, campaign.n_points)
        estimates.append(estimate_llc(model, position, center="target", targets=targets, **shared))
    return estimates


def _rows(estimates: list[LlcEstimate]) -> list[dict[str, Any]]:
    """Rows as in ``llc.parquet``."""
    from pfmap.llc.stage import estimate_rows

    return [row for estimate in estimates for row in estimate_rows(estimate)]
