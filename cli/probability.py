"""``pfmap probability``: P(f) of functions, however rare, by multilevel splitting."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import targets
from .campaigns import ThreadsOption
from .progress import ProgressReporter
from .render import JsonFlag, counted, emit

if TYPE_CHECKING:
    from pfmap.functions.named import BooleanFunction
    from pfmap.settings.campaign import Campaign
    from pfmap.volume import VolumeEstimate

KeepOption = Annotated[
    Path | None,
    typer.Option(
        "--out", help="Folder that keeps finished runs: the same command goes on where it stopped."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("probability")(probability)


def probability(
    campaign: targets.NetworkArgument = None,
    key: targets.KeyOption = None,
    table: targets.TableOption = None,
    named: targets.NamedOption = None,
    widths: targets.WidthsOption = None,
    activation: targets.ActivationOption = None,
    prior: targets.PriorOption = None,
    no_bias: targets.NoBiasOption = False,
    runs: targets.RunsOption = targets.RUNS,
    chains: targets.ChainsOption = targets.CHAINS,
    steps: targets.StepsOption = targets.STEPS,
    max_levels: targets.LevelsOption = targets.MAX_LEVELS,
    error: targets.ErrorOption = 0.0,
    seed: targets.SplittingSeedOption = targets.SEED,
    out: KeepOption = None,
    threads: ThreadsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Measure the probability of functions under the prior, far below 1/draws.

    Seconds for 2^-20 and a network of two layers of 40, minutes for 2^-100.

    Example: pfmap probability --widths 7,40,40,1 --named majority --named and
    """
    from pfmap.errors import SettingsError

    network, folder = targets.find_network(
        campaign, widths=widths, activation=activation, prior=prior, no_bias=no_bias
    )
    functions = targets.find_functions(network, key, table, named)
    if not functions:
        raise SettingsError(
            "function: none was given", next_step="name one, such as --named parity or --key KEY"
        )
    settings = targets.splitting_settings(
        runs=runs, chains=chains, steps=steps, max_levels=max_levels, seed=seed
    )
    from pfmap.execution import check_threads
    from pfmap.store.results import check_results, record_results

    if out is not None:
        # Runs of every function and length have a folder of their own there.
        decided = targets.network_settings(network)
        check_results(out, "probability", decided, (), fresh=False)
        record_results(out, "probability", decided)
    n_threads = check_threads(threads)
    typer.echo("pfmap: compiling kernels (first run only) …", err=True)
    from pfmap.volume.probability import estimate_probability

    rows, texts = [], [targets.described(network, folder)]
    with ProgressReporter() as reporter:
        for function in functions:
            stage = f"P of {short(function.label)}"
            began = time.monotonic()
            reporter.started(stage)
            try:
                found = estimate_probability(
                    network, function, settings, error=error, folder=out, threads=n_threads,
                    watch=reporter.pilot,
                    progress=lambda done, total, stage=stage: reporter.progress(  # type: ignore[misc]
                        stage, done, total
                    ),
                )  # fmt: skip
            except KeyboardInterrupt:
                raise stopped(out) from None
            reporter.finished(stage, time.monotonic() - began, up_to_date=False)
            row = estimate_row(found, function) | {"counted": _counted(network, folder, function)}
            rows.append(row)
            texts.append(_text(row))
    emit({"network": texts[0], "functions": rows}, "\n\n".join(texts), as_json)


def stopped(folder: Path | None) -> Exception:
    """The error after Ctrl-C."""
    from pfmap.errors import StoppedEarly

    if folder is None:
        return StoppedEarly(
            "stopped on request; nothing was kept", next_step="keep finished runs by --out FOLDER"
        )
    return StoppedEarly(
        f"stopped on request; finished runs are in {folder}",
        next_step="the same command goes on",
    )


def short(label: str) -> str:
    """A label that fits beside a bar."""
    return label if len(label) <= 18 else f"{label[:16]}…"


def estimate_row(found: VolumeEstimate, function: BooleanFunction | None) -> dict[str, Any]:
    """What a splitting found, as plain data."""
    from pfmap.volume.probability import draws_for_precision

    last = len(found.curve.between_se) - 1 if found.verdict == "reached" else None
    in_bits = 1.0 / math.log(2.0)
    row: dict[str, Any] = {}
    if function is not None:
        row |= {"function": function.key, "label": function.label, "ones": int(function.bits.sum())}
    return row | {
        "p": 2.0**found.log2_p,
        "log2_p": found.log2_p,
        "log2_p_se": found.log2_p_se,
        "log2_p_se_between_runs": None if last is None else found.curve.between_se[last] * in_bits,
        "log2_p_se_within_runs": None if last is None else found.curve.within_se[last] * in_bits,
        "log2_p_lower": found.log2_p_lower,
        "log2_p_upper": found.log2_p_upper,
        "log2_p_realised": found.realised,
        "verdict": found.verdict,
        "advice": advice(found),
        "proof": found.proof,
        "warnings": found.curve.warnings,
        "runs": len(found.runs),
        "levels": len(found.levels.curve),
        "forward_passes": found.evaluations,
        "draws_for_same_precision": draws_for_precision(found.log2_p, found.log2_p_se),
        "elapsed_s": found.elapsed_s,
    }


def advice(found: VolumeEstimate) -> str:
    """What to do about a verdict; empty if nothing."""
    settings = found.settings
    if found.verdict == "budget":
        return f"allow more levels: --max-levels {2 * settings.max_levels}"
    if found.verdict == "stalled" and found.levels.verdict == "reached":
        return (
            f"fewer than two of {len(found.runs)} runs got to the last level: try "
            f"--steps {4 * settings.steps}"
        )
    if found.verdict == "stalled":
        return (
            f"no state came below the last level: try --steps {4 * settings.steps} or "
            f"--chains {2 * settings.chains}; the function may be out of reach"
        )
    if found.error > 0.0 and not found.log2_p_se <= found.error:
        return (
            f"the error asked for was not met: --error {found.error:g} --steps {4 * settings.steps}"
        )
    if found.verdict == "uncertain":
        return f"more steps, so that the runs agree: --steps {4 * settings.steps}"
    if found.curve.warnings:
        return f"trust the error less, or ask for more: --steps {4 * settings.steps}"
    return ""


def estimate_lines(row: dict[str, Any], what: str = "P") -> list[str]:
    """What a splitting found, for people."""
    made = (
        f"{counted(row['runs'], 'run')} of {counted(row['levels'], 'level')} after a pilot, "
        f"{row['forward_passes']:,} forward passes"
    )
    if row["elapsed_s"] is not None:
        made += f", {row['elapsed_s']:.1f} s"
    if row["verdict"] == "not expressible":
        return [f"{what} = 0, not expressible: {row['proof']}"]
    if row["verdict"] != "reached" and math.isfinite(row["log2_p_lower"]):
        below = (
            "the mean of the runs over 40"
            if math.isnan(row["log2_p_realised"])
            else "a bridge from a realisation found by training"
        )
        lines = [
            f"{row['log2_p_lower']:.2f} < log2 {what} < {row['log2_p_upper']:.2f}  (below: "
            f"{below}, wrong with probability 0.025 at most; above: the least V plus two standard "
            "errors along the curve)",
            f"{row['verdict']}: {made}",
        ]
    elif row["verdict"] != "reached":
        lines = [
            f"log2 {what} < {row['log2_p_upper']:.2f} (the least V plus two standard errors along "
            "the curve)",
            f"{row['verdict']}: {made}",
        ]
    else:
        lines = [
            f"log2 {what} = {row['log2_p']:.2f} ± {row['log2_p_se']:.2f}  "
            f"(standard errors {row['log2_p_se_between_runs']:.2f} between runs, "
            f"{row['log2_p_se_within_runs']:.2f} from chains within)",
            f"reached: {made}",
        ]
    if math.isfinite(row["draws_for_same_precision"]):
        draws = row["draws_for_same_precision"]
        lines.append(f"counting would need {draws:.2g} draws for the same precision")
    lines += [f"warning: {text}" for text in row["warnings"]]
    return [*lines, f"next: {row['advice']}"] if row["advice"] else lines


def _counted(
    network: Campaign, folder: Path | None, function: BooleanFunction
) -> dict[str, Any] | None:
    """What the campaign's own draws say; None if there are none of this network."""
    from pfmap.functions.probability import clopper_pearson
    from pfmap.store import find_functions, read_campaign_folder

    if folder is None or not (folder / "functions.parquet").exists():
        return None
    sections = ("network", "prior", "domain", "readout")
    if read_campaign_folder(folder).digest(*sections) != network.digest(*sections):
        return None
    draws, rows = find_functions(folder, function.key)
    count = int(rows["count"].sum())
    low, high = clopper_pearson([count], draws)
    return {
        "count": count,
        "draws": draws,
        "log2_p": math.log2(count / draws) if count else None,
        "log2_p_low": math.log2(low[0]) if count else None,
        "log2_p_high": math.log2(high[0]),
    }


def _text(row: dict[str, Any]) -> str:
    named = f"{row['label']}, key {row['function']}" if row["label"] != row["function"] else ""
    lines = [named or f"key {row['function']}", *(f"  {line}" for line in estimate_lines(row))]
    seen = row["counted"]
    if seen and seen["count"]:
        lines.append(
            f"  counted: log2 P = {seen['log2_p']:.2f}, 95 % [{seen['log2_p_low']:.2f}, "
            f"{seen['log2_p_high']:.2f}] ({seen['count']:,} of {seen['draws']:,} draws; "
            "Clopper-Pearson, for a function named beforehand)"
        )
    elif seen:
        lines.append(
            f"  counted: not seen in {seen['draws']:,} draws: log2 P < {seen['log2_p_high']:.2f} "
            "(95 %, Clopper-Pearson)"
        )
    return "\n".join(lines)
