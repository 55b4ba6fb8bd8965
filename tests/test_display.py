"""Results show themselves in a line without arrays, and in a table with the same numbers."""

from __future__ import annotations

import dataclasses
import html
import importlib
import importlib.util
import inspect
import pkgutil
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import pfmap
from pfmap.display import MOST_SIGNS, Displayed, displayed_values, value_text
from pfmap.settings.campaign import Campaign

HAS_TORCH = importlib.util.find_spec("torch") is not None

WORST = {
    "number": -1.23456789e-300,
    "text": "a verdict of many words & signs <" * 20,
    "array": np.arange(1000.0),
    "list": list(range(1000)),
}


def displayed_classes() -> list[type[Displayed]]:
    """Every class of pfmap that shows itself so."""
    for module in pkgutil.walk_packages(pfmap.__path__, "pfmap."):
        if HAS_TORCH or not module.name.startswith("pfmap.models.foreign.torch_"):
            importlib.import_module(module.name)

    def below(cls: type[Displayed]) -> list[type[Displayed]]:
        return [sub for each in cls.__subclasses__() for sub in (each, *below(each))]

    return [
        cls
        for cls in below(Displayed)
        if cls.__module__.startswith("pfmap.") and not inspect.isabstract(cls)
    ]


def filled(cls: type[Displayed], value: object) -> Displayed:
    """An instance whose every field and shown property has one value."""
    names = {name.partition(".")[0] for name in cls.SHOWN}
    nested = {name.partition(".")[0]: name.partition(".")[2] for name in cls.SHOWN if "." in name}
    if dataclasses.is_dataclass(cls):
        names |= {field.name for field in dataclasses.fields(cls)}
    inner = {name: value for shown in cls.SHOWN for name in [shown.partition(".")[2]] if name}
    values = {name: SimpleNamespace(**inner) if name in nested else value for name in names}
    stand_in = type(cls.__name__, (cls,), values)
    return object.__new__(stand_in)


@pytest.mark.parametrize("kind", WORST)
def test_no_result_is_longer_than_a_line_or_shows_an_array(kind):
    classes = displayed_classes()
    assert len(classes) > 40
    for cls in classes:
        if cls is Campaign:
            continue  # made by pydantic; below
        result = filled(cls, WORST[kind])
        # Some add a picture to the table, and have a test of their own.
        line, table = repr(result), Displayed._repr_html_(result)
        assert len(line) <= MOST_SIGNS, line
        assert "__str__" in vars(cls) or str(result) == line
        assert "\n" not in line
        assert "array(" not in line + table
        assert len(table) < 200 * (2 + len(displayed_values(result)))


def test_html_holds_every_number_of_the_line():
    for cls in displayed_classes():
        if cls is Campaign:
            continue
        result = filled(cls, WORST["number"])
        in_line = displayed_values(result, all_fields=False)
        shown = displayed_values(result)
        assert list(in_line) == list(shown)[: len(in_line)]
        for name, text in shown.items():
            assert f"<tr><th>{name}</th><td>{html.escape(text, quote=False)}</td></tr>" in (
                Displayed._repr_html_(result)
            )


def test_every_public_dataclass_of_the_rooms_shows_itself_so():
    rooms = (
        "volume", "kernel_limit", "functions", "complexity", "sampling", "analysis", "pipeline",
        "llc.exact", "function_level",
    )  # fmt: skip
    for room in rooms:
        module = importlib.import_module(f"pfmap.{room}")
        for name in module.__all__:
            member = getattr(module, name)
            if dataclasses.is_dataclass(member):
                assert issubclass(member, Displayed), f"{room}.{name}"


def test_settings_show_their_network_and_not_every_default():
    settings = Campaign()
    assert "described='(7, 40, 40, 1) relu network'" in repr(settings)
    assert len(repr(settings)) <= MOST_SIGNS
    assert str(settings) == repr(settings)
    for name, text in displayed_values(settings).items():
        assert f"<th>{name}</th><td>{text}</td>" in settings._repr_html_()


def test_values_are_written_with_six_digits_and_sizes():
    assert value_text(np.float32(0.25)) == "0.25"
    assert value_text(float("nan")) == "nan"
    assert value_text(Fraction(-3, 7)) == "-3/7"
    assert value_text([0.1 + 0.2, None]) == "[0.3, None]"
    assert value_text(np.zeros((0, 3), dtype=np.uint64)) == "uint64[0, 3]"
    assert value_text({"a": 1}) == "dict of 1"
    assert len(value_text("x" * 1000)) <= 60
    assert value_text(Path("results/small")) == "results/small"
    long = value_text(Path("a" * 100) / "small")
    assert len(long) == 60
    assert long.endswith("/small")
