"""Options of commands about functions: the network, the functions, and the lengths of a splitting.

The network is that of a campaign or one given on the line; functions are given by key, by table or
by name, as often as one likes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pfmap.activations import NAMES

from .campaigns import find_campaign

if TYPE_CHECKING:
    from pfmap.functions.named import BooleanFunction
    from pfmap.settings.campaign import Campaign
    from pfmap.volume import Settings

NetworkArgument = Annotated[
    str | None,
    typer.Argument(
        help="A campaign whose network is meant: its file, its name or its folder; default if left "
        "out, unless --widths gives a network.",
        metavar="[CAMPAIGN]",
        show_default=False,
    ),
]
WidthsOption = Annotated[
    str | None,
    typer.Option(
        "--widths", help="A network instead of a campaign's: 7,40,40,1, inputs first, one output."
    ),
]
ActivationOption = Annotated[
    str | None,
    typer.Option("--activation", help=f"With --widths: {', '.join(NAMES)}; relu if left out."),
]
PriorOption = Annotated[
    str | None,
    typer.Option(
        "--prior", help="With --widths: gaussian (default), vallePerez2019 or mingard2025."
    ),
]
NoBiasOption = Annotated[
    bool, typer.Option("--no-bias", help="With --widths: layers without biases.")
]
KeyOption = Annotated[
    list[str] | None,
    typer.Option("--key", help="A function by its key, as in functions.parquet. Repeatable."),
]
TableOption = Annotated[
    list[str] | None,
    typer.Option(
        "--table",
        help="A function by its truth table in 0s and 1s, first input bit most significant. "
        "Repeatable.",
    ),
]
NamedOption = Annotated[
    list[str] | None,
    typer.Option(
        "--named",
        help="A function by name: parity, majority, and, or, xor2, multiplexer, threshold-K, "
        "random:SEED, constant-0, constant-1, or an expression such as 'x1 & ~x2'. Repeatable.",
    ),
]
RunsOption = Annotated[int, typer.Option("--runs", help="Independent runs after the pilot.")]
ChainsOption = Annotated[int, typer.Option("--chains", help="Chains of every level.")]
StepsOption = Annotated[
    int, typer.Option("--steps", help="Steps of every chain: more for rarer functions.")
]
LevelsOption = Annotated[
    int, typer.Option("--max-levels", help="Levels, of two bits each, after which to give up.")
]
ErrorOption = Annotated[
    float,
    typer.Option(
        "--error",
        help="Standard error in bits to aim at, by longer and more runs; 0 keeps to the lengths.",
    ),
]
SplittingSeedOption = Annotated[int, typer.Option("--seed", help="Seed of the splitting.")]

RUNS, CHAINS, STEPS, MAX_LEVELS, SEED = 8, 32, 128, 200, 1
"""Defaults of the options, those of `pfmap.volume.Settings`; importing it here would be slow."""


def find_network(
    source: str | None,
    *,
    widths: str | None = None,
    activation: str | None = None,
    prior: str | None = None,
    no_bias: bool = False,
) -> tuple[Campaign, Path | None]:
    """Campaign with the network meant, and the campaign's folder; None for one on the line.

    Raises
    ------
    SettingsError
        If both or parts of one are given, or a value breaks a rule.
    """
    from pfmap.errors import SettingsError
    from pfmap.settings.read import campaign_from_mapping

    described = {"--activation": activation, "--prior": prior, "--no-bias": no_bias or None}
    given = [name for name, value in described.items() if value is not None]
    if widths is None:
        if given:
            raise SettingsError(
                f"{given[0]}: goes with --widths",
                next_step="give the network too, such as --widths 7,40,40,1",
            )
        return find_campaign(source or "default")
    if source is not None:
        raise SettingsError(
            f"--widths: gives a network, and so does the campaign {source}",
            next_step="leave one of them out",
        )
    try:
        layers = [int(part) for part in widths.split(",")]
    except ValueError:
        raise SettingsError(
            f"--widths: must be integers with commas, such as 7,40,40,1, got {widths!r}"
        ) from None
    network: dict[str, Any] = {"widths": layers, "bias": not no_bias}
    if activation is not None:
        network["activation"] = activation
    settings = {
        "name": "network",
        "network": network,
        "prior": {"preset": "gaussian" if prior is None else prior},
    }
    return campaign_from_mapping(settings, source="command line"), None


def find_functions(
    campaign: Campaign, keys: list[str] | None, tables: list[str] | None, names: list[str] | None
) -> list[BooleanFunction]:
    """The functions asked for, keys first, then tables, then names; each once, named if it was.

    Raises
    ------
    SettingsError
        If a text gives no function of the campaign's network, or functions cannot be given there.
    """
    from pfmap.functions.keys import check_key
    from pfmap.functions.named import (
        function_of_bits,
        named_table,
        table_from_key,
        table_from_text,
    )
    from pfmap.volume.probability import check_functions

    n_inputs = check_functions(campaign)
    found = []
    for key in keys or []:
        spelled = check_key(key, campaign, argument="--key")
        found.append(function_of_bits(table_from_key(spelled, n_inputs)))
    found += [function_of_bits(table_from_text(text, n_inputs)) for text in tables or []]
    found += [
        function_of_bits(named_table(name, n_inputs), label=name.strip().lower())
        for name in names or []
    ]
    # A name, given last, replaces the key as label and keeps the place of the first mention.
    return list({function.key: function for function in found}.values())


def result_settings(campaign: Campaign, splitting: Settings, **more: Any) -> dict[str, Any]:
    """All that decides a result, as plain data: network, prior, domain, lengths, and `more`."""
    from dataclasses import asdict

    return network_settings(campaign) | asdict(splitting) | more


def network_settings(campaign: Campaign) -> dict[str, Any]:
    """Network, prior, domain and readout as plain data, one level deep."""
    named = {"network", "model", "prior", "readout"}
    sections = campaign.model_dump(mode="json", include=named)
    settings = {
        f"{name}.{key}": value
        for name, part in sections.items()
        if part is not None
        for key, value in part.items()
    }
    return settings | {"domain": campaign.digest("domain")}


def digest_of(values: Any) -> str:
    """SHA-256 of an array's bytes, in short."""
    import hashlib

    return hashlib.sha256(values.tobytes()).hexdigest()[:16]


def network_name(campaign: Campaign, source: Path | None) -> str:
    """How folders of a network's results are called: by its campaign, or by what it is."""
    if source is not None:
        return campaign.name
    parts = [*map(str, campaign.dense.widths), campaign.dense.activation]
    return "-".join(parts)


def splitting_settings(
    *, runs: int, chains: int, steps: int, max_levels: int, seed: int
) -> Settings:
    """Settings of a splitting, checked."""
    from pfmap.volume import Settings
    from pfmap.volume.estimate import check_settings

    settings = Settings(chains=chains, steps=steps, runs=runs, max_levels=max_levels, seed=seed)
    check_settings(settings)
    return settings


def described(campaign: Campaign, source: Path | None) -> str:
    """The network in words."""
    where = f" of campaign {campaign.name}" if source is not None else ""
    if not campaign.is_dense:
        return f"{campaign.described}, {campaign.prior.law} prior{where}"
    network = campaign.dense
    widths = ",".join(map(str, network.widths))
    what = f"network ({widths}) {network.activation}" if len(network.widths) > 2 else "perceptron"
    what += f" of {network.widths[0]} inputs" if len(network.widths) == 2 else ""
    bias = "" if network.bias else ", no biases"
    return f"{what}{bias}, {campaign.prior.law} prior{where}"
