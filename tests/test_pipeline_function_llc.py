"""The table ``function_llc`` of a campaign."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from small_campaign import small

from pfmap import pipeline
from pfmap.function_level import least_rank
from pfmap.settings.network import Network
from pfmap.settings.prior import Prior
from pfmap.store import read_table
from pfmap.store.tables import write_table

STAGES = ("complexity",)


def table(folder: Path):
    return read_table(folder, "function_llc").to_pandas()


def test_every_function_drawn_has_its_coefficient(tmp_path: Path) -> None:
    pipeline.run(small(), tmp_path, stages=STAGES)
    found = table(tmp_path)
    assert found["function"].tolist() == read_table(tmp_path, "functions")["function"].to_pylist()
    for row in found.itertuples():
        bits = np.array([int(digit) for digit in f"{int(row.function, 16):08b}"])
        assert row.function_llc_low == max(least_rank(bits).rank / 2, 0.5)
    constant = found.set_index("function").loc["00"]
    assert (constant["function_llc"], constant["reason"]) == (0.5, "every unit off")
    assert pipeline.verify(tmp_path, blocks=0).ok
    short = pa.Table.from_pandas(found.head(3), preserve_index=False)
    write_table(tmp_path / "function_llc.parquet", short, "function_llc")
    assert any("function_llc" in text for text in pipeline.verify(tmp_path, blocks=0).problems)
    pipeline.run(small(), tmp_path, stages=STAGES, resume=True)
    assert len(table(tmp_path)) == len(found)
    assert pipeline.verify(tmp_path, blocks=0).ok


@pytest.mark.parametrize(
    "changes",
    [
        {"network": Network(widths=(3, 6, 1), activation="tanh")},
        {"network": Network(widths=(3, 6, 1), bias=False)},
        {"network": Network(widths=(3, 6, 1), output_activation="tanh")},
    ],
)
def test_nothing_is_said_where_nothing_is_proved(tmp_path: Path, changes) -> None:
    pipeline.run(small(prior=Prior(preset="gaussian"), **changes), tmp_path, stages=STAGES)
    assert table(tmp_path).empty


def test_deep_networks_have_one_for_all_that_vary(tmp_path: Path) -> None:
    deep = small(prior=Prior(preset="gaussian"), network=Network(widths=(3, 6, 6, 1)))
    pipeline.run(deep, tmp_path, stages=STAGES)
    found = table(tmp_path)
    assert set(found["function_llc"]) == {0.5, 1.0}
