"""Weights given in a file: the option of their order, and what ``pfmap llc`` says it read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .render import table

if TYPE_CHECKING:
    import numpy as np

    from pfmap.llc.layers import FoundLayers
    from pfmap.settings.campaign import Campaign

OrderOption = Annotated[
    str | None,
    typer.Option(
        "--order",
        help="With --weights: out,in (rows are units) or in,out (rows are inputs), where "
        "neither shape nor names of a matrix tell.",
    ),
]

COLUMNS = ["layer", "matrix", "shape", "order", "because", "bias"]


def describe_weights(
    campaign: Campaign, path: Path, found: FoundLayers, targets: np.ndarray | None
) -> dict[str, Any]:
    """What was read, what was assumed beside it, and what that expresses, for programs."""
    from pfmap.functions.expressed import expressed_function

    outputs = campaign.compiled_model().outputs(found.vector)
    expressed = expressed_function(campaign, outputs)
    described = {
        "file": str(path),
        "names": found.library,
        "layers": [
            {"layer": number, **layer.described()} for number, layer in enumerate(found.layers, 1)
        ],
        "parameters": len(found.vector),
        "assumed": _assumed(campaign),
        "function": expressed.key,
        "ones": expressed.ones,
        "points": expressed.n_points,
    }
    if targets is not None:
        described["target"] = {
            "agree": int(((outputs > 0.0) == (targets > 0.0)).sum()),
            "loss": float(((outputs - targets) ** 2).mean() / 2.0),
        }
    return described


def _assumed(campaign: Campaign) -> dict[str, Any]:
    """What weights do not tell, as the campaign has it."""
    from pfmap.activations import facts_of

    domain = {"domain": campaign.domain.model_dump(mode="json")}
    if campaign.model is not None:
        return {"model": campaign.model.model_dump(mode="json"), **domain}
    network = campaign.dense
    power = network.activation == "monomial"
    return {
        "widths": list(network.widths),
        "activation": facts_of("monomial", network.degree).formula if power else network.activation,
        "output_activation": network.output_activation,
        "bias": network.bias,
        **domain,
    }


def weights_text(read: dict[str, Any]) -> str:
    """The same for people."""
    assumed, points = read["assumed"], read["points"]
    if "model" in assumed:
        what = ", ".join(f"{key} {value}" for key, value in assumed["model"].items())
    else:
        hidden = "" if len(assumed["widths"]) == 2 else f"{assumed['activation']} hidden units, "
        what = f"{hidden}{assumed['output_activation']} output, widths {assumed['widths']}"
    lines = [
        f"assumed, since weights do not tell: {what}, on the {points} points of the domain "
        f"{_domain(assumed)}",
        f"read {read['file']}: {read['parameters']} parameters, "
        + (f"named as by {read['names']}" if read["layers"] else "one vector in pfmap's order"),
    ]
    if read["layers"]:
        lines.append(table(read["layers"], COLUMNS))
    ones = "" if read["ones"] is None else f", 1 at {read['ones']} of {points} points"
    lines.append(f"function: {read['function']}{ones}")
    if "target" in read:
        target = read["target"]
        lines.append(
            f"target: same sign at {target['agree']} of {points} points, K = {target['loss']:.4g} "
            "before training"
        )
    return "\n".join(lines)


def _domain(assumed: dict[str, Any]) -> str:
    domain = assumed["domain"]
    return " ".join(str(value) for value in domain.values())
