"""Sections of a campaign file: readout, counting, complexity, llc, volume and so on.

Those of the network, the prior and the domain have files of their own.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
)

from .network import MAX_PARAMETERS, STRICT

MAX_SELECTED = 100_000
MAX_NAMED = 10_000
MAX_RESAMPLES = 10**6
MAX_SCALE = 1e100
MAX_REPLICA_RATIO = 1e6
"""Largest temperature and the like: products of two stay finite."""

MIN_SIZE, MAX_SIZE = 1e-3, 1e12
"""Sample sizes of the free energy."""

COUNTERS_A_FUNCTION = 10
"""Counters of ``frequent`` for each function that can be as probable as ``frequent_p``."""

NAMED_FUNCTIONS = (
    "constant-0", "constant-1", "and", "or", "xor2", "threshold-2", "majority", "parity",
    "random:1",
)  # fmt: skip
"""Functions of the default campaign; those that a domain does not have are passed over."""


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a list that names something twice."""
    met: set[str] = set()
    for value in values:
        if value in met:
            raise ValueError(f"must differ from each other, and {value} stands there twice")
        met.add(value)
    return values


def _ascending(sizes: tuple[float, float]) -> tuple[float, float]:
    """Refuse a range that is none."""
    low, high = sizes
    if not MIN_SIZE <= low < high <= MAX_SIZE:
        raise ValueError(
            f"must be two numbers in ascending order, from {MIN_SIZE:g} to {MAX_SIZE:g}"
        )
    return sizes


class Readout(BaseModel):
    """How outputs become a function."""

    model_config = STRICT
    kind: Literal["sign", "quantised"] = Field(
        default="sign",
        description="sign: bit 1 where the output is > 0, strictly; quantised: outputs rounded to "
        "multiples of step.",
    )
    step: float = Field(
        default=0.25,
        gt=0,
        le=MAX_SCALE,
        allow_inf_nan=False,
        description="Step of the quantised readout.",
    )


class Counting(BaseModel):
    """Which functions are counted, where all would be more than a disk should hold."""

    model_config = STRICT
    keep: Literal["all", "frequent", "sampled"] = Field(
        default="all",
        description="all: every function, exactly; frequent: those drawn most often, with a bound "
        "on the error of their counts; sampled: exact counts of a random subset of the functions.",
    )
    functions: int = Field(
        default=1_000_000,
        ge=100,
        le=10**9,
        description="Most functions that frequent or sampled keep; memory and disk follow it. "
        "Without effect under all.",
    )
    frequent_p: float = Field(
        default=1e-5,
        ge=1e-8,
        lt=1,
        description="Probability from which on frequent must keep every function, its count low by "
        "at most a tenth; functions must be at least ten times its inverse.",
    )


class Complexity(BaseModel):
    """Which proxies, and where the dear ones are computed."""

    model_config = STRICT
    proxies: Annotated[tuple[str, ...], AfterValidator(_distinct)] = Field(
        default=(), description="Names of proxies; empty means all that apply to the domain."
    )
    dear_functions: int = Field(
        default=1000,
        ge=0,
        le=10**9,
        description="Proxies too dear for every function are computed for this many of the most "
        "frequent functions and for those selected for the learning coefficient; null elsewhere.",
    )


class Llc(BaseModel):
    """Learning coefficients of a stratified selection of functions."""

    model_config = STRICT
    functions: int = Field(
        default=40,
        ge=0,
        le=MAX_SELECTED,
        description="Functions selected, stratified over log2 P and over lz; 0 skips the stage.",
    )
    selection: Literal["stratified", "equal_ones", "equal_lz"] = Field(
        default="stratified",
        description="stratified: over log2 P and lz; equal_ones: all with one number of ones T and "
        "different lz; equal_lz: all with one lz and different T.",
    )
    named: Annotated[tuple[str, ...], AfterValidator(_distinct)] = Field(
        default=(),
        max_length=MAX_NAMED,
        description="Keys of functions to select besides, if they were drawn.",
    )
    draws_per_function: int = Field(
        default=3,
        ge=1,
        le=10_000,
        description="Draws of each selected function (fewer if it was seen less).",
    )
    centers: Annotated[
        tuple[Literal["self", "target", "bernoulli"], ...], AfterValidator(_distinct)
    ] = Field(
        default=("self", "target"),
        min_length=1,
        description="self: the draw itself against its own outputs; target: trained from the draw "
        "to ±1 targets; bernoulli: the draw itself against its own probabilities, outputs as "
        "logits.",
    )
    n_beta: float = Field(
        default=1e16,
        gt=0,
        le=MAX_SCALE,
        allow_inf_nan=False,
        description="Inverse temperature nβ. The loss is exact, so it may be large; λ needs nβ "
        "times the weakest curvature well above gamma.",
    )
    gamma: float = Field(
        default=1e10,
        gt=0,
        le=MAX_SCALE,
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
        default=3.0,
        gt=1,
        le=MAX_REPLICA_RATIO,
        allow_inf_nan=False,
        description="nβ of one replica over the next.",
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
        le=MAX_PARAMETERS,
        description="Networks with more parameters get no such chains, only the exact rows: a row "
        "of a (7,40,40,1) would take a quarter of an hour.",
    )
    target_tolerance: float = Field(
        default=1e-20,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Loss K below which training to ±1 targets has succeeded; nβ times it must "
        "be small.",
    )


class Volume(BaseModel):
    """Probabilities of single functions by multilevel splitting, however rare they are."""

    model_config = STRICT
    functions: int = Field(
        default=12,
        ge=0,
        le=10_000,
        description="Functions drawn that are selected: half of them at even steps of log2 P down "
        "to analysis.min_count, to compare with their counts, the others from there down to "
        "functions seen once. With 0, and none named, the stage is skipped.",
    )
    named: Annotated[tuple[str, ...], AfterValidator(_distinct)] = Field(
        default=NAMED_FUNCTIONS,
        max_length=MAX_NAMED,
        description="Functions to measure besides, drawn or not: names such as parity, majority, "
        "and, threshold-3 or random:SEED on all inputs of n bits, truth tables, or keys.",
    )
    chains: int = Field(
        default=32,
        ge=8,
        le=10_000,
        description="Chains of every level; for rare functions few long ones serve better than "
        "many short ones.",
    )
    steps: int = Field(
        default=128,
        ge=4,
        le=100_000,
        description="Steps of each chain; chains times steps is the number of particles.",
    )
    runs: int = Field(
        default=8,
        ge=2,
        le=1000,
        description="Independent runs after the pilot that sets the levels; their spread is the "
        "standard error.",
    )
    max_levels: int = Field(
        default=100,
        ge=1,
        le=8000,
        description="Levels after which a function is given up with an upper bound; each keeps "
        "about a quarter of the particles, two bits of log2 P.",
    )


class FreeEnergy(BaseModel):
    """Free energy F(n) and λ_eff(n) of classes of functions, beside P, λ_f and the kernel."""

    model_config = STRICT
    classes: int = Field(
        default=0,
        ge=0,
        le=10_000,
        description="Classes (orbits under the prior's symmetries) with a curve, stratified over "
        "log2 P and the bound on λ_f; with 0 the stage is skipped.",
    )
    named: Annotated[tuple[str, ...], AfterValidator(_distinct)] = Field(
        default=(),
        max_length=MAX_NAMED,
        description="Functions whose classes are among them, drawn or not: names such as parity, "
        "majority, and, threshold-3 or random:SEED on all inputs of n bits, truth tables, or keys.",
    )
    n: Annotated[tuple[float, float], AfterValidator(_ascending)] = Field(
        default=(0.3, 1e6),
        description="Smallest and largest sample size, in samples of unit noise.",
    )
    lowest: float = Field(
        default=0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Smallest loss t of the curves; 0: what the largest n needs.",
    )
    chains: int = Field(default=32, ge=8, le=10_000, description="Chains of every level.")
    steps: int = Field(default=96, ge=4, le=100_000, description="Steps of each chain.")
    runs: int = Field(
        default=4,
        ge=4,
        le=1000,
        description="Independent runs after the pilot; their spread is the standard error.",
    )
    max_levels: int = Field(
        default=400, ge=1, le=8000, description="Levels after which a curve ends where it is."
    )


class Analysis(BaseModel):
    """Bootstrap and thresholds of the honesty checks."""

    model_config = STRICT
    bootstrap: int = Field(
        default=1000,
        ge=100,
        le=MAX_RESAMPLES,
        description="Bootstrap resamples per interval.",
    )
    min_count: int = Field(
        default=10,
        ge=10,
        le=10**12,
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
        le=MAX_RESAMPLES,
        description="Pure-noise simulations behind the verdict on each learning coefficient.",
    )
