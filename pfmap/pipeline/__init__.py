"""A campaign from settings to figures: the only place that combines computing and storage."""

from pfmap.pipeline.merging import MergeResult, merge
from pfmap.pipeline.report import Reporter, RunResult, SilentReporter, StageOutcome
from pfmap.pipeline.runner import run
from pfmap.pipeline.stages import Stage, register_stage, stage_names, stage_of_table
from pfmap.pipeline.state import counting, status
from pfmap.pipeline.verification import VerifyReport, verify

__all__ = [
    "MergeResult",
    "Reporter",
    "RunResult",
    "SilentReporter",
    "Stage",
    "StageOutcome",
    "VerifyReport",
    "counting",
    "merge",
    "register_stage",
    "run",
    "stage_names",
    "stage_of_table",
    "status",
    "verify",
]
