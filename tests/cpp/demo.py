"""Runs the demo's command line `deit` for the tests, and bundles to run it on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from lite.files import file_sha256

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "android_demo/cpp/schema/output.schema.json").read_text())


def run(program: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs `program` and keeps what it prints."""
    command = [str(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def document(done: subprocess.CompletedProcess[str], code: int = 0) -> dict[str, Any]:
    """The JSON document in the last line, checked against the schema; `code` is the exit code it must have."""
    assert done.returncode == code, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    Draft202012Validator(SCHEMA).validate(last)
    return last


def refusal(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line on stderr of a command that ended with `code`, and has printed no document."""
    assert (done.returncode, done.stderr.count("\n")) == (code, 1), (done.returncode, done.stderr)
    assert "{" not in done.stdout
    assert done.stderr.startswith("deit: ")
    return done.stderr.removeprefix("deit: ").strip()


def copy_bundle(bundle: Path, folder: Path, *, sealed: bool = False, **changes: bytes | None) -> Path:
    """A copy of a bundle with other files: `labels_txt=b"..."` changes labels.txt, None leaves it out.

    What does not change is linked to, and what is not there stays away. With `sealed` the manifest has the sizes and
    SHA-256 of the files as they are, so that only what is in them gives them away.
    """
    folder.mkdir()
    names = {name.replace("_", ".", 1): data for name, data in changes.items()}
    for path in bundle.iterdir():
        if path.name not in names:
            (folder / path.name).symlink_to(path)
    for name, data in names.items():
        if data is not None:
            (folder / name).write_bytes(data)
    if sealed:
        write_listed(folder, file_sha256)
    return folder


def write_listed(folder: Path, sha256: Callable[[Path], str | None]) -> None:
    """Writes the manifest anew, with the sizes of the files as they are and the `sha256` of each."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for name in manifest["files"]:
        if (folder / name).exists():
            file = folder / name
            manifest["files"][name] = {"bytes": file.stat().st_size, "sha256": sha256(file)}
    path.unlink()
    path.write_text(json.dumps(manifest))
