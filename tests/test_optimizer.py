"""lite/nb/optimizer.py runs the real opt and tells its failures apart; kernel_check.py checks the kernels."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import programs
import pytest
from waiting import HANG, ended, runs, until

from lite.errors import InputError
from lite.model.graph import GPU, Exported
from lite.nb import optimizer, reader
from lite.nb.kernel_check import WrongKernelsError, check_kernels
from lite.nb.optimizer import optimize

ARM, OPENCL, X86 = ("arm",), ("opencl", "arm"), ("x86",)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return programs.deployable(tmp_path_factory.mktemp("program"))


@pytest.fixture(scope="module")
def quantized(program: Exported, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return programs.quantized(program, tmp_path_factory.mktemp("quantized"))


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    """Where to convert to; whatever happens, nothing but that file may be left in the folder."""
    folder = tmp_path / "out"
    yield folder / "model.nb"
    assert not folder.exists() or [path.name for path in folder.iterdir()] in ([], ["model.nb"])


def precisions(model: reader.LiteModel, op: str) -> set[tuple[str, str]]:
    return {(row["target"], row["precision"]) for row in reader.kernel_table(model) if row["op"] == op}


@pytest.mark.parametrize(
    ("precision", "targets", "kernel"),
    [
        ("fp32", ARM, ("arm", "fp32")),
        ("fp16", ARM, ("arm", "fp16")),
        # OpenCL's kernels carry this name; the phone chooses their precision when it runs.
        ("fp32", OPENCL, ("opencl", "fp16")),
        ("fp16", OPENCL, ("opencl", "fp16")),
        ("fp32", X86, ("x86", "fp32")),
    ],
)
def test_float_conversions(
    program: Exported,
    out: Path,
    precision: str,
    targets: tuple[str, ...],
    kernel: tuple[str, str],
    tmp_path: Path,
) -> None:
    source = programs.deployable(tmp_path / "gpu", GPU) if targets == OPENCL else program
    model = optimize(source, out, precision, targets)
    assert model == reader.read(out)
    assert precisions(model, "matmul_v2") == {kernel}


def test_int8_for_arm(quantized: Exported, out: Path) -> None:
    model = optimize(quantized, out, "int8", ARM)
    for op in ("conv2d", "fc", "matmul_v2"):
        assert precisions(model, op) == {("arm", "int8")}


def test_the_same_bytes_whatever_the_names_of_folders(
    quantized: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = set()
    for number, length in enumerate((1, 40, 200)):
        folder = tmp_path / ("d" * length)
        for name in ("HOME", "TMPDIR", "VIRTUAL_ENV"):
            monkeypatch.setenv(name, str(folder))
        # More variables too, which move the interpreter's own memory.
        monkeypatch.setenv("PYTHONPATH", ":".join([str(folder)] * (1 + 4 * number)))
        copied = Exported.in_folder(folder)
        folder.mkdir()
        shutil.copyfile(quantized.model, copied.model)
        shutil.copyfile(quantized.params, copied.params)
        for out in (folder / "model.nb", folder / ("n" * 250 + ".nb")):
            optimize(copied, out, "int8", ARM)
            made.add(out.read_bytes())
    assert len(made) == 1


def test_int8_may_leave_operators_in_float(program: Exported, out: Path, tmp_path: Path) -> None:
    mixed = programs.quantized(
        program, tmp_path / "mixed", skip_tensor_list=["softmax_0.tmp_0", "gelu_0.tmp_0"]
    )
    model = optimize(mixed, out, "int8", ARM)
    assert precisions(model, "fc") == precisions(model, "matmul_v2") == {("arm", "int8"), ("arm", "fp32")}


def test_int8_for_x86_would_answer_nan(quantized: Exported, out: Path) -> None:
    with pytest.raises(WrongKernelsError, match="matmul_v2 keeps an fp32 kernel with int8 weights"):
        optimize(quantized, out, "int8", X86)
    assert not out.exists()


def test_int8_that_became_fp32(program: Exported, out: Path) -> None:
    with pytest.raises(WrongKernelsError, match="became fp32"):
        optimize(program, out, "int8", ARM)


def test_quantized_program_where_float_was_asked_for(quantized: Exported, out: Path) -> None:
    for precision in ("fp32", "fp16"):
        with pytest.raises(WrongKernelsError, match="int8 kernels came out"):
            optimize(quantized, out, precision, ARM)


def test_per_tensor_weights_in_the_onnx_format(program: Exported, out: Path, tmp_path: Path) -> None:
    options = {"onnx_format": True, "weight_quantize_type": "abs_max"}
    per_tensor = programs.quantized(program, tmp_path / "per_tensor", **options)
    with pytest.raises(WrongKernelsError, match="conv2d has 1 weight scale.* channel_wise_abs_max"):
        optimize(per_tensor, out, "int8", ARM)
    options["weight_quantize_type"] = "channel_wise_abs_max"
    per_channel = programs.quantized(program, tmp_path / "per_channel", **options)
    assert precisions(optimize(per_channel, out, "int8", ARM), "fc") == {("arm", "int8")}


def test_fp16_where_no_fp16_kernel_exists(program: Exported, out: Path) -> None:
    with pytest.raises(WrongKernelsError, match="no convolution or matrix product got an fp16 kernel"):
        optimize(program, out, "fp16", X86)


def test_opencl_that_came_out_for_the_cpu(program: Exported, out: Path) -> None:
    model = optimize(program, out, "fp32", ARM)
    with pytest.raises(WrongKernelsError, match="got an OpenCL kernel"):
        check_kernels(model, "fp32", OPENCL)


def test_kernels_for_another_target(program: Exported, out: Path) -> None:
    model = optimize(program, out, "fp32", X86)
    with pytest.raises(WrongKernelsError, match="kernels for x86 came out where arm was asked for"):
        check_kernels(model, "fp32", ARM)


def test_int8_kernel_with_float_weights(quantized: Exported, out: Path) -> None:
    model = optimize(quantized, out, "int8", ARM)
    params = {name: replace(tensor, dtype="float32") for name, tensor in model.params.items()}
    with pytest.raises(WrongKernelsError, match="int8 kernel with float weights"):
        check_kernels(replace(model, params=params), "int8", ARM)


def test_flatten_crashes_opt(out: Path, tmp_path: Path) -> None:
    stock = programs.stock(tmp_path / "stock")
    with pytest.raises(optimizer.OptError, match="SIGSEGV.*flatten_contiguous_range; use reshape"):
        optimize(stock, out, "fp32", ARM)


def test_broken_program_and_cut_parameters(program: Exported, out: Path, tmp_path: Path) -> None:
    broken, cut = tmp_path / "broken.pdmodel", tmp_path / "cut.pdiparams"
    broken.write_bytes(program.model.read_bytes()[:3000])
    cut.write_bytes(program.params.read_bytes()[:100_000])
    with pytest.raises(optimizer.OptError, match=r"SIGABRT.*\(Check failed: reader->ReachEnd"):
        optimize(Exported(broken, program.params), out, "fp32", ARM)
    with pytest.raises(optimizer.OptError, match="SIGABRT.*Failed to read 589824 bytes"):
        optimize(Exported(program.model, cut), out, "fp32", ARM)


def test_time_limit_kills_opt(program: Exported, out: Path) -> None:
    with pytest.raises(optimizer.OptError, match=r"after 0\.05 s and was killed"):
        optimize(program, out, "fp32", ARM, timeout=0.05)


def test_time_limit_kills_the_whole_process_group(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"sleep 10000 & echo $! > {pid_file}; wait"
    ended = optimizer.run_limited(["bash", "-c", script], timeout=2.0, folder=tmp_path)
    assert ended.status is None
    grandchild = int(pid_file.read_text())
    until(lambda: not runs(grandchild))


def test_python_without_paddlelite(program: Exported, out: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys._base_executable, "-m", "venv", "--without-pip", bare], check=True)
    with pytest.raises(optimizer.OptError, match=r"No module named 'paddlelite'.*3\.8 to 3\.10"):
        optimize(program, out, "fp32", ARM, python=str(bare / "bin" / "python"))
    with pytest.raises(optimizer.OptError, match="cannot start"):
        optimize(program, out, "fp32", ARM, python=str(tmp_path / "no-python"))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import os; os.kill(os.getpid(), 11)", "most likely it cannot digest"),
        ("import os; print('[F 1/1 a.cc:1 F] No op'); os.abort()", "(No op)"),
        ("import os; os.kill(os.getpid(), 9)", "SIGKILL"),
        ("import os; os.kill(os.getpid(), 4)", "lacks instructions"),
        (
            "raise SystemExit('no such flag')",
            "status 1 on model.pdmodel (no such flag)",
        ),
        ("print('2. Model is optimized')", "reported success"),
    ],
)
def test_ends_of_a_process(program: Exported, tmp_path: Path, script: str, words: str) -> None:
    ended = optimizer.run_limited([sys.executable, "-S", "-u", "-c", script], timeout=HANG, folder=tmp_path)
    with pytest.raises(optimizer.OptError) as caught:
        optimizer.explain(ended, program.model, tmp_path / "model.nb", 30)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 4


def test_output_that_does_not_read_back(program: Exported, out: Path, tmp_path: Path) -> None:
    optimize(program, out, "fp32", ARM)
    cut = tmp_path / "cut.nb"
    cut.write_bytes(out.read_bytes()[:-1])
    with pytest.raises(optimizer.OptError, match="does not read back.*cut short"):
        optimizer.read_back(cut, program.model)


def test_full_disk(program: Exported, out: Path) -> None:
    # A limit on the size of files ends opt's writing as a full disk does.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(InputError, match="the disk is full or a size limit is reached"):
            optimize(program, out, "fp32", ARM)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_unwritable_folder_and_missing_files(program: Exported, out: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(InputError, match="cannot write to .*; choose another folder"):
        optimize(program, file / "model.nb", "fp32", ARM)
    with pytest.raises(InputError, match="it is a folder"):
        optimize(program, tmp_path, "fp32", ARM)
    with pytest.raises(InputError, match="export the network first"):
        optimize(Exported(tmp_path / "none.pdmodel", program.params), out, "fp32", ARM)


def test_an_earlier_output_stays_whole(program: Exported, quantized: Exported, out: Path) -> None:
    optimize(program, out, "fp32", X86)
    before = out.read_bytes()
    with pytest.raises(WrongKernelsError):
        optimize(quantized, out, "int8", X86)
    assert out.read_bytes() == before


def test_interrupt_leaves_nothing_behind(program: Exported, out: Path, tmp_path: Path, root: Path) -> None:
    # In place of the interpreter that runs opt, a program that does not end.
    endless = tmp_path / "endless"
    endless.write_text("#!/bin/sh\nexec sleep 10000\n")
    endless.chmod(0o755)
    script = (
        "import sys; from pathlib import Path; from lite.nb import optimizer\n"
        "model, params, out, python = map(Path, sys.argv[1:])\n"
        "program = optimizer.Exported(model, params)\n"
        "optimizer.optimize(program, out, 'fp32', ('arm',), python=str(python))\n"
    )
    command = [sys.executable, "-c", script, program.model, program.params, out, endless]
    with subprocess.Popen(command, cwd=root, stderr=subprocess.DEVNULL) as process:
        (child,) = until(lambda: _children(process.pid), process)
        assert any(out.parent.iterdir())
        # Until it waits for the child, and no longer for its start.
        until(lambda: b"sleep" in Path(f"/proc/{child}/cmdline").read_bytes(), process)
        until(lambda: Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S")
        process.send_signal(signal.SIGINT)
        assert ended(process).returncode == -signal.SIGINT
    assert not any(out.parent.iterdir())
    assert not runs(child)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
