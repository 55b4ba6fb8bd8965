"""Figures of a campaign, drawn from its tables alone."""

from pfmap.errors import EnvironmentFault

try:
    import matplotlib  # noqa: F401
except ValueError as error:  # it reads MPLBACKEND, although nothing here needs a backend
    raise EnvironmentFault(
        f"matplotlib: {str(error).partition(';')[0]}", next_step="unset MPLBACKEND"
    ) from error

from pfmap.figures.draw import draw_figures

__all__ = ["draw_figures"]
