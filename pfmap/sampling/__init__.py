"""Draw parameters from the prior and count the functions they express.

Draw i of a campaign depends on (seed, i) alone, so results are the same for any number of threads,
any order of blocks, and after any interruption; a campaign is the beginning of every longer one,
and the index of a draw brings its weights and its function back.
"""

from .base_plan import SamplingPlan
from .blocks import BlockTally, sample_blocks
from .boolean_machine import boolean_machine_law, sample_boolean_machine
from .draws import (
    bits_of_draws,
    find_draws,
    outputs_of_draws,
    symbols_of_draws,
    weights_of_draws,
    words_of_draws,
)
from .model_plan import ModelPlan
from .network_plan import NetworkPlan
from .of_model import sample_model
from .plan import plan_sampling
from .prior import sample_prior

__all__ = [
    "BlockTally",
    "ModelPlan",
    "NetworkPlan",
    "SamplingPlan",
    "bits_of_draws",
    "boolean_machine_law",
    "find_draws",
    "outputs_of_draws",
    "plan_sampling",
    "sample_blocks",
    "sample_boolean_machine",
    "sample_model",
    "sample_prior",
    "symbols_of_draws",
    "weights_of_draws",
    "words_of_draws",
]
