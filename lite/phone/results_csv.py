"""`results.csv`: one row for each measurement, for a spreadsheet; raw samples are in `results.json`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

COLUMNS = (
    "serial", "phone", "android", "bundle", "precision", "target", "threads", "power_mode", "cpu_mask", "runs",
    "mean_ms", "p50_ms", "p50_low_ms", "p50_high_ms", "p90_ms", "p99_ms", "min_ms", "max_ms", "stddev_ms",
    "load_ms", "first_run_ms", "peak_rss_kib", "celsius_before", "celsius_after", "speed_up", "speed_up_low",
    "speed_up_high", "noisy", "throttled", "notes",
)  # fmt: skip


def table(results: Mapping[str, Any]) -> str:
    """The rows of `results` (as `results.document` gives them) with a heading, as CSV (RFC 4180)."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(_rows(results))
    return text.getvalue()


def _rows(results: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    bundles = {bundle["name"]: bundle for bundle in results["bundles"]}
    for phone in results["phones"]:
        facts = phone["facts"] or {}
        for one in phone["measurements"]:
            yield {
                "serial": phone["serial"],
                "phone": facts.get("model"),
                "android": facts.get("android_version"),
                "bundle": one["bundle"],
                "precision": bundles[one["bundle"]]["precision"],
                "target": bundles[one["bundle"]]["target"],
                "threads": one["threads"],
                "power_mode": one["power_mode"],
                "cpu_mask": one["cpu_mask"],
                **_figures(one),
                **_speed_up(phone, one),
                "noisy": int(one["noisy"]),
                "throttled": int(bool(one["throttled"])),
                "notes": "; ".join(one["notes"]),
            }


def _figures(one: Mapping[str, Any]) -> dict[str, Any]:
    summary, rounds = one["summary"], one["rounds"]
    interval = summary["median_interval"] or {}
    memory = [each["peak_rss_kib"] for each in rounds if each["peak_rss_kib"] is not None]
    return {
        "runs": summary["count"],
        **{f"{name}_ms": summary[name] for name in ("mean", "p50", "p90", "p99", "min", "max", "stddev")},
        "p50_low_ms": interval.get("low"),
        "p50_high_ms": interval.get("high"),
        "load_ms": median(each["load_ms"] for each in rounds),
        "first_run_ms": median(each["first_run_ms"] for each in rounds),
        "peak_rss_kib": max(memory, default=None),
        "celsius_before": rounds[0]["before"]["processor"],
        "celsius_after": rounds[-1]["after"]["processor"],
    }


def _speed_up(phone: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    key = ("bundle", "threads", "power_mode", "cpu_mask")
    for each in phone["speed_ups"]:
        if all(each[name] == one[name] for name in key):
            interval = each["interval"] or {}
            return {
                "speed_up": each["ratio"],
                "speed_up_low": interval.get("low"),
                "speed_up_high": interval.get("high"),
            }
    return {}
