"""The function-level coefficient λ_f of relu networks: the least λ over all weights that express f.

K_f is half the mean squared error to the targets ±1 on the cube {0,1}^n; networks have biases and a
linear output.
"""

from __future__ import annotations

from .bounds import Realisation, bound_llc
from .listed import LeastRank, least_rank
from .minimum import LeastRanks, least_ranks
from .one import FunctionLlc, function_llc
from .patterns import pattern_basis
from .realise import realise_function
from .search import find_patterns
from .tabulated import FunctionBounds, bound_functions

__all__ = [
    "FunctionBounds",
    "FunctionLlc",
    "LeastRank",
    "LeastRanks",
    "Realisation",
    "bound_functions",
    "bound_llc",
    "find_patterns",
    "function_llc",
    "least_rank",
    "least_ranks",
    "pattern_basis",
    "realise_function",
]
