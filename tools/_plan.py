"""What adb_bench.py takes of how to measure: the matrix of threads and cores, how often, how long, and after what."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any

import _command
import click
from _options import SECONDS, Number

from lite.phone import plan as plans
from lite.phone.clusters import NAMES
from lite.phone.plan import BenchPlan
from lite.shown import shown


class Words(click.ParamType):
    """A list such as high,low: words that match a pattern, each as `of` makes it, once."""

    name = "X,…"

    def __init__(self, pattern: str, wanted: str, of: Callable[[str], object] = str) -> None:
        self._pattern, self._wanted, self._of = re.compile(pattern), wanted, of

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[object, ...]:
        """As click wants it."""
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in str(value).split(",")]
        if not all(self._pattern.fullmatch(word) for word in words):
            self.fail(f"{shown(value)} is no list of {self._wanted}", param, ctx)
        return tuple(dict.fromkeys(map(self._of, words)))


_COUNTS = Words("0*([1-9]|[1-5][0-9]|6[0-4])", "whole numbers from 1 to 64, such as 1,2,4", int)
_MODES = Words("|".join(plans.POWER_MODES), "power modes: " + ", ".join(plans.POWER_MODES))
_CORES = Words(
    "|".join([*NAMES, "(0[xX])?[0-9a-fA-F]{1,32}"]),
    "big, middle, little and hexadecimal masks of CPUs, such as f0,0f",
)
_OPTIONS = (
    click.option("--threads", type=_COUNTS, default=(1,), metavar="N,…",
                 help="Thread counts to measure. Default: 1."),
    click.option("--power-mode", "power_modes", type=_MODES, default=("no-bind",), metavar="M,…",
                 help=f"Which cores the engine takes: {', '.join(plans.POWER_MODES)}. Default: no-bind."),
    click.option("--cores", "--cpu-mask", "cores", type=_CORES, default=(), metavar="X,…",
                 help="CPUs to bind to: big, middle or little, or a mask (f0 is 4 to 7)."),
    click.option("--fixed-clocks", is_flag=True,
                 help="Measure in Android's fixed-performance mode, in which clocks stand still; then give it back."),
    click.option("--warmup", type=click.IntRange(0, 100_000), default=10, show_default=True, metavar="N",
                 help="Runs of each start before the measured ones."),
    click.option("--repeats", type=click.IntRange(1, 1_000_000), default=50, show_default=True, metavar="N",
                 help="Measured runs of each bundle and configuration."),
    click.option("--min-seconds", type=Number(0, SECONDS), metavar="S",
                 help="Go on until they have taken that long, too. (MLPerf Mobile: 60, with --repeats 1024.)"),
    click.option("--rounds", type=click.IntRange(1, 1000), metavar="N",
                 help="Starts of the demo to spread them over; the interval is over starts. "
                 f"Default: {plans.ROUNDS}."),
    click.option("--soak", type=Number(0, SECONDS / 60, min_open=True), metavar="MINUTES",
                 help="One start that runs for so long: what the phone sustains, against its first minute."),
    click.option("--cooldown-temp", "cooldown_celsius", type=Number(0, 120), metavar="C",
                 help="Before each start, wait until the processor is this cool (°C)."),
    click.option("--cooldown-timeout", "cooldown_limit", type=Number(0, SECONDS), default=300, show_default=True,
                 metavar="S", help="Wait no longer than that; then measure, and say so."),
    click.option("--timeout", type=Number(1, SECONDS), default=120, show_default=True, metavar="S",
                 help="For one start of the demo, beside what --min-seconds or --soak ask for."),
    click.option("--sensors-every", "sample_seconds", type=Number(0, 3600), default=2, show_default=True, metavar="S",
                 help="Read temperatures and clocks beside the runs; 0: only before and after."),
)  # fmt: skip
# What the plan gets as it is given.
_AS_THEY_ARE = (
    "threads", "power_modes", "warmup", "cooldown_celsius", "cooldown_limit", "timeout", "sample_seconds",
    "fixed_clocks",
)  # fmt: skip


def plan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, which gets `plan` of them."""

    @functools.wraps(command)
    def planning(
        *,
        cores: Sequence[str],
        repeats: int,
        rounds: int | None,
        min_seconds: float | None,
        soak: float | None,
        **others: Any,
    ) -> Any:
        if others["cooldown_celsius"] is None and _command.is_given("cooldown_limit"):
            raise click.UsageError("--cooldown-timeout is for --cooldown-temp")
        if soak is not None and (rounds is not None or min_seconds is not None):
            raise click.UsageError(
                "--soak is one start of so many minutes: give it without --rounds and --min-seconds"
            )
        plan = BenchPlan(
            cores=list(dict.fromkeys(re.sub("^0x", "", one.lower()) for one in cores)),
            repeats=repeats,
            rounds=1 if soak is not None else rounds or min(repeats, plans.ROUNDS),
            min_seconds=60 * soak if soak is not None else min_seconds or 0.0,
            soak=soak is not None,
            **{name: others.pop(name) for name in _AS_THEY_ARE},
        )
        return command(plan=plan, **others)

    return _command.together(_OPTIONS)(planning)
