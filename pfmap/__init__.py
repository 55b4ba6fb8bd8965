"""pfmap measures the map from a network's parameters to the functions it expresses.

The public names below are imported when they are first used, so that ``import pfmap`` compiles and
loads nothing.

Examples
--------
>>> import pfmap
>>> counts = pfmap.sample_prior(pfmap.named_campaign("default").model_copy(update={"draws": 100}))
>>> int(counts["count"].sum())
100
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pfmap.analysis import analyze
    from pfmap.campaign import Campaign, campaign_from_mapping, read_campaign
    from pfmap.complexity import FunctionBatch, measure, measure_tables, proxy
    from pfmap.errors import PfmapError
    from pfmap.experiments import campaign_names, named_campaign
    from pfmap.figures import draw_figures
    from pfmap.functions import functions_table
    from pfmap.llc.estimate import LlcEstimate, estimate_llc
    from pfmap.llc.generalisation import Generalisation, simulate_generalisation
    from pfmap.llc.ladder.estimate import LadderEstimate, estimate_llc_ladder
    from pfmap.pipeline import run, status, verify
    from pfmap.sampling import sample_prior
    from pfmap.store import read_campaign_folder, read_table

__version__ = "0.1.0"

_HOMES = {
    "Campaign": "pfmap.campaign",
    "FunctionBatch": "pfmap.complexity",
    "Generalisation": "pfmap.llc.generalisation",
    "LadderEstimate": "pfmap.llc.ladder.estimate",
    "LlcEstimate": "pfmap.llc.estimate",
    "PfmapError": "pfmap.errors",
    "analyze": "pfmap.analysis",
    "campaign_from_mapping": "pfmap.campaign",
    "campaign_names": "pfmap.experiments",
    "draw_figures": "pfmap.figures",
    "estimate_llc": "pfmap.llc.estimate",
    "estimate_llc_ladder": "pfmap.llc.ladder.estimate",
    "functions_table": "pfmap.functions",
    "measure": "pfmap.complexity",
    "measure_tables": "pfmap.complexity",
    "named_campaign": "pfmap.experiments",
    "proxy": "pfmap.complexity",
    "read_campaign": "pfmap.campaign",
    "read_campaign_folder": "pfmap.store",
    "read_table": "pfmap.store",
    "run": "pfmap.pipeline",
    "sample_prior": "pfmap.sampling",
    "simulate_generalisation": "pfmap.llc.generalisation",
    "status": "pfmap.pipeline",
    "verify": "pfmap.pipeline",
}

__all__ = [
    "Campaign",
    "FunctionBatch",
    "Generalisation",
    "LadderEstimate",
    "LlcEstimate",
    "PfmapError",
    "analyze",
    "campaign_from_mapping",
    "campaign_names",
    "draw_figures",
    "estimate_llc",
    "estimate_llc_ladder",
    "functions_table",
    "measure",
    "measure_tables",
    "named_campaign",
    "proxy",
    "read_campaign",
    "read_campaign_folder",
    "read_table",
    "run",
    "sample_prior",
    "simulate_generalisation",
    "status",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pfmap' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
