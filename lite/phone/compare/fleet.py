"""Phones by model and SoC across benches, with the best configuration that each bundle has on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from lite.measure import csv_tables
from lite.phone.compare.cases import BenchCases, Case

CSV = "fleet.csv"
COLUMNS = (
    "phone", "soc", "android", "phones", "serials", "bundle", "model", "precision", "target", "threads", "cores",
    "soak", "fixed_clocks", "p50_ms", "p50_low_ms", "p50_high_ms", "fastest_phone_ms", "slowest_phone_ms",
    "per_second", "configurations", "runs", "measured", "simulated", "notes",
)  # fmt: skip
# By it Excel knows that a file is UTF-8; others leave it out.
BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class FleetRow:
    """A bundle on all phones of one model and SoC, in its fastest configuration there.

    `cases`: the newest of each phone in that configuration; `configurations`: how many were measured.
    """

    cases: Sequence[Case]
    configurations: int

    @property
    def best(self) -> Case:
        """The case of the phone in the middle (of an even number the faster)."""
        return sorted(self.cases, key=lambda one: one.p50)[(len(self.cases) - 1) // 2]

    @property
    def p50(self) -> float:
        """Median over the phones of their medians, ms."""
        return median(one.p50 for one in self.cases)

    @property
    def range(self) -> tuple[float, float] | None:
        """The fastest and the slowest phone's median, ms; None for a single phone."""
        levels = [one.p50 for one in self.cases]
        return (min(levels), max(levels)) if len(levels) > 1 else None

    @property
    def notes(self) -> list[str]:
        """What whoever quotes the number should know, each once."""
        return list(dict.fromkeys(note for one in self.cases for note in one.notes))


def fleet(benches: Sequence[BenchCases]) -> list[FleetRow]:
    """A row for each phone model, SoC and bundle, the fastest phone first.

    Of each phone the newest bench of a configuration counts.
    """
    newest: dict[tuple[object, ...], Case] = {}
    for case in (case for bench in sorted(benches, key=lambda one: one.begun) for case in bench.cases):
        newest[(case.serial, case.likeness)] = case
    by_model: dict[tuple[object, ...], dict[str, list[Case]]] = {}
    for case in newest.values():
        # Without a model nothing says that two phones are alike.
        key = (case.phone or case.serial, case.soc, case.bundle, case.precision, case.target, case.simulated)
        by_model.setdefault(key, {}).setdefault(case.configuration, []).append(case)
    rows = [
        FleetRow(min(found.values(), key=lambda ones: median(one.p50 for one in ones)), len(found))
        for found in by_model.values()
    ]
    order: dict[object, float] = {}
    for row in rows:
        phone = (row.best.phone, row.best.soc)
        order[phone] = min(row.p50, order.get(phone, row.p50))
    return sorted(rows, key=lambda row: (order[(row.best.phone, row.best.soc)], row.best.device, row.p50))


def table(rows: Sequence[FleetRow]) -> str:
    """`rows` with a heading as CSV in UTF-8, for spreadsheets; text that they would take for a formula is not."""
    return BYTE_ORDER_MARK + csv_tables.table(COLUMNS, map(cells, rows))


def cells(row: FleetRow) -> list[object]:
    """What a line of the table has, by COLUMNS; unknown is None."""
    best, bounds = row.best, row.best.interval
    lowest, highest = row.range or (None, None)
    return [
        best.phone,
        best.soc,
        ", ".join(sorted({one.android for one in row.cases if one.android})),
        len(row.cases),
        ", ".join(one.serial for one in row.cases),
        best.bundle,
        best.model,
        best.precision,
        best.target,
        best.threads,
        best.cores,
        best.soak,
        best.fixed_clocks,
        row.p50,
        # Of one phone; of several the fastest and the slowest tell.
        bounds.low if bounds and row.range is None else None,
        bounds.high if bounds and row.range is None else None,
        lowest,
        highest,
        1000 / row.p50,
        row.configurations,
        sum(one.runs for one in row.cases),
        f"{max(one.begun for one in row.cases):%Y-%m-%d %H:%M:%S}",
        best.simulated,
        "; ".join(row.notes),
    ]
