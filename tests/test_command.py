"""tools/_command.py: every command ends with one line and the exit code of its error."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import ended

COMMAND = """
import sys
sys.path.insert(0, {tools!r})
import _command

with _command.requirements():
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
    try:
        print('started', flush=True)
        time.sleep(10000)
    except KeyboardInterrupt:
        raise ImportError('initialization failed')
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
        (COMPILED, ""),
        ("pass", COMPILED),
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
