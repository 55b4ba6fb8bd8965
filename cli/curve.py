"""``pfmap curve``: volume, free energy and λ_eff of functions, and where their order changes."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import targets
from .campaigns import OutOption, ReplaceOption, ThreadsOption
from .probability import estimate_lines, estimate_row, short
from .progress import ProgressReporter
from .render import JsonFlag, emit, table

if TYPE_CHECKING:
    from pfmap.functions.named import BooleanFunction
    from pfmap.settings.campaign import Campaign
    from pfmap.volume.curves import CurveTables, FunctionCurve, Wanted

COLUMNS = [
    "function", "loss", "verdict", "t_min", "log2_v", "log2_p", "lambda", "lambda_se", "m",
    "known", "fit", "n_max", "free_energy", "se",
]  # fmt: skip
CROSSING_COLUMNS = ["f", "g", "n", "n_low", "n_high", "prior_bits", "log_n_bits", "rest_bits"]

FILES = (
    "volume.parquet", "evidence.parquet", "free_energy.parquet", "crossings.parquet",
    "curve.png", "curve.svg",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("curve")(curve)


def curve(
    campaign: targets.NetworkArgument = None,
    key: targets.KeyOption = None,
    table: targets.TableOption = None,
    named: targets.NamedOption = None,
    target: Annotated[
        list[Path] | None,
        typer.Option(
            "--target",
            help="Real targets instead of ±1: .npz with an array target. Repeatable.",
        ),
    ] = None,
    probabilities: Annotated[
        list[Path] | None,
        typer.Option(
            "--probabilities",
            help="The Bernoulli loss: .npz with an array probability, that of a 1 at every point. "
            "Repeatable.",
        ),
    ] = None,
    widths: targets.WidthsOption = None,
    activation: targets.ActivationOption = None,
    prior: targets.PriorOption = None,
    no_bias: targets.NoBiasOption = False,
    lowest: Annotated[
        float,
        typer.Option("--lowest", help="Smallest loss t of the curve; n reaches λ/3t, 1/t at most."),
    ] = 1e-6,
    runs: targets.RunsOption = targets.RUNS,
    chains: targets.ChainsOption = targets.CHAINS,
    steps: targets.StepsOption = targets.STEPS,
    max_levels: targets.LevelsOption = targets.MAX_LEVELS,
    seed: targets.SplittingSeedOption = targets.SEED,
    out: OutOption = None,
    fresh: ReplaceOption = False,
    threads: ThreadsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Measure the prior volume V(t) of small losses, and F(n), λ and m from it.

    The loss is the squared error to targets ±1, under the campaign's prior; --target and
    --probabilities take others. Tables and a figure go to results/NAME-curve-DIGEST, a folder for
    every network, function and length.

    Example: pfmap curve --widths 3,8,1 --activation tanh --named and --named parity
    """
    from pfmap.errors import SettingsError

    network, folder = targets.find_network(
        campaign, widths=widths, activation=activation, prior=prior, no_bias=no_bias
    )
    functions = targets.find_functions(network, key, table, named) if key or table or named else []
    typer.echo("pfmap: compiling kernels (first run only) …", err=True)
    wanted = _wanted(network, functions, target or [], probabilities or [])
    if not wanted:
        raise SettingsError(
            "function: none was given", next_step="name one, such as --named parity or --key KEY"
        )
    read = _read(network, wanted)
    if not 0.0 < lowest < math.inf:
        raise SettingsError(f"--lowest: must be above 0, got {lowest}", next_step="such as 1e-6")
    from dataclasses import replace

    from pfmap.execution import check_threads
    from pfmap.store.results import check_results, recorded_results
    from pfmap.volume.curves import check_curve_settings, curve_tables, measure_curve

    settings = replace(
        targets.splitting_settings(
            runs=runs, chains=chains, steps=steps, max_levels=max_levels, seed=seed
        ),
        lowest=lowest,
    )
    check_curve_settings(settings)
    decided = targets.result_settings(network, settings, functions=_described(wanted))
    place = out or _default_folder(targets.network_name(network, folder), decided)
    check_results(place, "curve", decided, FILES, fresh=fresh)
    curves = []
    with ProgressReporter() as reporter:
        for item in wanted:
            stage = f"V of {short(_label(item))}"
            began = time.monotonic()
            reporter.started(stage)
            curves.append(
                measure_curve(
                    network, item, settings, threads=check_threads(threads),
                    progress=lambda done, total, stage=stage: reporter.progress(  # type: ignore[misc]
                        stage, done, total
                    ),
                )
            )  # fmt: skip
            reporter.finished(stage, time.monotonic() - began, up_to_date=False)
    tables = curve_tables(curves)
    with recorded_results(place, "curve", decided, FILES):
        written = _write(tables, curves, place)
    rows = [_row(item) for item in curves]
    labels = {item.wanted.name: _label(item.wanted) for item in curves}
    crossings = tables.crossings.to_pylist()
    described = targets.described(network, folder)
    head = "\n".join([described, *map(_read_text, read)])
    text = "\n\n".join([head, _text(rows, crossings, labels), f"written: {place}"])
    emit(
        {
            "network": described,
            "read": read,
            "functions": rows,
            "crossings": crossings,
            "files": [str(path) for path in written],
        },
        text,
        as_json,
    )


def _wanted(
    network: Campaign,
    functions: list[BooleanFunction],
    real: list[Path],
    noisy: list[Path],
) -> list[Wanted]:
    """What to measure, each under a name of its own."""
    from pfmap.errors import SettingsError
    from pfmap.llc.load import load_probabilities, load_targets
    from pfmap.volume.curves import Wanted

    n = network.n_points
    found = [Wanted(item.key, item.signs, function=item) for item in functions]
    found += [Wanted(path.stem, load_targets(path, n)) for path in real]
    found += [Wanted(path.stem, load_probabilities(path, n), "bernoulli") for path in noisy]
    names = [item.name for item in found]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(
                f"function: {name} names two of them", next_step="rename one of the files"
            )
    return found


def _read(network: Campaign, wanted: list[Wanted]) -> list[dict[str, Any]]:
    """What the targets of files express: outputs that equal them, read as the campaign does."""
    from dataclasses import asdict

    from pfmap.functions.expressed import expressed_function

    return [
        {"name": item.name, "loss": item.loss, **asdict(expressed_function(network, item.targets))}
        for item in wanted
        if item.function is None
    ]


def _read_text(row: dict[str, Any]) -> str:
    ones = "" if row["ones"] is None else f", 1 at {row['ones']} of {row['n_points']} points"
    kind = "targets" if row["loss"] == "squared" else "probabilities"
    return f"{row['name']}: {kind} of the function {row['key']}{ones}"


def _described(wanted: list[Wanted]) -> list[str]:
    """What is measured, as the settings of the result hold it."""
    return [f"{item.name} {item.loss} {targets.digest_of(item.targets)}" for item in wanted]


def _default_folder(name: str, settings: dict[str, Any]) -> Path:
    from pfmap.store.results import settings_digest

    return Path("results") / f"{name}-curve-{settings_digest(settings)}"


def _label(wanted: Wanted) -> str:
    return wanted.function.label if wanted.function is not None else wanted.name


def _write(tables: CurveTables, curves: list[FunctionCurve], folder: Path) -> list[Path]:
    """Write tables and figure; returns the paths."""
    from pfmap.figures.curve import write_curve
    from pfmap.store.tables import write_table

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, content in tables._asdict().items():
        paths.append(folder / f"{name}.parquet")
        write_table(paths[-1], content, name)
    labels = {item.wanted.name: _label(item.wanted) for item in curves}
    volume, evidence, energy = (content.to_pandas() for content in tables[:3])
    return paths + write_curve(volume, evidence, energy, labels, folder)


def _row(found: FunctionCurve) -> dict[str, Any]:
    """One function, as the printed table and JSON show it."""
    bits = 1.0 / math.log(2.0)
    curve, energy = found.estimate.curve, found.energy
    known = [i for i, finite in enumerate(curve.log_volumes) if math.isfinite(finite)]
    last = known[-1] if known else None
    supported = [i for i, is_known in enumerate(energy.known) if is_known]
    largest = supported[-1] if supported else None
    return {
        "function": _label(found.wanted),
        "key": found.wanted.name,
        "loss": found.wanted.loss,
        "verdict": found.estimate.verdict,
        "t_min": None if last is None else float(curve.severities[last]),
        "log2_v": None if last is None else bits * float(curve.log_volumes[last]),
        "log2_v_se": None if last is None else bits * float(curve.log_volume_se[last]),
        "log2_p": found.probability.log2_p if found.probability is not None else None,
        "log2_p_se": found.probability.log2_p_se if found.probability is not None else None,
        "p": None if found.probability is None else estimate_row(found.probability, None),
        "lambda": found.fit.learning_coefficient,
        "lambda_se": found.fit.learning_coefficient_se,
        "lambda_low": found.fit.low,
        "lambda_high": found.fit.high,
        "m": found.fit.multiplicity,
        "m_weights": found.fit.multiplicity_weights,
        "known": str(found.fit.known),
        "known_source": found.fit.known.source,
        "drift": found.fit.drift,
        "n_asymptote": found.n_asymptote,
        "fit": found.fit.verdict,
        "advice": found.fit.advice if found.fit.verdict != "ok" else "",
        "warnings": curve.warnings,
        "n_max": None if largest is None else float(energy.n[largest]),
        "free_energy": None if largest is None else float(energy.free_energy[largest]),
        "se": None if largest is None else float(energy.free_energy_se[largest]),
        "forward_passes": found.estimate.evaluations,
        "elapsed_s": found.estimate.elapsed_s,
    }


def _text(
    rows: list[dict[str, Any]], crossings: list[dict[str, Any]], labels: dict[str, str]
) -> str:
    """The table of functions, that of crossings, and what to know about them."""
    lines = [table(rows, COLUMNS)]
    crossed = [row | {"f": labels[row["function"]], "g": labels[row["other"]]} for row in crossings]
    changing = [row | bits_texts(row) for row in crossed if row["n"] is not None]
    if changing:
        lines.append("F_f(n) = F_g(n) at\n" + table(changing, CROSSING_COLUMNS))
    lines += [pair_text(row) for row in crossed if row["n"] is None]
    for row in rows:
        notes = [*row["warnings"], *([row["advice"]] if row["advice"] else []), *_notes(row)]
        lines += [f"{row['function']}: {note}" for note in notes]
    return "\n\n".join([lines[0], "\n".join(lines[1:])]) if len(lines) > 1 else lines[0]


def _notes(row: dict[str, Any]) -> list[str]:
    """What a plateau says besides, and bounds of a P(f) that is no number."""
    notes = []
    if row["fit"] == "plateau":
        notes.append(f"known: {row['known_source'] or 'nothing'}")
        if math.isfinite(row["n_asymptote"]):
            notes.append(f"λ log n can lead F(n) from n = {row['n_asymptote']:.2g} on at the least")
    elif row["fit"] == "ok" and row["known"][0] in "->":
        notes.append("no upper bound on λ is known: ok by the stability of the slope alone")
    if row["p"] is not None and row["p"]["verdict"] not in ("reached", "not expressible"):
        notes.append(f"P: {'; '.join(estimate_lines(row['p'])[:2])}")
    return notes


def bits_texts(row: dict[str, Any]) -> dict[str, str]:
    """The three terms of a crossing with their standard errors, as text; "-" where not known."""
    return {
        name: "-" if row[name] is None else f"{row[name]:.1f} ± {row[f'{name}_se']:.1f}"
        for name in ("prior_bits", "log_n_bits", "rest_bits")
    }


def pair_text(row: dict[str, Any]) -> str:
    """A pair without a crossing: whether the errors rule one out, and D at the largest n."""
    what = "no crossing at any n" if row["settled"] else "order not settled by the errors at some n"
    ratio = row["log_evidence_ratio_at_equal_fit_to"]
    error = row["log_evidence_ratio_at_equal_fit_to_se"]
    return (
        f"{row['f']} and {row['g']}: {what} from {row['n_from']:.3g} to "
        f"{row['n_to']:.3g}; at the last, F_g - F_f = {ratio:.2f} ± {error:.2f} nats"
    )
