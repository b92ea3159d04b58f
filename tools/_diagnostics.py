"""What a bench looked at beside latency, on standard output: profiles, costs, counters, traces, why INT8 is slow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click
from _display import empty_table, plain, show
from rich.table import Table

from lite.phone import report
from lite.shown import escaped


def show_diagnostics(results: Mapping[str, Any]) -> None:
    """Prints what `results` (as results.json has them) say beside latency; nothing where nothing was asked."""
    for phone in results["phones"]:
        found = phone.get("diagnostics")
        if not found:
            continue
        for one in found["int8"]:
            _say(_int8(phone, one))
        for one in found["profiles"]:
            show(_profile(phone, one))
            _say([f"  {reason}" for reason in one["throttled"]])
        for one in found["engine_profiles"]:
            show(_engine(phone, one))
        for one in found["costs"]:
            _say([f"{phone['serial']}: {report.row_name(one)}: {_cost(one)}"])
        for one in found["counters"]:
            _say([f"{phone['serial']}: {report.row_name(one)}: {_counters(one)}"])
        for one in found["traces"]:
            _say([f"{phone['serial']}: trace of {one['bundle']}: {one['missing'] or one['path']}"])


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        click.echo(escaped(line))


def _int8(phone: Mapping[str, Any], one: Mapping[str, Any]) -> list[str]:
    by_model = "" if one["expected"] is None else f" where the instruction model says {one['expected']:.2f}"
    heading = (
        f"{phone['serial']}: {one['bundle']} is {one['measured']:.2f} times as fast as {one['base']}{by_model} "
        f"({report.configuration(one)}):"
    )
    unknown = "nothing that this phone and the bundles tell explains it: compare both with --profile"
    return [heading, *(f"  {text}" for text in [cause["text"] for cause in one["causes"]] or [unknown])]


def _profile(phone: Mapping[str, Any], one: Mapping[str, Any]) -> Table:
    figures = [(heading, True) for heading in ("ms", "95 %", "share", "model")]
    table = empty_table(
        f"where the time goes: {report.row_name(one)}, {phone['serial']}", [("part", False), *figures]
    )
    for part in one["parts"]:
        bounds, model = part["interval"], part["model_share"]
        table.add_row(
            part["name"], f"{part['ms']:.2f}", f"{bounds['low']:.2f} to {bounds['high']:.2f}",
            f"{part['ms'] / one['whole_ms']:.1%}", "–" if model is None else f"{model:.1%}",
        )  # fmt: skip
    return table


def _engine(phone: Mapping[str, Any], one: Mapping[str, Any]) -> Table:
    table = empty_table(
        f"the engine's own profile: {report.row_name(one)}, {phone['serial']}",
        [("kernel", False), ("ms", True), ("operators", True)],
    )
    for row in one["kernels"]:
        calls = "–" if row["calls"] is None else str(row["calls"])
        name = " ".join(filter(None, (row["op"], row["place"], row["function"])))
        table.add_row(plain(name), f"{row['mean_ms']:.3f}", calls)
    return table


def _cost(one: Mapping[str, Any]) -> str:
    power = one["power"]
    if one["millijoules"] is None:
        energy = f"energy not told: {power['not_told']}"
    else:
        idle = f", {one['above_idle']:.1f} of it beyond idle" if one["above_idle"] is not None else ""
        energy = f"{one['millijoules']:.1f} mJ a run at {power['running']:.2f} W{idle}"
    memory = f"; PSS {one['pss_kib'] / 1024:.0f} MiB" if one["pss_kib"] else ""
    return energy + memory


def _counters(one: Mapping[str, Any]) -> str:
    if one["missing"]:
        return f"no counters: {one['missing']}"
    words = ", ".join(f"{value / 1e6:.2f} M {name}" for name, value in one["per_run"].items())
    return f"{words} a run" + (
        f" (modelled {one['modelled'] / 1e6:.1f} M instructions)" if one["modelled"] else ""
    )
