"""What tools/adb_bench.py takes as lists, checked as click wants it."""

from __future__ import annotations

import re
from typing import Any

import click

from lite.phone import plan as plans


class Numbers(click.ParamType):
    """Whole numbers from 1, such as 1,2,4."""

    name = "N,…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """As click wants it."""
        if isinstance(value, tuple):
            return value
        words = str(value).split(",")
        if not all(word.strip().isdigit() and 1 <= int(word) <= 64 for word in words):
            self.fail(f"{value!r} is no list of whole numbers from 1 to 64, such as 1,2,4", param, ctx)
        return tuple(dict.fromkeys(int(word) for word in words))


class Words(click.ParamType):
    """Words that match a pattern, such as high,low."""

    name = "X,…"

    def __init__(self, pattern: str, wanted: str) -> None:
        self._pattern, self._wanted = re.compile(pattern), wanted

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """As click wants it."""
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in str(value).split(",")]
        if not all(self._pattern.fullmatch(word) for word in words):
            self.fail(f"{value!r} is no list of {self._wanted}", param, ctx)
        return tuple(dict.fromkeys(words))


NUMBERS = Numbers()
MODES = Words("|".join(plans.POWER_MODES), "power modes: " + ", ".join(plans.POWER_MODES))
MASKS = Words("(0[xX])?[0-9a-fA-F]{1,32}", "hexadecimal masks of CPUs, such as f0,0f")
