"""Columns of what multilevel splitting found: curves, evidence, and the runs kept on disk."""

from __future__ import annotations

import pyarrow as pa

from .column import Column

_key = pa.string()
_f8 = pa.float64()
_i8 = pa.int64()
_i4 = pa.int32()

VOLUME = (
    Column("function", _key, "", "Key of the function."),
    Column(
        "loss",
        pa.string(),
        "",
        "signs: the function itself, severity 0 where every bit is right; squared | bernoulli: a "
        "smooth loss K, which is the severity.",
    ),
    Column("run", _i4, "", "Number of the run, from 0."),
    Column("level", _i4, "", "Number of the level, from 1; level 0 is the prior itself."),
    Column("severity", _f8, "", "Threshold t of the level."),
    Column("log_volume", _f8, "nats", "ln V(t) found by the run; -inf once no state was left."),
    Column(
        "log_volume_se",
        _f8,
        "nats",
        "Its standard error from the chains of the run; null where no state was left.",
    ),
    Column(
        "acceptance",
        _f8,
        "",
        "Share of the moves accepted at this level; null for the last, where none are made.",
    ),
    Column("particles", _i8, "states", "States of every level: chains times steps."),
)

EVIDENCE = (
    Column("function", _key, "", "Key of the function."),
    Column("loss", pa.string(), "", "signs | squared | bernoulli, as in volume."),
    Column("name", pa.string(), "", "Names it was asked for by; empty if selected by its count."),
    Column("ones", _i4, "inputs", "T(f): inputs where f is 1."),
    Column(
        "log2_p",
        _f8,
        "bits",
        "log2 V at the lowest severity; for signs log2 P(f). Null unless the verdict is reached, "
        "-inf where no parameter expresses the function.",
    ),
    Column("log2_p_se", _f8, "bits", "Its standard error: the larger of the next two."),
    Column("log2_p_between_se", _f8, "bits", "From the spread of the runs."),
    Column("log2_p_within_se", _f8, "bits", "From the chains inside the runs."),
    Column(
        "log2_p_upper",
        _f8,
        "bits",
        "Upper bound: V plus two standard errors, the least of all severities measured.",
    ),
    Column(
        "verdict",
        pa.string(),
        "",
        "reached | uncertain (the runs got there and their mean is no estimate: one had no state "
        "left, the standard error is above 1.5 bits, or they disagree and one makes more than 3/4 "
        "of the mean; log2_p_lower and log2_p_upper are what is known) | budget (max_levels were "
        "not enough) | stalled (no state came below the last level, or fewer than two runs got "
        "there) | not expressible.",
    ),
    Column("proof", pa.string(), "", "Why it is not expressible; else empty."),
    Column("warning", pa.string(), "", "Why the standard error should not be trusted; or empty."),
    Column("evaluations", _i8, "passes", "Forward passes, those of the pilot included."),
    Column("levels", _i4, "", "Levels of the pilot."),
    Column("runs", _i4, "", "Runs after the pilot; two where it did not arrive."),
    Column("particles", _i8, "states", "States of every level: chains times steps."),
    Column(
        "learning_coefficient",
        _f8,
        "",
        "λ from the small end of the curve; null for signs, whose λ is 0 by definition.",
    ),
    Column("learning_coefficient_se", _f8, "", "Its standard error."),
    Column("multiplicity", _i4, "", "Multiplicity m; null if not known, and for signs."),
    Column("elapsed_s", _f8, "s", "Wall time; of a resumed estimate, that of what was left to do."),
    Column(
        "fit",
        pa.string(),
        "",
        "Verdict on λ and m: ok | plateau (the slope is not that of t -> 0: it breaks a bound on "
        "λ, or still changes) | short | m open | not converged | not reached | few levels. λ "
        "counts only with ok. Null for signs, where nothing is fitted.",
    ),
    Column("learning_coefficient_low", _f8, "", "Lower end of the 95 % interval of λ."),
    Column("learning_coefficient_high", _f8, "", "Upper end of the 95 % interval of λ."),
    Column(
        "log2_p_lower",
        _f8,
        "bits",
        "Lower bound of log2 V at the lowest severity, wrong with probability 0.025 at most: the "
        "mean of the runs over 40 (Markov's inequality; the runs are unbiased), or where no run "
        "got there by bridges from a realisation found by training. Null where neither got there.",
    ),
    Column(
        "learning_coefficient_known_low",
        _f8,
        "",
        "Lower bound on λ that holds whatever is sampled; null where none is known.",
    ),
    Column(
        "learning_coefficient_known_high",
        _f8,
        "",
        "Upper bound on λ that holds whatever is sampled; null where none is known.",
    ),
    Column(
        "learning_coefficient_known",
        pa.string(),
        "",
        "Where both bounds come from; empty where none is known, null for signs.",
    ),
    Column(
        "n_asymptote",
        _f8,
        "samples",
        "Lower bound on the n at which λ log n can begin to lead F(n), where the fit is a plateau; "
        "null where none is known.",
    ),
)

SPLITTING_PILOT = (
    Column("level", _i8, "", "Number of the level; 0 is the prior."),
    Column("threshold", _f8, "", "Severity of the level; infinite for the prior."),
    Column("log_sizes", pa.list_(_f8), "", "ln of the sizes of the moves at the level."),
    Column(
        "curve",
        pa.list_(_f8),
        "",
        "Severities where the states of the level measure the curve, the next threshold last; null "
        "for the last level.",
    ),
)

SPLITTING_RUN = (
    Column("level", _i8, "", "Number of the level; 0 is the prior."),
    Column("log_volumes", pa.list_(_f8), "", "ln of the run's prior mass at the level's curve."),
    Column(
        "covariance",
        pa.list_(_f8),
        "",
        "Covariance, from the chains, of ln of the level's shares, row by row.",
    ),
    Column("acceptance", _f8, "", "Share of moves accepted at the next level; NaN after the last."),
)

POSTERIOR = (
    Column("function", _key, "", "Key of a function that was drawn and fits the training set S."),
    Column("probability", _f8, "", "P_B(f|S): its weighted share of the draws."),
    Column("probability_se", _f8, "", "Standard error of probability."),
    Column("draws", _i8, "draws", "Draws that express it; those of one chain are correlated."),
    Column(
        "wrong",
        _i8,
        "inputs",
        "Inputs outside of S where it differs from the truth; null if no truth was given.",
    ),
)
