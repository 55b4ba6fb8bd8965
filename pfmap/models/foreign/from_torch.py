"""Modules of PyTorch as models: native where every layer has a counterpart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pfmap.extras import needed

from .found import ForeignModel

if TYPE_CHECKING:
    import torch


def from_torch(
    module: torch.nn.Module, inputs: Any, *, targets: np.ndarray | None = None
) -> ForeignModel:
    """A module of PyTorch as a model, native where every layer of it has a counterpart.

    The module is traced by ``torch.fx``. Chains of `Linear` layers with one activation become a
    network, as `pfmap.network` makes it; other modules a program, as `pfmap.Program` makes it, if
    each of their layers and operations has a counterpart (docs/other-libraries.md lists them). Any
    other module is taken as it is, by ``torch.func`` over all points at once, and `because` names
    what was in the way. Everything is in float64; the module itself stays unchanged.

    What comes out is compared with PyTorch, outputs and gradients, at the module's parameters and
    at a random place near them.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode if it has layers for which that makes a difference. Parameters that do
        not require gradients stay as they are.
    inputs : ndarray or torch.Tensor, shape (P, …)
        The domain: what the module is called with, all points at once.
    targets : ndarray, shape (P,) or (P, outputs), optional
        Targets of K(w) = 1/(2P) Σ (output - target)²; None means 0, as in `pfmap.network`.

    Returns
    -------
    ForeignModel
        Whose line says which of the two it is: ``kind`` is ``native network``, ``native program``
        or ``own``.

    Raises
    ------
    EnvironmentFault
        Without PyTorch: ``pip install 'pfmap[torch]'``.
    SettingsError
        If the module is none, is in training mode and would be random, has no parameter that
        requires a gradient, or does not give one real tensor, points first.
    DataError
        If outputs or gradients differ from PyTorch's by more than 1e-6 of max(1, largest).

    Examples
    --------
    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    >>> inputs = torch.randn(20, 3)
    >>> found = from_torch(net, inputs)
    >>> found.kind, found.model.n_parameters, found.difference < 1e-12
    ('native network', 21, True)
    >>> found.weights[found.places["0.bias"]].shape
    (4,)
    """
    needed("torch", extra="torch", by="from_torch")
    from .torch_conversion import converted

    return converted(module, inputs, targets)
