"""The section ``[network]`` of a campaign file: a dense network."""

from __future__ import annotations

import itertools
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
)

from pfmap.activations import ACTIVATIONS, NAMES, Activation, facts_of

STRICT = ConfigDict(extra="forbid", frozen=True)
"""Of every section: unknown keys are refused, and nothing changes once it is checked."""

MAX_PARAMETERS = 10**7
MAX_LAYERS = 1000


def _with_record(name: str) -> str:
    """Refuse an activation that neither pfmap nor this process has."""
    if name not in ACTIVATIONS:
        raise ValueError(f"must be one of {', '.join(ACTIVATIONS)}")
    return name


ActivationName = Annotated[str, AfterValidator(_with_record), WithJsonSchema({"enum": [*NAMES]})]


class Network(BaseModel):
    """A fully connected network with one output."""

    model_config = STRICT
    widths: tuple[int, ...] = Field(
        default=(7, 40, 40, 1),
        min_length=2,
        max_length=MAX_LAYERS + 1,
        description="Units of every layer, inputs first, one output last; any depth.",
    )
    activation: ActivationName = Field(default="relu", description="Activation of hidden layers.")
    degree: int = Field(
        default=2, ge=1, le=9, description="Exponent of the activation monomial, x^degree."
    )
    bias: bool = Field(default=True, description="Whether layers have biases.")
    output_activation: ActivationName = Field(
        default="linear", description="Activation of the output unit."
    )

    @property
    def hidden_facts(self) -> Activation:
        """Record of what the hidden layers apply; without any, that of nothing: x itself."""
        name = self.activation if len(self.widths) > 2 else "linear"
        return facts_of(name, self.degree)

    @property
    def output_facts(self) -> Activation:
        """Record of what the output unit applies."""
        return facts_of(self.output_activation, self.degree)

    @field_validator("widths")
    @classmethod
    def _check_widths(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if any(width < 1 or width > 4096 for width in widths):
            raise ValueError("every width must lie between 1 and 4096")
        if widths[-1] != 1:
            raise ValueError("the last width must be 1: a function has one output")
        n_parameters = sum((below + 1) * units for below, units in itertools.pairwise(widths))
        if n_parameters > MAX_PARAMETERS:
            raise ValueError(
                f"at most {MAX_PARAMETERS:,} parameters, {n_parameters:,} with these widths"
            )
        return widths
