"""The public door: every name is there, explained, shown by an example, and what examples use."""

from __future__ import annotations

import ast
import importlib
import inspect
import re

import pytest

import pfmap
from pfmap.errors import PfmapError

LAZY = ("pfmap", "pfmap.llc", "pfmap.calibration", "pfmap.models", "pfmap.opened")


@pytest.mark.parametrize("package", LAZY)
def test_lazy_names_are_the_public_ones_and_resolve(package):
    module = importlib.import_module(package)
    assert sorted(module.__all__) == sorted(module._HOMES)
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None
        assert name in dir(module)
    with pytest.raises(AttributeError, match="cellar"):
        _ = module.cellar


def test_about_as_many_names_as_fit_on_a_page():
    assert 30 <= len(pfmap.__all__) <= 44


@pytest.mark.parametrize("name", pfmap.__all__)
def test_every_name_has_a_docstring_with_its_arguments_and_an_example(name):
    member = getattr(pfmap, name)
    text = inspect.getdoc(member) or ""
    assert re.search(r"^Examples\n-{8}$", text, re.MULTILINE), name
    assert ">>> " in text.partition("Examples\n")[2], name
    assert text.partition("\n")[0].endswith((".", "?")), name
    if inspect.isfunction(member):
        arguments = inspect.signature(member).parameters
        assert not arguments or "Parameters\n" in text, name
        for argument in arguments:
            assert re.search(rf"^(\*\*)?[\w, ]*\b{argument}\b", text, re.MULTILINE), argument
        assert "Returns\n" in text or name == "proxy", name


def test_the_table_of_the_docstring_is_the_list_of_names():
    named = re.findall(r"^`(\w+)` ", pfmap.__doc__ or "", re.MULTILINE)
    assert sorted(named) == sorted(pfmap.__all__)
    rooms = set(re.findall(r"``(?:pfmap\.)?(\w+)``", pfmap.__doc__ or "")) - {"pfmap"}
    assert rooms == set(pfmap._ROOMS)


def test_every_room_says_what_it_is_and_lists_its_names():
    for name in pfmap._ROOMS:
        room = getattr(pfmap, name)
        assert inspect.ismodule(room)
        assert room.__doc__
        assert all(hasattr(room, member) for member in room.__all__), name


def _examples(text: str) -> list[str]:
    """Code of the Python blocks of a page, doctests without their prompts and outputs."""
    blocks = re.findall(r"^```(?:python|pycon)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    found = []
    for block in blocks:
        lines = re.findall(r"^(?:>>>|\.\.\.) ?(.*)$", block, re.MULTILINE)
        found.append("\n".join(lines) if lines else block)
    return found


def _wrong_ways_in(code: str) -> list[str]:
    """Imports of pfmap past the door, and names of rooms that are not public."""
    wrong, rooms = [], {f"pfmap.{name}": home for name, home in pfmap._ROOMS.items()}
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            wrong += [name.name for name in node.names if name.name.startswith("pfmap.")]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "pfmap":
            names = [name.name for name in node.names]
            rooms |= {name: pfmap._ROOMS[name] for name in names if name in pfmap._ROOMS}
            if node.module != "pfmap" or not set(names) <= {*pfmap.__all__, *pfmap._ROOMS}:
                wrong.append(f"from {node.module} import {', '.join(names)}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            known = {"pfmap": [*pfmap.__all__, *pfmap._ROOMS]}
            known |= {room: importlib.import_module(home).__all__ for room, home in rooms.items()}
            if node.attr not in known.get(owner, [node.attr]):
                wrong.append(ast.unparse(node))
    return wrong


def test_every_example_of_the_documentation_comes_through_the_door(root):
    pages = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    wrong = {
        f"{page.name}: {way}"
        for page in pages
        for way in _wrong_ways_in("\n".join(_examples(page.read_text(encoding="utf-8"))))
    }
    assert not wrong


def test_ways_past_the_door_are_seen():
    assert _wrong_ways_in("from pfmap.volume import estimate_volume")
    assert _wrong_ways_in("import pfmap.store")
    assert _wrong_ways_in("from pfmap import stairs")
    assert _wrong_ways_in("pfmap.volume.rounds")
    assert not _wrong_ways_in("from pfmap import volume\nvolume.estimate_volume(target)")


def test_every_name_stands_on_the_page_of_the_door(root):
    page = (root / "docs" / "python.md").read_text(encoding="utf-8")
    for name in (*pfmap.__all__, *pfmap._ROOMS):
        assert f"`{name}`" in page, name


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("x1", "0f"),
        ("~x1 & x2 | x3", "75"),
        ("not x1 and x2 or x3", "75"),
        ("(x1 ^ x2) & 1", "3c"),
        ("0 | x3", "55"),
        ("X1 & X2", "03"),
    ],
)
def test_functions_are_read_as_expressions(text, key):
    assert pfmap.function(text, 3).key == key


@pytest.mark.parametrize(
    "text",
    ["x0", "x4", "x1 +", "x1 + x2", "f(x1)", "x1.real", "x1 & 2", "x1 if x2 else x3", "x1\0"],
)
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(PfmapError, match="function: "):
        pfmap.function(text, 3)


def test_a_function_is_what_it_is_given_as():
    majority = pfmap.function("majority", 3)
    assert pfmap.function(majority) is majority
    assert pfmap.function(majority.bits).key == majority.key
    assert "<svg" in majority._repr_html_()
    for wrong in ([0, 1, 2, 3], [0, 1, 1], [[0, 1], [1, 0]], [0, 1]):
        with pytest.raises(PfmapError, match="function|n_inputs"):
            pfmap.function(wrong)
    with pytest.raises(PfmapError, match="n_inputs"):
        pfmap.function("majority")
    with pytest.raises(PfmapError, match="n_inputs"):
        pfmap.function(majority, 4)
