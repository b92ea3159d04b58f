"""Benches beside each other, case by case: each bench against the first that has the case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lite.measure import csv_tables
from lite.phone.compare import cases
from lite.phone.compare.cases import BenchCases, Case
from lite.phone.compare.ratio import Ratio, ratio

CSV = "compare.csv"
COLUMNS = (
    "bench", "begun", "serial", "phone", "soc", "android", "bundle", "precision", "target", "threads", "cores", "soak",
    "fixed_clocks", "runs", "rounds", "p50_ms", "p50_low_ms", "p50_high_ms", "against", "time_ratio", "ratio_low",
    "ratio_high", "certain", "notes",
)  # fmt: skip


@dataclass(frozen=True)
class ComparedCase:
    """A case in one bench; `base` is its first bench, to which `ratio` is its time; both are None for that one."""

    bench: BenchCases
    case: Case
    base: BenchCases | None = None
    ratio: Ratio | None = None
    notes: Sequence[str] = ()

    @property
    def verdict(self) -> str:
        """`slower`, `faster`, `may be chance`, `one round tells no interval`, or nothing for the first bench."""
        if self.ratio is None:
            return ""
        if self.ratio.interval is None:
            return "one round tells no interval"
        if not self.ratio.certain:
            return "may be chance"
        return "slower" if self.ratio.value > 1 else "faster"


@dataclass(frozen=True)
class ComparedRow:
    """A case, in every bench that has it."""

    entries: Sequence[ComparedCase]

    @property
    def case(self) -> Case:
        """As the first bench has it."""
        return self.entries[0].case


def rows(benches: Sequence[BenchCases]) -> list[ComparedRow]:
    """A row for each case, in the order in which they first come: `cases.counterpart` says which belong together."""
    found: list[list[tuple[BenchCases, Case]]] = []
    for bench in benches:
        taken: set[int] = set()
        waiting = []
        # A phone's own row first: another of its model must not take it.
        for case in bench.cases:
            place = _place(found, taken, case, same_phone=True)
            if place is None:
                waiting.append(case)
            else:
                taken.add(place)
                found[place].append((bench, case))
        for case in waiting:
            place = _place(found, taken, case, same_phone=False)
            if place is None:
                place = len(found)
                found.append([])
            taken.add(place)
            found[place].append((bench, case))
    return [ComparedRow([_entry(one, row[0]) for one in row]) for row in found]


def _place(
    found: Sequence[Sequence[tuple[BenchCases, Case]]], taken: set[int], case: Case, *, same_phone: bool
) -> int | None:
    for place, row in enumerate(found):
        known = [one for _, one in row]
        if place in taken or known[0].likeness != case.likeness:
            continue
        if not same_phone or any(one.serial == case.serial for one in known):
            return place
    return None


def _entry(one: tuple[BenchCases, Case], first: tuple[BenchCases, Case]) -> ComparedCase:
    (bench, case), (base, base_case) = one, first
    if case is base_case:
        return ComparedCase(bench, case, notes=case.notes)
    notes = [*cases.notes(case, base_case), *case.notes]
    return ComparedCase(bench, case, base, ratio(base_case.starts, case.starts), notes)


def table(found: Sequence[ComparedRow]) -> str:
    """A line for each case in each bench, with a heading, as CSV (RFC 4180)."""
    return csv_tables.table(COLUMNS, (cells(entry) for row in found for entry in row.entries))


def cells(entry: ComparedCase) -> list[object]:
    """What a line of the table has, by COLUMNS; unknown is None."""
    case, bounds, found = entry.case, entry.case.interval, entry.ratio
    between = found.interval if found else None
    return [
        entry.bench.name,
        f"{case.begun:%Y-%m-%d %H:%M:%S}",
        case.serial,
        case.phone,
        case.soc,
        case.android,
        case.bundle,
        case.precision,
        case.target,
        case.threads,
        case.cores,
        case.soak,
        case.fixed_clocks,
        case.runs,
        len(case.starts),
        case.p50,
        bounds and bounds.low,
        bounds and bounds.high,
        entry.base and entry.base.name,
        found and found.value,
        between and between.low,
        between and between.high,
        found and found.certain,
        "; ".join(entry.notes),
    ]
