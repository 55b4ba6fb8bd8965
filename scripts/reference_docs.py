"""Write the reference pages made from the code: cli, campaign-file, activations, files,
architecture, the door.

python scripts/reference_docs.py            write them
python scripts/reference_docs.py --check    exit code 1 if a page differs from the code
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

import click
import typer

import pfmap
from pfmap.activations import ACTIVATIONS, Activation
from pfmap.experiments import campaign_names, campaign_note, named_campaign, render_template
from pfmap.models.families import NAMES, family_of
from pfmap.pipeline.stages import stage_names, stage_of
from pfmap.store.describe import fill_page

DOCS = Path(__file__).parents[1] / "docs"
NOTE = "<!-- made by scripts/reference_docs.py; edit the code, not this page -->\n"


def _parameters(command: click.Command) -> Iterator[str]:
    for parameter in command.params:
        name = ", ".join(f"`{opt}`" for opt in parameter.opts)
        if isinstance(parameter, click.Argument):
            name = f"`{parameter.name.upper() if parameter.name else ''}`"
        text = getattr(parameter, "help", None) or ""
        variable = getattr(parameter, "envvar", None)
        yield f"| {name} | {text}{f' (environment: `{variable}`)' if variable else ''} |"


def _section(name: str, command: click.Command, level: int) -> Iterator[str]:
    """Help and arguments of a command, then its forms, if it has any."""
    yield from [f"{'#' * level} pfmap {name}\n", (command.help or "").strip(), ""]
    forms = getattr(command, "commands", {})
    if not forms:
        yield from ["| argument | meaning |", "| --- | --- |", *_parameters(command), ""]
    for form, inner in forms.items():
        yield from _section(f"{name} {form}", inner, level + 1)


def cli_page() -> str:
    """The command line, one section a command."""
    from pfmap_cli.main import app

    group = typer.main.get_command(app)
    lines = [NOTE, "# Command line\n", (group.help or "").strip(), ""]
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        lines += _section(name, command, 2)
    return "\n".join(line.rstrip(" ") for line in lines)


def campaign_page() -> str:
    """The campaign file: every key, and the named campaigns."""
    lines = [NOTE, "# Campaign files\n"]
    lines += ["`pfmap init` writes this file; every key is optional.\n"]
    lines += ["```toml", render_template(named_campaign("default")).rstrip(), "```\n"]
    lines += ["## Models beside dense networks\n", *model_tables()]
    lines += ["## Named campaigns\n", "`pfmap run NAME` runs one, `pfmap init --from NAME` copies"]
    lines += ["it into a file of your own.\n", "| name | what it is |", "| --- | --- |"]
    lines += [f"| `{name}` | {campaign_note(name)} |" for name in campaign_names()]
    return "\n".join([*lines, ""])


def model_tables() -> Iterator[str]:
    """The keys of a table [model], a table a family."""
    yield "A table `[model]` in place of `[network]` names a family ([models](models.md)):\n"
    yield '```toml\n[model]\nfamily = "convolution"\ninputs = 5\nchannels = [4]\n```\n'
    for name in NAMES:
        family = family_of(name)
        yield f"`{name}`: {_first_line(family.build)}\n"
        yield from ["| key | meaning | default |", "| --- | --- | --- |"]
        for key, info in family.section.model_fields.items():
            if key == "family":
                continue
            default = "must be given"
            if not info.is_required():
                default = "" if info.default is None else f"`{json.dumps(info.default)}`"
            choices = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
            said = f" One of: {', '.join(choices)}." if choices else ""
            yield f"| `{key}` | {info.description}{said} | {default} |"
        yield ""


def _facts(record: Activation) -> str:
    """What is special about an activation, for people."""
    said = [record.parity] if record.parity != "neither" else []
    said += ["monotone"] if record.monotone else []
    said += ["sign of x"] if record.keeps_sign else []
    said += ["0 at 0"] if record.zero_at_zero else []
    said += ["0 on an interval"] if record.zero_on_interval else []
    said += [f"degree {record.homogeneity}"] if record.homogeneity is not None else []
    said += [
        f"{what} at {', '.join(f'{place:g}' for place in found)}"
        for what, found in (
            ("jump", record.jumps), ("kink", record.kinks), ("seam", record.seams)
        )
        if found
    ]  # fmt: skip
    return "; ".join(said)


def activation_table() -> Iterator[str]:
    """Every activation with its facts, a row each; powers by degree 2 and 3."""
    yield from ["| name | s(x) | range | what holds | slope | float32, ulps | kernel limit |"]
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for name, record in ACTIVATIONS.items():
        for facts in [record] if isinstance(record, Activation) else map(record, (2, 3)):
            slope = "none" if facts.slope is None else "from s" if facts.slope_from_value else "yes"
            single = "float64" if facts.single_ulps is None else f"{facts.single_ulps:g}"
            moment = "closed" if facts.product_moment else "quadrature"
            row = (
                f"`{name}`",
                facts.formula,
                facts.range_text,
                _facts(facts),
                slope,
                single,
                moment,
            )
            yield f"| {' | '.join(row)} |"


def _first_line(member: object) -> str:
    """What a docstring says first, up to its full stop, for a cell of a table."""
    text = (inspect.getdoc(member) or "").partition("\n\n")[0]
    return " ".join(text.split()).replace("|", "\\|")


def door_table() -> str:
    """Every name of the door under its heading, with its arguments, and what it is."""
    lines: list[str] = []
    for heading, table in re.findall(
        r"^(\w[\w ]+)\n\n=+ +=+\n(.*?)^=+ +=+$", pfmap.__doc__ or "", re.DOTALL | re.MULTILINE
    ):
        lines += [f"**{heading}**", "", "| name | arguments | what it is |", "| --- | --- | --- |"]
        for name in re.findall(r"^`(\w+)`", table, re.MULTILINE):
            member = getattr(pfmap, name)
            plain = inspect.isfunction(member)
            arguments = ", ".join(inspect.signature(member).parameters) if plain else ""
            lines.append(f"| `{name}` | {arguments} | {_first_line(member)} |")
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"


def rooms_table() -> str:
    """Every room, what it is and what it holds."""
    lines = ["| room | what it is | names |", "| --- | --- | --- |"]
    for name in pfmap._ROOMS:
        room = getattr(pfmap, name)
        names = ", ".join(f"`{member}`" for member in sorted(room.__all__, key=str.lower))
        lines.append(f"| `{name}` | {_first_line(room)} | {names} |")
    return "\n".join(lines) + "\n"


def storeys_table() -> str:
    """Every room of pfmap from the top storey down, as the check of the imports has them."""
    settings = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    contract = settings["tool"]["importlinter"]["contracts"][0]
    lines = ["| storey | room | what it is |", "| --- | --- | --- |"]
    for number, storey in enumerate(reversed(contract["layers"])):
        for name in reversed(storey.split(" | ")):
            what = _first_line(importlib.import_module(name)).rstrip(".")
            place = name.replace("pfmap_cli", "cli").replace(".", "/")
            folder = (DOCS.parent / place).is_dir()
            lines.insert(2, f"| {number} | `{place}{'/' if folder else '.py'}` | {what} |")
    return "\n".join(lines) + "\n"


def stages_table() -> str:
    """Every stage with what it needs and writes."""
    lines = ["| stage | progress calls it | needs | tables |", "| --- | --- | --- | --- |"]
    for stage in map(stage_of, stage_names()):
        needs, tables = (
            ", ".join(f"`{name}`" for name in names) for names in (stage.needs, stage.tables)
        )
        lines.append(f"| `{stage.name}` | {stage.label} | {needs} | {tables} |")
    return "\n".join(lines) + "\n"


def filled(page: str, **tables: str) -> str:
    """A page of the documentation with each table between its two marks."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for mark, table in tables.items():
        block = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
        text = block.sub(lambda found, table=table: found[1] + table + found[2], text)
    return text


def main() -> int:
    """Write or check the pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args()
    stale = []
    pages = {
        "cli.md": cli_page(),
        "campaign-file.md": campaign_page(),
        "activations.md": filled(
            "activations.md", activations="\n".join(activation_table()) + "\n"
        ),
        "architecture.md": filled("architecture.md", rooms=storeys_table(), stages=stages_table()),
        "python.md": filled("python.md", door=door_table(), rooms=rooms_table()),
        "files.md": fill_page((DOCS / "files.md").read_text(encoding="utf-8")),
    }
    for name, text in pages.items():
        path = DOCS / name
        if not options.check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        print(f"stale: {', '.join(stale)}; run python scripts/reference_docs.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
