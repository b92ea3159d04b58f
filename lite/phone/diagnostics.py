"""What a bench looks at beside latency, on request: profile, cost, counters, trace; each in starts of its own.

Beside them, why INT8 is not faster than fp32 on a phone by as much as the instruction model says, in sentences. Each
rests on something that was measured or read, and names it. What is not known says nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from lite.phone import cost, counters, profile, trace
from lite.phone.device import Device
from lite.phone.facts import Facts
from lite.phone.measure import Phone
from lite.phone.measured import BundleComparison, Measurement, PhoneFigures
from lite.phone.plan import Candidate, Configuration, flattened, is_same_case
from lite.phone.sensors import ceilings, cpus_of

# Kernels that turn a tensor from one precision into another.
_CONVERSIONS = ("calib", "calib_once", "io_copy", "io_copy_once")
# Under this share of the instructions a cause is not worth a sentence.
_LEAST_SHARE = 0.02
# A CPU counts as big that reaches this share of the fastest one's clock.
_BIG = 0.95
# Below this rate no phone's memory holds a core up: even LPDDR3 gives one more.
_LEAST_BYTES_A_SECOND = 1e9
# Cores with dot products that Paddle Lite 2.13 does not know by their number, so that it takes its kernels without.
_UNKNOWN_PARTS = {"0xd0b": "Cortex-A76"}
_CACHES = (
    "for c in /sys/devices/system/cpu/cpu[0-9]*/cache/index*; do "
    's=; t=; read -r s <$c/size; read -r t <$c/type; [ "$s" ] && echo "cache $s $t"; done 2>/dev/null; true'
)


@dataclass(frozen=True)
class Cause:
    """One cause: what it is called, and the sentence."""

    name: str
    text: str


@dataclass(frozen=True)
class Diagnosis:
    """How much faster `bundle` is than `base`, how much it would be by the model, and why.

    `expected` is None where a bundle has no instruction model. `causes` is empty where nothing known explains it.
    """

    bundle: str
    base: str
    configuration: Configuration
    measured: float
    expected: float | None
    causes: Sequence[Cause] = field(default_factory=tuple)


def largest_cache(device: Device) -> int | None:
    """Bytes of the largest data cache that the phone tells of; None where it hides them. Raises PhoneError."""
    return parse_caches(device.run(_CACHES, 30.0).stdout)


def parse_caches(text: str) -> int | None:
    """The largest of the caches in what the phone printed; instructions' do not count."""
    units = {"": 1, "K": 1 << 10, "M": 1 << 20}
    sizes = [
        int(size) * units[unit]
        for size, unit, kind in re.findall(r"^cache (\d+)([KM]?) (\w*)$", text, re.MULTILINE)
        if kind != "Instruction"
    ]
    return max(sizes, default=None)


def diagnose(compared: BundleComparison, facts: Facts, cache: int | None) -> Diagnosis | None:
    """Why an INT8 bundle is no faster than that against fp32; None where there is nothing to explain.

    That is where another pair is compared, where `host.nb` ran, or where the speed-up's interval reaches what the model
    says. `cache`: bytes of the phone's largest cache, None where that is unknown.
    """
    base, int8 = compared.base, compared.measurement
    precisions = [one.candidate.bundle.manifest["precision"] for one in (base, int8)]
    if (
        compared.simulated
        or int8.candidate.host
        or precisions[0] != "fp32"
        or precisions[1] not in ("int8", "int8-fp16")
    ):
        return None
    found, expected = compared.speed_up, _expected(base, int8, "instructions")
    reached = found.interval.high if found.interval else found.ratio
    if reached >= (1.0 if expected is None else expected):
        return None
    causes = [
        *_dot_product(base, int8, facts, expected),
        *_cores(int8),
        *_memory(int8, cache),
        *_model(int8),
    ]
    return Diagnosis(
        int8.candidate.name, base.candidate.name, int8.configuration, found.ratio, expected, causes
    )


def _cost(one: Measurement) -> Mapping[str, Any] | None:
    return one.candidate.bundle.manifest.get("cost")


def _expected(base: Measurement, int8: Measurement, key: str) -> float | None:
    """By how much the instructions differ; `key` names those with or without dot products."""
    theirs, ours = _cost(base), _cost(int8)
    if theirs is None or ours is None or not theirs[key] or not ours[key]:
        return None
    return float(theirs[key] / ours[key])


def _dot_product(
    base: Measurement, int8: Measurement, facts: Facts, expected: float | None
) -> Iterator[Cause]:
    if not facts.abis[0].startswith("arm") or not facts.features:
        return
    without = _expected(base, int8, "without_dot_product")
    by_model = (
        f": by the instruction model it is then {without:.2f} times as fast as fp32, not {expected:.2f}"
        if without and expected
        else ""
    )
    if "asimddp" not in facts.features:
        yield Cause(
            "dot product",
            f"No dot product: not all cores have asimddp among their features in /proc/cpuinfo{by_model}.",
        )
        return
    unknown = [part for part in dict.fromkeys(facts.cpu_parts) if part in _UNKNOWN_PARTS]
    if unknown and "2.13" in str(int8.used.get("engine", "")):
        names = ", ".join(f"{part} ({_UNKNOWN_PARTS[part]})" for part in unknown)
        yield Cause(
            "dot product",
            f"No dot product used on some cores: Paddle Lite {int8.used['engine']} does not know CPU part {names} of "
            f"/proc/cpuinfo as one that has it{by_model}.",
        )


def _cores(int8: Measurement) -> Iterator[Cause]:
    """Threads against big cores, and which cores could be used, by clocks and the mask in force."""
    top = ceilings(int8.samples)
    fastest = max(top.values(), default=0)
    big = {cpu for cpu, kilohertz in top.items() if kilohertz >= _BIG * fastest}
    usable = cpus_of(str(int8.used.get("cpu_mask", ""))) or set(top)
    threads = int(int8.used.get("threads", int8.configuration.threads))
    if not top or len(big) == len(top):
        # Cores that are all alike, or unknown.
        if usable and threads > len(usable):
            yield Cause("threads", _crowded(threads, usable))
        return
    slower = {cpu: kilohertz for cpu, kilohertz in top.items() if cpu in usable and cpu not in big}
    if slower and not usable & big:
        yield Cause(
            "little cores",
            f"Little cores: it could use CPUs {_listed(usable)} only, which reach "
            f"{max(slower.values()) / 1000:.0f} MHz where CPUs {_listed(big)} reach {fastest / 1000:.0f} "
            "(cpuinfo_max_freq, and the mask that was in force).",
        )
    if threads > len(usable):
        yield Cause("threads", _crowded(threads, usable))
    elif usable & big and threads > len(usable & big):
        yield Cause(
            "threads",
            f"Wrong threads: {threads} threads for {len(usable & big)} big core{'s' * (len(usable & big) > 1)} (CPUs "
            f"{_listed(usable & big)}, {fastest / 1000:.0f} MHz): each product waits for the slower ones.",
        )
    clocks = [
        max(clock for cpu, clock in sample.frequencies.items() if cpu in usable)
        for one in int8.rounds
        for sample in one.during
        if usable & set(sample.frequencies)
    ]
    reach = max((top[cpu] for cpu in usable & set(top)), default=0)
    if clocks and reach and (ran := sorted(clocks)[len(clocks) // 2]) < 0.7 * reach:
        yield Cause(
            "clock",
            f"Low clock: the fastest CPU that it could use ran at {ran / 1000:.0f} of {reach / 1000:.0f} MHz "
            f"(median of {len(clocks)} looks at scaling_cur_freq beside the runs).",
        )


def _crowded(threads: int, usable: set[int]) -> str:
    return f"Wrong threads: {threads} threads on {len(usable)} CPUs ({_listed(usable)}), by the mask that was in force."


def _memory(int8: Measurement, cache: int | None) -> Iterator[Cause]:
    weights = int(int8.used.get("bytes", 0))
    rate = weights / (int8.summary.p50 / 1000)
    if cache is not None and weights > cache and rate >= _LEAST_BYTES_A_SECOND:
        yield Cause(
            "memory",
            f"Bound by memory: the network's {weights / 1e6:.1f} MB do not fit into the largest cache that the phone "
            f"tells of ({cache / 1e6:.1f} MB), so each run reads them anew, {rate / 1e9:.1f} GB/s.",
        )


def _model(int8: Measurement) -> Iterator[Cause]:
    """What of the instructions INT8 does not make fewer: conversions, and operators in FP16 or float."""
    cost = _cost(int8)
    if cost is None:
        return
    rows, total = cost["operators"], cost["instructions"]
    conversions = [row for row in rows if row["op"] in _CONVERSIONS]
    share = sum(row["instructions"] for row in conversions) / total
    if share >= _LEAST_SHARE:
        count = sum(row["count"] for row in conversions)
        yield Cause(
            "conversions",
            f"Conversions: {count} operators only turn tensors from one precision into another, {share:.0%} of the "
            f"modelled instructions (the manifest's cost).",
        )
    floats: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        if row["precision"] != "int8" and row["op"] not in _CONVERSIONS:
            floats[row["op"]] += row["instructions"]
    share = sum(floats.values()) / total
    if share >= _LEAST_SHARE:
        most = ", ".join(sorted(floats, key=lambda op: -floats[op])[:3])
        halves = any(row["precision"] == "fp16" and row["op"] not in _CONVERSIONS for row in rows)
        yield Cause(
            "float parts",
            f"Float parts: {share:.0%} of the modelled instructions are in operators that "
            f"{'are in FP16 or ' if halves else ''}stay in float, most in {most} (the manifest's cost).",
        )


def _listed(cpus: set[int]) -> str:
    """4-7, or 0,2: as the kernel lists CPUs."""
    runs: list[list[int]] = []
    for cpu in sorted(cpus):
        if runs and cpu == runs[-1][-1] + 1:
            runs[-1].append(cpu)
        else:
            runs.append([cpu])
    return ",".join(f"{run[0]}-{run[-1]}" if run[1:] else str(run[0]) for run in runs)


@dataclass(frozen=True)
class DiagnosticsPlan:
    """What is asked for. `cost_seconds`: how long each run for it, None for none; `trace`: the file, None for none."""

    profile: bool = False
    cost_seconds: float | None = None
    counters: bool = False
    trace: Path | None = None


@dataclass
class Diagnostics:
    """What came out so far, rows by bundle and configuration as the results' schema has them.

    `cache`: bytes of the phone's largest cache, None where it hides that or was not asked.
    """

    cache: int | None = None
    profiles: list[dict[str, Any]] = field(default_factory=list)
    costs: list[dict[str, Any]] = field(default_factory=list)
    counters: list[dict[str, Any]] = field(default_factory=list)
    traces: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, values: Mapping[str, Any] | None) -> Diagnostics:
        """What an earlier session's results have, to be gone on with."""
        names = (each.name for each in fields(cls))
        return cls(**{name: values[name] for name in names} if values else {})


def of_int8(
    figures: PhoneFigures, base: str | None, facts: Facts | None, cache: int | None
) -> list[Diagnosis]:
    """Why INT8 is not faster, for each comparison with the bundle `base` that leaves something to explain."""
    compared = figures.comparisons(base) if base and facts else []
    found = [diagnose(one, facts, cache) for one in compared if facts]
    return [one for one in found if one is not None]


def engine_profiles(figures: PhoneFigures) -> list[dict[str, Any]]:
    """What a profile build of the engine said beside the measured runs."""
    return [
        {
            "bundle": one.candidate.name,
            **asdict(one.configuration),
            "kernels": [asdict(kernel) for kernel in one.kernels],
        }
        for one in figures.measurements
        if one.kernels
    ]


def run(
    phone: Phone,
    candidates: Sequence[Candidate],
    plan: DiagnosticsPlan,
    figures: PhoneFigures,
    into: Diagnostics,
) -> None:
    """Looks at each bundle, once all are measured; what `into` has already is not looked at again.

    Profile and trace are of the plan's first configuration, cost and counters of each. Raises InputError, DemoError,
    PhoneError or StoppedError; what was found before is kept.
    """
    configurations = phone.plan.configurations(phone.clusters)
    if len(candidates) > 1:
        into.cache = largest_cache(phone.device)
    first = configurations[0]
    for candidate in candidates:
        for one in configurations:
            if plan.counters and _is_new(into.counters, candidate, one):
                into.counters.append(flattened(counters.measure(phone, candidate, one)))
                phone.measured()
            if plan.cost_seconds is not None and _is_new(into.costs, candidate, one):
                latency = figures.measurement(candidate, one, phone.plan).summary.p50
                found = cost.measure(phone, candidate, one, latency, plan.cost_seconds)
                into.costs.append(flattened(found))
                phone.measured()
        if plan.trace is not None and _is_new(into.traces, candidate, first):
            out = _trace_file(plan.trace, candidate, len(candidates))
            into.traces.append(flattened(trace.record(phone, candidate, first, out)))
            phone.measured()
        if plan.profile and _is_new(into.profiles, candidate, first):
            into.profiles.append(flattened(profile.measure(phone, candidate, first)))
            phone.measured()


def _is_new(rows: Sequence[Mapping[str, Any]], candidate: Candidate, configuration: Configuration) -> bool:
    key = {"bundle": candidate.name, **asdict(configuration)}
    return not any(is_same_case(row, key) for row in rows)


def _trace_file(path: Path, candidate: Candidate, count: int) -> Path:
    """The file that was asked for, with the bundle's name before its ending where there are several bundles."""
    return path if count == 1 else path.with_name(f"{path.stem}-{candidate.name}{path.suffix}")
