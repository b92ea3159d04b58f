"""lite/nb/reader.py reads what opt wrote and refuses everything else; lite/nb/shapes.py counts its multiply-adds."""

from __future__ import annotations

import json
import random
import struct
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import paddle
import programs
import pytest

from lite.errors import InputError
from lite.model.graph import GPU, Exported
from lite.nb import optimizer, reader, shapes

IMAGE = (1, 3, 224, 224)
HEADER_BYTES = 26


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return programs.deployable(tmp_path_factory.mktemp("program"))


@pytest.fixture(scope="module")
def fp32(program: Exported) -> Path:
    return _convert(program, "fp32")


@pytest.fixture(scope="module")
def mixed(program: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """INT8, but for the attention × V product of the first block and the last block's fc2."""
    folder = tmp_path_factory.mktemp("mixed")
    skipped = ["softmax_0.tmp_0", "gelu_1.tmp_0"]
    return _convert(programs.quantized(program, folder, skip_tensor_list=skipped), "int8")


def _convert(program: Exported, precision: str) -> Path:
    out = program.model.parent / f"{precision}.nb"
    optimizer.for_phone(program, precision, "arm", out)
    return out


def _refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        reader.read(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_reads_version_kernels_and_parameters(fp32: Path) -> None:
    model = reader.read(fp32)
    assert (model.meta_version, model.opt_version, model.bytes) == (2, "v2.13-rc", fp32.stat().st_size)
    assert model.inputs == {"image": IMAGE}
    linear = [op for op in model.ops if op.type == "fc"]
    assert len(linear) == 6 * programs.DEPTH + 1
    assert linear[0].kernel == reader.Kernel("fc", "def", "arm", "fp32", "nchw")
    weight = model.params[linear[-1].inputs["W"][0]]
    assert weight == reader.Tensor((192, programs.CLASSES), "float32", 192 * programs.CLASSES * 4)
    assert sum(tensor.bytes for tensor in model.params.values()) < model.bytes


def test_attributes_have_their_types(mixed: Path) -> None:
    convolution = next(op for op in reader.read(mixed).ops if op.type == "conv2d")
    assert convolution.attributes["strides"] == (16, 16)
    assert convolution.attributes["padding_algorithm"] == "EXPLICIT"
    assert convolution.attributes["enable_int8"] is True
    assert convolution.attributes["groups"] == 1
    assert len(convolution.attributes["Filter0_scale"]) == 192
    assert all(0 < scale < 1 for scale in convolution.attributes["Filter0_scale"])


def test_kernel_table_tells_int8_from_float(mixed: Path) -> None:
    table = reader.kernel_table(reader.read(mixed))
    assert table == sorted(table, key=lambda row: (row["op"], row["target"], row["precision"]))
    counts = {(row["op"], row["target"], row["precision"]): row["count"] for row in table}
    assert counts["fc", "arm", "int8"] == 12
    assert counts["fc", "arm", "fp32"] == 1
    assert counts["matmul_v2", "arm", "int8"] == 3
    assert counts["matmul_v2", "arm", "fp32"] == 1
    assert counts["feed", "host", "any"] == 1


def test_int8_weights_are_stored_as_int8(mixed: Path) -> None:
    model = reader.read(mixed)
    dtypes = {
        op.kernel.precision: model.params[op.inputs["W"][0]].dtype for op in model.ops if op.type == "fc"
    }
    assert dtypes == {"int8": "int8", "fp32": "float32"}


def test_multiply_adds_are_the_networks(fp32: Path) -> None:
    tokens, dim, hidden, classes = 197, 192, 768, programs.CLASSES
    patches = 196 * 768 * dim
    block = 4 * tokens * dim**2 + 2 * tokens**2 * dim + 2 * tokens * dim * hidden
    # After the last block's keys and values only the class token goes on.
    last = 2 * tokens * dim**2 + 2 * dim**2 + 2 * tokens * dim + 2 * dim * hidden
    work = [step for step in shapes.steps(reader.read(fp32), IMAGE) if step.macs]
    assert sum(step.macs for step in work) == patches + block + last + dim * classes
    assert {step.op.type for step in work} == {"conv2d", "fc", "matmul_v2"}


def test_coverage_is_the_int8_share_of_multiply_adds(fp32: Path, mixed: Path) -> None:
    model = reader.read(mixed)
    total = _multiply_adds(model)
    left_in_float = 3 * 197 * 197 * 64 + 768 * 192
    assert shapes.int8_coverage(model, IMAGE) == pytest.approx(1 - left_in_float / total)
    assert shapes.int8_coverage(reader.read(fp32), IMAGE) == 0.0


def test_same_multiply_adds_on_every_target(program: Exported, fp32: Path, tmp_path: Path) -> None:
    expected = _multiply_adds(reader.read(fp32))
    gpu = programs.deployable(tmp_path / "gpu", GPU)
    # The form for GPUs moves the patches after the class token by a product.
    placing = 192 * 196 * 197
    for targets, source, more in ((("x86",), program, 0), (("opencl", "arm"), gpu, placing)):
        model = optimizer.optimize(source, tmp_path / "model.nb", "fp32", targets)
        assert _multiply_adds(model) == expected + more


def _multiply_adds(model: reader.LiteModel, input_shape: shapes.Shape = IMAGE) -> int:
    return sum(step.macs for step in shapes.steps(model, input_shape))


def test_coverage_is_unknown_rather_than_guessed(fp32: Path) -> None:
    model = reader.read(fp32)
    with pytest.raises(shapes.UnknownShapeError, match="give the size the model was exported for"):
        _multiply_adds(model, (1, 3, 96, 96))
    assert shapes.int8_coverage(model, (1, 3, 96, 96)) is None
    gelu = next(index for index, op in enumerate(model.ops) if op.type == "gelu")
    ops = (*model.ops[:gelu], replace(model.ops[gelu], type="lstm"), *model.ops[gelu + 1 :])
    with pytest.raises(shapes.UnknownShapeError, match="lstm, has no shape rule"):
        _multiply_adds(replace(model, ops=ops))


def test_missing_and_folder(tmp_path: Path) -> None:
    assert "there is no such file" in _refusal(tmp_path / "none.nb")
    assert "it is not a file" in _refusal(tmp_path)


def test_foreign_files(program: Exported, fp32: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive.nb"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a", "b")
    texts = {"empty.nb": b"", "text.nb": b"not a model\n" * 50, "one.nb": b"\2", "stub.nb": b"\2\0v2.13"}
    for name, content in texts.items():
        (tmp_path / name).write_bytes(content)
    assert "the file is empty" in _refusal(tmp_path / "empty.nb")
    for path in (archive, tmp_path / "text.nb", program.model, program.params):
        assert "does not start like a .nb" in _refusal(path)
    for name in ("one.nb", "stub.nb"):
        assert "cut short inside the header" in _refusal(tmp_path / name)
    noise = tmp_path / "noise.nb"
    noise.write_bytes(fp32.read_bytes()[:18] + struct.pack("<Q", 5000) + random.Random(0).randbytes(20000))
    assert "no usable Paddle Lite model" in _refusal(noise)


def test_other_meta_versions(fp32: Path, tmp_path: Path) -> None:
    for version in (0, 1, 3):
        other = tmp_path / "other.nb"
        other.write_bytes(struct.pack("<H", version) + fp32.read_bytes()[2:])
        assert f"meta version {version}, of opt v2.13-rc; this reads 2" in _refusal(other)


def test_every_cut_is_noticed(fp32: Path, tmp_path: Path) -> None:
    whole = fp32.read_bytes()
    program_end = HEADER_BYTES + struct.unpack_from("<Q", whole, 18)[0]
    rng = random.Random(1)
    lengths = [1, 17, 25, HEADER_BYTES, program_end - 1, program_end, program_end + 3, len(whole) - 1]
    lengths += [rng.randrange(program_end) for _ in range(40)]
    lengths += [rng.randrange(program_end, len(whole)) for _ in range(40)]
    cut = tmp_path / "cut.nb"
    for length in lengths:
        cut.write_bytes(whole[:length])
        _refusal(cut)
    cut.write_bytes(whole + b"\0")
    assert "1 bytes follow the last" in _refusal(cut)


def test_damage_ends_in_a_model_or_an_input_error(mixed: Path, tmp_path: Path) -> None:
    whole = mixed.read_bytes()
    program_end = HEADER_BYTES + struct.unpack_from("<Q", whole, 18)[0]
    rng = random.Random(2)
    damaged = tmp_path / "damaged.nb"
    refused = 0
    for round_ in range(300):
        content = bytearray(whole)
        # Most of the damage goes where the structure is: the program and the first parameter's tables.
        for _ in range(rng.choice((1, 4, 32))):
            position = rng.randrange(program_end + 200)
            if round_ % 2:
                content[position] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
            else:
                content[position : position + 4] = rng.choice((rng.randbytes(4), b"\xff\xff\xff\x7f"))
        damaged.write_bytes(content)
        try:
            model = reader.read(damaged)
        except InputError:
            refused += 1
        else:
            shapes.int8_coverage(model, IMAGE)
            reader.kernel_table(model)
    assert refused > 150


def test_offsets_that_point_at_the_same_tables_are_refused(fp32: Path, tmp_path: Path) -> None:
    # 3000 blocks that are one block, with 3000 variables that are one variable: 9 million to read in 24 kB.
    count = 3000

    def table(slot: int, target: int) -> bytes:
        """A vtable of 12 bytes, then the table: its field in `slot` points `target` bytes on from itself."""
        fields = [4 if index == slot else 0 for index in range(4)]
        return struct.pack("<HHHHHH", 12, 8, *fields) + struct.pack("<iI", 12, target)

    def vector(table_after: int) -> bytes:
        """`count` offsets to the one table whose own bytes begin `table_after` bytes after the vector."""
        offsets = (table_after + 4 * (count - index) for index in range(count))
        return struct.pack("<I", count) + struct.pack(f"<{count}I", *offsets)

    program = struct.pack("<I", 16)
    program += table(0, 4) + vector(12)  # ProgramDesc.blocks
    program += table(2, 4) + vector(12)  # BlockDesc.vars
    program += table(1, 16) + table(4, 0)[:12] + struct.pack("<i", 12)  # VarDesc.type, an empty VarType
    bomb = tmp_path / "bomb.nb"
    bomb.write_bytes(fp32.read_bytes()[:18] + struct.pack("<Q", len(program)) + program)
    assert "its tables overlap" in _refusal(bomb)


def test_a_parameter_the_program_wants_is_missed(fp32: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "renamed.nb"
    whole = fp32.read_bytes()
    program_end = HEADER_BYTES + struct.unpack_from("<Q", whole, 18)[0]
    name = next(iter(reader.read(fp32).params)).encode()
    renamed.write_bytes(whole[:program_end] + whole[program_end:].replace(name, b"X" + name[1:], 1))
    assert "which is not in the file" in _refusal(renamed)


def _inspect(root: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, root / "tools" / "inspect_nb.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_command_prints_a_table_and_json(root: Path, mixed: Path) -> None:
    shown = _inspect(root, mixed)
    assert shown.returncode == 0
    assert "opt v2.13-rc" in shown.stdout
    assert "INT8 coverage 94.8% of 0.146 G multiply-adds" in shown.stdout
    facts = json.loads(_inspect(root, mixed, "--json", "--image", "224").stdout)
    assert facts["kernels"] == reader.kernel_table(reader.read(mixed))
    assert facts["int8_coverage"] == shapes.int8_coverage(reader.read(mixed), IMAGE)
    odd = json.loads(_inspect(root, mixed, "--json", "--image", "96").stdout)
    assert odd["int8_coverage"] is None
    assert "does not fit input" in odd["coverage_unknown_because"]["what"]


def test_command_takes_an_open_batch_for_one_picture(root: Path, tmp_path: Path) -> None:
    network = _saved(paddle.nn.Conv2D(3, 8, 16, 16), [-1, 3, 224, 224], tmp_path)
    assert reader.read(network).inputs == {"image": (-1, 3, 224, 224)}
    shown = _inspect(root, network).stdout
    assert "INT8 coverage 0.0% of 0.001 G multiply-adds for one input of 1 × 3 × 224 × 224" in shown
    assert json.loads(_inspect(root, network, "--json").stdout)["multiply_adds"] == 8 * 3 * 224**2


def test_command_says_that_there_are_no_multiply_adds(root: Path, tmp_path: Path) -> None:
    network = _saved(paddle.nn.LayerNorm(8), [1, 3, 8, 8], tmp_path)
    shown = _inspect(root, network)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "no multiply-adds, so no INT8 coverage" in shown.stdout


def _saved(network: paddle.nn.Layer, shape: list[int], folder: Path) -> Path:
    """The network as a `.nb` for ARM."""
    network.eval()
    spec = paddle.static.InputSpec(shape, "float32", "image")
    paddle.jit.save(network, str(folder / "model"), input_spec=[spec])
    return _convert(Exported.in_folder(folder), "fp32")


def test_command_refuses_in_one_line(root: Path, program: Exported) -> None:
    failed = _inspect(root, program.model)
    assert failed.returncode == 2
    assert failed.stderr.startswith("error: ")
    assert failed.stderr.count("\n") == 1
    assert failed.stdout == ""
    assert _inspect(root).returncode == 2


def test_command_ends_quietly_when_its_reader_goes_away(root: Path, mixed: Path) -> None:
    command = [sys.executable, root / "tools" / "inspect_nb.py", mixed]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 141


def test_command_without_its_packages_names_run_sh(root: Path) -> None:
    # -S leaves site-packages out; -I keeps PYTHONPATH from bringing them back.
    script = root / "tools" / "inspect_nb.py"
    code = (
        f"import sys; sys.argv = [{str(script)!r}, 'model.nb']; sys.path.insert(0, {str(script.parent)!r}); "
        f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')"
    )
    command = [sys._base_executable, "-I", "-S", "-c", code]
    failed = subprocess.run(command, capture_output=True, text=True)
    assert failed.returncode == 2
    assert failed.stderr.count("\n") == 1
    assert "run ./run.sh tools/inspect_nb.py model.nb, which makes the environment" in failed.stderr
