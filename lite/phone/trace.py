"""A trace of one start of the demo by Android's `perfetto`: scheduler, clocks, our marks for load, warm-up and runs.

The demo writes its marks in atrace's format to the kernel's trace_marker, which Android lets every program write to
(its atrace.rc has mode 0222). So no library of the NDK is needed. https://ui.perfetto.dev opens the file.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from lite.files import new_file
from lite.phone import demo, push, sync
from lite.phone.demo import Bench
from lite.phone.link import PhoneError
from lite.phone.measure import Phone, timing
from lite.phone.plan import Candidate, Configuration
from lite.phone.sync import RefusedError
from lite.shown import printable

MARKERS = ("/sys/kernel/tracing/trace_marker", "/sys/kernel/debug/tracing/trace_marker")
# Where SELinux lets perfetto write and the shell read, see the command's own page.
FOLDER = "/data/misc/perfetto-traces"
_PROGRAM = "perfetto"
_SECONDS = 60.0
RUNS = 20

# Long enough for any start; it is ended before. Text form of perfetto's protos/perfetto/config.
CONFIG = """
buffers { size_kb: 65536 fill_policy: RING_BUFFER }
data_sources {
  config {
    name: "linux.ftrace"
    ftrace_config {
      ftrace_events: "ftrace/print"
      ftrace_events: "sched/sched_switch"
      ftrace_events: "sched/sched_waking"
      ftrace_events: "power/cpu_frequency"
      ftrace_events: "power/cpu_frequency_limits"
      ftrace_events: "power/cpu_idle"
    }
  }
}
data_sources {
  config {
    name: "linux.process_stats"
    process_stats_config { scan_all_processes_on_start: true }
  }
}
duration_ms: %d
"""


@dataclass(frozen=True)
class Trace:
    """Where a bundle's trace is, here; `marks`: the file on the phone that took them, None where there is none.

    `missing`: why there is no trace, in words, or None.
    """

    bundle: str
    configuration: Configuration
    path: str | None = None
    marks: str | None = None
    missing: str | None = None


def record(phone: Phone, candidate: Candidate, configuration: Configuration, out: Path) -> Trace:
    """Traces one start of a bundle on the phone into the file `out`, which is written whole or not at all.

    Raises DemoError, PhoneError or StoppedError; InputError where `out` cannot be written.
    """
    if phone.device.run(f"command -v {_PROGRAM}", _SECONDS).code:
        missing = "there is no perfetto on the phone (Android has it from 9 on)"
        return Trace(candidate.name, configuration, missing=missing)
    phone.check_stop()
    marks = phone.device.run(
        f"for f in {' '.join(MARKERS)}; do [ -w $f ] && echo $f && break; done; true", _SECONDS
    ).stdout.strip()
    phone.say(f"trace of {candidate.name}, {configuration}")
    runs = Bench(phone.plan.warmup, min(RUNS, phone.plan.repeats))
    request = replace(timing(candidate, configuration, runs), trace_marker=marks or None)
    file = f"{FOLDER}/deit_lite.pftrace"
    with phone.stages.stage("trace"):
        _, finished = demo.watched(
            phone.device, phone.folder, request, timeout=phone.plan.timeout,
            around=lambda command: _around(command, file, phone.plan.timeout),
        )  # fmt: skip
        phone.check()
        _fetch(phone, file, out, finished.stderr)
    return Trace(candidate.name, configuration, str(out), marks or None)


def _around(command: str, file: str, timeout: float) -> str:
    """A text for the shell: perfetto in the background, a moment for it to begin, the command, perfetto's end."""
    config = shlex.quote(CONFIG % int(1000 * (timeout + 30)))
    return (
        f"rm -f {file}; echo {config} | {_PROGRAM} --txt -c - -o {file} >&2 & p=$!; sleep 2; "
        f"{command}; code=$?; sleep 1; kill $p 2>/dev/null; wait $p; exit $code"
    )


def _fetch(phone: Phone, file: str, out: Path, said: str) -> None:
    serial = phone.device.serial
    try:
        with sync.opened(phone.device, push.STALL) as link:
            content = link.read(file)
    except TimeoutError:
        remedy = "check the cable and run this again"
        raise PhoneError(serial, f"it stopped sending {file}", remedy, lost=True) from None
    except RefusedError:
        content = b""
    phone.device.run(["rm", "-f", file], _SECONDS)
    if not content:
        lines = [line for line in said.splitlines() if line.strip()] or ["it gives no reason"]
        remedy = "its service may be off, as on Android 9 and 10: adb shell setprop persist.traced.enable 1"
        raise PhoneError(serial, f"perfetto wrote no trace: {printable(lines[-1])}", remedy)
    with new_file(out, remedy="choose another --trace") as part:
        part.write_bytes(content)
