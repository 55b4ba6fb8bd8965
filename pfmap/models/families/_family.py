"""What is declared of a model family: how it is built, and what leaves its prior as it is."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

if TYPE_CHECKING:
    from pfmap.models.program_model import ProgramModel


INPUTS = "inputs"
"""The key of every family: how many inputs the domain has."""

OUTPUTS = "outputs"

EVEN_WEIGHTS = (
    "flipping an input of {-1,1} equals changing the sign of its weights, whose law is even"
)
"""Why inputs can be flipped where each has weights of its own in the first layer."""


class Fact(NamedTuple):
    """Whether something holds, and why, in plain words."""

    holds: bool
    reason: str


class Invariance(NamedTuple):
    """An order of the inputs in which every function of a family is the same, and why.

    Fields: `order`, the input that each one is replaced by; `reason`, in plain words.
    """

    order: tuple[int, ...]
    reason: str


class ModelSection(BaseModel):
    """The section ``[model]`` of a campaign file: a family, its inputs, and the family's own keys.

    The keys are the keywords of the family's function (`Family.section`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    family: str = Field(description="Name of the family.")
    inputs: int = Field(ge=1, le=4096, description="Inputs of the model.")

    @property
    def keywords(self) -> dict[str, Any]:
        """What the family's function is called with beside the points."""
        return {
            name: getattr(self, name)
            for name in type(self).model_fields
            if name not in ("family", INPUTS)
        }


@dataclass(frozen=True)
class Family:
    """A family of models, with every fact that campaigns ask of one; none has a default.

    Attributes
    ----------
    name : str
        As in ``[model] family``.
    build : callable
        ``build(points, ...)`` gives the model on points of shape (P, inputs). Its other parameters
        are keys of the campaign file, with the types and defaults that its signature declares and
        the explanations of its docstring; ``outputs`` is none, since a campaign reads one output.
    exchangeable_inputs, reflectable_inputs : callable
        Given the keywords, whether the prior over functions is the same with the inputs in any
        other order, and with any inputs of {-1, 1} flipped, as a `Fact` with its reason.

    invariances : callable
        Given the keywords and the number of inputs, orders of the inputs that change no output
        whatever the parameters, one `Invariance` for each that the others do not follow from; what
        tells such inputs apart is proved to be impossible.

    Examples
    --------
    >>> from pfmap.models.families import family_of
    >>> section = family_of("convolution").section
    >>> section(family="convolution", inputs=5, channels=[4]).keywords["kernel"]
    3
    """

    name: str
    build: Callable[..., ProgramModel]
    exchangeable_inputs: Callable[[dict[str, Any]], Fact]
    reflectable_inputs: Callable[[dict[str, Any]], Fact]
    invariances: Callable[[dict[str, Any], int], tuple[Invariance, ...]]

    @cached_property
    def section(self) -> type[ModelSection]:
        """The section of a campaign file that describes a model of the family."""
        hints = get_type_hints(self.build)
        said = _explanations(self.build.__doc__ or "")
        fields: dict[str, Any] = {}
        for parameter in list(inspect.signature(self.build).parameters.values())[1:]:
            if parameter.name == OUTPUTS:
                continue
            required = parameter.default is inspect.Parameter.empty
            fields[parameter.name] = (
                hints[parameter.name],
                Field(
                    default=... if required else parameter.default,
                    description=said.get(parameter.name, ""),
                ),
            )
        return create_model(
            "Model", __base__=ModelSection, __doc__=f"A model of the family {self.name}.", **fields
        )


def _explanations(docstring: str) -> dict[str, str]:
    """Parameters of a numpydoc docstring with their explanations on one line.

    Examples
    --------
    >>> _explanations('''Sum.
    ...
    ...     Parameters
    ...     ----------
    ...     a, b : int
    ...         What is
    ...         added.
    ...
    ...     Returns
    ...     -------
    ... ''')
    {'a': 'What is added.', 'b': 'What is added.'}
    """
    body = inspect.cleandoc(docstring).partition("Parameters\n----------\n")[2]
    body = re.split(r"\n\n\S+\n-+(?:\n|$)", body)[0]
    found: dict[str, str] = {}
    for head, text in re.findall(
        r"^(\w[\w, ]*)(?: : .*)?\n((?:    .*\n?|\n)*)", body + "\n", re.MULTILINE
    ):
        for name in head.split(", "):
            found[name] = " ".join(text.split())
    return found
