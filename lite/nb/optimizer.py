"""Converts `.pdmodel` + `.pdiparams` to a `.nb` with Paddle Lite's opt, and believes nothing it says.

opt runs in a process of its own with a time limit, because it crashes, aborts, or reports success for a
model that is wrong; each of these ends in its own error with a cause and a remedy.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lite import lifeline
from lite.errors import ConversionError, InputError
from lite.model.graph import Exported
from lite.nb import _run_opt, gpu, reader, shared_memory
from lite.nb import program as nb_program
from lite.nb.kernel_check import check_kernels

_ROOT = Path(__file__).resolve().parents[2]
_PHONE_TARGETS = {"arm": ("arm",), "opencl": ("opencl", "arm")}
# Operators known to crash opt 2.13rc0, and what to write instead.
_CRASHES_OPT = {b"flatten_contiguous_range": "use reshape instead of flatten when exporting"}
_CHATTER = ("Loading ", "1. Model is", "2. Model is", "WARNING", "[I ", "[W ")
# What an interpreter needs to start; the rest of the environment (OMP_NUM_THREADS, MALLOC_…) is none of opt's.
_ENVIRONMENT = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "TMPDIR", "VIRTUAL_ENV")
_SOURCE_LINE = re.compile(r"^\[[A-Z] [^\]]*\]\s*")


class OptError(ConversionError):
    """opt could not be started, ended otherwise than it should, or wrote no file that can be read back."""


@dataclass(frozen=True)
class Ended:
    """How a process ended: its status (minus the signal's number), None when it was killed for being late."""

    status: int | None
    output: str


def optimize(
    program: Exported,
    out: Path,
    precision: str,
    targets: tuple[str, ...],
    *,
    timeout: float = 300,
    python: str = sys.executable,
) -> reader.LiteModel:
    """Converts `program` to the file `out` (named `….nb`), for precision fp32, fp16 or int8.

    `targets`, of arm, opencl and x86, in order of preference (on OpenCL the demo chooses the precision when it runs,
    and `lite/nb/gpu.py` mends what opt wrote). `out` appears only when opt ended well and what it wrote reads back with
    the kernels that were asked for; an earlier `out` stays whole otherwise. The same program gives the same bytes
    wherever it and `out` lie. `timeout` in seconds. `python` is an interpreter that has paddlelite 2.13rc0.

    Raises InputError for missing files and a folder that cannot be written or is full, and a
    ConversionError of this module or of `lite.nb.kernel_check` for everything else.
    """
    model, params, out = program.model.resolve(), program.params.resolve(), out.resolve()
    # On a GPU the program that runs the model chooses the precision; the switch is the CPU's.
    fp16 = precision == "fp16" and targets == ("arm",)
    for file in (model, params):
        if not file.is_file():
            raise InputError(
                f"cannot convert {model.name}", why=f"no file {file}", remedy="export the network first"
            )
    if out.is_dir():
        raise InputError(f"cannot write {out}", why="it is a folder", remedy="give a file name ending in .nb")
    with _folder_beside(out) as folder:
        _link(model, folder / _run_opt.MODEL)
        _link(params, folder / _run_opt.PARAMS)
        command = [python, "-m", _run_opt.__name__, ",".join(targets), str(int(fp16))]
        ended = run_limited(command, timeout, folder)
        # opt appends .nb itself.
        nb_file = folder / f"{_run_opt.OUT}.nb"
        explain(ended, model, nb_file, timeout)
        converted = read_back(nb_file, model)
        if "opencl" in targets:
            converted = gpu.mend(nb_file)
        check_kernels(converted, precision, targets)
        try:
            nb_file.replace(out)
        except OSError as error:
            raise InputError(
                f"cannot write {out}", why=error.strerror, remedy="choose another folder"
            ) from error
    return replace(converted, path=out)


def run_limited(command: Sequence[str], timeout: float, folder: Path) -> Ended:
    """Runs `command` in `folder` and a process group of its own; kills the group after `timeout` seconds.

    A command that calls `lifeline.hold` ends with this process, too.
    """
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    try:
        process, held = lifeline.start(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**environment, **_run_opt.TUNABLES, "PYTHONPATH": path, "PYTHONHASHSEED": "0"},
            start_new_session=True,
        )
    except OSError as error:
        raise OptError(
            f"cannot start {command[0]}", why=error.strerror, remedy="give a Python 3.10 that has paddlelite"
        ) from error
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        output = _kill_group(process)
        return Ended(None, output.decode(errors="replace"))
    except BaseException:
        _kill_group(process)
        raise
    finally:
        os.close(held)
    return Ended(process.returncode, output.decode(errors="replace"))


def for_phone(program: Exported, precision: str, target: str, out: Path) -> reader.LiteModel:
    """Converts `program` to `out`, a `.nb` for the phone's target "arm" or "opencl", as `optimize` does."""
    return optimize(program, out, precision, _PHONE_TARGETS[target])


def for_host(program: Exported, out: Path) -> reader.LiteModel:
    """Converts a float `program` to `out`, a `.nb` for Paddle Lite's x86 runtime; raises as `optimize` does."""
    optimize(program, out, "fp32", ("x86",))
    whole = nb_program.read(out)
    (block,) = whole.blocks
    nb_program.write(replace(whole, blocks=(shared_memory.share(block, block.operators),)), out, out)
    return reader.read(out)


def explain(ended: Ended, model: Path, nb_file: Path, timeout: float) -> None:
    """Raises the error for an end of opt on `model` that is no success, or that left no file `nb_file`.

    `timeout` (seconds) is what it had. InputError for a full disk, else a ConversionError of this module.
    """
    last = last_words(ended.output)
    said = f" ({last})" if last else ""
    status = ended.status
    if status is None:
        raise OptError(
            f"opt was still converting {model.name} after {timeout:g} s and was killed",
            why="the machine is busy or opt hangs",
            remedy="give it more time, or check the program with fewer blocks",
        )
    if status == _run_opt.NO_PADDLELITE:
        raise OptError(
            f"Paddle Lite cannot be imported{said}",
            why="its wheel exists for Python 3.8 to 3.10 on x86_64 only",
            remedy="run this with ./run.sh, which makes such an environment",
        )
    if status and ("fwrite(" in ended.output or _is_full(nb_file.parent)):
        raise _full(nb_file.parent)
    if status == -signal.SIGSEGV:
        why, remedy = _crash(model)
        raise OptError(f"opt crashed (SIGSEGV) on {model.name}", why=why, remedy=remedy)
    if status == -signal.SIGABRT:
        raise OptError(
            f"opt gave up (SIGABRT) on {model.name}{said}",
            why=(
                "the program or parameter file is broken, they do not belong together, or an operator has "
                "no kernel for this target"
            ),
            remedy="export the network again",
        )
    if status:
        how = f"status {status}" if status > 0 else _signal_name(-status)
        why, remedy = {
            -signal.SIGKILL: ("the system killed it, most likely for memory", "close other programs"),
            -signal.SIGILL: (
                "this processor lacks instructions the wheel needs (AVX)",
                "use another machine",
            ),
        }.get(status, ("opt gives no reason", "try again, and check the program and this environment"))
        raise OptError(f"opt ended with {how} on {model.name}{said}", why=why, remedy=remedy)
    if not nb_file.is_file():
        raise OptError(
            f"opt reported success on {model.name} but wrote no file{said}",
            why="it is another build or something removed the file",
            remedy="install the pinned paddlelite and try again",
        )


def read_back(nb_file: Path, model: Path) -> reader.LiteModel:
    """Reads what opt wrote for `model`.

    Raises OptError when it is no whole `.nb`, InputError when the disk is full.
    """
    try:
        return reader.read(nb_file)
    except InputError as error:
        if _is_full(nb_file.parent):
            raise _full(nb_file.parent) from error
        raise OptError(
            f"opt reported success on {model.name} but what it wrote does not read back",
            why=error.reason,
            remedy=error.remedy,
        ) from error


def last_words(output: str) -> str:
    """The last line of `output` that is more than opt's progress, without its place in opt's source."""
    for line in reversed(output.splitlines()):
        words = _SOURCE_LINE.sub("", line.strip()) if not line.startswith(_CHATTER) else ""
        if words:
            return words.rstrip(" .:")[:300]
    return ""


def _crash(model: Path) -> tuple[str, str]:
    """The likely reason, and what to do."""
    program = model.read_bytes()
    for operator, remedy in _CRASHES_OPT.items():
        if operator in program:
            return f"it cannot digest the operator {operator.decode()}", remedy
    return (
        "most likely it cannot digest an operator of the program",
        "export with clip_extra=False, or remove blocks until it converts to find the operator",
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _is_full(folder: Path) -> bool:
    return shutil.disk_usage(folder).free < 2**20


def _full(folder: Path) -> InputError:
    free = shutil.disk_usage(folder).free // 2**20
    return InputError(
        f"opt could not write the whole model to {folder.parent}",
        why=f"the disk is full or a size limit is reached ({free} MiB free)",
        remedy="make room or choose another folder",
    )


def _kill_group(process: subprocess.Popen[bytes]) -> bytes:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.communicate()[0]


def _link(file: Path, name: Path) -> None:
    try:
        name.symlink_to(file)
    except OSError:
        # Some filesystems have no links.
        try:
            shutil.copyfile(file, name)
        except OSError as error:
            raise InputError(
                f"cannot write to {name.parent.parent}", why=error.strerror, remedy="choose another folder"
            ) from error


@contextlib.contextmanager
def _folder_beside(out: Path) -> Iterator[Path]:
    # In the same folder, so that the last step is a rename and never a copy.
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".opt.", dir=out.parent))
    except OSError as error:
        raise InputError(
            f"cannot write to {out.parent}", why=error.strerror, remedy="choose another folder"
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
