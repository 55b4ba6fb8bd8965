"""Settings of one campaign: validation, defaults, TOML in and out, digest.

Every key of a campaign file is a field below; its description is the documentation that
``pfmap init`` writes beside it.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from .domain import MAX_POINTS, BooleanDomain, Domain, PointsDomain, domain_points
from .errors import DataError, SettingsError
from .prior import Prior
from .validation import check_kinds, settings_error

Activation = Literal["relu", "tanh", "erf", "sin", "linear", "monomial"]
_SETTINGS = ConfigDict(extra="forbid", frozen=True)

MAX_DRAWS = 10**10
MAX_EXACT_BITS = 256
MAX_PARAMETERS = 10**7


class Network(BaseModel):
    """A fully connected network with one output."""

    model_config = _SETTINGS
    widths: tuple[int, ...] = Field(
        default=(7, 40, 40, 1),
        min_length=2,
        description="Units of every layer, inputs first, one output last; any depth.",
    )
    activation: Activation = Field(default="relu", description="Activation of hidden layers.")
    degree: int = Field(
        default=2, ge=1, le=9, description="Exponent of the activation monomial, x^degree."
    )
    bias: bool = Field(default=True, description="Whether layers have biases.")
    output_activation: Activation = Field(
        default="linear", description="Activation of the output unit."
    )

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


class Readout(BaseModel):
    """How outputs become a function."""

    model_config = _SETTINGS
    kind: Literal["sign", "quantised"] = Field(
        default="sign",
        description="sign: bit 1 where the output is > 0, strictly; quantised: outputs rounded to "
        "multiples of step.",
    )
    step: float = Field(
        default=0.25, gt=0, allow_inf_nan=False, description="Step of the quantised readout."
    )


class Complexity(BaseModel):
    """Which proxies, and where the dear ones are computed."""

    model_config = _SETTINGS
    proxies: tuple[str, ...] = Field(
        default=(), description="Names of proxies; empty means all that apply to the domain."
    )
    dear_functions: int = Field(
        default=1000,
        ge=0,
        description="Proxies too dear for every function are computed for this many of the most "
        "frequent functions and for those selected for the learning coefficient; null elsewhere.",
    )


class Llc(BaseModel):
    """Learning coefficients of a stratified selection of functions."""

    model_config = _SETTINGS
    functions: int = Field(
        default=40,
        ge=0,
        description="Functions selected, stratified over log2 P and over lz; 0 skips the stage.",
    )
    selection: Literal["stratified", "equal_ones", "equal_lz"] = Field(
        default="stratified",
        description="stratified: over log2 P and lz; equal_ones: all with one number of ones T and "
        "different lz; equal_lz: all with one lz and different T.",
    )
    named: tuple[str, ...] = Field(
        default=(), description="Keys of functions to select besides, if they were drawn."
    )
    draws_per_function: int = Field(
        default=3, ge=1, description="Draws of each selected function (fewer if it was seen less)."
    )
    centers: tuple[Literal["self", "target", "bernoulli"], ...] = Field(
        default=("self", "target"),
        min_length=1,
        description="self: the draw itself against its own outputs; target: trained from the draw "
        "to ±1 targets; bernoulli: the draw itself against its own probabilities, outputs as "
        "logits.",
    )

    @field_validator("centers")
    @classmethod
    def _check_centers(cls, centers: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(centers)) < len(centers):
            raise ValueError("must differ from each other")
        return centers

    n_beta: float = Field(
        default=1e16,
        gt=0,
        allow_inf_nan=False,
        description="Inverse temperature nβ. The loss is exact, so it may be large; λ needs nβ "
        "times the weakest curvature well above gamma.",
    )
    gamma: float = Field(
        default=1e10,
        gt=0,
        allow_inf_nan=False,
        description="Localisation γ around w*: chains stay within sqrt(d/γ) of it. Above 0, since "
        "flat directions have no other bound.",
    )
    chains: int = Field(default=4, ge=2, le=1000, description="Independent chains per estimate.")
    steps: int = Field(
        default=200,
        ge=100,
        le=10**6,
        description="Steps kept per chain, after warm-up; 5 and then 25 times as many where an "
        "estimate is short or not converged.",
    )
    warmup: int = Field(
        default=100, ge=50, le=10**6, description="Warm-up steps that adapt the step size."
    )
    replicas: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Temperatures of each chain: 1 for plain chains, more for replica exchange "
        "where chains do not converge.",
    )
    replica_ratio: float = Field(
        default=3.0, gt=1, allow_inf_nan=False, description="nβ of one replica over the next."
    )
    ladder_steps: int = Field(
        default=2000,
        ge=0,
        le=10**6,
        description="Steps per chain of the ladder of temperatures that estimates λ and m where "
        "the rank of the Jacobian is not constant; elsewhere λ = rank/2 is exact. 0: no ladder.",
    )
    ladder_parameters: int = Field(
        default=300,
        ge=0,
        description="Networks with more parameters get no such chains, only the exact rows: a row "
        "of a (7,40,40,1) would take a quarter of an hour.",
    )
    target_tolerance: float = Field(
        default=1e-20,
        gt=0,
        allow_inf_nan=False,
        description="Loss K below which training to ±1 targets has succeeded; nβ times it must "
        "be small.",
    )


class Analysis(BaseModel):
    """Bootstrap and thresholds of the honesty checks."""

    model_config = _SETTINGS
    bootstrap: int = Field(default=1000, ge=100, description="Bootstrap resamples per interval.")
    min_count: int = Field(
        default=10,
        ge=10,
        description="Functions and orbits seen fewer times stay out of fits and correlations: "
        "their P is conditioned on having been seen.",
    )
    envelope_quantile: float = Field(
        default=0.95,
        ge=0.5,
        lt=1.0,
        description="Quantile of log2 P, given complexity, that the upper envelope follows.",
    )
    noise_simulations: int = Field(
        default=1000,
        ge=200,
        description="Pure-noise simulations behind the verdict on each learning coefficient.",
    )


class Campaign(BaseModel):
    """Everything that decides the results of a campaign; threads and paths are not part of it."""

    model_config = _SETTINGS
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
        le=2**22,
        description="Draws of a block, the unit of work, of shards and of resuming.",
    )
    network: Network = Network()
    prior: Prior = Prior(preset="vallePerez2019")
    domain: Domain = BooleanDomain()
    readout: Readout = Readout()
    complexity: Complexity = Complexity()
    llc: Llc = Llc()
    analysis: Analysis = Analysis()

    @field_validator("domain", mode="before")
    @classmethod
    def _default_kind(cls, value: Any) -> Any:
        return {"kind": "boolean", **value} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _check_domain(self) -> Self:
        n_inputs = self.network.widths[0]
        if self.domain.kind == "boolean" and not 2 <= n_inputs <= 10:
            raise ValueError(
                f"network.widths: a Boolean domain needs 2 to 10 inputs, got {n_inputs}; set the "
                "first width within 2…10, or another domain"
            )
        if self.domain.kind == "grid":
            if n_inputs not in (1, 2):
                raise ValueError(
                    f"network.widths: a grid has 1 or 2 inputs, got {n_inputs}; set the first "
                    "width to 1 or 2"
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
    def _check_selection(self) -> Self:
        selection = self.llc.selection
        if selection != "stratified":
            if self.readout.kind != "sign":
                raise ValueError(
                    f"llc.selection: {selection} needs numbers of ones, got readout.kind = "
                    f"{self.readout.kind}; set it to stratified"
                )
            if self.complexity.proxies and "lz" not in self.complexity.proxies:
                raise ValueError(
                    f"llc.selection: {selection} needs the proxy lz, got complexity.proxies = "
                    f"{', '.join(self.complexity.proxies)}; add lz"
                )
        return self

    @property
    def points(self) -> np.ndarray:
        """Points of the domain, float64 of shape (points, inputs)."""
        return domain_points(self.domain, self.network.widths[0])

    @property
    def n_points(self) -> int:
        """Number of points of the domain."""
        if self.domain.kind == "boolean":
            return int(2 ** self.network.widths[0])
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

        Without sections: of everything that decides which function draw i expresses and in which
        block it falls. The total number of draws is not part of it, so that a finished campaign
        can be continued.
        """
        chosen = sections or ("seed", "block_draws", "network", "prior", "domain", "readout")
        settings = self.model_dump(mode="json", include=set(chosen))
        if isinstance(self.domain, PointsDomain) and "domain" in chosen:
            settings["domain"] = hashlib.sha256(self.points.tobytes()).hexdigest()
        canonical = json.dumps(settings, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:32]

    def to_toml(self) -> str:
        """Completed settings as TOML; reading it back gives an equal campaign."""
        import tomli_w

        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


def campaign_from_mapping(settings: dict[str, Any], *, source: str = "campaign") -> Campaign:
    """Validate settings.

    Parameters
    ----------
    settings : dict
        Nested settings as read from TOML.
    source : str, default "campaign"
        Where they come from, for the error message.

    Returns
    -------
    Campaign

    Raises
    ------
    SettingsError
        Naming the key, the rule and the value of the first broken rule.

    Examples
    --------
    >>> campaign_from_mapping({"draws": 1000}).draws
    1000
    >>> campaign_from_mapping({"drows": 1000})
    Traceback (most recent call last):
        ...
    pfmap.errors.SettingsError: campaign: drows: unknown key, got 1000 (next: did you mean 'draws'?)
    """
    try:
        campaign = Campaign.model_validate(settings)
    except ValidationError as error:
        raise settings_error(error, Campaign, source) from error
    check_kinds(settings, campaign, source)
    return campaign


def read_campaign(path: Path) -> Campaign:
    """Read and validate a campaign file.

    Raises
    ------
    SettingsError
        If the file is missing, is not TOML, or breaks a rule.
    """
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise SettingsError(
            f"campaign file: no such file: {path}", next_step=f"pfmap init {path}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path}: not valid TOML: {error}", next_step="see a valid one: pfmap init OTHER.toml"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    domain = settings.get("domain")
    if isinstance(domain, dict) and isinstance(domain.get("file"), str):
        # The completed file lives in another folder: it must hold an absolute path.
        domain["file"] = str((path.parent / domain["file"]).resolve())
    return campaign_from_mapping(settings, source=str(path))
