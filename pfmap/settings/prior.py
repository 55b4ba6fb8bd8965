"""Laws of the parameters: normal or uniform, their scales, and presets named after papers.

A law is stated by standard deviations. Weight W and bias b of a layer with ``fan_in`` inputs have

    sd(W) = weight_sd / sqrt(fan_in)   (weight_scale = "fan_in"), or weight_sd ("none"),
    sd(b) = bias_sd ("none"), bias_sd / sqrt(fan_in) ("fan_in"), or bias_sd / units ("width").

The uniform law with standard deviation s is uniform on (-sqrt(3) s, sqrt(3) s).
"""

from __future__ import annotations

import itertools
import math
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

PRESETS: dict[str, dict[str, Any]] = {
    # W ~ N(0, 1/fan_in), b ~ N(0, 1).
    "gaussian": {"law": "normal", "weight_sd": 1.0, "bias_sd": 1.0},
    # Valle-Perez, Camargo, Louis 2019 (arXiv 1805.08522), the authors' sampler: hidden W and b
    # uniform with variance 2/fan_in, last layer W and b uniform with variance 1/fan_in.
    "vallePerez2019": {
        "law": "uniform",
        "weight_sd": math.sqrt(2.0),
        "bias_sd": math.sqrt(2.0),
        "bias_scale": "fan_in",
        "output_weight_sd": 1.0,
        "output_bias_sd": 1.0,
        "output_bias_scale": "fan_in",
    },
    # Mingard et al. 2025 (arXiv 2304.06670) at sigma_w = 1: settings found to reproduce the
    # published P(K); hidden bias sd = 0.2 / width, output bias sd = 0.2.
    "mingard2025": {
        "law": "normal",
        "weight_sd": 1.0,
        "bias_sd": 0.2,
        "bias_scale": "width",
        "output_bias_sd": 0.2,
        "output_bias_scale": "none",
    },
}

BiasScale = Literal["none", "fan_in", "width"]


class Prior(BaseModel):
    """Law of the weights and biases."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: Literal["gaussian", "vallePerez2019", "mingard2025"] | None = Field(
        default=None,
        description="Start from the law of a paper; keys written beside it override its values. "
        "Completed files hold the expanded values instead; remove those when you set it.",
    )
    law: Literal["normal", "uniform"] = Field(
        default="normal", description="Law of every weight and bias, centred at 0."
    )
    weight_sd: float = Field(
        default=1.0, gt=0, allow_inf_nan=False, description="σ_w, before the scale by fan-in."
    )
    weight_scale: Literal["none", "fan_in"] = Field(
        default="fan_in", description="sd(W) = σ_w/sqrt(fan_in), or σ_w itself with none."
    )
    bias_sd: float = Field(default=1.0, ge=0, allow_inf_nan=False, description="σ_b.")
    bias_scale: BiasScale = Field(
        default="none",
        description="sd(b) = σ_b (none), σ_b/sqrt(fan_in) (fan_in) or σ_b/units of the layer "
        "(width).",
    )
    output_weight_sd: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="σ_w of the last layer, if different."
    )
    output_bias_sd: float | None = Field(
        default=None, ge=0, allow_inf_nan=False, description="σ_b of the last layer, if different."
    )
    output_bias_scale: BiasScale | None = Field(
        default=None, description="bias_scale of the last layer, if different."
    )

    @model_validator(mode="before")
    @classmethod
    def _expand_preset(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        preset = values.get("preset")
        if isinstance(preset, str) and preset in PRESETS:
            law = PRESETS[preset]
            if all(values.get(key, value) != value for key, value in law.items()):
                raise ValueError(
                    f"preset {preset} changes nothing, since other values stand beside it for all "
                    f"its keys, {', '.join(law)}: remove those or the preset"
                )
            # The name itself is dropped: a completed file holds the values alone, so that nobody
            # changes the name later and is surprised that the values beside it still rule.
            return {**PRESETS[preset], **{k: v for k, v in values.items() if k != "preset"}}
        return values


def layer_sds(widths: tuple[float, ...], bias: bool, prior: Prior) -> tuple[np.ndarray, np.ndarray]:
    """Standard deviations of the weights and biases of every layer.

    Parameters
    ----------
    widths : tuple of int
        Units of every layer, input and output included (length L + 1); infinity gives the limit.
    bias : bool
        Whether layers have biases; without, every bias sd is 0.
    prior : Prior
        The law.

    Returns
    -------
    weight_sds, bias_sds : ndarray of float64, shape (L,)

    Examples
    --------
    >>> weight_sds, bias_sds = layer_sds((7, 40, 1), True, Prior(preset="vallePerez2019"))
    >>> [round(float(s) ** 2, 6) for s in weight_sds]  # 2/7 and 1/40
    [0.285714, 0.025]
    """
    n_layers = len(widths) - 1
    weight_sds = np.empty(n_layers)
    bias_sds = np.zeros(n_layers)
    for layer in range(n_layers):
        fan_in, units = widths[layer], widths[layer + 1]
        last = layer == n_layers - 1
        weight_sd = prior.weight_sd
        bias_sd, bias_scale = prior.bias_sd, prior.bias_scale
        if last and prior.output_weight_sd is not None:
            weight_sd = prior.output_weight_sd
        if last and prior.output_bias_sd is not None:
            bias_sd = prior.output_bias_sd
        if last and prior.output_bias_scale is not None:
            bias_scale = prior.output_bias_scale
        root = math.sqrt(fan_in)
        weight_sds[layer] = weight_sd / root if prior.weight_scale == "fan_in" else weight_sd
        if bias:
            bias_sds[layer] = bias_sd / {"none": 1.0, "fan_in": root, "width": units}[bias_scale]
    return weight_sds, bias_sds


def parameter_sds(widths: tuple[int, ...], bias: bool, prior: Prior) -> np.ndarray:
    """Standard deviation of every parameter, shape (d,), in the order of a parameter vector.

    Examples
    --------
    >>> parameter_sds((2, 1), True, Prior(bias_sd=0.5)).round(3).tolist()
    [0.707, 0.707, 0.5]
    """
    weight_sds, bias_sds = layer_sds(widths, bias, prior)
    parts = []
    for layer, (below, units) in enumerate(itertools.pairwise(widths)):
        parts.append(np.full(below * units, weight_sds[layer]))
        if bias:
            parts.append(np.full(units, bias_sds[layer]))
    return np.concatenate(parts)


def support_of(sds: np.ndarray, law: str) -> np.ndarray | None:
    """Half-widths of the box around 0 outside which the prior has no mass.

    Parameters
    ----------
    sds : ndarray, shape (d,)
        Standard deviation of every parameter.
    law : {"normal", "uniform"}

    Returns
    -------
    ndarray of float64, shape (d,), or None
        None where the prior has mass everywhere.

    Examples
    --------
    >>> support_of(np.ones(2), "uniform").round(3).tolist()
    [1.732, 1.732]
    >>> support_of(np.array([1.0, 0.0]), "normal").tolist()
    [inf, 0.0]
    >>> support_of(np.ones(2), "normal") is None
    True
    """
    if law == "uniform":
        return math.sqrt(3.0) * sds
    return np.where(sds > 0.0, math.inf, 0.0) if (sds == 0.0).any() else None
