"""Columns of what volume curves say at every sample size: free energies, and where they cross."""

from __future__ import annotations

import pyarrow as pa

from .column import Column

_key = pa.string()
_f8 = pa.float64()

FREE_ENERGY = (
    Column("function", _key, "", "Key of the function, or the name of what is compared."),
    Column("loss", pa.string(), "", "squared | bernoulli: the loss K."),
    Column("n", _f8, "samples", "Sample size, in samples of unit noise."),
    Column(
        "free_energy",
        _f8,
        "nats",
        "F(n) = -log ∫ exp(-n t) dV(t); null where the curve does not support n.",
    ),
    Column("free_energy_se", _f8, "nats", "Its standard error, interpolation included."),
    Column("lambda_eff", _f8, "", "dF/d log n at this n; null where F is."),
    Column("lambda_eff_se", _f8, "", "Its standard error."),
)

CROSSINGS = (
    Column("function", _key, "", "Key or name of the first function f."),
    Column("other", _key, "", "Key or name of the second function g."),
    Column("loss", pa.string(), "", "squared | bernoulli: the loss K."),
    Column(
        "n",
        _f8,
        "samples",
        "n at which F_f(n) = F_g(n); null where no change of order is seen: settled says whether "
        "there is none.",
    ),
    Column("n_low", _f8, "samples", "Next lower n where the order is clear at 1.96 errors."),
    Column("n_high", _f8, "samples", "Next higher n where it is clear, and the opposite."),
    Column("n_from", _f8, "samples", "Lowest n at which both F are known."),
    Column("n_to", _f8, "samples", "Highest n at which both F are known."),
    Column(
        "log_evidence_ratio_at_equal_fit_from",
        _f8,
        "nats",
        "F_g - F_f at n_from: above 0 where f has more prior mass within resolution 1/n.",
    ),
    Column("log_evidence_ratio_at_equal_fit_to", _f8, "nats", "F_g - F_f at n_to."),
    Column("log_evidence_ratio_at_equal_fit_to_se", _f8, "nats", "Its standard error."),
    Column(
        "prior_bits",
        _f8,
        "bits",
        "At the crossing, log2 P(f) - log2 P(g) of the zero-one loss; null where not known.",
    ),
    Column("log_n_bits", _f8, "bits", "At the crossing, (λ_g - λ_f) log2 n; null likewise."),
    Column("rest_bits", _f8, "bits", "What makes the three add up to 0: constants and log log n."),
    Column(
        "settled",
        pa.bool_(),
        "",
        "Whether the errors settle the order: true at a crossing; where n is null, true if F_g - "
        "F_f is beyond 1.96 errors at n_from and n_to and has one sign throughout, so that there "
        "is no crossing, and false if the order is not known.",
    ),
)
