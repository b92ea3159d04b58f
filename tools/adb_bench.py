"""Measures bundles on phones: pushes what changed, checks the golden pictures, then times the network.

Every run's latency is kept, and what might have spoilt it is said beside the number: a noisy or throttled run.
Results are written after every round; --resume goes on with a bench that ended early.
Nothing is measured on a phone that does not give the bundle's own logits.
The command compare shows benches beside each other.
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _command
import click
from _compare import After, after_options, compare
from _display import notify, say
from _options import (
    BUNDLES,
    SECONDS,
    Number,
    bundle_option,
    json_option,
    out_option,
    phone_options,
    serial_option,
)
from _plan import plan_options

from lite.errors import InputError
from lite.files import check_writable_file, make_folder
from lite.phone.install import PACKAGE
from lite.phone.plan import BenchPlan, check_names

if TYPE_CHECKING:
    from lite.bundle import Bundle
    from lite.phone.device import Device
    from lite.phone.results import ResultsFolder
    from lite.phone.session import Outcome, PhoneJob

BENCHES = _command.ROOT / "build" / "bench"
# Options that say which phones.
_PHONES = ("serials", "every", "adb_host")


EXAMPLES = """
\b
Examples:
  ./run.sh tools/adb_bench.py
  ./run.sh tools/adb_bench.py --threads 1,2,4 --power-mode high --cooldown-temp 38 --all
  ./run.sh tools/adb_bench.py --cores big,little --fixed-clocks --repeats 1024 --min-seconds 60
  ./run.sh tools/adb_bench.py --soak 10
  ./run.sh tools/adb_bench.py --bundle build/bundles/deit_tiny-imagenet-int8-arm \\
      --compare build/bundles/deit_tiny-imagenet-fp32-arm --out build/bench/int8-or-fp32
  ./run.sh tools/adb_bench.py --resume --threads 1,2,4 --power-mode high --cooldown-temp 38 --all
  ./run.sh tools/adb_bench.py --install-bundle --bundle build/bundles/deit_tiny-imagenet-int8-arm
  ./run.sh tools/adb_bench.py --rounds 10 --baseline main/results.json --fail-if-slower 5% --junit gate.xml
  ./run.sh tools/adb_bench.py compare build/bench/monday build/bench/friday

\b
Exit codes: 0 done · 2 bad usage or input · 6 no usable phone · 7 a phone failed (what others measured is
kept) · 8 a phone computes another network · 9 slower than the baseline allows · 10 too few rounds to tell ·
130 interrupted by Ctrl-C, SIGTERM or SIGHUP (what was measured is kept)
"""


@click.group(
    help=__doc__,
    epilog=EXAMPLES,
    invoke_without_command=True,
    commands=[compare],
    subcommand_metavar="[compare …]",
)
@bundle_option("What to measure; can be given more than once.", multiple=True)
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Measure this bundle in turns with the others, and say how much faster than it they are.",
)
@serial_option("the one that is connected")
@click.option(
    "--all", "every", is_flag=True, help="All connected phones, side by side, also those that come meanwhile."
)
@phone_options
@plan_options
@click.option(
    "--reconnect",
    type=Number(0, SECONDS),
    default=120,
    show_default=True,
    metavar="S",
    help="Wait so long for a phone that is lost in the middle, then go on with its round; 0: it has failed.",
)
@click.option(
    "--profile",
    is_flag=True,
    help="Also say where the time goes, block by block: the program cut after each is timed in turns. In the first "
    "configuration.",
)
@click.option(
    "--cost",
    "cost_seconds",
    type=Number(1, SECONDS),
    metavar="S",
    help="Also run each bundle for S seconds and say its energy, by the battery, and its memory over time.",
)
@click.option(
    "--counters", is_flag=True, help="Also count instructions, cycles and cache misses by simpleperf."
)
@click.option(
    "--trace",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also record a start with perfetto on one phone, with marks for load, warm-up and runs.",
)
@out_option("For results.json, results.csv and report.html. Default: build/bench/TIME.")
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the bench in --out, given the same other options; what it has measured is not run again. "
    "Default of --out then: the newest in build/bench.",
)
@click.option("--clean", is_flag=True, help="Only remove from the phones what runs of this have put there.")
@click.option(
    "--install-bundle",
    is_flag=True,
    help="Only put the bundles where the demo app on the phones finds them (android_demo/app).",
)
@click.option(
    "--package",
    default=PACKAGE,
    show_default=True,
    metavar="NAME",
    help="The app's package, for --install-bundle.",
)
@json_option("results.json")
@after_options
@click.pass_context
def main(
    context: click.Context,
    folders: Sequence[Path],
    compare: Path | None,
    serials: Sequence[str],
    every: bool,
    adb_host: str | None,
    sdk: Path | None,
    demo: Path | None,
    plan: BenchPlan,
    reconnect: float,
    profile: bool,
    cost_seconds: float | None,
    counters: bool,
    trace: Path | None,
    out: Path | None,
    resume: bool,
    clean: bool,
    install_bundle: bool,
    package: str,
    as_json: bool,
    after: After,
) -> None:
    """Runs the command."""
    if context.invoked_subcommand:
        _command.check_options(context, context.invoked_subcommand)
        return
    from _bench import clean_all, install_all

    from lite.phone import resume as resuming
    from lite.phone.binaries import Binaries
    from lite.phone.diagnostics import DiagnosticsPlan
    from lite.phone.results import ResultsFolder
    from lite.phone.server import AdbServer, address
    from lite.phone.session import PhoneJob

    if not install_bundle and _command.is_given("package"):
        raise click.UsageError("--package is for --install-bundle")
    if clean:
        _command.check_options(context, "--clean", ("clean", *_PHONES))
    if install_bundle:
        heeded = ("install_bundle", "package", "folders", "compare", *_PHONES)
        _command.check_options(context, "--install-bundle", heeded)
    farm = address(adb_host)
    bundles = [] if clean else _bundles(folders, compare)
    server = AdbServer(farm)
    devices = server.choose(serials, every, notify=notify)
    if trace is not None:
        # With --all phones may come that are not there yet.
        if every or len(devices) > 1:
            raise click.UsageError("--trace is for one phone: give one --serial")
        check_writable_file(trace)
    if clean:
        raise click.exceptions.Exit(clean_all(devices))
    if install_bundle:
        raise click.exceptions.Exit(install_all(devices, bundles, package))
    base = bundles[0].name if compare else None
    earlier = None
    if resume:
        out = out or _newest()
        earlier = resuming.read(out, plan, bundles, base)
    # Not after an hour of measuring.
    folder = ResultsFolder(out or _new(), BENCHES / _now(), notify=notify, resumed=resume)
    diagnostics = DiagnosticsPlan(profile, cost_seconds, counters, trace)
    job = PhoneJob(
        bundles, plan, Binaries(sdk, demo), earlier=earlier, reconnect=reconnect, diagnostics=diagnostics
    )
    arrivals = server.usable if every else None
    raise click.exceptions.Exit(
        _measure(devices, job, folder, base, server.version, as_json, after, arrivals)
    )


def _measure(
    devices: Sequence[Device],
    job: PhoneJob,
    folder: ResultsFolder,
    base: str | None,
    adb_server: int | None,
    as_json: bool,
    after: After,
    arrivals: Callable[[], Sequence[Device]] | None,
) -> int:
    """Measures, prints and writes; the exit code."""
    from _bench import LiveTable, interruptible, show_diagnostics, show_files, show_tables

    from lite.phone import results, session

    begun = results.now()

    def document(outcomes: Sequence[Outcome]) -> dict[str, Any]:
        return results.document(outcomes, job, begun=begun, base=base, adb_server=adb_server)

    def keep(outcomes: Sequence[Outcome]) -> None:
        # At the end it is said if none takes them.
        with contextlib.suppress(InputError, OSError):
            folder.write(lambda: document(outcomes))

    with interruptible():
        with LiveTable() as live:
            job = replace(job, changed=live.changed, measured=keep)
            outcomes, interrupted = session.run(devices, job, arrivals)
        failure: InputError | None = None
        try:
            found = folder.write(lambda: document(outcomes), complete=True)
        except InputError as error:
            found, failure = document(outcomes), error
        try:
            if as_json:
                _command.print_json(found)
            else:
                show_tables(outcomes, base)
                show_diagnostics(found)
        finally:
            # Last, and also for a reader who has gone: drawing it takes long.
            if failure is None:
                results.write_report(folder.path, found)
        if failure is None and not as_json:
            show_files(folder.path)
        for outcome in outcomes:
            if outcome.error:
                say(str(outcome.error), "error", "bold red")
        if any(one.status in ("stopped", "failed") and one.measured.measurements for one in outcomes):
            notify(f"the same command with --resume --out {shlex.quote(str(folder.path))} goes on from here")
        if failure := failure or folder.error:
            raise failure
        if interrupted:
            raise KeyboardInterrupt
    return after.finish(found, folder.path, session.exit_code(outcomes), as_json=as_json)


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")


def _new() -> Path:
    """A folder of this bench's own: another one may begin in the same second."""
    make_folder(BENCHES)
    folder = BENCHES / _now()
    while True:
        try:
            folder.mkdir()
        except FileExistsError:
            folder = folder.with_name(f"{folder.name}-2")
        else:
            return folder


def _newest() -> Path:
    found = sorted(BENCHES.glob("*/results.json"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise InputError(f"there is no bench in {BENCHES}", remedy="name its folder with --out")
    return found[-1].parent


def _bundles(folders: Sequence[Path], compare: Path | None) -> list[Bundle]:
    from lite import bundle

    newest = [] if folders else [bundle.newest(BUNDLES)]
    if compare and newest and compare.resolve() == newest[0].resolve():
        raise InputError(
            f"--compare {compare} is the newest bundle itself", remedy="give another with --bundle"
        )
    chosen = [*([compare] if compare else []), *folders, *newest]
    bundles = [bundle.read(folder) for folder in chosen]
    check_names(bundles)
    return bundles


if __name__ == "__main__":
    _command.run(main)
