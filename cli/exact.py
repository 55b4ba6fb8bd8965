"""``pfmap exact``: learning coefficients known exactly, one form a family of models."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from .exact_rank import rank
from .render import JsonFlag, emit

if TYPE_CHECKING:
    from pfmap.llc.exact import LearningCoefficient

T = TypeVar("T")


class Zeros(StrEnum):
    """Real zeros of a function off the origin."""

    REGULAR = "regular"
    NONE = "none"


_DIGITS = "[0-9]{1,18}"
_NUMBER = re.compile(rf"[+-]?{_DIGITS}(/{_DIGITS}|(\.{_DIGITS})?([eE][+-]?[0-9]{{1,2}})?)")

exact = typer.Typer(
    no_args_is_help=True,
    help="Print a learning coefficient λ and its multiplicity m, or a rank, known exactly.\n\n"
    "Example: pfmap exact deep-linear 10,10,10 --rank 5",
)

exact.command("rank")(rank)

RankOption = Annotated[int, typer.Option("--rank", help="Rank of the true matrix.")]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.add_typer(exact, name="exact")


@exact.command("monomials")
def monomials(
    terms: Annotated[str, typer.Argument(help="Monomials with commas: 'x*y, x^2*z'.")],
    jacobian: Annotated[
        str | None,
        typer.Option(
            "--jacobian",
            help="Exponents of the prior's density, in the order in which variables first appear; "
            "0 each if left out.",
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Half the sum of squares of monomials, at the origin, by the Newton polyhedron.

    Example: pfmap exact monomials "x*y, x^2*z" --jacobian 1,0,0
    """
    from pfmap.llc.exact import monomial_llc, parse_monomials

    names, exponents = parse_monomials(terms)
    powers = integers("--jacobian", jacobian) if jacobian is not None else [0] * len(names)
    found = monomial_llc(terms, jacobian=powers)
    settings = {"variables": names, "exponents": exponents, "jacobian": powers}
    _show(f"half the sum of squares of {terms}, in {', '.join(names)}", settings, found, as_json)


@exact.command("reduced-rank")
def reduced_rank(
    n_inputs: Annotated[int, typer.Argument(help="Inputs N.")],
    n_hidden: Annotated[int, typer.Argument(help="Hidden units H.")],
    n_outputs: Annotated[int, typer.Argument(help="Outputs M.")],
    rank: RankOption = 0,
    ranks: Annotated[
        str | None,
        typer.Option(
            "--ranks",
            help="Ranks a,b of the two factors, first layer first: the value at such a point, not "
            "the least one.",
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Reduced-rank regression: the least value over the fibre, or the one at given ranks.

    Example: pfmap exact reduced-rank 4 3 4 --rank 2
    """
    from pfmap.llc.exact import local_two_layer_llc, reduced_rank_llc

    name = f"reduced-rank regression, {n_inputs} inputs, {n_hidden} hidden, {n_outputs} outputs"
    settings: dict[str, Any] = {"widths": [n_inputs, n_hidden, n_outputs], "rank": rank}
    if ranks is None:
        found = reduced_rank_llc(n_inputs, n_hidden, n_outputs, rank=rank)
        _show(f"{name}, true rank {rank}", settings, found, as_json)
        return
    pair = integers("--ranks", ranks)
    if len(pair) != 2:
        raise _refused("--ranks", "two integers with a comma, such as 2,3", ranks)
    found = local_two_layer_llc(n_inputs, n_hidden, n_outputs, rank=rank, ranks=(pair[0], pair[1]))
    where = f"true rank {rank}, at factors of ranks {pair[0]} and {pair[1]}"
    _show(f"{name}, {where}", settings | {"ranks": pair}, found, as_json)


@exact.command("deep-linear")
def deep_linear(
    widths: Annotated[str, typer.Argument(help="Widths, inputs first: 10,10,10.")],
    rank: RankOption = 0,
    as_json: JsonFlag = False,
) -> None:
    """Deep linear network: the least value over the fibre.

    Example: pfmap exact deep-linear 10,10,10 --rank 5
    """
    from pfmap.llc.exact import deep_linear_llc

    shape = integers("WIDTHS", widths)
    found = deep_linear_llc(shape, rank=rank)
    name = f"deep linear network, widths {', '.join(map(str, shape))}, true rank {rank}"
    _show(name, {"widths": shape, "rank": rank}, found, as_json)


@exact.command("tanh")
def tanh(
    n_hidden: Annotated[int, typer.Argument(help="Hidden units H.")], as_json: JsonFlag = False
) -> None:
    """Tanh network with one input, one output and no biases, truth 0, at the origin.

    The domain must hold at least H distinct values |x| > 0.

    Example: pfmap exact tanh 4
    """
    from pfmap.llc.exact import tanh_llc

    name = f"{n_hidden} tanh units of one input, truth 0, at least {n_hidden} distinct |x| > 0"
    _show(name, {"n_hidden": n_hidden}, tanh_llc(n_hidden), as_json)


@exact.command("one-unit")
def one_unit(
    activation: Annotated[str, typer.Argument(help="tanh or relu.")],
    one_sign: Annotated[
        bool, typer.Option("--one-sign", help="All inputs have the same sign.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """One unit a σ(b x), truth 0, at the origin.

    Example: pfmap exact one-unit relu
    """
    from pfmap.llc.exact import one_unit_llc

    found = one_unit_llc(activation, one_sign=one_sign)
    where = "one sign" if one_sign else "both signs"
    settings = {"activation": activation, "one_sign": one_sign}
    _show(f"one {activation} unit, truth 0, inputs of {where}", settings, found, as_json)


@exact.command("regular")
def regular(
    n_parameters: Annotated[int, typer.Argument(help="Parameters d.")], as_json: JsonFlag = False
) -> None:
    """Regular model: d/2.

    Example: pfmap exact regular 6
    """
    from pfmap.llc.exact import regular_llc

    found = regular_llc(n_parameters)
    _show(
        f"regular model, {n_parameters} parameters", {"n_parameters": n_parameters}, found, as_json
    )


@exact.command("squares")
def squares(
    n_squares: Annotated[int, typer.Argument(help="Number r of squares.")],
    exponent: Annotated[str, typer.Argument(help="Power k of their sum, such as 2 or 1/2.")],
    as_json: JsonFlag = False,
) -> None:
    """The loss (w1² + … + wr²)^k, at the origin.

    Example: pfmap exact squares 2 4
    """
    from pfmap.llc.exact import power_of_squares_llc

    numbers = _numbers("EXPONENT", exponent)
    if len(numbers) != 1:
        raise _refused("EXPONENT", "one number, such as 2 or 1/2", exponent)
    (k,) = numbers
    found = power_of_squares_llc(n_squares, k)
    settings = {"n_squares": n_squares, "exponent": str(k)}
    _show(f"sum of {n_squares} squares to the power {k}", settings, found, as_json)


@exact.command("quasi-homogeneous")
def quasi_homogeneous(
    weights: Annotated[
        str, typer.Argument(help="Weights α > 0 that give every term degree 1: 1/2,1/3.")
    ],
    zeros: Annotated[
        Zeros,
        typer.Option(
            "--zeros",
            help="Real zeros of f other than the origin: regular (its gradient is not 0 at any of "
            "them) or none.",
        ),
    ],
    as_json: JsonFlag = False,
) -> None:
    """Half the square of f with f(s^α_1 x_1, s^α_2 x_2, ...) = s f(x), at the origin.

    Example: pfmap exact quasi-homogeneous 3/8,1/4 --zeros regular
    """
    from pfmap.llc.exact import quasi_homogeneous_llc, regular_llc

    found = quasi_homogeneous_llc(
        _numbers("WEIGHTS", weights), away=regular_llc(1) if zeros is Zeros.REGULAR else None
    )
    others = "regular zeros off the origin" if zeros is Zeros.REGULAR else "no other zero"
    name = f"half the square of a function of weights {weights} and degree 1, {others}"
    _show(name, {"weights": weights.split(","), "zeros": zeros.value}, found, as_json)


@exact.command("brieskorn")
def brieskorn(
    exponents: Annotated[str, typer.Argument(help="Exponents, each at least 2: 2,3,7.")],
    signs: Annotated[
        str | None,
        typer.Option("--signs", help="A sign of each term: +,+,-; all + if left out."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Half the square of a sum of powers x^a + y^b - ..., at the origin.

    Example: pfmap exact brieskorn 2,4,4 --signs +,-,-
    """
    from pfmap.llc.exact import brieskorn_llc

    powers = integers("EXPONENTS", exponents)
    chosen = ["+"] * len(powers) if signs is None else [sign.strip() for sign in signs.split(",")]
    if not set(chosen) <= {"+", "-"}:
        raise _refused("--signs", "+ and - with commas, such as +,-", signs or "")
    found = brieskorn_llc(powers, [1 if sign == "+" else -1 for sign in chosen])
    text = " ".join(f"{s} x{i}^{a}" for i, (s, a) in enumerate(zip(chosen, powers, strict=True), 1))
    settings = {"exponents": powers, "signs": chosen}
    _show(f"half the square of {text.removeprefix('+ ')}", settings, found, as_json)


@exact.command("factored-polynomial")
def factored_polynomial(
    factors: Annotated[
        str, typer.Argument(help="Factors of each coefficient, the constant first: 1,2,3,4,5.")
    ],
    target: Annotated[
        str, typer.Option("--target", help="True coefficients, the constant first: 1,0,0,0,0.")
    ],
    as_json: JsonFlag = False,
) -> None:
    """Polynomial regression where every coefficient is a product of parameters of its own.

    Example: pfmap exact factored-polynomial 1,2,3,4,5 --target 1,0,0,0,0
    """
    from pfmap.llc.exact import factored_polynomial_llc

    counts, true = integers("FACTORS", factors), _numbers("--target", target)
    found = factored_polynomial_llc(counts, true)
    settings = {"n_factors": counts, "target": [float(value) for value in true]}
    name = f"polynomial with coefficients of {factors} factors, truth {target}"
    _show(name, settings, found, as_json)


@exact.command("polynomial-net")
def polynomial_net(
    depth: Annotated[int, typer.Argument(help="Number of matrices.", min=1, max=1000)],
    degree: Annotated[
        int, typer.Option("--degree", help="Degree of the activation.", min=2, max=100)
    ] = 2,
    as_json: JsonFlag = False,
) -> None:
    """Two-parameter polynomial net of Sergeant-Perthuis et al. 2026, truth 0, at the origin.

    Example: pfmap exact polynomial-net 3
    """
    from pfmap.llc.exact import polynomial_net_llc

    found = polynomial_net_llc(depth, degree)
    name = f"two-parameter polynomial net of depth {depth}, activation z^{degree}"
    _show(name, {"depth": depth, "degree": degree}, found, as_json)


def _show(model: str, settings: dict[str, Any], found: LearningCoefficient, as_json: bool) -> None:
    payload = {
        "model": model,
        **settings,
        "llc": float(found.llc),
        "llc_exact": str(found.llc),
        "multiplicity": found.multiplicity,
        "source": found.source,
        "proved": found.proved,
    }
    lines = [
        model,
        f"λ = {_with_decimal(found.llc)}",
        f"m = {found.multiplicity}",
        f"source: {found.source}",
        "proved" if found.proved else "not proved: derived here, without a published proof",
    ]
    emit(payload, "\n".join(lines), as_json)


def _with_decimal(value: Fraction) -> str:
    """A fraction with its decimals, and whether they are all of them."""
    if value.denominator == 1:
        return str(value)
    decimal = f"{float(value):.6g}"
    return f"{value} {'=' if Fraction(decimal) == value else '≈'} {decimal}"


def integers(name: str, text: str) -> list[int]:
    """Integers of an argument, with commas between them."""
    return _parsed(name, text, int, "integers with commas, such as 1,0,2")


def _numbers(name: str, text: str) -> list[Fraction]:
    return _parsed(name, text, _number, "numbers of at most 18 digits with commas, such as 1,0,1/2")


def _number(text: str) -> Fraction:
    """A decimal or a quotient; Fraction alone would write out 1e999999999."""
    if _NUMBER.fullmatch(text) is None:
        raise ValueError
    return Fraction(text)


def _parsed(name: str, text: str, read: Callable[[str], T], rule: str) -> list[T]:
    try:
        return [read(part.strip()) for part in text.split(",")]
    except (ValueError, ZeroDivisionError):
        raise _refused(name, rule, text) from None


def _refused(name: str, rule: str, text: str) -> Exception:
    from pfmap.errors import SettingsError

    return SettingsError(
        f"{name}: must be {rule}, got {text!r}", next_step="pfmap exact --help lists the forms"
    )
