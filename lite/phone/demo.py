"""Runs `deit` on a phone, and takes nothing from it that is not what its schema says.

A profile build of Paddle Lite (`--with_profile=ON`) prints a table when the demo ends: what each kernel took, by the
engine's own clock. Its format is of lite/core/profile/profiler.cc and of docs/user_guides/profiler.md in Paddle Lite's
repository; no such library was had here.
"""

from __future__ import annotations

import json
import math
import re
import shlex
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from lite.json_schema import first_error, place
from lite.phone.device import Device, Finished
from lite.phone.link import PhoneError, PhoneTimeoutError
from lite.shown import printable, shortened

SCHEMA = Path(__file__).resolve().parents[2] / "android_demo" / "cpp" / "schema" / "output.schema.json"
PROGRAM = "deit"
# deit ends itself by its own --timeout, also when the cable is out; this much later it is ended from here.
GRACE_SECONDS = 10.0
# deit measures no more in one start (kMaxRuns).
MOST_RUNS = 1_000_000
_ENGINE = 6

_AFRESH = "run this with --clean and then without"
_SIGNALS: dict[int, tuple[str, str]] = {
    signal.SIGILL: (
        "the processor lacks an instruction that the network or the engine uses",
        "take an fp32 or int8 bundle and an SDK without fp16: those need a CPU of ARMv8.2 (asimdhp, asimddp)",
    ),
    signal.SIGSEGV: (
        "the engine reads memory that is not its own",
        f"see whether SDK, demo and bundle are of one version (tools/doctor.py), then {_AFRESH}",
    ),
    signal.SIGBUS: (
        "a file changed or was cut while it was in use",
        _AFRESH,
    ),
    signal.SIGKILL: (
        "something killed it, on phones mostly Android for lack of memory",
        "close other apps or restart the phone, and try again",
    ),
    signal.SIGABRT: (
        "the engine gave up",
        f"see whether SDK, demo and bundle are of one version (tools/doctor.py), then {_AFRESH}",
    ),
    signal.SIGTERM: ("something on the phone ended it", "try again"),
}  # fmt: skip
_LINKING = re.compile(
    r"CANNOT LINK EXECUTABLE|error while loading shared libraries|library \"\S+\" not found"
)
_TOLD = re.compile(r"^deit: .*\((SIG(?:SEGV|BUS|FPE|ILL))\)", re.MULTILINE)
_FOREIGN = re.compile(r"not executable|Exec format error|syntax error|inaccessible or not found")
_FORBIDDEN = re.compile(r"Permission denied|Operation not permitted")
# Older versions call the columns by other names, or have none of KernelFuncName and CalledTimes.
_PROFILE_TITLE = re.compile(
    r"=====\s+Concise (?:Dispatch )?Profiler Summary: .*?(?:Exclude (\d+) warm-ups )?====="
)
_PROFILE_HEADING = "OperatorType"
_PROFILE_NAMES = {"OperatorType": "op", "KernelFuncName": "function", "KernelName": "function"}
_PROFILE_PLACE = ("KerneAttr(Place)", "KerneAttr")


class DemoError(PhoneError):
    """The demo on the phone crashed, hung, refused, or said what cannot be understood."""


@dataclass(frozen=True)
class Bench:
    """How often to run: `warmup` runs after the first, then `repeats` measured ones.

    More of them until they have taken `min_seconds` together.
    """

    warmup: int
    repeats: int
    min_seconds: float = 0.0


@dataclass(frozen=True)
class NetworkFiles:
    """A network that is no bundle's own: a `.nb`, its manifest and its labels, all files on the phone."""

    model: str
    manifest: str
    labels: str


@dataclass(frozen=True)
class DemoRequest:
    """One start of the demo.

    `bundle`: folder on the phone; `host`: run its `host.nb`; `tensor` or `images`: files on the phone;
    `cpu_mask` excludes a `power_mode` other than `no-bind`; `network` is run in place of the bundle's; `logits`:
    whether they are asked for; `trace_marker`: the file on the phone that gets marks for a trace.
    """

    bundle: str
    host: bool = False
    tensor: str | None = None
    images: Sequence[str] = ()
    threads: int = 1
    power_mode: str = "no-bind"
    cpu_mask: str | None = None
    bench: Bench | None = None
    network: NetworkFiles | None = None
    logits: bool = True
    trace_marker: str | None = None

    def arguments(self, timeout: float) -> list[str]:
        """The command line after the program's name."""
        words = ["--bundle", self.bundle]
        if self.network:
            network = self.network
            words = ["--model", network.model, "--manifest", network.manifest, "--labels", network.labels]
        words += ["--logits"] if self.logits else []
        words += ["--threads", str(self.threads), "--timeout", f"{timeout:g}"]
        words += ["--trace-marker", self.trace_marker] if self.trace_marker else []
        words += ["--power-mode", self.power_mode] if self.cpu_mask is None else ["--cpu-mask", self.cpu_mask]
        words += ["--host"] if self.host and not self.network else []
        words += ["--tensor", self.tensor] if self.tensor else []
        words += [word for image in self.images for word in ("--image", image)]
        if self.bench:
            words += ["--bench", "--warmup", str(self.bench.warmup), "--repeats", str(self.bench.repeats)]
            words += ["--min-seconds", f"{self.bench.min_seconds:g}"] if self.bench.min_seconds else []
        return words


def run(device: Device, folder: str, request: DemoRequest, *, timeout: float) -> dict[str, Any]:
    """What `deit` in `folder` on the phone says (see its schema), after at most `timeout` seconds and some grace.

    Raises DemoError when it ends otherwise than well, PhoneError when the phone or the link fails.
    """
    return watched(device, folder, request, timeout=timeout)[0]


def watched(
    device: Device,
    folder: str,
    request: DemoRequest,
    *,
    timeout: float,
    around: Callable[[str], str] = lambda command: command,
) -> tuple[dict[str, Any], Finished]:
    """As `run`, with all that was printed.

    `around` puts the demo's command line into a longer text for the phone's shell, which must end with the demo's exit
    code and may print lines of its own.
    """
    command = shlex.join([f"{folder}/{PROGRAM}", *request.arguments(timeout)])
    try:
        finished = device.run(around(command), timeout + GRACE_SECONDS, env={"LD_LIBRARY_PATH": folder})
    except PhoneTimeoutError as error:
        why = f"the demo did not end within {timeout:g} s, not even by its own --timeout, and was killed"
        remedy = "see whether the phone is asleep or stuck, or give a longer --timeout"
        raise DemoError(device.serial, why, remedy) from error
    try:
        return parse(finished, request), finished
    except UnusableError as error:
        raise DemoError(device.serial, error.why, error.remedy) from error


class UnusableError(Exception):
    """How a demo ended, and what to do, without the phone's name."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(f"{why}; {remedy}")
        self.why = why
        self.remedy = remedy


def parse(finished: Finished, request: DemoRequest) -> dict[str, Any]:
    """The JSON document in what the demo printed, checked against its schema and against `request`.

    It is the last line that begins as one: drivers print lines of their own when a process ends. Raises UnusableError
    for every other end than exit code 0 with such a document.
    """
    if finished.code != 0:
        raise _failure(finished)
    lines = finished.stdout.strip().splitlines()
    last = lines[-1] if lines else ""
    try:
        document = json.loads(next((line for line in reversed(lines) if line.startswith("{")), last))
    except (ValueError, RecursionError):
        raise _rubbish(
            f"its last line is no JSON ({_short(last)})" if last else "it printed nothing"
        ) from None
    error = first_error(document, SCHEMA)
    if error is not None:
        raise _rubbish(f"{_short(place(error))}: {_short(error.message)}")
    if problem := _other_than_asked(document, request):
        raise _rubbish(problem)
    return dict(document)


def _other_than_asked(document: dict[str, Any], request: DemoRequest) -> str | None:
    bench, pictures = document["bench"], document["pictures"]
    rows = [picture["logits"] for picture in pictures if request.logits]
    count = max(1, len(request.images)) if request.logits else 0
    if len(rows) != count or None in rows or len({len(row) for row in rows}) > 1:
        return "it gives no logits"
    if not all(map(math.isfinite, [*chain(*rows), *(bench["latencies_ms"] if bench else ())])):
        return "figures that are no numbers"
    if (bench is None) != (request.bench is None):
        return "it measured nothing" if bench is None else "it measured without being asked"
    if bench is not None and request.bench is not None:
        wanted, counted = request.bench.repeats, len(bench["latencies_ms"])
        if counted < wanted or (counted > wanted and not request.bench.min_seconds):
            return f"{counted} latencies for {wanted} runs"
        if sum(bench["latencies_ms"]) < 999 * request.bench.min_seconds and counted < MOST_RUNS:
            return f"{counted} latencies that take less than {request.bench.min_seconds:g} s"
        if any(one["run"] >= counted for one in bench["clocks"]):
            return "a clock of a run that is none"
        if min(bench["latencies_ms"]) <= 0:
            return "a latency of 0 ms"
    return None


def _failure(finished: Finished) -> UnusableError:
    said = [line.removeprefix("deit: ") for line in finished.stderr.splitlines() if line.strip()]
    last = _short(said[-1]) if said else ""
    if finished.code in (126, 127) or _LINKING.search(finished.stderr):
        return _not_started(finished, last)
    if finished.code > 128:
        return _died(finished.code - 128, last)
    # The demo tells of most signals itself; of SIGABRT the engine's words say more.
    if finished.code == _ENGINE and (told := _TOLD.search(finished.stderr)):
        return _died(signal.Signals[told[1]], "")
    if finished.code == _ENGINE and "not done after" in finished.stderr:
        return UnusableError(
            f"the demo was {last.partition(':')[0]}", "give a longer --timeout or fewer --repeats"
        )
    earlier = f" (before that: {_short(said[-2])})" if finished.code == _ENGINE and len(said) > 1 else ""
    return UnusableError(
        f"the demo ended with exit code {finished.code}: {last or 'it gave no reason'}{earlier}",
        "run tools/doctor.py, which checks what fits together (exit codes: android_demo/README.md)",
    )


def _died(number: int, said: str) -> UnusableError:
    known = number in set(signal.Signals)
    name = signal.Signals(number).name if known else f"signal {number}"
    why, remedy = _SIGNALS.get(number, ("that is no end of its own", _AFRESH))
    hint = f" (it said: {said})" if said else ""
    return UnusableError(f"the demo died by {name}: {why}{hint}", remedy)


def _not_started(finished: Finished, last: str) -> UnusableError:
    remedy = "build it for this phone's ABI (android_demo/README.md) and give it with --demo"
    what = f"exit code {finished.code}"
    if _LINKING.search(finished.stderr):
        what = "a library is missing on the phone or does not fit"
        remedy = "give the SDK that it was linked with (--sdk)"
    elif _FOREIGN.search(finished.stderr):
        what = "the phone cannot execute the file"
    elif _FORBIDDEN.search(finished.stderr):
        what = "the phone does not let programs be run there"
        remedy = (
            "see how /data is mounted (adb shell mount: noexec) and whether SELinux forbids it (adb logcat), and use a "
            "phone that lets its shell run programs"
        )
    return UnusableError(f"the demo could not start: {what}" + (f" ({last})" if last else ""), remedy)


def _rubbish(why: str) -> UnusableError:
    return UnusableError(
        f"the demo's output makes no sense: {why}",
        f"{_AFRESH}, with a demo of this version",
    )


def _short(text: str) -> str:
    return shortened(printable(shortened(text)), 160)


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


def kernel_times(text: str) -> list[KernelTime]:
    """The last concise table of dispatch times in what a demo printed, the longest first; empty where there is none.

    Rows that do not fit the heading are left out: log lines of other threads fall between them.
    """
    lines = text.splitlines()
    begins = [place for place, line in enumerate(lines) if _PROFILE_TITLE.search(line)]
    if not begins:
        return []
    return sorted(_kernel_rows(lines[begins[-1] + 1 :]), key=lambda row: -row.mean_ms)


def _kernel_rows(lines: Sequence[str]) -> Iterator[KernelTime]:
    heading: list[str] = []
    for line in lines:
        words = line.split()
        if words[:1] == [_PROFILE_HEADING]:
            heading = words
        elif heading and not words:
            return
        elif heading and (row := _kernel_row(heading, words)):
            yield row


def _kernel_row(heading: Sequence[str], words: list[str]) -> KernelTime | None:
    # A remark may be empty, which leaves no word of it.
    names = [name for name in heading if name != "Remark"] if len(words) == len(heading) - 1 else heading
    if len(words) != len(names):
        return None
    values = {_PROFILE_NAMES.get(name, name): word for name, word in zip(names, words, strict=True)}
    try:
        mean, least, most = (float(values[f"{name}(ms)"]) for name in ("Avg", "Min", "Max"))
        calls = int(values["CalledTimes"]) if "CalledTimes" in values else None
    except (KeyError, ValueError):
        return None
    place = next((values[name] for name in _PROFILE_PLACE if name in values), "")
    return KernelTime(values["op"], place, values.get("function"), mean, least, most, calls)
