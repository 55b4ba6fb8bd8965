"""Complexity proxies: one file a proxy, one registry.

Importing this package registers pfmap's own proxies, in the order of the columns of
``functions.parquet``. A new proxy is one new file and one line below.
"""

from __future__ import annotations

# isort: off
from . import lz as _lz  # noqa: F401
from . import lz_mingard2025 as _lz_mingard2025  # noqa: F401
from . import entropy as _entropy  # noqa: F401
from . import ones as _ones  # noqa: F401
from . import sensitivity as _sensitivity  # noqa: F401
from . import generalisation as _generalisation  # noqa: F401
from . import critical_sample_ratio as _critical_sample_ratio  # noqa: F401
from . import walsh_l1 as _walsh_l1  # noqa: F401
from . import degree as _degree  # noqa: F401
from . import bdd as _bdd  # noqa: F401
from . import bdd_min as _bdd_min  # noqa: F401
from . import expression as _expression  # noqa: F401
from . import halfspaces as _halfspaces  # noqa: F401
from . import circuit as _circuit  # noqa: F401
from . import formula as _formula  # noqa: F401
from . import kinks as _kinks  # noqa: F401
from . import total_variation as _total_variation  # noqa: F401
from . import spectral_centroid as _spectral_centroid  # noqa: F401
from . import neighbour_disagreement as _neighbour_disagreement  # noqa: F401
# isort: on

from .measure import measure, measure_tables
from .orbit_minimum import orbit_minimum
from .registry import FunctionBatch, Proxy, forget_proxy, proxies_for, proxy, proxy_table

__all__ = [
    "FunctionBatch",
    "Proxy",
    "forget_proxy",
    "measure",
    "measure_tables",
    "orbit_minimum",
    "proxies_for",
    "proxy",
    "proxy_table",
]
