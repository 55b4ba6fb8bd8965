"""A campaign from settings to figures: the only place that combines computing and storage."""

from pfmap.pipeline.freshness import STAGES, stage_of_table
from pfmap.pipeline.merging import MergeResult, merge
from pfmap.pipeline.overview import counting, status
from pfmap.pipeline.report import Reporter, RunResult, SilentReporter, StageOutcome
from pfmap.pipeline.runner import run
from pfmap.pipeline.verification import VerifyReport, verify

__all__ = [
    "STAGES",
    "MergeResult",
    "Reporter",
    "RunResult",
    "SilentReporter",
    "StageOutcome",
    "VerifyReport",
    "counting",
    "merge",
    "run",
    "stage_of_table",
    "status",
    "verify",
]
