"""Figures of a campaign, drawn from its tables alone."""

from pfmap.figures.draw import draw_figures

__all__ = ["draw_figures"]
