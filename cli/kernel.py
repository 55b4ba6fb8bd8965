"""``pfmap kernel``: P, free energy and λ_eff of functions in the limit of infinite width."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import targets
from .render import JsonFlag, emit, table

if TYPE_CHECKING:
    import numpy as np

COLUMNS = ["function", "log2_p", "se", "verdict"]
ENERGY_COLUMNS = ["function", "n", "free_energy", "lambda_eff"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("kernel")(kernel)


def kernel(
    campaign: targets.NetworkArgument = None,
    key: targets.KeyOption = None,
    table: targets.TableOption = None,
    named: targets.NamedOption = None,
    widths: targets.WidthsOption = None,
    activation: targets.ActivationOption = None,
    prior: targets.PriorOption = None,
    no_bias: targets.NoBiasOption = False,
    n: Annotated[
        str, typer.Option("--n", help="Sample sizes of F and λ_eff, with commas.")
    ] = "1,10,100,1000",
    precision: Annotated[
        float, typer.Option("--precision", help="Standard error of log2 P that is worked towards.")
    ] = 0.003,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the integration.", min=0)] = 1,
    as_json: JsonFlag = False,
) -> None:
    """Integrate P(f), F(n) and λ_eff(n) of functions at infinite width.

    There the network is a Gaussian process: log2 P by integration over an orthant, down to 2^-300
    in seconds; F and λ_eff of the squared error to ±1 targets in closed form. What a network of
    finite width has beyond them is the work of its width.

    Example: pfmap kernel --widths 4,24,1 --named parity --named and
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
    sizes = _sizes(n)
    from pfmap.kernel_limit import (
        check_signs,
        limit_covariance,
        limit_free_energy,
        orthant_probability,
    )
    from pfmap.kernel_limit.factor import covariance_rank

    check_signs(network)
    covariance = limit_covariance(network)
    linear = network.dense.output_facts.pieces == "linear"
    rows, energies = [], []
    for function in functions:
        found = orthant_probability(covariance, function.signs, precision=precision, seed=seed)
        rows.append(
            {
                "function": function.label,
                "key": function.key,
                "p": 2.0**found.log2_p,
                "log2_p": found.log2_p,
                "se": found.log2_p_se,
                "verdict": found.verdict,
                "samples": found.samples,
                "effective_share": found.effective_share,
            }
        )
        if linear:
            energy = limit_free_energy(covariance, function.signs, sizes)
            energies += [
                {"function": function.label, "n": size, "free_energy": value, "lambda_eff": slope}
                for size, value, slope in zip(
                    energy.n.tolist(),
                    energy.free_energy.tolist(),
                    energy.lambda_eff.tolist(),
                    strict=True,
                )
            ]
    described = f"{targets.described(network, folder)}, hidden widths to infinity"
    rank = covariance_rank(covariance)
    emit(
        {
            "network": described,
            "points": len(covariance),
            "rank": rank,
            "functions": rows,
            "free_energy": energies,
        },
        "\n\n".join([described, _text(rows, energies, len(covariance), rank)]),
        as_json,
    )


def _sizes(text: str) -> np.ndarray:
    """Sample sizes of an option."""
    import numpy as np

    from pfmap.errors import SettingsError

    try:
        sizes = np.array([float(part) for part in text.split(",")])
    except ValueError:
        sizes = np.zeros(1)
    if not ((sizes > 0.0) & (sizes <= 1e30)).all():
        raise SettingsError(
            f"--n: must be numbers above 0, at most 1e30, with commas, got {text!r}",
            next_step="such as 1,10,100",
        )
    return sizes


def _text(
    rows: list[dict[str, Any]], energies: list[dict[str, Any]], points: int, rank: int
) -> str:
    lines = [table(rows, COLUMNS)]
    if energies:
        lines.append(table(energies, ENERGY_COLUMNS))
    else:
        lines.append("F and λ_eff have a closed form for linear outputs only")
    if rank < points:
        lines.append(
            f"the outputs at the {points} points depend on each other: rank {rank}, so that some "
            "functions have P = 0"
        )
    if any(row["verdict"] == "uncertain" for row in rows):
        lines.append("uncertain: few samples carry the estimate; its error may be larger")
    if any(math.isinf(row["log2_p"]) for row in rows):
        lines.append("log2_p -inf: no outputs of that rank have these signs (linear programming)")
    return "\n\n".join(lines)
