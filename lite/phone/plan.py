"""What to measure: the matrix of threads and cores, how often, and what to wait for in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lite.bundle import Bundle
from lite.errors import InputError
from lite.phone.clusters import NAMES, Cluster, mask_of

POWER_MODES = ("no-bind", "high", "low", "full", "rand-high", "rand-low")
# Starts unless told otherwise: with five the interval of the median is as wide as it is honest, see `statistics`.
ROUNDS = 5


@dataclass(frozen=True)
class Configuration:
    """How the engine may use the processor: a power mode of Paddle Lite, or a mask of CPUs in hexadecimal.

    `cores`: big, middle or little, where the mask is that of the phone's cores of this kind.
    """

    threads: int
    power_mode: str = "no-bind"
    cpu_mask: str | None = None
    cores: str | None = None

    def __str__(self) -> str:
        """For people."""
        cores = f"CPU mask {self.cpu_mask}" if self.cpu_mask else self.power_mode
        cores = f"{self.cores} cores (mask {self.cpu_mask})" if self.cores else cores
        return f"{self.threads} thread{'s' if self.threads > 1 else ''}, {cores}"


def flattened(row: Any) -> dict[str, Any]:
    """A dataclass with a `configuration` as a row of results: the configuration's fields stand beside its own."""
    values = asdict(row)
    return {**values.pop("configuration"), **values}


def is_same_case(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two rows of results are of one bundle in one configuration."""
    return all(row[name] == other[name] for name in ("bundle", "threads", "power_mode", "cpu_mask", "cores"))


@dataclass(frozen=True)
class BenchPlan:
    """The matrix and how to go through it.

    `repeats` measured runs are spread over `rounds` starts of the demo, each with `warmup` runs before, and more of
    them until they have taken `min_seconds` together. With `soak` the one start is a soak: it shows what a phone
    sustains.
    `cores`: big, middle, little or masks of CPUs. `fixed_clocks`: in Android's fixed-performance mode.
    `cooldown_celsius`: the processor may be as warm at the start of each; `cooldown_limit`: seconds to wait for
    it; `timeout`: seconds for one start of the demo beside those of `min_seconds`; `sample_seconds`: between two looks
    at the sensors during a run, 0 for none.
    """

    threads: Sequence[int] = (1,)
    power_modes: Sequence[str] = ("no-bind",)
    cores: Sequence[str] = ()
    warmup: int = 10
    repeats: int = 50
    rounds: int = ROUNDS
    cooldown_celsius: float | None = None
    cooldown_limit: float = 300.0
    timeout: float = 120.0
    sample_seconds: float = 2.0
    min_seconds: float = 0.0
    soak: bool = False
    fixed_clocks: bool = False

    def __post_init__(self) -> None:
        if self.repeats < self.rounds:
            raise InputError(
                f"--repeats {self.repeats} is less than --rounds {self.rounds}", why="each round needs a run"
            )

    def configurations(self, clusters: Sequence[Cluster] = ()) -> list[Configuration]:
        """Every thread count with every power mode and cores; with cores, `no-bind` alone is left out.

        `clusters` are the phone's. Raises NoSuchCoresError where it has none of a name or mask in `cores`.
        """
        modes = [mode for mode in self.power_modes if not self.cores or mode != "no-bind"]
        masks = [_masked(cores, clusters) for cores in self.cores]
        return [
            Configuration(threads, *cores)
            for threads in self.threads
            for cores in [*((mode, None, None) for mode in modes), *(("no-bind", *mask) for mask in masks)]
        ]

    def repeats_of(self, number: int) -> int:
        """Measured runs of round `number`, from 0; together they are `repeats`."""
        share, rest = divmod(self.repeats, self.rounds)
        return share + (number < rest)

    @property
    def seconds_of_start(self) -> float:
        """That the measured runs of each round take at least; together they are `min_seconds`."""
        return self.min_seconds / self.rounds


class NoSuchCoresError(Exception):
    """A phone has no cores of that name or mask; its message says which it has."""


def _masked(cores: str, clusters: Sequence[Cluster]) -> tuple[str, str | None]:
    """The mask, and the name that it goes by."""
    its = "; ".join(map(str, clusters)) or "not told"
    if cores not in NAMES:
        if clusters and not any(int(cores, 16) >> cpu & 1 for one in clusters for cpu in one.cpus):
            raise NoSuchCoresError(f"there is no CPU of the mask {cores}: its cores are {its}")
        return cores, None
    mask = mask_of(cores, clusters)
    if mask is None:
        raise NoSuchCoresError(
            f"there are no {cores} cores that could be told from others: its cores are {its}"
        )
    return mask, cores


@dataclass(frozen=True)
class Candidate:
    """A bundle as it lies on the phone in `folder`; `host` tells that its `host.nb` runs, as on x86_64."""

    bundle: Bundle
    folder: str
    host: bool

    @property
    def name(self) -> str:
        """The bundle's folder's name."""
        return self.bundle.name


def check_names(bundles: Sequence[Bundle]) -> None:
    """Raises InputError for two bundles of one name: nobody could tell their figures apart."""
    names = [bundle.name for bundle in bundles]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"two bundles are called {twice[0]}",
            remedy="give each once, or rename a folder so that figures can be told apart",
        )
