"""Learning coefficients at a parameter: ranks, samplers, estimators, diagnostics."""

from pfmap.doors import open_door

_HOMES = {
    "FoundLayers": "pfmap.llc.layers:FoundLayers",
    "Generalisation": "pfmap.llc.generalisation:Generalisation",
    "JacobianRank": "pfmap.llc.rank:JacobianRank",
    "LadderEstimate": "pfmap.llc.ladder.outcome:LadderEstimate",
    "LlcEstimate": "pfmap.llc.estimate:LlcEstimate",
    "estimate_llc": "pfmap.llc.estimate:estimate_llc",
    "estimate_llc_ladder": "pfmap.llc.ladder.estimate:estimate_llc_ladder",
    "estimate_llc_sgld": "pfmap.llc.sgld:estimate_llc_sgld",
    "jacobian_rank": "pfmap.llc.rank:jacobian_rank",
    "load_weights": "pfmap.llc.load:load_weights",
    "rank_is_constant": "pfmap.llc.rank:rank_is_constant",
    "simulate_generalisation": "pfmap.llc.generalisation:simulate_generalisation",
}

__all__ = [
    "FoundLayers",
    "Generalisation",
    "JacobianRank",
    "LadderEstimate",
    "LlcEstimate",
    "estimate_llc",
    "estimate_llc_ladder",
    "estimate_llc_sgld",
    "jacobian_rank",
    "load_weights",
    "rank_is_constant",
    "simulate_generalisation",
]

__getattr__, __dir__ = open_door(__name__, _HOMES)
