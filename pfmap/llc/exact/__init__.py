"""Learning coefficients known exactly: what every estimate is held against.

λ is a fraction and m an integer; each comes with its source and with whether it is proved.
Nothing here is compiled or sampled.
"""

from __future__ import annotations

from .calculus import independent_product, independent_sum, power, rescaled
from .coefficient import LearningCoefficient, same_pair
from .deep_linear import deep_linear_by_programme, deep_linear_llc
from .monomials import monomial_llc, parse_monomials
from .polynomials import factored_polynomial_llc, polynomial_net_llc
from .quasi_homogeneous import brieskorn_llc, quasi_homogeneous_llc, weights_of
from .reduced_rank import local_two_layer_llc, reduced_rank_llc
from .regular import power_of_squares_llc, regular_llc
from .units import one_unit_llc, tanh_llc

__all__ = [
    "LearningCoefficient",
    "brieskorn_llc",
    "deep_linear_by_programme",
    "deep_linear_llc",
    "factored_polynomial_llc",
    "independent_product",
    "independent_sum",
    "local_two_layer_llc",
    "monomial_llc",
    "one_unit_llc",
    "parse_monomials",
    "polynomial_net_llc",
    "power",
    "power_of_squares_llc",
    "quasi_homogeneous_llc",
    "reduced_rank_llc",
    "regular_llc",
    "rescaled",
    "same_pair",
    "tanh_llc",
    "weights_of",
]
