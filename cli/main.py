"""The command line's entry: the application, its commands, errors turned into exit codes."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from contextlib import suppress
from typing import Annotated, NoReturn

import typer

from pfmap import __version__
from pfmap.errors import EnvironmentFault, PfmapError, StoppedEarly
from pfmap.signals import stop_signals

from . import (
    analyze,
    calibrate,
    complexity,
    curve,
    doctor,
    exact,
    init,
    kernel,
    llc,
    merge,
    plot,
    posterior,
    probability,
    run,
    sample,
    show,
    status,
    verify,
)
from .render import emit_error
from .terminal import READER_GONE, prepare, reader_gone, settle

# Exit code of typer after Ctrl-C outside of a stage, which stops by itself.
INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Measure the map from a network's parameters to the functions it expresses.\n\n"
    "Example: pfmap run            (the default campaign, into results/default)\n\n"
    "Exit codes: 0 done; 1 bug; 2 usage; 3 stopped early, resumable; 4 data failed verification "
    f"or incompatible; 5 environment; {READER_GONE} nobody reads stdout (| head).",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pfmap {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the full traceback of an error.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    if debug:
        os.environ["PFMAP_DEBUG"] = "1"


for module in (
    run, init, sample, complexity, llc, exact, calibrate, probability, curve, kernel, posterior,
    analyze, plot, show, status, verify, merge, doctor,
):  # fmt: skip
    module.register(app)


def entry() -> None:
    """Run the application; expected errors become a line or two on stderr and an exit code."""
    prepare()
    for number in stop_signals():
        if number != signal.SIGINT:
            signal.signal(number, signal.default_int_handler)  # stops as Ctrl-C does
    sys.unraisablehook = _not_of_stopping
    try:
        _run()
    except KeyboardInterrupt:  # while another error was on its way out
        _stop()
    finally:
        settle()


def _not_of_stopping(told: sys.UnraisableHookArgs) -> None:
    """Python's own hook, but for a stop that is asked for again while the first one clears up."""
    if told.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(told)


def _run() -> None:
    try:
        _check_compiler()
        _call()
    except PfmapError as error:
        _fail(error.message, error.next_step, error.exit_code)
    except MemoryError as error:
        said = f"out of memory: {error}".rstrip(": ")
        advice = "use fewer draws or points, or a machine with more memory"
        _fail(said, advice, EnvironmentFault.exit_code)
    except OSError as error:
        if reader_gone(error):
            sys.exit(READER_GONE)
        where = f" ({error.filename})" if error.filename else ""
        said = f"the system refused: {error.strerror or error}{where}"
        _fail(said, "run again with pfmap --debug … to see where", EnvironmentFault.exit_code)
    except Exception as error:  # a bug: every expected error is a PfmapError
        said = f"internal error: {type(error).__name__}: {error}"
        _fail(said, "run again with pfmap --debug … and report the traceback", 1)


def _call() -> None:
    """Call the application, which ends by `SystemExit` whatever happens."""
    try:
        app()
    except SystemExit as ended:
        met = ended.__context__
        if ended.code == INTERRUPTED:
            _stop()
        if isinstance(met, OSError) and reader_gone(met):
            raise met from None
        cause = getattr(met, "__cause__", None)
        if isinstance(cause, EOFError):  # typer says "Aborted." of it
            raise cause from None
        said = getattr(met, "format_message", None)
        if said is not None and "--json" in sys.argv:  # a usage error, already on stderr
            emit_error({"error": said(), "next_step": "see --help", "exit_code": ended.code})
        sys.stdout.flush()  # a page of help is still in its buffer
        raise


def _check_compiler() -> None:
    """Refuse to run interpreted: some instructions of the kernels exist only in machine code."""
    said = os.environ.get("NUMBA_DISABLE_JIT", "")
    if said not in ("", "0"):
        raise EnvironmentFault(
            f"NUMBA_DISABLE_JIT: must be unset or 0, for pfmap runs compiled, got {said[:20]!r}",
            next_step="unset NUMBA_DISABLE_JIT",
        )


def _stop() -> NoReturn:
    _fail("stopped on request", "run the same command again", StoppedEarly.exit_code)


def _fail(message: str, next_step: str, exit_code: int) -> NoReturn:
    """Explain on stderr, with --json on stdout too unless the result stands there, and leave."""
    if exit_code == StoppedEarly.exit_code:
        # The user asked once; asking again must not turn the answer into a traceback.
        for number in stop_signals():
            signal.signal(number, signal.SIG_IGN)
        # Ctrl-C can land inside a constructor of the compiler. The half-built object goes when the
        # exception does, and what its finalizer then says is nobody's bug.
        sys.unraisablehook = lambda _: None
    if os.environ.get("PFMAP_DEBUG"):
        traceback.print_exc()
    typer.echo(f"pfmap: {message}", err=True)
    if next_step:
        typer.echo(f"       next: {next_step}", err=True)
    if "--json" in sys.argv:
        with suppress(OSError):  # nobody reads it, and the exit code says more
            emit_error({"error": message, "next_step": next_step, "exit_code": exit_code})
    sys.exit(exit_code)
