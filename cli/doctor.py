"""``pfmap doctor``: what this installation is made of, and a known-answer test."""

from __future__ import annotations

from typing import Any

import typer

from .render import JsonFlag, emit, table

PACKAGES = ("numpy", "numba", "scipy", "scikit-learn", "pyarrow", "pandas", "duckdb", "pydantic")

KNOWN_CAMPAIGN = {
    "draws": 4096,
    "network": {"widths": [3, 4, 1]},
    "prior": {"preset": "gaussian"},
}
# Its four most frequent functions; a test finds them again without any compiled forward pass.
KNOWN = {"00": 1586, "ff": 1561, "cc": 28, "f0": 24}


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("doctor")(doctor)


def doctor(as_json: JsonFlag = False) -> None:
    """Show versions and threads, check the kernel cache, and run a known-answer test.

    Example: pfmap doctor
    """
    typer.echo("pfmap: checking this installation …", err=True)
    import platform
    from importlib.metadata import version

    from pfmap import __version__
    from pfmap.errors import EnvironmentFault
    from pfmap.kernels._cache import cache_root, refusal
    from pfmap.kernels._jit import check_cache
    from pfmap.threads import count_threads

    _, dropped = check_cache()
    answers = known_answers()
    sound, _ = check_cache()
    where = f"not used: {refusal()}" if refusal() else str(cache_root())
    payload: dict[str, Any] = {
        "pfmap": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{name: version(name) for name in PACKAGES},
        "threads": count_threads(None),
        "kernel cache": where,
        "kernel files": f"{sound} sound" + (f", {dropped} damaged and dropped" if dropped else ""),
        "known answers": answers,
    }
    text = table([{"what": key, "value": str(value)} for key, value in payload.items()])
    emit(payload, text, as_json)
    if answers != "pass":
        raise EnvironmentFault(
            f"doctor: known-answer test: {answers}",
            next_step="delete the kernel cache and run pfmap doctor again; report a second failure",
        )


def known_answers() -> str:
    """Compare a short campaign with the counts that every correct installation gives."""
    from pfmap.sampling import sample_prior
    from pfmap.settings.read import campaign_from_mapping

    counts = sample_prior(campaign_from_mapping(KNOWN_CAMPAIGN)).sort_values(
        ["count", "function"], ascending=[False, True]
    )
    found = dict(zip(counts["function"][:4], counts["count"][:4].astype(int), strict=True))
    return "pass" if found == KNOWN else f"fail: expected {KNOWN}, got {found}"
