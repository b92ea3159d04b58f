"""run.sh finds a CPython 3.10 or says how to get one, and makes the environment once and whole."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from loopback import serve
from waiting import ended

PYTHON = Path(sys._base_executable)  # type: ignore[attr-defined]
COMMANDS = ("bash", "cat", "dirname", "env", "flock", "ls", "mkdir", "sha256sum", "uname")


@dataclass
class Machine:
    """A machine on which nothing but a few basic commands can be found, until a test puts more there."""

    folder: Path
    run_sh: Path

    def __post_init__(self):
        for name in ("bin", "home"):
            (self.folder / name).mkdir()
        for command in COMMANDS:
            found = shutil.which(command)
            assert found, f"{command} is not on PATH"
            (self.folder / "bin" / command).symlink_to(found)

    @property
    def venv(self) -> Path:
        return self.folder / "venv"

    def python(self, path: str) -> None:
        """Puts the real CPython 3.10 at `path`."""
        self._place(path).symlink_to(PYTHON)

    def script(self, path: str, text: str) -> Path:
        file = self._place(path)
        file.write_text(text)
        file.chmod(0o755)
        return file

    def start(self, *arguments: str | Path, **environment: str | Path) -> subprocess.Popen[str]:
        settings = {"PATH": self.folder / "bin", "HOME": self.folder / "home", "DEIT_LITE_VENV": self.venv}
        return subprocess.Popen(
            [self.folder / "bin" / "bash", self.run_sh, *arguments],
            env={name: str(value) for name, value in {**settings, **environment}.items()},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str | Path, **environment: str | Path) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **environment)
        return ended(process)

    def _place(self, path: str) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        return file


@pytest.fixture
def machine(tmp_path: Path, root: Path) -> Machine:
    return Machine(tmp_path, root / "run.sh")


def broken(machine: Machine, path: str = "bin/python3.10") -> Path:
    """What a pyenv shim does where no version is chosen."""
    return machine.script(
        path, "#!/usr/bin/env bash\necho 'pyenv: python3.10: command not found' >&2\nexit 127\n"
    )


def python_3_9(machine: Machine, path: str) -> Path:
    """A Python that is another version to whatever it is asked to run."""
    return machine.script(
        path, f"#!{PYTHON}\nimport sys\nsys.version_info = (3, 9, 18, 'final', 0)\nexec(sys.argv[-1])\n"
    )


def refusal(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert result.stderr.count("\n") <= 2
    return result.stderr


@pytest.mark.parametrize("place", ["nothing", "broken", "other version", "broken override", "other override"])
def test_says_how_to_get_python_where_there_is_none(machine: Machine, place: str):
    environment: dict[str, Path] = {}
    if place == "broken":
        bad = broken(machine)
    elif place == "other version":
        bad = python_3_9(machine, "bin/python3")
    elif place == "nothing":
        bad = Path("no Python at all")
    else:
        machine.python("bin/python3.10")  # an override is not passed over in silence
        bad = python_3_9(machine, "python") if place == "other override" else broken(machine, "python")
        environment["PYTHON310"] = bad
    message = refusal(machine.run("-c", "pass", **environment))
    assert str(bad) in message
    assert ("correct or unset it" if environment else "uv python install 3.10") in message
    assert not machine.venv.exists()


@pytest.mark.parametrize(
    "arguments", [("tools/serve.py", "--help"), ("--requirements", "requirements-serving.txt", "-c", "pass")]
)
def test_the_server_has_an_environment_of_its_own(machine: Machine, root: Path, arguments: tuple[str, ...]):
    """As below, run.sh refuses a folder that it did not make: proof of which one it was about to use."""
    machine.python("bin/python3.10")
    mine = machine.folder / "venv-serving" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("not to be lost")
    words = [str(root / word) if word.endswith(".txt") else word for word in arguments]
    assert f"{machine.venv}-serving is no environment" in refusal(machine.run(*words))
    assert not machine.venv.exists()


@pytest.mark.parametrize(
    ("path", "environment"),
    [
        ("bin/python3.10", {}),
        ("bin/python3", {}),
        ("bin/python", {}),
        ("home/.pyenv/versions/3.10.13/bin/python", {}),
        ("pyenv/versions/3.10.4/bin/python", {"PYENV_ROOT": "pyenv"}),
        ("uv/cpython-3.10/bin/python3.10", {}),
        ("my python", {"PYTHON310": "my python"}),
    ],
)
def test_finds_the_one_python_there_is(machine: Machine, path: str, environment: dict[str, str]):
    """Past the search run.sh refuses a folder that it did not make: proof that the search ended well."""
    if path != "bin/python3.10":
        broken(machine)
    python_3_9(machine, "home/.pyenv/versions/3.10.1/bin/python")
    machine.python(path)
    if path.startswith("uv"):
        machine.script(
            "bin/uv",
            f"#!/usr/bin/env bash\n[[ $* == 'python find '*' 3.10' ]] && echo '{machine.folder / path}'",
        )
    mine = machine.venv / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("not to be lost")
    result = machine.run(
        "-c", "pass", **{name: machine.folder / value for name, value in environment.items()}
    )
    assert "is no environment of a working CPython 3.10; remove it" in refusal(result)
    assert mine.read_text() == "not to be lost"


def test_finds_the_versions_beside_a_shim_that_does_not_run(machine: Machine):
    shim = broken(machine, "opt/pyenv/shims/python3.10")
    machine.python("opt/pyenv/versions/3.10.9/bin/python")
    machine.venv.mkdir()
    (machine.venv / "file").touch()
    result = machine.run("-c", "pass", PATH=f"{shim.parent}:{machine.folder / 'bin'}")
    assert "is no environment" in refusal(result)


def test_refuses_a_machine_that_paddlelite_has_no_wheel_for(machine: Machine):
    machine.script("bin/uname", "#!/usr/bin/env bash\necho Linux aarch64\n")
    assert "Linux aarch64; paddlelite has wheels for Linux x86_64 only" in refusal(machine.run("-c", "pass"))


def test_usage_goes_to_standard_error(machine: Machine):
    result = machine.run()
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("usage: ./run.sh")


def test_an_interrupted_set_up_is_repeated_and_two_at_once_make_one(machine: Machine):
    machine.python("bin/python3.10")
    requirements = machine.folder / "small.txt"
    requirements.write_text("# nothing\n")
    command = ("--requirements", requirements, "-c", "import lite; print(lite.__file__)")

    killed = machine.start(*command)
    assert killed.stderr
    assert any("installing small.txt" in line for line in killed.stderr)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    (machine.venv / "half-installed").touch()

    both = [machine.start(*command) for _ in range(2)]
    results = [ended(process) for process in both]
    assert [result.returncode for result in results] == [0, 0]
    assert {result.stdout for result in results} == {f"{machine.run_sh.parent / 'lite' / '__init__.py'}\n"}
    assert sorted("run.sh: making" in result.stderr for result in results) == [False, True]
    assert not (machine.venv / "half-installed").exists()

    again = [machine.run(*command) for _ in range(2)]
    assert [result.stderr for result in again] == ["", ""]

    requirements.write_text("# nothing yet\n")
    changed = machine.run(*command)
    assert "installing small.txt" in changed.stderr
    assert "making" not in changed.stderr


@pytest.mark.parametrize("at", ["making", "installing small.txt", "waiting for another set-up"])
def test_ctrl_c_ends_a_set_up_with_130_and_the_next_is_whole(machine: Machine, at: str):
    machine.python("bin/python3.10")
    requirements = machine.folder / "small.txt"
    requirements.write_text("# nothing\n")
    command = ("--requirements", requirements, "-c", "print('runs')")
    with (machine.folder / "venv.lock").open("w") as lock:
        if at.startswith("waiting"):
            fcntl.flock(lock, fcntl.LOCK_EX)
        process = machine.start(*command)
        assert process.stderr
        assert any(at in line for line in process.stderr)
        os.killpg(process.pid, signal.SIGINT)
        done = ended(process)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == f"run.sh: interrupted; the next run sets {machine.venv} up anew\n"
    again = machine.run(*command)
    assert (again.returncode, again.stdout) == (0, "runs\n")


def wheel(text: str) -> bytes:
    """A wheel of the module `probe` with `text` in it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        files.writestr("probe.py", text)
        files.writestr("probe-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: probe\nVersion: 1\n")
        files.writestr(
            "probe-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        files.writestr("probe-1.dist-info/RECORD", "")
    return packed.getvalue()


def test_only_files_of_the_sha256_that_is_written_are_installed(machine: Machine):
    machine.python("bin/python3.10")
    requirements = machine.folder / "one.txt"
    good = wheel("print('the one that was meant')")
    digest = hashlib.sha256(good).hexdigest()
    with serve(wheel("print('another')")) as server:
        line = f"probe @ {server.url.removesuffix('/file')}/probe-1-py3-none-any.whl"
        command = ("--requirements", requirements, "-m", "probe")
        for ending, why in (
            (f" --hash=sha256:{digest}", "THESE PACKAGES DO NOT MATCH THE HASHES"),
            ("", "Hashes are required in --require-hashes mode"),
        ):
            requirements.write_text(f"{line}{ending}\n")
            refused = machine.run(*command)
            assert refused.returncode == 1
            assert refused.stdout == ""
            assert why in refused.stderr
            assert "run.sh: pip could not install one.txt; see its message above" in refused.stderr
        server.body = good
        requirements.write_text(f"{line} --hash=sha256:{digest}\n")
        installed = machine.run(*command)
    assert (installed.returncode, installed.stdout) == (0, "the one that was meant\n"), installed.stderr
