"""``pfmap llc``: learning coefficients of a campaign's functions, or at weights of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .campaigns import CampaignArgument, MemoryOption, ThreadsOption, find_campaign, find_folder
from .given_weights import OrderOption, describe_weights, weights_text
from .render import JsonFlag, emit, table
from .run import run_stages

if TYPE_CHECKING:
    import numpy as np

    from pfmap.llc.estimate import LlcEstimate
    from pfmap.settings.campaign import Campaign

COLUMNS = [
    "center", "estimator", "llc", "llc_se", "multiplicity", "multiplicity_resolution", "rank",
    "rank_constant", "rhat", "ess", "acceptance", "verdict",
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
            help="Estimate at these weights instead: .npz with `weights`, W1, b1, …, or the names "
            "of scikit-learn, PyTorch or Keras; or a state dict, .pt or .safetensors.",
        ),
    ] = None,
    order: OrderOption = None,
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

    With --weights, network, domain and sampler settings are those of the campaign. What was read,
    and the function that it expresses there, stands first.

    Example: pfmap llc default --weights weights.npz
    """
    if weights is None:
        from pfmap.errors import SettingsError

        options = {"--target": target, "--order": order, "--ladder": ladder or None}
        for name, given in options.items():
            if given is not None:
                raise SettingsError(f"{name}: goes with --weights", next_step="give both")
        found = str(find_folder(Path(campaign)))
        run_stages(
            found, stages=("llc",), threads=threads, memory=memory, resume=True, as_json=as_json
        )
        return
    from pfmap.llc.load import load_targets, load_vector, load_weights

    settings, _ = find_campaign(campaign)
    if settings.is_dense:
        layers = load_weights(weights, settings.dense, order=order)
    else:
        layers = load_vector(weights, len(settings.standard_deviations))
    targets = None if target is None else load_targets(target, settings.n_points)
    read = describe_weights(settings, weights, layers, targets)
    if not as_json:
        typer.echo(weights_text(read) + "\n")
    typer.echo("pfmap: estimating …", err=True)
    estimates = _estimate(settings, layers.vector, targets, threads)
    rows = _rows(estimates)
    advice = [
        f"{item.center}: {item.verdict}: {item.advice}"
        for item in estimates
        if item.verdict != "ok"
    ]
    if ladder:
        for estimate in estimates:
            row, said = _ladder(settings, estimate, targets, threads)
            rows.append(row)
            advice += said
    emit({"read": read, "estimates": rows}, "\n".join([table(rows, COLUMNS), *advice]), as_json)


def _estimate(
    campaign: Campaign, position: np.ndarray, targets: np.ndarray | None, threads: int | None
) -> list[LlcEstimate]:
    """Estimates at the user's weights: against their own outputs, and at the trained minimum."""
    from pfmap.execution import check_threads
    from pfmap.llc.estimate import estimate_llc
    from pfmap.llc.stage import sampler_arguments

    shared = {**sampler_arguments(campaign), "threads": check_threads(threads)}
    model = campaign.compiled_model()
    estimates = [estimate_llc(model, position, center="self", **shared)]
    if targets is not None:
        estimates.append(estimate_llc(model, position, center="target", targets=targets, **shared))
    return estimates


def _ladder(
    campaign: Campaign, estimate: LlcEstimate, targets: np.ndarray | None, threads: int | None
) -> tuple[dict[str, Any], list[str]]:
    """λ and m from a ladder at the w* of an estimate, and what to do about its verdict."""
    from pfmap.execution import check_threads
    from pfmap.llc.ladder.estimate import estimate_llc_ladder
    from pfmap.llc.stage import sampler_arguments

    model = campaign.compiled_model()
    center = estimate.center_weights
    if estimate.center == "target" and targets is not None:
        model = model.with_targets(targets)
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
        "multiplicity_resolution": found.multiplicity_resolution,
        "multiplicity_weights": found.multiplicity_weights,
        "exact": found.exact,
        "settled_by": "; ".join(found.settled_by),
        "needed_n_beta": found.needed_n_beta,
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
