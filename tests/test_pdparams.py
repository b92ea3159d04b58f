"""Reading `.pdparams` files: every form Paddle writes, and nothing that is anything else."""

from __future__ import annotations

import builtins
import pickle
import tracemalloc
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest

from lite.errors import InputError
from lite.model import pdparams
from lite.model.network import DeiT
from lite.model.pdparams import read_state
from lite.zoo import MODELS

State = dict[str, np.ndarray]


def dump(path: Path, content: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(content, protocol))
    return path


def refuses(path: Path, words: str) -> None:
    """Reading `path` fails in one line that names the file and matches `words`."""
    with pytest.raises(InputError, match=words) as caught:
        read_state(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture
def small() -> State:
    rng = np.random.default_rng(1)
    return {"a.weight": rng.standard_normal((7, 5), dtype=np.float32), "a.bias": np.float32([1, -2, 3])}


def same(found: State, expected: State) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_reads_what_paddle_saves(tmp_path: Path, protocol: int) -> None:
    model = DeiT(replace(MODELS["deit_tiny"], depth=1), 10)
    paddle.save(model.state_dict(), str(tmp_path / "a.pdparams"), protocol=protocol)
    state = read_state(tmp_path / "a.pdparams")
    same(state, {name: value.numpy() for name, value in model.state_dict().items()})
    model.set_state_dict(state)


def test_reads_numpy_arrays_saved_by_paddle(tmp_path: Path, small: State) -> None:
    paddle.save(small, str(tmp_path / "a.pdparams"))
    same(read_state(tmp_path / "a.pdparams"), small)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_reads_plain_pickles(tmp_path: Path, small: State, protocol: int) -> None:
    same(read_state(dump(tmp_path / "a.pdparams", OrderedDict(small), protocol)), small)


def test_reads_tensors_as_name_and_array(tmp_path: Path, small: State) -> None:
    pairs = {name: ("linear_0.w_0", value) for name, value in small.items()}
    same(read_state(dump(tmp_path / "a.pdparams", pairs)), small)


def test_reads_what_numpy_2_and_python_2_wrote(tmp_path: Path, small: State) -> None:
    content = pickle.dumps({"a.bias": small["a.bias"]}, 3)
    (tmp_path / "numpy2").write_bytes(content.replace(b"numpy.core.", b"numpy._core."))
    same(read_state(tmp_path / "numpy2"), {"a.bias": small["a.bias"]})
    data = small["a.bias"].tobytes()
    # Python 2's str: opcode SHORT_BINSTRING where Python 3 writes SHORT_BINBYTES.
    as_bytes, as_string = (opcode + bytes([len(data)]) + data for opcode in (b"C", b"U"))
    assert as_bytes in content
    (tmp_path / "python2").write_bytes(content.replace(as_bytes, as_string))
    same(read_state(tmp_path / "python2"), {"a.bias": small["a.bias"]})


def test_joins_arrays_that_paddle_cut_into_slices(tmp_path: Path, small: State) -> None:
    flat = small["a.weight"].ravel()
    content = {
        "a.bias": small["a.bias"],
        "a.weight@@.0": flat[:20],
        "a.weight@@.1": flat[20:],
        "UnpackBigParamInfor@@": {
            "a.weight": {"OriginShape": (7, 5), "slices": ["a.weight@@.0", "a.weight@@.1"]}
        },
    }
    same(read_state(dump(tmp_path / "a.pdparams", content, 2)), small)
    del content["a.weight@@.1"]
    refuses(dump(tmp_path / "a.pdparams", content, 2), "table of sliced tensors")


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4"])
def test_other_float_types_become_float32(tmp_path: Path, small: State, dtype: str) -> None:
    stored = {name: value.astype(dtype) for name, value in small.items()}
    expected = {name: value.astype(np.float32) for name, value in stored.items()}
    same(read_state(dump(tmp_path / "a.pdparams", stored)), expected)


def test_a_float64_too_large_for_float32_becomes_infinite(tmp_path: Path) -> None:
    path = dump(tmp_path / "a.pdparams", {"a": np.array([1e300, 1.0])})
    same(read_state(path), {"a": np.array([np.inf, 1.0], np.float32)})


@pytest.mark.parametrize("protocol", [4, 5])
def test_fortran_order_and_scalars_keep_their_shape(tmp_path: Path, protocol: int) -> None:
    stored = {"a": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)), "b": np.array(1.5, "f4")}
    state = read_state(dump(tmp_path / "a.pdparams", stored, protocol))
    same(state, stored)
    assert state["b"].shape == ()


@pytest.mark.parametrize(
    ("dtype", "words"),
    [("int64", "int64"), ("int8", "int8"), ("bool", "bool"), ("uint16", "bfloat16"), ("complex64", "c8"),
     ("U3", "U3"), ("O", "O8")],
)  # fmt: skip
def test_other_types_are_refused_by_name(tmp_path: Path, dtype: str, words: str) -> None:
    content = {"fine": np.float32([1]), "odd.one": np.zeros(3, dtype)}
    refuses(dump(tmp_path / "a.pdparams", content), f"'odd.one' has dtype .*{words}")


class Calls:
    """Pickles as a call of `function`."""

    def __init__(self, function: Callable[..., Any], *arguments: object):
        self.reduced = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.reduced


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_that_runs_code_is_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    mark = tmp_path / "it-ran"
    content = {"a": Calls(builtins.eval, f"open({str(mark)!r}, 'w').close()")}
    path = dump(tmp_path / "a.pdparams", content, protocol)
    pickle.loads(path.read_bytes())
    assert mark.exists(), "the attack must work where nothing stops it"
    mark.unlink()
    refuses(path, r"wants to load '(builtins|__builtin__)\.eval'.*nothing of it was run")
    assert not mark.exists()


@pytest.mark.parametrize(
    "function", [np.load, np.frombuffer, np.core.multiarray.scalar, getattr, OrderedDict.fromkeys, Path]
)
def test_nothing_else_can_be_loaded_either(tmp_path: Path, function: Callable[..., Any]) -> None:
    content = b"\x80\x02}(X\x01\x00\x00\x00ac" + f"{function.__module__}\n{function.__name__}\n".encode()
    (tmp_path / "a.pdparams").write_bytes(content + b"u.")
    refuses(tmp_path / "a.pdparams", "wants to load")


def test_a_name_with_dots_reaches_no_attribute(tmp_path: Path) -> None:
    # STACK_GLOBAL may ask for attributes of what is allowed: numpy, ndarray.__class__.
    content = b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93."
    (tmp_path / "a.pdparams").write_bytes(content)
    refuses(tmp_path / "a.pdparams", "wants to load 'numpy.ndarray.__class__'")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"\x80", "cut short"),
        (b"\x80\x04.", "cut short"),
        (b"not weights at all", "not a .pdparams, PyTorch or safetensors file$"),
        (b"\n<!DOCTYPE html><html>", "web page"),
        (b"PK\x03\x04" + bytes(40), "zip file, probably a PyTorch checkpoint"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", "PyTorch checkpoint"),
        (b"\x80\x02}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\ns.", "PyTorch checkpoint"),
        (b"\x80\x04K\x05.", "no dict of tensors .type int"),
        (b"\x80\x04}.", "no tensors"),
        (b"\x80\x04}K\x05K\x05s.", "key that is no name .type int"),
        (b"\x80\x04}\x8c\x01aK\x05s.", "'a' is no tensor .type int"),
        (pickle.dumps({"a": None}), "'a' is no tensor .type None"),
        # Claims of sizes that are not there: bytes, byte array, frame, memo entry.
        (b"\x80\x04\x8e" + b"\xff" * 6 + b"\x00\x00", "cut short"),
        (b"\x80\x05\x96" + b"\xff" * 6 + b"\x00\x00", "cut short"),
        (b"\x80\x04\x95" + b"\xff" * 6 + b"\x00\x00", "cut short"),
        (b"\x80\x04}r\xff\xff\xff\xff.", "no tensors"),
    ],
)  # fmt: skip
def test_what_is_not_a_state_dict_is_told_apart(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.pdparams").write_bytes(content)
    refuses(tmp_path / "a.pdparams", words)


@pytest.mark.parametrize("opcode", [pickle.BINBYTES8, pickle.BYTEARRAY8, pickle.FRAME, pickle.BINUNICODE8])
def test_a_length_that_is_not_there_takes_no_memory(tmp_path: Path, opcode: bytes) -> None:
    (tmp_path / "a.pdparams").write_bytes(b"\x80\x04" + opcode + (1 << 29).to_bytes(8, "little") + b"abc")
    tracemalloc.start()
    refuses(tmp_path / "a.pdparams", "cut short")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_no_file_a_folder_and_a_file_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuses(tmp_path / "none.pdparams", "no such file")
    refuses(tmp_path, "not a file")
    with (tmp_path / "large.pdparams").open("wb") as file:
        file.truncate(pdparams.MAXIMUM_BYTES + 1)
    refuses(tmp_path / "large.pdparams", "2.0 GB")


def test_every_cut_of_a_file_is_noticed(tmp_path: Path, small: State) -> None:
    whole = dump(tmp_path / "a.pdparams", small).read_bytes()
    for length in range(1, len(whole)):
        (tmp_path / "cut.pdparams").write_bytes(whole[:length])
        refuses(tmp_path / "cut.pdparams", "cut short")


def test_damaged_bytes_never_raise_anything_else(tmp_path: Path, small: State) -> None:
    whole = bytearray(dump(tmp_path / "a.pdparams", small).read_bytes())
    rng = np.random.default_rng(3)
    refused = 0
    for _ in range(400):
        damaged = whole.copy()
        damaged[rng.integers(1, len(damaged))] = rng.integers(256)
        (tmp_path / "damaged.pdparams").write_bytes(damaged)
        try:
            read_state(tmp_path / "damaged.pdparams")
        except InputError:
            refused += 1
    assert refused > 100


def test_shape_and_bytes_must_agree(tmp_path: Path) -> None:
    content = pickle.dumps({"a": np.zeros((2, 3), np.float32)}, 4)
    assert content.count(b"K\x02K\x03\x86") == 1
    (tmp_path / "a.pdparams").write_bytes(content.replace(b"K\x02K\x03\x86", b"K\x02K\xff\x86"))
    refuses(tmp_path / "a.pdparams", "'a' is damaged: its shape")


@pytest.mark.parametrize("name", ["model", "state_dict", "anything"])
def test_a_training_checkpoint_is_told(tmp_path: Path, small: State, name: str) -> None:
    refuses(dump(tmp_path / "a.pdparams", {"epoch": 3, name: small}), f"checkpoint.*nested under '{name}'")
    tensors = {key: paddle.to_tensor(value) for key, value in small.items()}
    paddle.save({name: tensors, "epoch": 3}, str(tmp_path / "b.pdparams"))
    refuses(tmp_path / "b.pdparams", f"checkpoint.*nested under '{name}'")
