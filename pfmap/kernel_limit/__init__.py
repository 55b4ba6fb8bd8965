"""The limit of infinite width: a Gaussian process, its functions and its free energy."""

from pfmap.kernel_limit.covariance import check_signs, limit_covariance
from pfmap.kernel_limit.draws import sample_limit
from pfmap.kernel_limit.free_energy import (
    LimitFreeEnergy,
    limit_free_energy,
    share_of_right_signs,
)
from pfmap.kernel_limit.moments import product_moments
from pfmap.kernel_limit.orthant import OrthantProbability, orthant_probability

__all__ = [
    "LimitFreeEnergy",
    "OrthantProbability",
    "check_signs",
    "limit_covariance",
    "limit_free_energy",
    "orthant_probability",
    "product_moments",
    "sample_limit",
    "share_of_right_signs",
]
