"""``pfmap exact rank``: the rank of a network's Jacobian over the rational numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pfmap.errors import SettingsError

from .given_weights import OrderOption
from .render import JsonFlag, emit

if TYPE_CHECKING:
    from pfmap.llc.exact.finite_rank import FiniteRank


def rank(
    widths: Annotated[str, typer.Argument(help="Widths, inputs first: 2,3,3,1.")],
    degree: Annotated[
        int, typer.Option("--degree", help="Exponent r of the activation x^r; 1 is linear.")
    ],
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            help="At these weights, .npz with `weights`, or W1, W2, …; random integers if left "
            "out, for the generic rank.",
        ),
    ] = None,
    order: OrderOption = None,
    seed: Annotated[int, typer.Option("--seed", help="Of primes, points and weights.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """Rank of a network with activation x^r and no biases: the dimension of its functions.

    Example: pfmap exact rank 2,3,3,1 --degree 5
    """
    from pfmap.llc.exact.finite_rank import generic_network_rank
    from pfmap.models.network import parameter_count

    from .exact import integers

    shape = integers("WIDTHS", widths)
    place = None
    if order is not None and weights is None:
        raise SettingsError("--order: goes with --weights", next_step="leave it out")
    if weights is not None:
        from pfmap.llc.load import load_weights
        from pfmap.settings.network import Network

        # A campaign's network has one output; here it may have more, so it is not validated.
        network = Network.model_construct(widths=tuple(shape), bias=False)
        place = load_weights(weights, network, order=order).vector
    found = generic_network_rank(shape, degree=degree, weights=place, seed=seed)
    d, hidden = parameter_count(tuple(shape), False), sum(shape[1:-1])
    payload = {
        "widths": shape,
        "degree": degree,
        "at": "random integers" if weights is None else str(weights),
        "rank": found.rank,
        "n_parameters": d,
        "n_hidden": hidden,
        "nullity": d - found.rank,
        "primes": list(found.primes),
        "ranks": list(found.ranks),
        "log2_error": found.log2_error,
    }
    where = "at random integers: generic" if weights is None else f"at {weights}"
    lines = [
        f"network {', '.join(map(str, shape))}, activation x^{degree}, no biases, {where}",
        f"rank = {found.rank}",
        f"d = {d}, hidden units {hidden}, d - hidden units {d - hidden}",
        f"modulo {' and '.join(map(str, found.primes))}: {' and '.join(map(str, found.ranks))}",
        _error(found),
    ]
    emit(payload, "\n".join(lines), as_json)


def _error(found: FiniteRank) -> str:
    if found.log2_error == float("-inf"):
        return "certain: the rank is full"
    return f"the rank is larger with probability below 2^{found.log2_error:.0f}"
