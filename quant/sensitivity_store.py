"""Figures of sensitivity on disk, one line of JSON for each row and chunk of pictures, as soon as it is there.

Lines of other programs or pictures may be in the same file: each run finds its own by their key.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from lite.errors import InputError
from quant.sensitivity import Measured, Sums, Whole

WHOLE = "network"
Place = tuple[str, int]  # a row's name, or WHOLE, and a chunk
Figures = Measured | Whole


@dataclass(frozen=True)
class Store:
    """The lines of `key` in the file at `path`."""

    path: Path
    key: str

    def read(self) -> dict[Place, Figures]:
        """All figures of this key; a line that was cut off is left out."""
        found = (self._parse(line) for line in self._lines())
        return dict(each for each in found if each is not None)

    def add(self, place: Place, figures: Figures) -> None:
        """Stores one. Raises InputError where it cannot be written."""
        row, chunk = place
        line = json.dumps({"key": self.key, "row": row, "chunk": chunk, **asdict(figures)}) + "\n"
        try:
            with self.path.open("ab+") as file:
                # An earlier run may have been cut off within a line.
                if file.tell():
                    file.seek(-1, 2)
                    line = line if file.read() == b"\n" else "\n" + line
                file.write(line.encode())
        except OSError as error:
            raise self._unwritable(error) from error

    def forget(self) -> None:
        """Takes the figures of this key away."""
        lines = [line for line in self._lines() if self._parse(line) is None]
        part = self.path.with_name(f".{self.path.name}.part")
        try:
            part.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            part.replace(self.path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise self._unwritable(error) from error

    def _lines(self) -> list[str]:
        try:
            return self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror}; choose another --out") from error

    def _unwritable(self, error: OSError) -> InputError:
        return InputError(
            f"cannot write {self.path}: {error.strerror}; free some space or choose another --out"
        )

    def _parse(self, line: str) -> tuple[Place, Figures] | None:
        try:
            values = json.loads(line)
            if values.pop("key") != self.key:
                return None
            place = values.pop("row"), values.pop("chunk")
            sums = {part: Sums(**figures) for part, figures in values.items()}
            return place, Whole(**sums) if place[0] == WHOLE else Measured(**sums)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
