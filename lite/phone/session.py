"""Many phones side by side: each is looked at, filled, checked and measured; one that fails stops no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lite.bundle import Bundle
from lite.errors import ToolkitError
from lite.phone import checks, diagnostics, facts, measure, push
from lite.phone.binaries import Binaries
from lite.phone.device import Device
from lite.phone.diagnostics import Diagnostics, DiagnosticsPlan
from lite.phone.exclusive import exclusive
from lite.phone.facts import Facts
from lite.phone.link import BusyError, GoldenMismatchError, NoPhoneError, PhoneError
from lite.phone.measure import StoppedError
from lite.phone.measured import PhoneFigures
from lite.phone.plan import BenchPlan, Candidate
from lite.phone.push import Pushed
from lite.scratch import scratch_folder
from lite.stages import Stages

if TYPE_CHECKING:
    from lite.phone.resume import Earlier

STOPPING = "stopping; Ctrl-C again ends this at once, with the rounds that have ended"
_FILES = ("labels.txt", "manifest.json")


class UnfitPhoneError(PhoneError):
    """The phone does not fit what it should run; nothing was pushed."""


@dataclass
class Outcome:
    """What is known of one phone, growing while it is at work: `step` says what it is at.

    `share`: of the push, 0 to 1, while it goes on;
    `status`: running, ok, refused, mismatch, failed or stopped; `error`: why it is not ok;
    `seconds`: from first to last; `diagnostics`: what was looked at beside latency.
    """

    serial: str
    status: str = "running"
    step: str = "waiting"
    share: float | None = None
    error: ToolkitError | None = None
    facts: Facts | None = None
    pushed: Pushed | None = None
    measured: PhoneFigures = field(default_factory=PhoneFigures)
    stages: Stages = field(default_factory=Stages)
    seconds: float = 0.0
    diagnostics: Diagnostics = field(default_factory=Diagnostics)

    @property
    def exit_code(self) -> int:
        """The command's, for this phone alone."""
        if self.error is None:
            return 0
        if isinstance(self.error, (UnfitPhoneError, BusyError)):
            return NoPhoneError.exit_code
        # What is wrong with files here is found when a phone needs them, and is its failure.
        return (
            GoldenMismatchError.exit_code
            if isinstance(self.error, GoldenMismatchError)
            else PhoneError.exit_code
        )


@dataclass(frozen=True)
class PhoneJob:
    """What every phone is to do. `binaries` says which files beside the bundles a phone needs.

    `changed` is called, from the phones' threads, with an outcome that has changed; `measured`, from these too, with
    all outcomes after each round and when a phone has ended. `earlier`: what was measured before, to be gone on with;
    `diagnostics`: what to look at beside latency.
    """

    bundles: Sequence[Bundle]
    plan: BenchPlan
    binaries: Binaries
    changed: Callable[[Outcome], None] = lambda outcome: None
    measured: Callable[[Sequence[Outcome]], None] = lambda outcomes: None
    earlier: Earlier | None = None
    diagnostics: DiagnosticsPlan = field(default_factory=DiagnosticsPlan)


def run(devices: Sequence[Device], job: PhoneJob) -> tuple[list[Outcome], bool]:
    """Runs `job` on all `devices` at once; the outcomes in their order, and whether Ctrl-C ended it.

    Nothing that befalls a phone is raised: it is in its outcome. On Ctrl-C every phone is told to stop, what
    runs there is ended, and what was measured is kept; a second Ctrl-C meanwhile is raised.
    """
    outcomes = [Outcome(device.serial) for device in devices]
    for outcome in outcomes:
        if job.earlier:
            # Before the phone is asked anything: whatever befalls it, this is kept.
            outcome.measured = job.earlier.measured(outcome.serial)
            outcome.facts = job.earlier.facts(outcome.serial)
            outcome.diagnostics = job.earlier.diagnostics(outcome.serial)

    def measured() -> None:
        job.measured(outcomes)

    stop = threading.Event()
    ends = [threading.Event() for _ in devices]
    with scratch_folder() as folder:
        tensors = _write_tensors(job.bundles, folder)
        for device, outcome, end in zip(devices, outcomes, ends, strict=True):
            arguments = (device, job, tensors, outcome, stop, end, measured)
            threading.Thread(target=_thread, args=arguments, daemon=True).start()
        try:
            # Not Thread.join: Python 3.10 takes a thread for ended when Ctrl-C comes in the middle of it (bpo-45274).
            for end in ends:
                end.wait()
        except KeyboardInterrupt:
            stop.set()
            for device, outcome in zip(devices, outcomes, strict=True):
                if outcome.status == "running":
                    outcome.step = STOPPING
                    job.changed(outcome)
                device.close()
            for end in ends:
                end.wait()
    return outcomes, stop.is_set()


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """The command's: 8 if any phone computes another network, 6 if none could be used, 7 if one failed, else 0."""
    codes = {outcome.exit_code for outcome in outcomes}
    if GoldenMismatchError.exit_code in codes:
        return GoldenMismatchError.exit_code
    if codes == {NoPhoneError.exit_code}:
        return NoPhoneError.exit_code
    return 0 if codes == {0} else PhoneError.exit_code


def _thread(
    device: Device,
    job: PhoneJob,
    tensors: Mapping[str, Path],
    outcome: Outcome,
    stop: threading.Event,
    end: threading.Event,
    measured: Callable[[], None],
) -> None:
    try:
        _run(device, job, tensors, outcome, stop, measured)
        measured()
    finally:
        end.set()


def _run(
    device: Device,
    job: PhoneJob,
    tensors: Mapping[str, Path],
    outcome: Outcome,
    stop: threading.Event,
    measured: Callable[[], None],
) -> None:
    def say(step: str, share: float | None = None) -> None:
        outcome.step, outcome.share = step, share
        job.changed(outcome)

    began = time.monotonic()
    earlier = outcome.measured.snapshot()
    try:
        with exclusive(device) as check:
            _bench(device, job, tensors, outcome, stop, say, measured, check)
        outcome.status = "ok"
    except StoppedError:
        outcome.status = "stopped"
        outcome.error = PhoneError(device.serial, "it was told to stop", "run this again")
    except (UnfitPhoneError, BusyError) as error:
        outcome.status, outcome.error = "refused", error
    except GoldenMismatchError as error:
        outcome.status, outcome.error = "mismatch", _of_phone(device.serial, error)
        # Whatever else was measured: the phone has shown that it cannot be trusted. It had passed in earlier sessions.
        outcome.measured.measurements[:] = earlier.measurements
    except ToolkitError as error:
        outcome.status, outcome.error = "stopped" if stop.is_set() else "failed", error
    except Exception as error:
        # A mistake of ours must not cost the other phones' figures.
        outcome.status = "failed"
        outcome.error = PhoneError(
            device.serial, f"this tool failed ({type(error).__name__}: {error})", "please report it"
        )
    outcome.seconds = time.monotonic() - began
    # A configuration that was begun and never measured says nothing.
    outcome.measured.measurements[:] = [one for one in outcome.measured.measurements if one.rounds]
    say(outcome.status)


def _of_phone(serial: str, error: GoldenMismatchError) -> GoldenMismatchError:
    return GoldenMismatchError(serial, why=error.reason, remedy=error.remedy)


def _bench(
    device: Device,
    job: PhoneJob,
    tensors: Mapping[str, Path],
    outcome: Outcome,
    stop: threading.Event,
    say: Callable[..., None],
    measured: Callable[[], None],
    check: Callable[[], None],
) -> None:
    say("looking at the phone")
    with outcome.stages.stage("facts"):
        outcome.facts = facts.read(device)
    if job.earlier:
        try:
            job.earlier.check_phone(outcome.facts)
        except PhoneError as error:
            raise UnfitPhoneError(device.serial, error.why or "", error.remedy or "") from None
    candidates = [_candidate(bundle, outcome.facts) for bundle in job.bundles]
    _refuse_what_does_not_fit(device, job, outcome.facts)
    files = dict(job.binaries.files(outcome.facts.abis[0], job.bundles))
    for candidate in candidates:
        files |= _bundle_files(candidate, tensors[candidate.name])
    say("pushing")
    with outcome.stages.stage("push"):
        outcome.pushed = push.push(device, files, on_progress=_told(say))
    say(_what_was_pushed(outcome.pushed))
    phone = measure.Phone(device, push.FOLDER, job.plan, outcome.stages, say, stop, measured, check)
    for candidate in candidates:
        phone.check_golden(candidate, outcome.measured)
    phone.measure(candidates, outcome.measured)
    diagnostics.run(phone, candidates, job.diagnostics, outcome.measured, outcome.diagnostics)


def _told(say: Callable[..., None]) -> push.Progress:
    began = time.monotonic()

    def tell(name: str, done: int, total: int) -> None:
        speed = done / max(time.monotonic() - began, 1e-3)
        text = f"pushing {done / 1e6:.1f} of {total / 1e6:.1f} MB, {speed / 1e6:.1f} MB/s"
        say(text, done / max(total, 1))

    return tell


def _what_was_pushed(pushed: Pushed) -> str:
    if not pushed.sent:
        return "all files are there"
    speed = pushed.bytes / max(pushed.seconds, 1e-3)
    return (
        f"pushed {len(pushed.sent)} files, {pushed.bytes / 1e6:.1f} MB at {speed / 1e6:.1f} MB/s "
        f"({len(pushed.kept)} were there)"
    )


def _refuse_what_does_not_fit(device: Device, job: PhoneJob, found: Facts) -> None:
    problems = [problem for bundle in job.bundles for problem in checks.problems(bundle, found, job.binaries)]
    if problems:
        first, *others = dict.fromkeys(problems)
        also = "".join(f" · {problem}" for problem in others)
        raise UnfitPhoneError(device.serial, f"{first.what}: {first.why}", f"{first.remedy}{also}")


def _candidate(bundle: Bundle, found: Facts) -> Candidate:
    return Candidate(bundle, f"{push.FOLDER}/{bundle.path.resolve().name}", host=checks.is_x86(found))


def _bundle_files(candidate: Candidate, tensor: Path) -> dict[str, Path]:
    bundle = candidate.bundle
    network = bundle.host_nb if candidate.host else bundle.model_nb
    others = [*(bundle.path / name for name in _FILES), *bundle.golden_pictures().files]
    return {
        **{f"{candidate.name}/{path.name}": path for path in (network, *others)},
        f"{candidate.name}/{measure.TENSOR}": tensor,
    }


def _write_tensors(bundles: Sequence[Bundle], folder: Path) -> dict[str, Path]:
    """Each bundle's golden tensor as deit reads one: raw little-endian float32."""
    written = {}
    for bundle in bundles:
        name = bundle.path.resolve().name
        written[name] = folder / f"{name}.f32"
        bundle.golden()[0].astype("<f4").tofile(written[name])
    return written
