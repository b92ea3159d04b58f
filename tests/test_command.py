"""tools/_command.py: every command ends with one line and the exit code of its error."""

from __future__ import annotations

import contextlib
import os
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


FAULT = "error: this should not happen, it is a fault of this toolkit: "
BUGS = {
    "1 / 0": "ZeroDivisionError: division by zero",
    "raise RuntimeError('a\\nb' * 1000)": "RuntimeError: a",
    "raise RuntimeError": "RuntimeError",
    "raise SystemError('x' * 5000)": f"SystemError: {'x' * 200}",
    "main(None, *main)": "TypeError: ",
    "sys.setrecursionlimit(100); f = lambda: f(); f()": "RecursionError: ",
    "import threading; one = threading.Thread(target=lambda: 1 / 0); one.start(); one.join(); sys.exit(1)": "ZeroD",
}


@pytest.mark.parametrize("body", BUGS)
def test_a_bug_is_one_line_and_debug_shows_its_traceback(root: Path, tmp_path: Path, body: str) -> None:
    arguments = command(root, tmp_path, body)
    ended = subprocess.run(arguments, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith(FAULT + BUGS[body])
    assert len(line) < 600
    assert line.endswith(
        "; run it again with --debug, and report what that shows as an issue of the repository"
    )
    ended = subprocess.run([*arguments, "--debug"], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.splitlines()[0] == line
    assert "Traceback (most recent call last)" in ended.stderr


def test_a_bug_of_the_toolkit_says_where(root: Path, tmp_path: Path) -> None:
    body = "from lite.pictures import prepare; prepare.resize_crop(None, 1, 1)"
    ended = subprocess.run(command(root, tmp_path, body), capture_output=True, text=True)
    assert "AttributeError: " in ended.stderr
    assert "(lite/pictures/prepare.py:" in ended.stderr


def test_debug_shows_where_a_users_mistake_was_found(root: Path, tmp_path: Path) -> None:
    arguments = command(root, tmp_path, "raise errors.InputError('no')")
    ended = subprocess.run([*arguments, "--debug"], capture_output=True, text=True)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: no\nTraceback")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--weights", ""], "the argument after --weights is empty"),
        (["--weights="], "the value of --weights is empty"),
        (["a.nb", ""], "the argument after a.nb is empty"),
    ],
)
def test_an_empty_argument_is_refused_before_any_work(
    root: Path, tmp_path: Path, arguments: list[str], what: str
) -> None:
    ended = subprocess.run(
        [*command(root, tmp_path, "print('worked')"), *arguments], capture_output=True, text=True
    )
    remedy = "give one; in a script, look at the variable that it comes from"
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", f"error: {what}; {remedy}\n")


def test_too_little_memory_is_said(root: Path, tmp_path: Path) -> None:
    body = "import numpy; numpy.zeros(1 << 55)"
    ended = subprocess.run(command(root, tmp_path, body), capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("error: there is not enough memory: Unable to allocate")


# How a shell begins a command: some of its standard streams are closed, full, or go nowhere.
STREAMS = {
    ">&-": (2, None, "error: standard output is closed; send it somewhere: > FILE, or > /dev/null\n"),
    ">&- 2>&-": (2, None, None),
    "<&- >&- 2>&-": (2, None, None),
    "<&-": (0, "done\n", ""),
    "2>&-": (0, "done\n", None),
    "<&- 2>&-": (0, "done\n", None),
    ">/dev/full": (
        2, None, "error: cannot write to standard output: No space left on device; send it somewhere else\n"
    ),
    ">/dev/full 2>/dev/full": (2, None, None),
    "2>/dev/full": (0, "done\n", None),
}  # fmt: skip


@pytest.mark.parametrize("streams", STREAMS)
@pytest.mark.parametrize(
    "body", ["click.echo('done')", "print('done')", "click.echo('done'); raise OSError(5, 'no')"]
)
def test_standard_streams_that_are_closed_or_full(
    root: Path, tmp_path: Path, body: str, streams: str
) -> None:
    status, out, err = STREAMS[streams]
    # A file that is opened must not take a closed stream's place.
    body = f"file = open('file', 'w'); assert file.fileno() > 2; {body}"
    shell = ["bash", "-c", f'"$@" {streams}', "bash", *command(root, tmp_path, body)]
    ended = subprocess.run(shell, capture_output=True, text=True)
    if status == 0 and "raise" in body:
        status, err = 2, err and "error: [Errno 5] no; "
    assert ended.returncode == status
    assert ended.stdout == (out or "")
    assert ended.stderr == (err or "") or ended.stderr.startswith("error: [Errno 5] no; ")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("name", [path.name for path in sorted((ROOT / "tools").glob("[a-z]*.py"))])
@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("mkdir gone; cd gone; rmdir ../gone", "the working folder cannot be found: No such file"),
        ("mkdir $'n\\xe9'; cd $'n\\xe9'", "is not UTF-8"),
    ],
)
def test_a_working_folder_that_cannot_be(
    root: Path, tmp_path: Path, name: str, place: str, words: str
) -> None:
    # A relative one would stop Python itself.
    shell = [
        "env",
        "-u",
        "PYTHONPATH",
        "bash",
        "-c",
        f'{place}; exec "$@"',
        "bash",
        sys.executable,
        root / "tools" / name,
        "--help",
    ]
    ended = subprocess.run(shell, capture_output=True, text=True, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert words in line


@pytest.mark.parametrize("name", [path.name for path in sorted((ROOT / "tools").glob("[a-z]*.py"))])
@pytest.mark.parametrize("argument", [b"n\xe9", b"--model=\xff", b"--out\xff", b"a/\xc3/b.jpg"])
def test_an_argument_that_is_not_utf_8_is_refused_before_any_work(
    root: Path, name: str, argument: bytes
) -> None:
    ended = subprocess.run([sys.executable, root / "tools" / name, argument], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: ")
    assert "is not UTF-8" in line


def test_any_name_can_be_printed(root: Path, tmp_path: Path) -> None:
    body = "click.echo(b'n\\xe9'.decode('utf-8', 'surrogateescape') + '\\N{DUCK}')"
    arguments = command(root, tmp_path, body)
    for encoding, shown in (("utf-8", "n\\udce9\N{DUCK}"), ("latin-1", "n\\udce9\\U0001f986")):
        ended = subprocess.run(["env", f"PYTHONIOENCODING={encoding}", *arguments], capture_output=True)
        assert (ended.returncode, ended.stderr) == (0, b"")
        assert ended.stdout.decode(encoding) == shown + "\n"


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


@pytest.mark.parametrize(
    "body",
    [
        "os.kill(os.getpid(), signal.SIGINT); print('done')",
        "with _command.stopping(signal.SIGINT) as stop: os.kill(os.getpid(), signal.SIGINT); print('done', end=''); "
        "print(' and stopped' if stop.is_set() else '')",
    ],
)
def test_control_c_is_not_for_what_runs_in_the_background(root: Path, tmp_path: Path, body: str) -> None:
    # A shell without job control starts `command &` with SIGINT ignored.
    interrupt = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    arguments = command(root, tmp_path, body, interrupt)
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
        ("lite.no_such", 1, FAULT),
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


@pytest.mark.parametrize("reader_is_there", [False, True])
def test_notes_that_nobody_reads_end_no_work(tmp_path: Path, reader_is_there: bool) -> None:
    """The reader has gone, or takes nothing more from a pipe that does not block."""
    script = (
        "import sys; sys.path[:0] = ['tools']\n"
        "import _command\n"
        "from _display import notify\n"
        "[notify('x' * 5000) for _ in range(50)]\n"
        f"open({str(tmp_path / 'done')!r}, 'w').close()\n"
    )
    reader, writer = os.pipe()
    if reader_is_there:
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x" * 4096)
    else:
        os.close(reader)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, stderr=writer)
    os.close(writer)
    if reader_is_there:
        os.close(reader)
    assert done.returncode == 0
    assert (tmp_path / "done").exists()
