"""What models can do, by the names of their members, and the error where one cannot.

A loss is enough for volumes and for draws below a loss. Learning coefficients need its gradient;
ranks, training and the centers ``self`` and ``target`` need outputs and a Jacobian. A model has an
ability by having its members: no base class and no registration. One that states its symmetries
(`pfmap.models.symmetries.Symmetric`) has its null directions told by cause.
"""

from __future__ import annotations

from pfmap.errors import SettingsError

MEMBERS = {
    "n_parameters": "the number of parameters d",
    "loss": "loss(w): K at a parameter vector of shape (d,), one number",
    "gradient": "gradient(w): the gradient of K, shape (d,)",
    "n_points": "the number of points P that the mean in K is taken over",
    "targets": "the targets, as many as outputs",
    "outputs": "outputs(w): the outputs over all points, one vector",
    "jacobian": "jacobian(w): their derivatives, shape (outputs, d)",
    "with_targets": "with_targets(targets): the same model with other targets",
}
"""What each member is, for messages; see `pfmap.models.base` for their types."""

REGRESSION = tuple(MEMBERS)
"""Members of a model whose loss compares outputs with targets."""


def require_members(model: object, names: tuple[str, ...], *, by: str) -> None:
    """Refuse a model that lacks what an engine needs, naming it and what would provide it.

    Parameters
    ----------
    model : object
        Any model.
    names : tuple of str
        Keys of `MEMBERS`.
    by : str
        The engine, for the message.

    Raises
    ------
    SettingsError
        If a member is missing.

    Examples
    --------
    >>> from pfmap.models.own import OwnLoss
    >>> require_members(OwnLoss(1, lambda w: w @ w), ("loss", "gradient"), by="estimate_llc")
    Traceback (most recent call last):
        ...
    pfmap.errors.SettingsError: model: estimate_llc needs gradient, which OwnLoss has not (next: \
give it gradient(w): the gradient of K, shape (d,))
    """
    missing = [name for name in names if getattr(model, name, None) is None]
    if missing:
        raise SettingsError(
            f"model: {by} needs {' and '.join(missing)}, which {type(model).__name__} has not",
            next_step="give it " + "; ".join(MEMBERS[name] for name in missing),
        )
