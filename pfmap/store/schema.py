"""Columns of every table: name, type, unit and meaning stand here and nowhere else.

Those of the stage ``volume`` stand in `pfmap.store.volume_schema`, those of free energies in
`pfmap.store.curve_schema`.

They go into the Parquet metadata, and the table in the documentation is made from them. The
contract is append-only: later versions add tables and columns and never change a meaning.
"""

from __future__ import annotations

import pyarrow as pa

from .column import Column
from .curve_schema import CROSSINGS, FREE_ENERGY
from .question_schema import CLASSES, FUNCTION_LLC, RELATIONS
from .volume_schema import EVIDENCE, POSTERIOR, SPLITTING_PILOT, SPLITTING_RUN, VOLUME

FORMAT_VERSION = 1
OLDEST_FORMAT = 1

_key = pa.string()
_f8 = pa.float64()
_i8 = pa.int64()
_i4 = pa.int32()

COUNTS = (
    Column("function", _key, "", "Key: hexadecimal truth table, or 128-bit hash beyond 256 bits."),
    Column("count", _i8, "draws", "Draws of the block that express the function."),
    Column("first_draw", _i8, "", "Smallest index of such a draw."),
)

FUNCTIONS = (
    Column("function", _key, "", "Key: hexadecimal truth table, or 128-bit hash beyond 256 bits."),
    Column("count", _i8, "draws", "Draws of the campaign that express the function."),
    Column("p", _f8, "", "Estimate of P(f): count / N."),
    Column("log2_p", _f8, "bits", "log2 of p."),
    Column("p_low", _f8, "", "Lower Clopper-Pearson bound, 95 % for a function named beforehand."),
    Column("p_high", _f8, "", "Upper Clopper-Pearson bound, 95 % for a function named beforehand."),
    Column("first_draw", _i8, "", "Smallest index of a draw that expresses the function."),
    Column("ones", _i4, "inputs", "T(f): inputs where f is 1; null for quantised functions."),
    Column("orbit", _key, "", "Key of the orbit's canonical member; null where none is defined."),
    Column("orbit_size", _i8, "functions", "Functions in the orbit under the prior's symmetries."),
    Column("orbit_count", _i8, "draws", "Draws that express any function of the orbit."),
    Column(
        "log2_p_orbit",
        _f8,
        "bits",
        "log2 of orbit_count / (N orbit_size); null at orbit_count = 1, biased below 10.",
    ),
)

LZ_ORBIT_MIN = Column(
    "lz_orbit_min",
    _f8,
    "bits",
    "Least lz over all functions of the orbit, drawn or not; null where orbit_count is below 10, "
    "and beyond the most counted orbits that hold 10^9 functions together.",
)

COUNT_ERROR = Column(
    "count_error",
    _i8,
    "draws",
    "Only where the frequent functions are kept: the draws that express the function are at least "
    "count and at most count + count_error. p is count / N, p_high that of count + count_error.",
)

FREQUENCIES = (
    Column("count", _i8, "draws", "A number of draws k."),
    Column(
        "functions", _f8, "functions", "Estimate of how many functions were drawn exactly k times."
    ),
    Column("low", _f8, "functions", "Lower end of its 95 % interval, from the binomial law."),
    Column("high", _f8, "functions", "Upper end of its 95 % interval, from the binomial law."),
    Column("kept", _i8, "functions", "Functions of the hashed subset drawn exactly k times."),
    Column("inclusion", _f8, "", "Probability with which a function belongs to the subset."),
)

LLC = (
    Column("function", _key, "", "Key of the function; empty for weights given by the user."),
    Column("draw", _i8, "", "Index of the draw the estimate starts from."),
    Column(
        "center",
        pa.string(),
        "",
        "self | target | bernoulli: what the loss compares with; given: the user's own loss.",
    ),
    Column("estimator", pa.string(), "", "rank | mala | ladder: how the row was made."),
    Column("llc", _f8, "", "Estimate of the learning coefficient λ (rank: a lower bound on it)."),
    Column("llc_se", _f8, "", "Standard error of llc; null for rank, 0 where the ladder is exact."),
    Column("n_beta", _f8, "", "Inverse temperature nβ; null but for mala."),
    Column("gamma", _f8, "", "Localisation γ; null but for mala."),
    Column(
        "multiplicity",
        _i4,
        "",
        "Multiplicity m: 1 where rank_constant; from the ladder's fit elsewhere; null: not known.",
    ),
    Column(
        "multiplicity_resolution",
        _f8,
        "",
        "Ladder: with m = 1 no second pole lies within this of λ, with m > 1 m poles do and are "
        "not told from one of order m; 0: m is exact; null: not known, and for the other rows.",
    ),
    Column(
        "settled_by",
        pa.string(),
        "",
        "Ladder: what is known exactly of λ and m and was used, or empty; null for the others.",
    ),
    Column("rank", _i4, "", "Rank of the Jacobian of the outputs at w*."),
    Column(
        "rank_gap",
        _f8,
        "",
        "First singular value below the cut over the last above; where none lies below, the cut "
        "over the last. Small is clear; null at rank 0.",
    ),
    Column(
        "rank_constant",
        pa.bool_(),
        "",
        "Whether the rank stayed the same at small perturbations along the fibre, to which every "
        "null direction is tangent (λ = rank/2); null if not known.",
    ),
    Column("n_parameters", _i4, "", "Number of parameters d."),
    Column("loss_at_center", _f8, "", "K(w*): mean squared error / 2 at the center."),
    Column(
        "rhat", _f8, "", "Split R-hat over chains, the worse of nβK and |w - w*|; null for rank."
    ),
    Column(
        "ess",
        _f8,
        "draws",
        "Effective sample size over all chains, the lower of nβK and |w - w*|; null for rank.",
    ),
    Column("acceptance", _f8, "", "Mean acceptance of the sampler; null for rank."),
    Column(
        "verdict",
        pa.string(),
        "",
        "ok | outside | nan | overflow | unresolved | not a minimum | stuck | not converged | "
        "short; mala: constant, soft; rank: kink, soft; ladder: kink, underflow, stratum, "
        "contradicted, slow, skipped.",
    ),
    Column("elapsed_s", _f8, "s", "Wall time of the row."),
    Column("llc_slope", _f8, "", "d llc / d ln nβ, near 0 where llc has settled; null for rank."),
    Column("relative_llc", _f8, "", "llc / λ_max of the model class, λ_max = min(d, outputs)/2."),
    Column("null_dead", _i4, "directions", "Null directions of the Jacobian: dead units."),
    Column(
        "null_duplicate",
        _i4,
        "directions",
        "Further ones: units that are the same to first order, such as relu units on at the same "
        "points.",
    ),
    Column(
        "null_linear",
        _i4,
        "directions",
        "Further ones: pieces never crossed, units on at every point.",
    ),
    Column(
        "null_narrow",
        _i4,
        "directions",
        "Further ones: units on at points that span less than their inputs.",
    ),
    Column("null_rescaling", _i4, "directions", "Further ones: rescalings of single units."),
    Column(
        "null_unexplained",
        _i4,
        "directions",
        "The other null directions; the six causes add up to d - rank. Null for other rows than "
        "rank.",
    ),
)

LADDER = (
    Column("function", _key, "", "Key of the function."),
    Column("draw", _i8, "", "Index of the draw the estimate starts from."),
    Column("center", pa.string(), "", "self | target | bernoulli: what the loss compares with."),
    Column("n_beta", _f8, "", "Inverse temperature nβ, in samples of unit noise."),
    Column(
        "lambda_eff",
        _f8,
        "",
        "E[nβ (K - K*)] at this nβ; null where K(w*) is not 0 or w* lies on a kink.",
    ),
    Column(
        "estimator",
        pa.string(),
        "",
        "quadratic: K quadratic around w*, under a Gaussian of the prior's widths around w*.",
    ),
)

FITS = (
    Column(
        "fit",
        pa.string(),
        "",
        "dingle_bound | dingle_bound_normalised | dingle_bound_top | dingle_bound_fitted | "
        "quantile_envelope | least_squares | variance_split | counted_against_volume.",
    ),
    Column("response", pa.string(), "", "Fitted quantity."),
    Column("predictor", pa.string(), "", "Quantity it is fitted against; empty if none."),
    Column("coefficient", pa.string(), "", "Name of the coefficient."),
    Column("estimate", _f8, "", "Its value; null where it is not defined."),
    Column("low", _f8, "", "Lower end of the 95 % interval; null if none applies."),
    Column("high", _f8, "", "Upper end of the 95 % interval; null if none applies."),
    Column("n", _i8, "rows", "Functions or orbits in the fit."),
    Column("method", pa.string(), "", "How value and interval were computed."),
    Column("verdict", pa.string(), "", "ok, or why the value should not be trusted."),
)

CORRELATIONS = (
    Column("x", pa.string(), "", "First quantity."),
    Column("y", pa.string(), "", "Second quantity."),
    Column(
        "method",
        pa.string(),
        "",
        "pearson | spearman | kendall | partial_spearman | pearson_disattenuated.",
    ),
    Column("given", pa.string(), "", "Quantities held fixed; empty if none."),
    Column("subset", pa.string(), "", "Rows used: all, or a stratum of min(T, points - T)."),
    Column("n", _i8, "rows", "Functions, orbits or estimates in the correlation."),
    Column("estimate", _f8, "", "Coefficient; null where it is not defined."),
    Column("low", _f8, "", "Lower end of the 95 % bootstrap interval; null if none."),
    Column("high", _f8, "", "Upper end of the 95 % bootstrap interval; null if none."),
    Column("verdict", pa.string(), "", "supported | not supported | descriptive."),
    Column("reason", pa.string(), "", "Why the verdict is what it is."),
)

CALIBRATION = (
    Column("name", pa.string(), "", "Model."),
    Column("family", pa.string(), "", "Family of models."),
    Column("n_parameters", _i8, "", "Parameters d."),
    Column("true_llc", _f8, "", "λ, exact."),
    Column("true_multiplicity", _i8, "", "m, exact."),
    Column("llc", _f8, "", "Estimate of λ from the ladder."),
    Column("llc_se", _f8, "", "Its standard error; 0 where λ = rank/2 was shown."),
    Column("low", _f8, "", "Lower end of the 95 % interval."),
    Column("high", _f8, "", "Upper end of the 95 % interval."),
    Column("error", _f8, "", "(llc - true_llc) / true_llc."),
    Column("z", _f8, "", "(llc - true_llc) / llc_se; 0 where both are exact and agree."),
    Column("covered", pa.bool_(), "", "Whether the interval holds true_llc."),
    Column("multiplicity", _i8, "", "Estimate of m; null: undetermined."),
    Column(
        "multiplicity_resolution",
        _f8,
        "",
        "m = 1: no second pole lies within this of λ; m > 1: m poles do, not told from one of "
        "order m. Null: undetermined.",
    ),
    Column("weight_true_m", _f8, "", "Weight of the true m; 0 above 4."),
    Column(
        "limit_n_beta", _f8, "", "Highest nβ of a ladder that can tell m; null where not known."
    ),
    Column("limit", pa.string(), "", "What no fit of this ladder can tell apart."),
    Column(
        "verdict",
        pa.string(),
        "",
        "ok | slow | short | not converged | not a minimum | stratum | nan.",
    ),
    Column("needed_n_beta", _f8, "", "Where slow: nβ of the ladder that would be needed."),
    Column("top_n_beta", _f8, "", "nβ that the ladder reached; null where nothing was sampled."),
    Column("exact", pa.bool_(), "", "Whether λ = rank/2 was shown, so that no chain was needed."),
    Column("rank", _i8, "", "Rank of the Jacobian at w*."),
    Column("single_llc", _f8, "", "E[nβK] at nβ = 1086, γ = 1: the value of the literature."),
    Column("n_gradients", _i8, "", "Gradients evaluated."),
    Column("elapsed_s", _f8, "s", "Wall time."),
)

PREDICTORS = (
    Column("response", pa.string(), "", "log2_p_orbit, or log2_p where there are no orbits."),
    Column(
        "predictor",
        pa.string(),
        "",
        "A complexity, log2_orbit_size, several joined by +, all measures (with the controls), or "
        "log2 P itself (model ceiling).",
    ),
    Column(
        "model",
        pa.string(),
        "",
        "isotonic: one measure, rising or falling; additive: ridge regression on splines; ceiling: "
        "what counting noise leaves to predict.",
    ),
    Column(
        "place", _i4, "", "1 for the single measure with the highest r_squared; null for joint."
    ),
    Column("n", _i8, "rows", "Orbits or functions that every model was judged on."),
    Column("r_squared", _f8, "", "R² on rows whose log2 P took no part in the fit; 0: the mean."),
    Column("r_squared_low", _f8, "", "Lower end of its 95 % interval."),
    Column("r_squared_high", _f8, "", "Upper end of its 95 % interval."),
    Column("rank_correlation", _f8, "", "Spearman's coefficient of prediction and log2 P there."),
    Column("rank_correlation_low", _f8, "", "Lower end of its 95 % interval."),
    Column("rank_correlation_high", _f8, "", "Upper end of its 95 % interval."),
    Column(
        "gain",
        _f8,
        "",
        "R² of an additive model of the controls (ones, entropy and, for orbits, log2_orbit_size) "
        "and the measure, less that without the measure; null for controls.",
    ),
    Column("gain_low", _f8, "", "Lower end of its 95 % interval."),
    Column("gain_high", _f8, "", "Upper end of its 95 % interval."),
    Column(
        "verdict",
        pa.string(),
        "",
        "beyond controls | skill | no skill | not computed | reference.",
    ),
    Column("reason", pa.string(), "", "Why the verdict is what it is."),
)

IN_FOLDERS = ("counts", "splitting_pilot", "splitting_run")
"""Tables of many files: one a block, a pilot or a run."""

TABLES: dict[str, tuple[Column, ...]] = {
    "counts": COUNTS,
    "functions": FUNCTIONS,
    "frequencies": FREQUENCIES,
    "function_llc": FUNCTION_LLC,
    "llc": LLC,
    "ladder": LADDER,
    "fits": FITS,
    "correlations": CORRELATIONS,
    "calibration": CALIBRATION,
    "predictors": PREDICTORS,
    "volume": VOLUME,
    "evidence": EVIDENCE,
    "posterior": POSTERIOR,
    "splitting_pilot": SPLITTING_PILOT,
    "splitting_run": SPLITTING_RUN,
    "free_energy": FREE_ENERGY,
    "classes": CLASSES,
    "relations": RELATIONS,
    "crossings": CROSSINGS,
}


def arrow_schema(table: str, extra: tuple[Column, ...] = ()) -> pa.Schema:
    """Arrow schema of `table`, units and meanings in the metadata of its fields.

    Parameters
    ----------
    table : str
        A key of `TABLES`.
    extra : tuple of Column, default ()
        Further columns: the complexity proxies of ``functions``.

    Examples
    --------
    >>> arrow_schema("counts").names
    ['function', 'count', 'first_draw']
    """
    fields = [
        pa.field(
            column.name, column.type, metadata={"unit": column.unit, "meaning": column.meaning}
        )
        for column in (*TABLES[table], *extra)
    ]
    return pa.schema(fields, metadata={"pfmap_table": table, "pfmap_format": str(FORMAT_VERSION)})
