"""Calibration: estimators held against models whose λ and m are known."""

from pfmap.doors import open_door

_HOMES = {
    "KnownModel": "pfmap.calibration.known:KnownModel",
    "calibrate": "pfmap.calibration.calibrate:calibrate",
    "confusion": "pfmap.calibration.limit:confusion",
    "information_limit": "pfmap.calibration.limit:information_limit",
    "line_plus_dot": "pfmap.calibration.known:line_plus_dot",
    "regular": "pfmap.calibration.known:regular",
    "suite_named": "pfmap.calibration.suites:suite_named",
}

__all__ = [
    "KnownModel",
    "calibrate",
    "confusion",
    "information_limit",
    "line_plus_dot",
    "regular",
    "suite_named",
]

__getattr__, __dir__ = open_door(__name__, _HOMES)
