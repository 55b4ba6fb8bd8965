"""State dicts in files: read without unpickling, in the order of their layers, or refused."""

from __future__ import annotations

import json
import pickle
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from command_line import pfmap as command

import pfmap
from pfmap.errors import DataError, EnvironmentFault, SettingsError
from pfmap.reading import tensors
from pfmap.settings.network import Network

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")

from torch import nn  # noqa: E402

WIDTHS = (5, 5, 5, 1)
FORMATS = ("net.pt", "old.pt", "net.safetensors", "net.npz")


def net():
    torch.manual_seed(0)
    layers = [nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 1)]
    return nn.Sequential(*layers)


def written(folder, name, state):
    path = folder / name
    if name.endswith(".safetensors"):
        safetensors.save_file(state, path)
    elif name.endswith(".npz"):
        np.savez(path, **{key: value.numpy() for key, value in state.items()})
    else:
        torch.save(state, path, _use_new_zipfile_serialization=name != "old.pt")
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_function_of_the_module(tmp_path, name):
    module = net()
    path = written(tmp_path, name, module.state_dict())
    found = pfmap.load_weights(path, Network(widths=WIDTHS))
    assert found.library == "PyTorch"
    assert {layer.order for layer in found.layers} == {"out,in"}
    model = pfmap.network(WIDTHS, activation="tanh")
    points = torch.tensor(model.floats.reshape(5, -1).T)
    outputs = module.double()(points)[:, 0].detach().numpy()
    np.testing.assert_allclose(model.outputs(found.vector), outputs, atol=1e-9)
    # The negative control: rows taken for inputs.
    wrong = pfmap.load_weights(path, Network(widths=WIDTHS), order="in,out").vector
    assert np.abs(model.outputs(wrong) - outputs).max() > 1e-3


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("name", FORMATS[:3])
def test_any_float_becomes_float64(tmp_path, name, kind):
    module = net().to(kind)
    found = pfmap.load_weights(written(tmp_path, name, module.state_dict()), Network(widths=WIDTHS))
    expected = torch.cat([part.reshape(-1) for part in module.parameters()]).double()
    np.testing.assert_array_equal(found.vector, expected.detach().numpy())


def test_ten_layers_of_safetensors_stand_in_the_order_of_their_numbers(tmp_path):
    """The file sorts names as text, 10 before 2."""
    module = nn.Sequential(*[nn.Linear(2, 2) for _ in range(10)], nn.Linear(2, 1))
    path = written(tmp_path, "net.safetensors", module.state_dict())
    found = pfmap.load_weights(path, Network(widths=(2,) * 11 + (1,)))
    expected = torch.cat([part.reshape(-1) for part in module.parameters()])
    np.testing.assert_array_equal(found.vector, expected.detach().numpy())


def test_layers_without_numbers_are_not_guessed(tmp_path):
    layers = {"b": nn.Linear(2, 2), "a": nn.Linear(2, 2), "c": nn.Linear(2, 1)}
    state, network = nn.ModuleDict(layers).state_dict(), Network(widths=(2, 2, 2, 1))
    found = pfmap.load_weights(written(tmp_path, "net.pt", state), network)
    assert [layer.matrix_name for layer in found.layers] == ["b.weight", "a.weight", "c.weight"]
    with pytest.raises(SettingsError, match="nothing tells which layer comes first"):
        pfmap.load_weights(written(tmp_path, "net.safetensors", state), network)
    one = nn.ModuleDict({"only": nn.Linear(2, 1)}).state_dict()
    path = written(tmp_path, "one.safetensors", one)
    assert pfmap.load_weights(path, Network(widths=(2, 1))).vector.shape == (3,)


class Bomb:
    """An object whose unpickling writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("form", ["zip", "old", "pickle"])
def test_objects_are_never_unpickled(tmp_path, form):
    bomb, path = Bomb(tmp_path / "exploded"), tmp_path / "net.pt"
    if form == "pickle":
        path.write_bytes(pickle.dumps(bomb))
    else:
        torch.save({"0.weight": bomb}, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(DataError, match=r"net\.pt: .*objects that are no tensors") as error:
        pfmap.load_weights(path, Network(widths=(2, 1)))
    assert "torch.save(net.state_dict(), FILE)" in error.value.next_step
    assert not (tmp_path / "exploded").exists()
    torch.load(path, weights_only=False) if form != "pickle" else pickle.loads(path.read_bytes())
    assert (tmp_path / "exploded").exists()  # the control: it would have


@pytest.mark.parametrize(
    ("held", "rule"),
    [
        (net, "objects that are no tensors"),
        (lambda: {"model": net().state_dict(), "epoch": 3}, "model: must be a tensor, found"),
        (lambda: [torch.zeros(2)], "must hold tensors by name, found list"),
        (lambda: {}, "must hold tensors by name"),
        (lambda: {"0.weight": torch.eye(2).to_sparse()}, "0.weight: must be a dense tensor"),
        (lambda: {"0.weight": torch.zeros(1, 2, device="meta")}, "dense tensor"),
        (lambda: {"0.weight": torch.zeros(1).expand(10**9, 2)}, "bytes, more than"),
        (lambda: {"0.weight": torch.zeros(1, 2) / 0}, "must be finite, found nan"),
        (lambda: {"0.weight": torch.zeros(1, 2, dtype=torch.complex64)}, "must hold real numbers"),
    ],
)  # fmt: skip
def test_what_is_no_state_dict_is_named(tmp_path, held, rule):
    path = tmp_path / "net.pt"
    torch.save(held(), path)
    with pytest.raises(DataError, match=rule) as error:
        pfmap.load_weights(path, Network(widths=(2, 1), bias=False))
    assert str(path) in error.value.message


@pytest.mark.parametrize("name", FORMATS[:3])
def test_every_damage_is_one_line_that_names_the_file(tmp_path, name):
    path = written(tmp_path, name, net().state_dict())
    content, rng = path.read_bytes(), np.random.default_rng(0)
    network, said = Network(widths=WIDTHS), []
    for trial in range(120):
        damaged = bytearray(
            content[: rng.integers(10, len(content))] if trial % 3 == 0 else content
        )
        for place in rng.integers(0, min(len(damaged), 400 if trial % 2 else len(damaged)), 4):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            pfmap.load_weights(path, network)
        except (DataError, SettingsError) as error:
            said.append(error.message)
    assert len(said) > 60
    assert all(str(path) in line and "\n" not in line for line in said)


def test_sizes_are_checked_before_anything_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(tensors, "MOST_BYTES", 2**16)
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/data.pkl", b"\x80\x02}.")
        archive.writestr("net/data/0", bytes(2**17))
    with pytest.raises(DataError, match="unpacked, more than"):
        pfmap.load_weights(path, Network(widths=(2, 1)))
    header = json.dumps({"0.weight": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}})
    short = tmp_path / "short.safetensors"
    short.write_bytes(struct.pack("<Q", len(header)) + header.encode())
    with pytest.raises(DataError, match=r"short\.safetensors: damaged or not valid safetensors"):
        pfmap.load_weights(short, Network(widths=(2, 1)))


@pytest.mark.parametrize("name", FORMATS[:3])
def test_without_the_extra_the_error_says_what_to_install(tmp_path, monkeypatch, name):
    path = written(tmp_path, name, net().state_dict())
    for module in ("torch", "safetensors", "safetensors.torch"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(EnvironmentFault, match=r"next: pip install 'pfmap\[torch\]'") as error:
        pfmap.load_weights(path, Network(widths=WIDTHS))
    assert name in error.value.message


def test_a_pytorch_that_hostile_files_get_past_reads_none(tmp_path, monkeypatch):
    path, network = written(tmp_path, "net.pt", net().state_dict()), Network(widths=WIDTHS)
    for version in ("2.9.1", "2.5.1+cpu", "1.13.0a0"):
        monkeypatch.setattr(torch, "__version__", version)
        with pytest.raises(EnvironmentFault, match=r"2\.10 or newer"):
            pfmap.load_weights(path, network)
    monkeypatch.setattr(torch, "__version__", "2.10.0")
    assert pfmap.load_weights(path, network).vector.shape == (66,)


def test_the_command_reads_a_state_dict(tmp_path):
    text = (
        '[network]\nwidths = [5, 5, 5, 1]\nactivation = "tanh"\n[llc]\nsteps = 100\nwarmup = 50\n'
    )
    (tmp_path / "net.toml").write_text(text)
    functions = []
    for name in FORMATS[1:]:
        written(tmp_path, name, net().state_dict())
        done = command("llc", "net.toml", "--weights", name, "--threads", "1", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert lines[1] == f"read {name}: 66 parameters, named as by PyTorch"
        functions.append(next(line for line in lines if line.startswith("function: ")))
    assert len(set(functions)) == 1
    torch.save(net(), tmp_path / "whole.pt")
    done = command("llc", "net.toml", "--weights", "whole.pt", cwd=tmp_path)
    assert done.returncode == 4
    assert "next: write it with torch.save(net.state_dict(), FILE)" in done.stderr
