"""A history folder: every bench's `results.json` by date, and what each case of a phone has done since.

A file's name begins with when the bench was begun, so that it is sorted by it. A bench that was gone on with (--resume)
takes the place of what it was before.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from lite.errors import InputError
from lite.files import write_text
from lite.phone import results
from lite.phone.compare import cases
from lite.phone.compare.cases import BenchCases, Case
from lite.phone.compare.ratio import Ratio, ratio

_REMEDY = "choose another --history"


@dataclass(frozen=True)
class Trend:
    """One case of one phone over benches, in the order of time; `steps` are its changes from bench to bench."""

    cases: Sequence[Case]
    steps: Sequence[Ratio]

    @property
    def last(self) -> Case:
        """The newest."""
        return self.cases[-1]

    @property
    def since_first(self) -> Ratio | None:
        """Time of the newest by that of the first, None for a single bench."""
        return ratio(self.cases[0].starts, self.last.starts) if self.steps else None


def keep(folder: Path, document: Mapping[str, Any], out: Path) -> Path:
    """Writes the results `document` of a bench in the folder `out` into the history; the file's path.

    Raises InputError where it cannot be written.
    """
    begun = datetime.fromisoformat(document["sessions"][0])
    # Of two computers that keep one history, and of two benches of one second.
    source = hashlib.sha256(f"{platform.node()}:{out.resolve()}".encode()).hexdigest()[:8]
    path = folder / f"{begun:%Y%m%d-%H%M%S}-{source}.json"
    write_text(path, results.as_text(document), remedy=_REMEDY)
    return path


def read(folder: Path, *, notify: Callable[[str], None]) -> list[BenchCases]:
    """The benches of a history, the oldest first; `notify` gets a line for each file that is none.

    Raises InputError where there is none at all.
    """
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(cases.read(path))
        except InputError as error:
            notify(f"left out: {error}")
    if not found:
        raise InputError(
            f"there is no bench in {folder}", remedy="keep some there: tools/adb_bench.py --history DIR"
        )
    return sorted(found, key=lambda one: one.begun)


def trends(benches: Sequence[BenchCases]) -> list[Trend]:
    """A trend for each case of each phone, in the order in which they first came."""
    rows: dict[tuple[object, ...], list[Case]] = {}
    for case in (case for bench in sorted(benches, key=lambda one: one.begun) for case in bench.cases):
        rows.setdefault((case.serial, case.likeness), []).append(case)
    return [
        Trend(row, [ratio(one.starts, other.starts) for one, other in pairwise(row)]) for row in rows.values()
    ]
