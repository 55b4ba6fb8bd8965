"""The volume curve of a model's loss: its target and its estimate in one call."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pfmap.models.base import LossModel

from .estimate import VolumeEstimate, estimate_volume
from .splitting import Settings
from .target import Law, loss_target


def volume_curve(
    model: LossModel,
    settings: Settings | None = None,
    *,
    sds: np.ndarray | float = 1.0,
    law: Law = "normal",
    name: str = "model",
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    watch: Callable[[int], None] | None = None,
) -> VolumeEstimate:
    """Measure V(t) = Prior{w : K(w) <= t} of a model's loss K down to `settings.lowest`.

    Parameters
    ----------
    model : LossModel
        Anything with ``n_parameters`` and ``loss``: one of pfmap's, or one of your own
        (`pfmap.OwnLoss`, `pfmap.OwnModel`).
    settings : Settings, optional
        Lengths, seed and the lowest t, which should be above 0 where no loss is 0.
    sds : float or ndarray, shape (d,), default 1.0
        Standard deviations of the prior, which is centred at 0.
    law : {"normal", "uniform"}, default "normal"
        Law of the prior.
    name : str, default "model"
        Names the random numbers.
    threads : int, optional
        None means every CPU. The result does not depend on it.
    progress, watch : callable, optional
        As for `estimate_volume`.

    Returns
    -------
    VolumeEstimate
        What `free_energy` and `fit_curve` take: F(n), λ_eff(n), λ and m.

    Raises
    ------
    SettingsError
        If the model has no loss, or a length or `sds` cannot be used.

    Examples
    --------
    >>> from pfmap.models.polynomial import polynomial_model
    >>> model = polynomial_model([[1]])  # K = w²/2, V(t) = P(w² <= 2t)
    >>> found = volume_curve(model, Settings(lowest=0.5e-6, runs=4), threads=1)
    >>> found.verdict, abs(2.0**found.log2_p / 7.978843e-4 - 1.0) < 0.2
    ('reached', True)
    """
    target = loss_target(model, sds, name=name, law=law)
    return estimate_volume(target, settings, threads=threads, progress=progress, watch=watch)
