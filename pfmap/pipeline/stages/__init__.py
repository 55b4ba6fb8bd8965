"""Stages of a campaign, one file each; order, freshness, labels and tables derive from them.

A new stage is one new file here that sets ``STAGE``; names of files are names of stages, and those
that begin with an underscore hold none.
"""

from ._registry import register_stage, stage_names, stage_of, stage_of_table, with_needed
from ._stage import Stage

__all__ = [
    "Stage",
    "register_stage",
    "stage_names",
    "stage_of",
    "stage_of_table",
    "with_needed",
]
