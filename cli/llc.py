"""``pfmap llc``: learning coefficients of a campaign's functions, or at weights of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .campaigns import CampaignArgument, MemoryOption, ThreadsOption, find_campaign, find_folder
from .render import JsonFlag, emit, table
from .run import run_stages

if TYPE_CHECKING:
    from pfmap.campaign import Campaign
    from pfmap.llc.estimate import LlcEstimate

COLUMNS = [
    "center", "estimator", "llc", "llc_se", "multiplicity", "rank", "rank_constant", "rhat", "ess",
    "acceptance", "verdict",
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
    ladder: Annotated[
        bool,
        typer.Option(
            "--ladder",
            help="With --weights: also λ and m from a ladder of temperatures. Seconds where the "
            "rank is constant or the network small, long for a large one that is singular.",
        ),
    ] = False,
    threads: ThreadsOption = None,
    memory: MemoryOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Estimate learning coefficients of selected functions, or at weights of your own.

    With --weights, network, domain and sampler settings are those of the campaign.

    Example: pfmap llc default --weights weights.npz
    """
    if weights is None:
        from pfmap.errors import SettingsError

        for name, given in (("--target", target is not None), ("--ladder", ladder)):
            if given:
                raise SettingsError(f"{name}: goes with --weights", next_step="give both")
        found = str(find_folder(Path(campaign)))
        run_stages(
            found, stages=("llc",), threads=threads, memory=memory, resume=True, as_json=as_json
        )
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
    if ladder:
        for estimate in estimates:
            row, said = _ladder(settings, estimate, target, threads)
            rows.append(row)
            advice += said
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


def _ladder(
    campaign: Campaign, estimate: LlcEstimate, target: Path | None, threads: int | None
) -> tuple[dict[str, Any], list[str]]:
    """λ and m from a ladder at the w* of an estimate, and what to do about its verdict."""
    from pfmap.execution import check_threads
    from pfmap.llc.ladder.estimate import estimate_llc_ladder
    from pfmap.llc.load import load_targets
    from pfmap.llc.stage import campaign_model, sampler_arguments

    model = campaign_model(campaign)
    center = estimate.center_weights
    if estimate.center == "target" and target is not None:
        model = model.with_targets(load_targets(target, campaign.n_points))
    else:
        model = model.with_targets(model.outputs(center))
    found = estimate_llc_ladder(
        model,
        center,
        support=sampler_arguments(campaign)["support"],
        seed=campaign.seed,
        stream=(estimate.center,),
        threads=check_threads(threads),
    )
    row = {
        "center": estimate.center,
        "estimator": "ladder",
        "llc": found.llc,
        "llc_se": found.llc_se,
        "llc_low": found.low,
        "llc_high": found.high,
        "multiplicity": found.multiplicity,
        "multiplicity_weights": found.multiplicity_weights,
        "exact": found.exact,
        "rank": found.rank,
        "rhat": found.rhat,
        "verdict": found.verdict,
    }
    said = f"{estimate.center}, ladder: {found.verdict}: {found.advice}"
    return row, [said] if found.verdict != "ok" else []


def _rows(estimates: list[LlcEstimate]) -> list[dict[str, Any]]:
    """Rows as in ``llc.parquet``."""
    from pfmap.llc.stage import estimate_rows

    return [row for estimate in estimates for row in estimate_rows(estimate)]
