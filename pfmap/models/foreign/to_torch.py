"""Networks and programs as modules of PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pfmap.errors import SettingsError
from pfmap.extras import needed
from pfmap.models.base import CompiledModel
from pfmap.models.program_model import ProgramModel

if TYPE_CHECKING:
    import torch


def to_torch(model: CompiledModel, weights: np.ndarray) -> torch.nn.Module:
    """A network or program with its weights as a module of PyTorch, in float64.

    A network becomes a `Sequential` of `Linear` layers and activations. A program becomes a module
    that takes its steps in PyTorch's operations, with all parameters in one vector ``weights``.
    Both take tensors of shape (points, inputs) and give (points, outputs). What they give on the
    model's own points, and the gradient of its loss, is compared with the model's.

    Parameters
    ----------
    model : CompiledModel
        A network or a program.
    weights : ndarray, shape (d,)
        Its parameters, such as a row of ``open_campaign(FOLDER).weights(FUNCTION)``.

    Returns
    -------
    torch.nn.Module
        In evaluation mode; ``.float()`` makes it one of float32.

    Raises
    ------
    EnvironmentFault
        Without PyTorch: ``pip install 'pfmap[torch]'``.
    SettingsError
        If the model is no network and no program, has an activation that was registered and that
        PyTorch does not know, or the weights do not fit.
    DataError
        If outputs or gradients differ by more than 1e-6 of max(1, largest).

    Examples
    --------
    >>> import torch
    >>> from pfmap.models.network import network_model
    >>> model = network_model((2, 3, 1), activation="tanh")
    >>> net = to_torch(model, np.linspace(-1.0, 1.0, model.n_parameters))
    >>> net
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): Tanh()
      (2): Linear(in_features=3, out_features=1, bias=True)
    )
    >>> net(torch.zeros(1, 2).double()).shape
    torch.Size([1, 1])
    """
    is_module = isinstance(model, CompiledModel) and (
        model.is_network or isinstance(model, ProgramModel)
    )
    if not is_module:
        raise SettingsError(
            f"model: must be a network or a program, got {type(model).__name__}",
            next_step="pfmap.network and pfmap.Program make them; other models are not functions "
            "of an input",
        )
    needed("torch", extra="torch", by="to_torch")
    from .torch_module import module_of

    return module_of(model, model.check_weights(weights))
