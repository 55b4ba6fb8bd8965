"""Functions: keys, symmetries of the prior, orbits, probabilities."""

from pfmap.functions.expressed import Expressed, expressed_function
from pfmap.functions.keys import (
    arrow_keys_from_words,
    bits_from_words,
    check_key,
    keys_from_words,
    words_from_bits,
    words_from_keys,
)
from pfmap.functions.named import (
    FUNCTION_NAMES,
    BooleanFunction,
    function,
    function_of_bits,
    named_table,
    parse_function,
)
from pfmap.functions.orbits import canonical_words, orbit_members
from pfmap.functions.probability import clopper_pearson, functions_table
from pfmap.functions.richness import (
    Frequencies,
    Richness,
    count_frequencies,
    estimate_richness,
    extrapolate_distinct,
    rarefaction,
)
from pfmap.functions.symmetry import Symmetries, prior_symmetries
from pfmap.functions.thinning import population_limits

__all__ = [
    "FUNCTION_NAMES",
    "BooleanFunction",
    "Expressed",
    "Frequencies",
    "Richness",
    "Symmetries",
    "arrow_keys_from_words",
    "bits_from_words",
    "canonical_words",
    "check_key",
    "clopper_pearson",
    "count_frequencies",
    "estimate_richness",
    "expressed_function",
    "extrapolate_distinct",
    "function",
    "function_of_bits",
    "functions_table",
    "keys_from_words",
    "named_table",
    "orbit_members",
    "parse_function",
    "population_limits",
    "prior_symmetries",
    "rarefaction",
    "words_from_bits",
    "words_from_keys",
]
