"""Settings of one campaign: validation, defaults, TOML in and out, digest.

Every key of a campaign file is a field below, or one of a section; its description is the
documentation that ``pfmap init`` writes beside it.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    field_validator,
    model_validator,
)

from pfmap.display import Displayed
from pfmap.errors import SettingsError
from pfmap.models.families import ModelSection, section_of

from .domain import (
    MAX_POINTS,
    BooleanDomain,
    DigitsDomain,
    Domain,
    PointsDomain,
    domain_points,
    has_order,
)
from .network import Network
from .prior import Prior, parameter_sds, support_of
from .sections import (
    COUNTERS_A_FUNCTION,
    Analysis,
    Complexity,
    Counting,
    FreeEnergy,
    Llc,
    Readout,
    Volume,
)

if TYPE_CHECKING:
    from pfmap.models.base import CompiledModel

MAX_BLOCKS = 2**20
MAX_BLOCK_DRAWS = 2**22
MAX_DRAWS = MAX_BLOCKS * MAX_BLOCK_DRAWS
MAX_EXACT_BITS = 256


class Campaign(Displayed, BaseModel):
    """Everything that decides the results of a campaign; threads and paths are not part of it.

    Keywords are the keys of a campaign file, its sections as dicts; `campaign_from_mapping` takes
    the same and says in plain words what is wrong.

    Examples
    --------
    >>> Campaign(draws=1000, network={"widths": (3, 8, 1), "activation": "tanh"}).n_points
    8
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    SHOWN: ClassVar = (
        "name",
        "draws",
        "seed",
        "described",
        "prior.law",
        "domain.kind",
        "readout.kind",
    )
    name: str = Field(
        default="default",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Name of the campaign and of its folder under results/.",
    )
    seed: int = Field(
        default=1, ge=0, lt=2**63, description="Seed; draw i depends on (seed, i) alone."
    )
    draws: int = Field(
        default=1_000_000,
        ge=1,
        le=MAX_DRAWS,
        description="Total number of draws; a campaign resumed with more draws keeps the old ones.",
    )
    block_draws: int = Field(
        default=65_536,
        ge=256,
        le=MAX_BLOCK_DRAWS,
        description="Draws of a block, the unit of work, of shards and of resuming.",
    )
    network: Network | None = None
    model: SerializeAsAny[ModelSection] | None = None
    prior: Prior = Prior(preset="vallePerez2019")
    domain: Domain = BooleanDomain()
    readout: Readout = Readout()
    counting: Counting = Counting()
    complexity: Complexity = Complexity()
    llc: Llc = Llc()
    volume: Volume = Volume()
    free_energy: FreeEnergy = FreeEnergy()
    analysis: Analysis = Analysis()

    @model_validator(mode="before")
    @classmethod
    def _network_or_model(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        if values.get("model") is None:
            network = values.get("network")
            return {**values, "network": Network() if network is None else network}
        if values.get("network") is not None:
            raise ValueError("model: a campaign has a table [network] or [model], not both")
        if isinstance(values["model"], dict):
            try:
                section_of(values["model"])
            except SettingsError as error:
                raise ValueError(str(error)) from error
        return values

    @field_validator("model", mode="before")
    @classmethod
    def _section_of_family(cls, value: Any) -> Any:
        return section_of(value).model_validate(value) if isinstance(value, dict) else value

    @field_validator("domain", mode="before")
    @classmethod
    def _default_kind(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if not isinstance(value.get("kind", ""), str):
            raise ValueError("kind must be text")  # pydantic would quote it, whatever it is
        return {"kind": "boolean", **value}

    @model_validator(mode="after")
    def _check_blocks(self) -> Self:
        # Each is a file and a line of the journal: more would choke folders, not kernels.
        if self.n_blocks > MAX_BLOCKS:
            least = -(-self.draws // MAX_BLOCKS)
            raise ValueError(
                f"block_draws: a campaign has at most {MAX_BLOCKS:,} blocks, got {self.n_blocks:,} "
                f"for {self.draws:,} draws; set block_draws to at least {least:,}"
            )
        return self

    @model_validator(mode="after")
    def _check_domain(self) -> Self:
        n_inputs = self.n_inputs
        key = "network.widths" if self.model is None else "model.inputs"
        if self.domain.kind == "boolean" and not 2 <= n_inputs <= 10:
            raise ValueError(
                f"{key}: a Boolean domain needs 2 to 10 inputs, got {n_inputs}; set "
                f"{'the first width' if self.model is None else 'them'} within 2…10, or another "
                "domain"
            )
        if self.domain.kind == "grid":
            if n_inputs not in (1, 2):
                raise ValueError(
                    f"{key}: a grid has 1 or 2 inputs, got {n_inputs}; set "
                    f"{'the first width' if self.model is None else 'them'} to 1 or 2"
                )
            if self.domain.low >= self.domain.high:
                raise ValueError(
                    f"domain.low: must lie below domain.high = {self.domain.high}, "
                    f"got {self.domain.low}"
                )
            if self.domain.points**n_inputs > MAX_POINTS:
                raise ValueError(
                    f"domain.points: at most {MAX_POINTS} points in all, got "
                    f"{self.domain.points**n_inputs}"
                )
        return self

    @model_validator(mode="after")
    def _check_counting(self) -> Self:
        counting = self.counting
        # 10 / frequent_p in decimal digits: 1e-5 must not ask for 1,000,001.
        least = math.ceil(COUNTERS_A_FUNCTION / counting.frequent_p * (1.0 - 1e-12))
        if counting.keep == "frequent" and counting.functions < least:
            raise ValueError(
                f"counting.functions: must be at least {COUNTERS_A_FUNCTION} / counting.frequent_p "
                f"= {least:,}, got {counting.functions:,}; set more functions, or a larger "
                "frequent_p"
            )
        return self

    @model_validator(mode="after")
    def _check_selection(self) -> Self:
        selection = self.llc.selection
        if selection != "stratified":
            if self.readout.kind != "sign":
                raise ValueError(
                    f"llc.selection: {selection} needs numbers of ones, got readout.kind = "
                    f"{self.readout.kind}; set it to stratified"
                )
            if not has_order(self.domain):
                raise ValueError(
                    f"llc.selection: {selection} needs the lz of ordered points, got domain.order "
                    '= none; set it to "file" if the order of the points is meant, or the '
                    "selection to stratified"
                )
            if self.complexity.proxies and "lz" not in self.complexity.proxies:
                raise ValueError(
                    f"llc.selection: {selection} needs the proxy lz, got complexity.proxies = "
                    f"{', '.join(self.complexity.proxies)}; add lz"
                )
        return self

    @property
    def dense(self) -> Network:
        """The dense network of the campaign.

        Raises
        ------
        SettingsError
            If its model is of another family: what asks for this is known of dense networks alone.
        """
        if self.network is None:
            raise SettingsError(
                f"model: this is known of dense networks alone, got {self.described}",
                next_step="describe the network in [network], if it is one",
            )
        return self.network

    @property
    def is_dense(self) -> bool:
        """Whether the model is a dense network."""
        return self.network is not None

    @property
    def n_inputs(self) -> int:
        """Inputs of the model."""
        return self.model.inputs if self.model is not None else self.dense.widths[0]

    @property
    def described(self) -> str:
        """The model in a few words, such as ``(7, 40, 40, 1) relu network``."""
        if self.model is None:
            return f"({', '.join(map(str, self.dense.widths))}) {self.dense.activation} network"
        settings = self.model.model_dump(exclude={"family", "inputs"}, exclude_defaults=True)
        said = ", ".join(f"{key} {value}" for key, value in settings.items())
        name = self.model.family.replace("_", " ")
        return f"{name} model of {self.n_inputs} inputs" + (f" ({said})" if said else "")

    def compiled_model(self) -> CompiledModel:
        """The model on the points of the domain, targets 0.

        Raises
        ------
        SettingsError
            If the settings do not fit each other.

        Examples
        --------
        >>> Campaign().compiled_model().n_parameters
        2001
        """
        if self.model is not None:
            from pfmap.models.families import family_of

            return family_of(self.model.family).build(self.points, **self.model.keywords)
        from pfmap.models.network import network_model

        network = self.dense
        return network_model(
            network.widths,
            self.points,
            activation=network.activation,
            degree=network.degree,
            bias=network.bias,
            output_activation=network.output_activation,
        )

    @property
    def standard_deviations(self) -> np.ndarray:
        """Standard deviation of every parameter under the prior, shape (d,)."""
        if self.model is None:
            return parameter_sds(self.dense.widths, self.dense.bias, self.prior)
        from pfmap.models.program_model import ProgramModel

        model = self.compiled_model()
        assert isinstance(model, ProgramModel)
        return model.standard_deviations(self.prior)

    @property
    def support(self) -> np.ndarray | None:
        """Half-widths of the prior's support, as `pfmap.settings.prior.support_of` says."""
        return support_of(self.standard_deviations, self.prior.law)

    @property
    def without_slope(self) -> str:
        """Name of an activation of the model that has no slope; empty if gradients exist."""
        return self.compiled_model().without_slope

    @property
    def points(self) -> np.ndarray:
        """Points of the domain, float64 of shape (points, inputs)."""
        return domain_points(self.domain, self.n_inputs)

    @property
    def n_points(self) -> int:
        """Number of points of the domain."""
        if self.domain.kind == "boolean":
            return int(2**self.n_inputs)
        return len(self.points)

    @property
    def exact_keys(self) -> bool:
        """Whether a key is the function itself (at most 256 bits), not a hash of it."""
        return self.readout.kind == "sign" and self.n_points <= MAX_EXACT_BITS

    @property
    def n_blocks(self) -> int:
        """Number of blocks; the last may be shorter than the others."""
        return -(-self.draws // self.block_draws)

    def digest(self, *sections: str) -> str:
        """Digest of the settings in `sections` (field names), with the points themselves.

        Without sections: of everything that decides which function draw i expresses, in which
        block it falls, and which functions are counted. The total number of draws is not part of
        it, so that a finished campaign can be continued.
        """
        chosen = sections or ("seed", "block_draws", "network", "prior", "domain", "readout")
        settings = self.model_dump(mode="json", include=set(chosen))
        if "network" in chosen and self.model is not None:
            del settings["network"]
            settings["model"] = self.model.model_dump(mode="json")
        if not sections and self.counting.keep != "all":
            # Only then: campaigns begun before there was a choice keep their digest.
            settings["counting"] = [self.counting.keep, self.counting.functions]
        if isinstance(self.domain, DigitsDomain) and "domain" in chosen:
            del settings["domain"]["order"]  # it decides nothing that is drawn
        if isinstance(self.domain, PointsDomain) and "domain" in chosen:
            settings["domain"] = hashlib.sha256(self.points.tobytes()).hexdigest()
        canonical = json.dumps(settings, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:32]

    def to_toml(self) -> str:
        """Completed settings as TOML; reading it back gives an equal campaign."""
        import tomli_w

        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))
