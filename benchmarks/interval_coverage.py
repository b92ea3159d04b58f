"""How often the bench's 95 % interval of the median holds the true median, by simulation.

Why: an interval that is too narrow calls chance a gain. Each simulated bench is of a few starts; the median of a start
lies off by a random share (`--between` is its standard deviation), and its runs scatter in one of the ways that phones'
runs do (NOISES). The true median is that of very many starts. The interval of
`lite.phone.statistics.median_of_starts` is held against it, and beside it what it took the place of: order statistics
of all runs alike, as if none shared a start.

    ./run.sh benchmarks/interval_coverage.py
    ./run.sh benchmarks/interval_coverage.py --starts 10 --benches 20000

All of it is drawn from one seed: the same options give the same figures on every computer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import click
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from scipy import stats

from lite.phone.statistics import median_of_starts

# Logarithms of latencies over the median, by start and run: 0.01 is 1 %.
Noise = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
SEED = 18
# Starts from which the true median is taken.
_MANY = 60_000


def calm(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Half a percent around the median, as of a phone with fixed clocks."""
    return random.normal(0, 0.005, shape)


def tail(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Never much faster, often slower: other work takes its share."""
    return np.log1p(random.exponential(0.03, shape))


def hiccups(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """One run in twenty takes half as long again or longer: the scheduler moved it to another core."""
    return random.normal(0, 0.01, shape) + (random.random(shape) < 0.05) * random.exponential(0.5, shape)


def drift(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A run is much as the one before it (correlation 0.9): clocks and warmth change slowly."""
    found = random.normal(0, 0.01, shape)
    found[:, 0] /= np.sqrt(1 - 0.9**2)
    for run in range(1, shape[1]):
        found[:, run] += 0.9 * found[:, run - 1]
    return found


NOISES: dict[str, Noise] = {"calm": calm, "tail": tail, "hiccups": hiccups, "drift": drift}
BETWEEN = (0.0, 0.01, 0.03, 0.05)


def coverage(
    noise: Noise, between: float, *, starts: int = 5, runs: int = 10, benches: int = 2000, seed: int = SEED
) -> tuple[float, float]:
    """The share of `benches` whose interval holds the true median: by starts, and by all runs alike.

    A bench has `starts` of `runs` each; `between` is the standard deviation of what starts lie apart, 0.03 for 3 %.
    """
    random = np.random.default_rng(seed)

    def drawn(count: int) -> np.ndarray:
        return np.exp(noise(random, (count, runs)) + random.normal(0, between, (count, 1)))

    true = float(np.median(drawn(_MANY)))
    held = np.zeros(2)
    for bench in drawn(benches * starts).reshape(benches, starts, runs):
        _, found = median_of_starts(list(bench))
        low, high = _of_all_runs(bench.ravel())
        held += (found is not None and found.low <= true <= found.high, low <= true <= high)
    return float(held[0] / benches), float(held[1] / benches)


def _of_all_runs(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of the median by order statistics (David and Nagaraja, 3rd edition, section 7.1)."""
    # The first rank under which less than the tail's share lies.
    rank = int(stats.binom.ppf((1 - confidence) / 2, values.size, 0.5))
    ordered = np.sort(values)
    return float(ordered[max(rank, 1) - 1]), float(ordered[values.size - max(rank, 1)])


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--starts", type=click.IntRange(2), default=5, show_default=True)
@click.option("--runs", type=click.IntRange(1), default=10, show_default=True, help="Of each start.")
@click.option("--benches", type=click.IntRange(1), default=10_000, show_default=True)
@click.option(
    "--between", "betweens", type=click.FloatRange(0, 1), multiple=True, default=BETWEEN, show_default=True
)
def main(starts: int, runs: int, benches: int, betweens: Sequence[float]) -> None:
    table = Table("noise", "starts apart", "over starts", "all runs alike", box=box.SIMPLE)
    rows = []
    for name, noise in NOISES.items():
        for between in betweens:
            ours, alike = coverage(noise, between, starts=starts, runs=runs, benches=benches)
            rows.append({"noise": name, "between": between, "over_starts": ours, "all_runs": alike})
            table.add_row(name, f"{between:.0%}", f"{ours:.1%}", f"{alike:.1%}")
    Console().print(table)
    click.echo(json.dumps({"starts": starts, "runs": runs, "benches": benches, "rows": rows}))


if __name__ == "__main__":
    main()
