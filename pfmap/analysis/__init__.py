"""Bounds, fits and correlations, with their honesty checks."""

from pfmap.analysis.analyze import AnalysisResult, analyze
from pfmap.analysis.distribution import complexity_distribution
from pfmap.analysis.summary import summary_text

__all__ = ["AnalysisResult", "analyze", "complexity_distribution", "summary_text"]
