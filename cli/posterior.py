"""``pfmap posterior``: functions drawn from the prior conditioned on a training set."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import targets
from .campaigns import ReplaceOption, ThreadsOption
from .probability import estimate_lines, estimate_row
from .progress import ProgressReporter
from .render import JsonFlag, counted, emit, table

if TYPE_CHECKING:
    from pfmap.functions.named import BooleanFunction
    from pfmap.settings.campaign import Campaign
    from pfmap.volume.posterior import Posterior
    from pfmap.volume.training import TrainingSet

SHOWN = 10
SHOWN_IN_JSON = 1000
STAGE = "posterior"
FILES = ("posterior.parquet",)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("posterior")(posterior)


def posterior(
    campaign: targets.NetworkArgument = None,
    key: targets.KeyOption = None,
    bits: targets.TableOption = None,
    named: targets.NamedOption = None,
    size: Annotated[
        int | None,
        typer.Option(
            "--size", help="Train on so many inputs of the function, drawn by --data-seed."
        ),
    ] = None,
    data_seed: Annotated[
        int, typer.Option("--data-seed", min=0, help="Seed of the inputs that --size draws.")
    ] = 1,
    inputs: Annotated[
        str | None,
        typer.Option(
            "--inputs", help="Train on these inputs of the function: numbers with commas."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Train on a file instead: .npz or Parquet with input (numbers) and label (0, 1); "
            "a function given besides is the truth that errors are counted against.",
        ),
    ] = None,
    widths: targets.WidthsOption = None,
    activation: targets.ActivationOption = None,
    prior: targets.PriorOption = None,
    no_bias: targets.NoBiasOption = False,
    draws: Annotated[int, typer.Option("--draws", help="Draws of each chain of each run.")] = 16,
    runs: targets.RunsOption = targets.RUNS,
    chains: targets.ChainsOption = targets.CHAINS,
    steps: targets.StepsOption = targets.STEPS,
    max_levels: targets.LevelsOption = targets.MAX_LEVELS,
    seed: targets.SplittingSeedOption = targets.SEED,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for posterior.parquet.")] = None,
    fresh: ReplaceOption = False,
    threads: ThreadsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Draw functions from the prior conditioned on a training set.

    Gives P(S), the probabilities of the functions that fit, and the law of their errors on the
    unseen inputs.

    Example: pfmap posterior --widths 3,8,1 --named majority --size 5
    """
    network, folder = targets.find_network(
        campaign, widths=widths, activation=activation, prior=prior, no_bias=no_bias
    )
    functions = targets.find_functions(network, key, bits, named)
    settings = targets.splitting_settings(
        runs=runs, chains=chains, steps=steps, max_levels=max_levels, seed=seed
    )
    training = _training_set(network, functions, size, inputs, data, data_seed)
    from pfmap.execution import check_threads
    from pfmap.store.results import check_results, recorded_results

    n_threads = check_threads(threads)
    decided = targets.result_settings(network, settings, draws=draws, **_described(training))
    if out is not None:
        check_results(out, "posterior", decided, FILES, fresh=fresh)
    typer.echo("pfmap: compiling kernels (first run only) …", err=True)
    from pfmap.volume.posterior import sample_posterior

    began = time.monotonic()
    with ProgressReporter() as reporter:
        reporter.started(STAGE)
        found = sample_posterior(
            network, training, settings, draws_per_chain=draws, threads=n_threads,
            watch=reporter.pilot,
            progress=lambda done, total: reporter.progress(STAGE, done, total),
        )  # fmt: skip
        reporter.finished(STAGE, time.monotonic() - began, up_to_date=False)
    label = functions[0].label if functions else None
    payload = {"network": targets.described(network, folder), **_payload(found, label)}
    if out is not None and found.n_draws:
        with recorded_results(out, "posterior", decided, FILES):
            payload["file"] = _write(out, found)
    text = _text(payload)
    if out is not None and not found.n_draws:
        text += f"\nno draws, so nothing was written to {out}"
    payload["completions"] = payload["completions"][:SHOWN_IN_JSON]
    emit(payload, text, as_json)


def _training_set(
    network: Campaign,
    functions: list[BooleanFunction],
    size: int | None,
    inputs: str | None,
    data: Path | None,
    data_seed: int,
) -> TrainingSet:
    from pfmap.errors import SettingsError
    from pfmap.volume.training import drawn_inputs, load_training_set, restricted

    ways = {"--size": size, "--inputs": inputs, "--data": data}
    given = [name for name, value in ways.items() if value is not None]
    if len(given) != 1:
        got = " and ".join(given) or "none"
        raise SettingsError(
            f"training set: one of --size, --inputs and --data, got {got}",
            next_step="such as --named majority --size 40",
        )
    if len(functions) > 1 or (data is None and not functions):
        raise SettingsError(
            f"function: one is needed, got {len(functions)}", next_step="name it: --named majority"
        )
    if data is not None:
        truth = functions[0].bits if functions else None
        return load_training_set(data, network.n_points, truth=truth)
    if inputs is not None:
        try:
            places = [int(part) for part in inputs.split(",") if part.strip()]
        except ValueError:
            raise SettingsError(
                f"--inputs: must be integers with commas, such as 0,3,5, got {inputs!r}"
            ) from None
        return restricted(functions[0], places)
    return drawn_inputs(functions[0], size or 0, seed=data_seed)


def _described(training: TrainingSet) -> dict[str, Any]:
    """The training set, as the settings of the result hold it."""
    return {
        "inputs": training.inputs.tolist(),
        "labels": training.labels.astype(int).tolist(),
        "truth": None if training.truth is None else targets.digest_of(training.truth),
    }


def _payload(found: Posterior, label: str | None) -> dict[str, Any]:
    """The posterior as plain data, all completions included."""
    from pfmap.volume.posterior import DELTA

    training = found.training
    payload: dict[str, Any] = {
        "label": label,
        "inputs": training.inputs,
        "labels": training.labels.astype(int),
        "unseen": len(training.unseen),
        # Its time is not told from that of the draws.
        "marginal_likelihood": estimate_row(found.estimate, None) | {"elapsed_s": None},
        "draws": found.n_draws,
        "acceptance": found.acceptance,
        "elapsed_s": found.elapsed_s,
        "error_bound": found.error_bound,
        "error_bound_probability": 1.0 - DELTA,
        "mean_wrong": None,
        "mean_wrong_se": None,
        "errors": None,
        "functions_drawn": 0,
        "completions": [],
    }
    if not found.n_draws:
        return payload
    columns = found.completions()
    payload["completions"] = _rows(columns)
    payload["functions_drawn"] = len(columns["function"])
    if training.truth is not None:
        payload["mean_wrong"], payload["mean_wrong_se"] = found.mean_wrong()
        payload["errors"] = _rows(found.errors())
    else:
        for row in payload["completions"]:
            row["wrong"] = None
    return payload


def _rows(columns: dict[str, Any]) -> list[dict[str, Any]]:
    lists = {name: values.tolist() for name, values in columns.items()}
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _write(folder: Path, found: Posterior) -> Path:
    import pandas as pd

    from pfmap.store.tables import write_table

    completions = pd.DataFrame(found.completions())
    wrong = completions["wrong"].astype("Int64")
    completions["wrong"] = wrong.mask(wrong < 0)
    notes = {
        "inputs": json.dumps(found.training.inputs.tolist()),
        "labels": json.dumps(found.training.labels.astype(int).tolist()),
        "log2_p": repr(found.estimate.log2_p),
        "log2_p_se": repr(found.estimate.log2_p_se),
    }
    path = folder / "posterior.parquet"
    write_table(path, completions, "posterior", notes=notes)
    return path


def _text(payload: dict[str, Any]) -> str:
    seen, unseen = len(payload["inputs"]), payload["unseen"]
    labels = f"labels of {payload['label']}" if payload["label"] else "labels of the file"
    lines = [
        payload["network"],
        f"S: {seen} of {seen + unseen} inputs, {labels}",
        *(f"  {line}" for line in estimate_lines(payload["marginal_likelihood"], "P(S)")),
    ]
    if not payload["draws"]:
        return "\n".join(lines)
    lines.append("")
    lines.append(
        f"{payload['draws']:,} draws that fit S, {payload['acceptance']:.0%} of moves accepted, "
        f"{payload['elapsed_s']:.1f} s in all"
    )
    if payload["errors"] is not None:
        lines += _error_lines(payload)
    functions = payload["functions_drawn"]
    lines += ["", f"P_B(f|S), {min(SHOWN, functions)} of {counted(functions, 'function')} drawn:"]
    columns = ["function", "probability", "probability_se", "draws", "wrong"]
    lines.append(table(payload["completions"][:SHOWN], columns))
    if "file" in payload:
        lines += ["", f"wrote {payload['file']}"]
    return "\n".join(lines)


def _error_lines(payload: dict[str, Any]) -> list[str]:
    """Mean error, bound, and the law of the number of wrong inputs."""
    unseen, mean = payload["unseen"], payload["mean_wrong"]
    n_points = unseen + len(payload["inputs"])
    lines = []
    if unseen:
        lines.append(
            f"wrong unseen inputs: mean {mean:.2f} ± {payload['mean_wrong_se']:.2f} of {unseen} "
            f"({mean / unseen:.1%})"
        )
    if math.isfinite(payload["error_bound"]):
        holds = payload["error_bound_probability"]
        lines.append(
            f"error over all inputs: {mean / n_points:.3f}; PAC-Bayes bound "
            f"{payload['error_bound']:.3f} (with probability {holds:g} over the inputs drawn)"
        )
    rows = [row for row in payload["errors"] if row["probability"] > 0.0]
    if len(rows) > SHOWN:
        below, quantiles = 0.0, dict.fromkeys((5, 25, 50, 75, 95), -1)
        for row in rows:
            below += row["probability"]
            for percent, found in quantiles.items():
                if found < 0 and below >= percent / 100.0 - 1e-12:
                    quantiles[percent] = row["wrong"]
        parts = ", ".join(f"{percent} %: {wrong}" for percent, wrong in quantiles.items())
        return [*lines, f"quantiles of their number: {parts} (all of them: --json)"]
    return [*lines, table(rows)]
