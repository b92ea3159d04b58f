"""tools/_command.py: every command ends with one line and the exit code of its error."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import ended

ROOT = Path(__file__).resolve().parent.parent
COMMAND = """
import sys
sys.path.insert(0, {tools!r})
import _command
import time
import click
from lite import errors
{imports}

@click.command()
def main():
    {body}

_command.run(main)
"""


# What numpy's compiled modules make of Ctrl-C that comes while they are imported.
COMPILED = """
{0}try:
{0}    print('started', flush=True)
{0}    time.sleep(10000)
{0}except KeyboardInterrupt:
{0}    raise ImportError('initialization failed')
"""


def command(root: Path, tmp_path: Path, body: str, imports: str = "") -> list[str]:
    script = tmp_path / "command.py"
    script.write_text(COMMAND.format(tools=str(root / "tools"), body=body, imports=imports))
    # From another folder and without PYTHONPATH, as a user starts it.
    return ["env", "-u", "PYTHONPATH", "-C", str(tmp_path), sys.executable, str(script)]


@pytest.mark.parametrize(
    ("body", "status", "stderr"),
    [
        ("pass", 0, ""),
        ("raise errors.InputError('a file\\nis bad')", 2, "error: a file is bad\n"),
        ("raise errors.DriftError('too far')", 3, "error: too far\n"),
        ("raise errors.ConversionError('no')", 4, "error: no\n"),
        ("raise errors.DownloadError('no network')", 5, "error: no network\n"),
        (
            "open('none')",
            2,
            "error: [Errno 2] No such file or directory: 'none'; check the path, its permissions and the "
            "free space\n",
        ),
        ("raise KeyboardInterrupt", 130, "error: interrupted\n"),
        ("raise click.exceptions.Exit(7)", 7, ""),
    ],
)
def test_errors_are_one_line_and_a_status(
    root: Path, tmp_path: Path, body: str, status: int, stderr: str
) -> None:
    body = body.replace("\n", "\\n")
    ended = subprocess.run(command(root, tmp_path, body), capture_output=True, text=True)
    assert (ended.returncode, ended.stderr, ended.stdout) == (status, stderr, "")


def test_a_bug_keeps_its_traceback(root: Path, tmp_path: Path) -> None:
    ended = subprocess.run(command(root, tmp_path, "1 / 0"), capture_output=True, text=True)
    assert ended.returncode == 1
    assert "ZeroDivisionError" in ended.stderr


@pytest.mark.parametrize(
    ("body", "imports"),
    [
        ("print('started', flush=True); time.sleep(10000)", ""),
        (COMPILED.format("    "), ""),
        ("pass", COMPILED.format("")),
    ],
    ids=["in the command", "in an import of the command", "in its first imports"],
)
def test_control_c(root: Path, tmp_path: Path, body: str, imports: str) -> None:
    arguments = command(root, tmp_path, body, imports)
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        done = ended(process)
    assert (done.returncode, done.stderr) == (130, "error: interrupted\n")


def test_control_c_is_not_for_what_runs_in_the_background(root: Path, tmp_path: Path) -> None:
    # A shell without job control starts `command &` with SIGINT ignored.
    interrupt = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    arguments = command(root, tmp_path, f"{interrupt}; print('done')", interrupt)
    in_background = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *arguments]
    ended = subprocess.run(in_background, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")


def commands() -> list[Path]:
    return sorted(path for path in (ROOT / "tools").glob("*.py") if not path.name.startswith("_"))


# Prints what is imported when a command has ended.
WATCHED = """
import atexit, runpy, sys
heavy = {'paddle', 'paddlelite', 'paddleslim', 'matplotlib', 'scipy', 'sklearn', 'cv2'}
atexit.register(lambda: print('imported:', *sorted(heavy & set(sys.modules))))
sys.path.insert(0, sys.argv[1])
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


@pytest.mark.parametrize(
    "arguments",
    [*([path.name, "--help"] for path in commands()), ["opt.py", "--list"]],
    ids=lambda arguments: " ".join(arguments),
)
def test_help_imports_nothing_that_takes_long(root: Path, arguments: list[str]) -> None:
    name, *rest = arguments
    tools = root / "tools"
    watched = [sys.executable, "-c", WATCHED, str(tools), str(tools / name), *rest]
    done = subprocess.run(watched, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    *shown, imported = done.stdout.splitlines()
    assert len(shown) > 5
    assert imported == "imported:"


def test_a_missing_package_is_one_line(root: Path, tmp_path: Path) -> None:
    # -S: nothing that is installed is found.
    done = subprocess.run(
        [sys.executable, "-S", str(root / "tools" / "opt.py"), "--list"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: a required package cannot be imported (No module named 'click'); run ./run.sh tools/opt.py --list, "
        "which makes the environment\n"
    )


@pytest.mark.parametrize(
    ("module", "status", "words"),
    [
        ("no_such_package", 2, "error: a required package cannot be imported"),
        ("lite.no_such", 1, "Traceback"),
    ],
)
def test_a_package_that_a_running_command_misses(
    root: Path, tmp_path: Path, module: str, status: int, words: str
) -> None:
    done = subprocess.run(command(root, tmp_path, f"import {module}"), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(words)
    assert module in done.stderr


def test_another_python_is_refused(root: Path, tmp_path: Path) -> None:
    found = filter(None, (shutil.which(f"python3.{minor}") for minor in (9, 11, 12, 13, 14)))
    # pyenv's are on PATH even where they do not run.
    runs = (path for path in found if subprocess.run([path, "-c", ""], capture_output=True).returncode == 0)
    other = next(runs, None)
    if other is None:
        pytest.skip("no other Python than 3.10 is here")
    done = subprocess.run(
        [other, str(root / "tools" / "opt.py")], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "and Paddle Lite's wheels end at 3.10; run ./run.sh tools/opt.py" in done.stderr
    assert len(done.stderr.splitlines()) == 1
