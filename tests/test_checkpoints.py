"""Files of PyTorch and safetensors: those that PyTorch wrote are read right, those that mean harm end in one line."""

from __future__ import annotations

import json
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch_files
from torch_files import called, number, sizes, table, tensor, text, write_zip

from lite.errors import InputError
from lite.model import checkpoint

FILES = Path(__file__).parent / "sources" / "files"
EXPECTED = {
    "whole": np.arange(24).reshape(4, 6), "turned": np.arange(6).reshape(2, 3).T,
    "part": np.arange(24).reshape(4, 6)[1:3, 2:5], "half": np.arange(4) / 4, "double": np.arange(3) * 1.5,
    "brain": np.array([1.0, -2.5, 3.140625]), "parameter": np.array([7.0, 8.0]), "number": np.array(5.0),
    "none": np.zeros((0, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", ["zip.pth", "old.pth", "some.safetensors"])
def test_what_pytorch_wrote_is_read_number_for_number(name: str) -> None:
    found = checkpoint.read(FILES / name)
    assert found.format == ("safetensors" if name.startswith("some") else "PyTorch")
    assert found.state.keys() == EXPECTED.keys()
    for key, value in EXPECTED.items():
        assert found.state[key].dtype == np.float32
        assert found.state[key].flags.c_contiguous
        np.testing.assert_array_equal(found.state[key], value, err_msg=key)


@pytest.mark.parametrize("name", ["training.pth", "training-old.pth"])
def test_of_a_checkpoint_of_training_the_weights_are_taken(name: str) -> None:
    found = checkpoint.read(FILES / name)
    assert found.part == "model"
    expected = json.loads((FILES / "training.json").read_text())
    assert {key: value.tolist() for key, value in found.state.items()} == expected


def test_averaged_weights_come_first_as_in_timm(tmp_path: Path) -> None:
    both = {key: table({"w": tensor("0", (1,), (1,), 1)}) for key in ("state_dict", "state_dict_ema")}
    path = write_zip(tmp_path / "x", table(both), {"0": struct.pack("<f", 2.0)})
    assert checkpoint.read(path).part == "state_dict_ema"


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        checkpoint.read(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"cannot read weights {path}")
    return str(caught.value)


def test_a_whole_network_is_refused_with_the_way_out() -> None:
    message = refusal(FILES / "network.pth")
    assert "whole network (class 'torch.nn.modules.linear.Linear')" in message
    assert message.endswith("save the weights alone: torch.save(model.state_dict(), FILE)")


def test_integers_are_no_weights() -> None:
    assert "tensor 'count' has dtype 'int64'" in refusal(FILES / "integers.pth")


def test_code_is_named_and_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    content = called("os", "system") + b"(" + text(f"touch {marker}") + b"tR"
    message = refusal(write_zip(tmp_path / "x.pth", content, {}))
    assert "wants to load 'os.system', which weights do not need, and nothing of it was run" in message
    assert not marker.exists()


@pytest.mark.parametrize(
    ("opcodes", "words"),
    [
        (tensor("0", (3,), (1,), 2), "damaged"),
        (tensor("0", (2,), (2,), 2), "damaged"),
        (tensor("0", (2,), (1,), 2, offset=1), "damaged"),
        (tensor("0", (2,), (-1,), 2), "damaged"),
        (tensor("0", (2, 2), (1,), 2), "damaged"),
        (tensor("0", (2_000_000_000, 2), (0, 0), 2), "damaged"),
        (tensor("0", (1_000_000,), (0,), 2), "more bytes than the file"),
        (tensor("9", (2,), (1,), 2), "storage '9' is missing"),
        (tensor("0", (2,), (1,), 4), "storage '0' is damaged"),
        (tensor("0", (2,), (1,), 2, kind="Quantized"), "wants to load 'torch.QuantizedStorage'"),
        (called("torch._utils", "_rebuild_tensor_v2") + b")R", "damaged"),
        (number(3), "'w' is no tensor|no tensors by name"),
    ],
)
def test_tensors_that_are_none_are_refused(opcodes: bytes, words: str, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x", table({"w": opcodes}), {"0": struct.pack("<2f", 1.0, 2.0)})
    with pytest.raises(InputError, match=words):
        checkpoint.read(path)


def test_a_changed_bit_of_a_storage_is_noticed(tmp_path: Path) -> None:
    path = torch_files.save(tmp_path / "x", {"w": np.full(1000, 1.5, np.float32)})
    data = bytearray(path.read_bytes())
    data[data.index(struct.pack("<f", 1.5) * 500) + 402] ^= 1
    path.write_bytes(bytes(data))
    assert "the checksum differs; copy or download it again" in refusal(path)


@pytest.mark.parametrize("name", ["zip.pth", "old.pth", "some.safetensors", "training.pth"])
def test_a_file_cut_anywhere_ends_in_one_line(name: str, tmp_path: Path) -> None:
    data = (FILES / name).read_bytes()
    for end in range(20, len(data), max(1, len(data) // 60)):
        (tmp_path / "x").write_bytes(data[:end])
        refusal(tmp_path / "x")


@pytest.mark.parametrize("name", ["zip.pth", "old.pth", "some.safetensors"])
def test_any_changed_byte_is_read_or_ends_in_one_line(name: str, tmp_path: Path) -> None:
    data = (FILES / name).read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.choice(len(data), min(400, len(data)), replace=False):
        changed = bytearray(data)
        changed[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "x").write_bytes(bytes(changed))
        with suppress(InputError):
            checkpoint.read(tmp_path / "x")


def test_a_zip_file_of_other_things_is_told_apart(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    assert "a zip file but no PyTorch checkpoint" in refusal(tmp_path / "x")
    with zipfile.ZipFile(tmp_path / "y", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}." * 100)
    assert "a compressed zip file" in refusal(tmp_path / "y")


def test_a_zip_file_of_far_too_many_files_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        for index in range(20_001):
            archive.writestr(f"{index}", "")
    assert "20,001 files, far more than a checkpoint has" in refusal(tmp_path / "x")


def written(path: Path, header: object, data: bytes = bytes(8)) -> Path:
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + data)
    return path


def entry(**changes: object) -> dict:
    return {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (entry(shape=[3]), "tensor 'w' is damaged"),
        (entry(shape=[-2]), "tensor 'w' is damaged"),
        (entry(shape="2"), "tensor 'w' is damaged"),
        (entry(data_offsets=[8, 16]), "tensor 'w' is damaged"),
        (entry(data_offsets=[8, 0]), "tensor 'w' is damaged"),
        (entry(dtype="I64"), "tensor 'w' has dtype 'I64'"),
        ({"w": 3}, "tensor 'w' is damaged"),
        (b'{"w": {}, "w": {}}', "names a tensor twice"),
        (b'{"w": ' + b"[" * 100_000, "damaged"),
        ({f"w{index}": entry()["w"] for index in range(1000)} | {"p": {}}, "damaged"),
    ],
)
def test_tables_of_safetensors_that_do_not_fit_are_refused(
    header: object, words: str, tmp_path: Path
) -> None:
    assert words in refusal(written(tmp_path / "x", header))


def test_safetensors_that_share_bytes_are_refused(tmp_path: Path) -> None:
    data = bytes(80_000)
    header = {f"w{i}": {"dtype": "F32", "shape": [20_000], "data_offsets": [0, 80_000]} for i in range(3)}
    assert "more bytes than the file" in refusal(written(tmp_path / "x", header, data))


def test_a_program_of_paddle_3_is_answered_with_the_way_that_works() -> None:
    message = refusal(FILES / "paddle3-program.json")
    assert "a program of Paddle 3, which Paddle Lite's optimizer cannot read" in message
    assert "give its .pdparams to --weights" in message


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_weights_that_paddle_3_saved_are_read(protocol: int) -> None:
    found = checkpoint.read(FILES / f"paddle3-{protocol}.pdparams")
    assert found.format == "Paddle"
    assert {name: value.shape for name, value in found.state.items()} == {
        "head.weight": (4, 3), "head.bias": (3,), "norm.weight": (4,), "norm.bias": (4,),
    }  # fmt: skip
    np.testing.assert_array_equal(
        found.state["head.weight"], np.arange(12, dtype=np.float32).reshape(4, 3) / 8
    )


def test_a_folder_of_hugging_face_means_its_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no model.safetensors or pytorch_model.bin; give the file"):
        checkpoint.file_of(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    assert checkpoint.file_of(tmp_path).name == "pytorch_model.bin"
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert checkpoint.file_of(tmp_path).name == "model.safetensors"


def test_strided_opcodes_are_pytorchs(tmp_path: Path) -> None:
    # The writer of these tests writes what `read` takes from PyTorch itself.
    assert sizes((2, 3)) == b"(J\x02\x00\x00\x00J\x03\x00\x00\x00t"
    path = write_zip(
        tmp_path / "x",
        table({"w": tensor("0", (3, 2), (1, 3), 6)}),
        {"0": np.arange(6, dtype="<f4").tobytes()},
    )
    np.testing.assert_array_equal(checkpoint.read(path).state["w"], np.arange(6).reshape(2, 3).T)
