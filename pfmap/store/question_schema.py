"""Columns of what sets prior mass beside the learning coefficient of the same functions."""

from __future__ import annotations

import pyarrow as pa

from .column import Column

_key = pa.string()
_f8 = pa.float64()

FUNCTION_LLC = (
    Column("function", _key, "", "Key of the function."),
    Column(
        "function_llc",
        _f8,
        "",
        "λ_f, the least λ over all parameters that express ±1 of the function, by proof; null "
        "where only bounds are known.",
    ),
    Column("function_llc_low", _f8, "", "Lower bound on λ_f."),
    Column("function_llc_high", _f8, "", "Upper bound on λ_f; null where none is known."),
    Column("reason", pa.string(), "", "Where the bounds come from."),
)

CLASSES = (
    Column("function", _key, "", "Key of a member of the orbit: what was measured."),
    Column("orbit_size", pa.int64(), "functions", "Functions of the orbit; all have the same P."),
    Column("orbit_count", pa.int64(), "draws", "Draws that express any of them."),
    Column("ones", pa.int32(), "inputs", "T(f) of the member."),
    Column(
        "log2_p",
        _f8,
        "bits",
        "log2 P of one function of the orbit: counted, by splitting below analysis.min_count; null "
        "where that did not arrive.",
    ),
    Column("log2_p_se", _f8, "bits", "Its standard error."),
    Column("p_from", pa.string(), "", "counts | splitting: its verdict."),
    Column(
        "log2_p_kernel",
        _f8,
        "bits",
        "log2 P in the limit of infinite width; null where there is none.",
    ),
    Column("log2_p_kernel_se", _f8, "bits", "Its standard error."),
    *FUNCTION_LLC[1:],
    Column("chosen", pa.bool_(), "", "Whether the class has a curve in free_energy."),
    Column("curve", pa.string(), "", "Verdict of the curve, as in evidence; null without one."),
    Column("warning", pa.string(), "", "Why its errors should not be trusted; null without one."),
    Column("evaluations", pa.int64(), "passes", "Forward passes of the curve; 0 without one."),
    Column(
        "n_asymptote",
        _f8,
        "samples",
        "Lower bound on the n at which λ_f log n can begin to lead F(n); null where none is known.",
    ),
)

FREE_ENERGY_OF_CLASSES = (
    Column(
        "log_share_low",
        _f8,
        "nats",
        "Lower bound on ln π, π the posterior's share with all signs right; 0 where it is 1.",
    ),
    Column(
        "w",
        _f8,
        "nats",
        "W = F + ln P - ln π, what fitting the targets costs among functions with these signs; "
        "null where ln π is not known within 0.05.",
    ),
    Column("free_energy_kernel", _f8, "nats", "F(n) in the limit of infinite width."),
    Column("lambda_eff_kernel", _f8, "", "λ_eff(n) there."),
    Column("log2_p_kernel", _f8, "bits", "log2 P there."),
)

RELATIONS = (
    Column("x", pa.string(), "", "First quantity; delta is log2_p - log2_p_kernel."),
    Column("y", pa.string(), "", "Second quantity."),
    Column("at_n", _f8, "samples", "Sample size of free_energy and lambda_eff; null without one."),
    Column("given", pa.string(), "", "Quantities held fixed; empty if none."),
    Column("n", pa.int64(), "classes", "Classes in the coefficient."),
    Column("estimate", _f8, "", "Spearman coefficient, partial if something is held fixed."),
    Column("low", _f8, "", "Lower end of its 95 % bootstrap interval."),
    Column("high", _f8, "", "Upper end of its 95 % bootstrap interval."),
    Column("verdict", pa.string(), "", "related | no relation | undecided | described."),
    Column("reason", pa.string(), "", "The verdict in words, with what would have been found."),
    Column("noise_rate", _f8, "", "Share of data sets of pure noise as far from 0."),
    Column("attenuation", _f8, "", "What the reported errors leave of a coefficient."),
    Column("detectable", _f8, "", "Where undecided, least |ρ| found with 80 % power."),
)
