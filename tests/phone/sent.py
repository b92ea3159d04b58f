"""What a push is expected to leave on a test phone."""

from __future__ import annotations

from pathlib import Path

from phone import Phone

from lite.phone.push import FOLDER


def on_phone(phone: Phone, folder: str = FOLDER) -> dict[str, bytes]:
    root = phone.path(folder)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def assert_whole(phone: Phone, files: dict[str, Path]) -> None:
    there = on_phone(phone)
    assert {name: there.get(name) for name in files} == {
        name: path.read_bytes() for name, path in files.items()
    }
    assert there.keys() == {*files, ".index"}
