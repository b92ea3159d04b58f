"""The table that a profile build of Paddle Lite prints when it ends: what each kernel took, by the engine's own clock.

A library built with `--with_profile=ON` logs it. The format is of lite/core/profile/profiler.cc and of
docs/user_guides/profiler.md in Paddle Lite's repository; no such library was had here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

# Older versions call the columns by other names, or have none of KernelFuncName and CalledTimes.
_TITLE = re.compile(r"=====\s+Concise (?:Dispatch )?Profiler Summary: .*?(?:Exclude (\d+) warm-ups )?=====")
_HEADING = "OperatorType"
_NAMES = {"OperatorType": "op", "KernelFuncName": "function", "KernelName": "function"}
_PLACE = ("KerneAttr(Place)", "KerneAttr")


@dataclass(frozen=True)
class KernelTime:
    """What the operators of one kernel took together in one run: ms, mean, least and most.

    `place` is target, precision and layout as the engine writes them; `calls`: how many operators, None where it does
    not say.
    """

    op: str
    place: str
    function: str | None
    mean_ms: float
    min_ms: float
    max_ms: float
    calls: int | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def parse(text: str) -> list[KernelTime]:
    """The last concise table of dispatch times in what a demo printed, the longest first; empty where there is none.

    Rows that do not fit the heading are left out: log lines of other threads fall between them.
    """
    lines = text.splitlines()
    begins = [place for place, line in enumerate(lines) if _TITLE.search(line)]
    if not begins:
        return []
    return sorted(_rows(lines[begins[-1] + 1 :]), key=lambda row: -row.mean_ms)


def _rows(lines: Sequence[str]) -> Iterator[KernelTime]:
    heading: list[str] = []
    for line in lines:
        words = line.split()
        if words[:1] == [_HEADING]:
            heading = words
        elif heading and not words:
            return
        elif heading and (row := _row(heading, words)):
            yield row


def _row(heading: Sequence[str], words: list[str]) -> KernelTime | None:
    # A remark may be empty, which leaves no word of it.
    names = [name for name in heading if name != "Remark"] if len(words) == len(heading) - 1 else heading
    if len(words) != len(names):
        return None
    values = {_NAMES.get(name, name): word for name, word in zip(names, words, strict=True)}
    try:
        mean, least, most = (float(values[f"{name}(ms)"]) for name in ("Avg", "Min", "Max"))
        calls = int(values["CalledTimes"]) if "CalledTimes" in values else None
    except (KeyError, ValueError):
        return None
    place = next((values[name] for name in _PLACE if name in values), "")
    return KernelTime(values["op"], place, values.get("function"), mean, least, most, calls)
