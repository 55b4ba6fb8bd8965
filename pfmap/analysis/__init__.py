"""Bounds, fits and correlations, with their honesty checks."""

from pfmap.analysis.analyze import AnalysisResult, analyze
from pfmap.analysis.distribution import complexity_distribution
from pfmap.analysis.relation import Relation, judge_relation
from pfmap.analysis.summary import summary_text

__all__ = [
    "AnalysisResult",
    "Relation",
    "analyze",
    "complexity_distribution",
    "judge_relation",
    "summary_text",
]
