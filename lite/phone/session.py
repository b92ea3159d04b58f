"""Many phones side by side: each is looked at, filled, checked and measured; one that fails stops no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lite.bundle import Bundle
from lite.errors import ToolkitError
from lite.phone import checks, conditions, diagnostics, facts, measure, push, reconnect
from lite.phone.binaries import Binaries
from lite.phone.conditions import Conditions, NoFixedClocksError, fixed_clocks
from lite.phone.device import Device
from lite.phone.diagnostics import Diagnostics, DiagnosticsPlan
from lite.phone.facts import Facts
from lite.phone.link import BusyError, GoldenMismatchError, NoPhoneError, PhoneError
from lite.phone.measure import StoppedError
from lite.phone.measured import PhoneFigures
from lite.phone.plan import BenchPlan, Candidate, NoSuchCoresError
from lite.phone.push import Pushed
from lite.phone.reconnect import MOST_FRUITLESS, Loss
from lite.scratch import scratch_folder
from lite.stages import Stages

if TYPE_CHECKING:
    from lite.phone.resume import Earlier

STOPPING = "stopping; Ctrl-C again ends this at once, with the rounds that have ended"
_LOOK = 2.0
_FILES = ("labels.txt", "manifest.json")


class UnfitPhoneError(PhoneError):
    """The phone does not fit what it should run; nothing was pushed."""


@dataclass
class Outcome:
    """What is known of one phone, growing while it is at work: `step` says what it is at.

    `share`: of the push, 0 to 1, while it goes on;
    `status`: running, ok, refused, mismatch, failed or stopped; `error`: why it is not ok;
    `seconds`: from first to last; `losses`: when it was out of reach;
    `conditions`: what else went on on it before; `diagnostics`: what was looked at
    beside latency.
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
    losses: list[Loss] = field(default_factory=list)
    conditions: Conditions | None = None
    # In a row, without a round in between.
    fruitless: int = 0

    @property
    def may_go_on(self) -> bool:
        """Whether it was given up as lost, and would do if it came back."""
        return (
            isinstance(self.error, PhoneError)
            and self.error.lost
            and self.status == "failed"
            and self.fruitless < MOST_FRUITLESS
        )

    def go_on(self) -> None:
        """It is back after all."""
        self.status, self.error = "running", None
        self.losses[-1] = self.losses[-1].ended()

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
    all outcomes after each round and when a phone has ended. `earlier`: what was measured before, to be gone on with.
    `reconnect`: seconds that a phone which is lost has to come back, to go on with the round it was in. `diagnostics`:
    what to look at beside latency.
    """

    bundles: Sequence[Bundle]
    plan: BenchPlan
    binaries: Binaries
    changed: Callable[[Outcome], None] = lambda outcome: None
    measured: Callable[[Sequence[Outcome]], None] = lambda outcomes: None
    earlier: Earlier | None = None
    reconnect: float = 0.0
    diagnostics: DiagnosticsPlan = field(default_factory=DiagnosticsPlan)


def run(
    devices: Sequence[Device], job: PhoneJob, arrivals: Callable[[], Sequence[Device]] | None = None
) -> tuple[list[Outcome], bool]:
    """Runs `job` on all `devices` at once; the outcomes in their order, and whether Ctrl-C ended it.

    `arrivals` gives the phones that are there now, every few seconds: those that have come meanwhile take part, too,
    and one that was given up as lost goes on. Who comes after all others have ended is late.
    Nothing that befalls a phone is raised: it is in its outcome. On Ctrl-C every phone is told to stop, what
    runs there is ended, and what was measured is kept; a second Ctrl-C meanwhile is raised.
    """
    outcomes = [_outcome(device, job) for device in devices]
    works: dict[str, _Work] = {}
    stop = threading.Event()
    with scratch_folder() as folder:
        tensors = _write_tensors(job.bundles, folder)

        def begin(device: Device, outcome: Outcome) -> None:
            work = _Work(device, outcome, job, tensors, stop, lambda: job.measured(list(outcomes)))
            works[device.serial] = work
            work.thread.start()

        try:
            for device, outcome in zip(devices, outcomes, strict=True):
                begin(device, outcome)
            # Not Thread.join: Python 3.10 takes a thread for ended when Ctrl-C comes in the middle of it (bpo-45274).
            while at_work := [one for one in works.values() if not one.end.is_set()]:
                at_work[0].end.wait(_LOOK if arrivals else None)
                for device in arrivals() if arrivals else ():
                    known = works.get(device.serial)
                    # The same phone has SERIAL@NUMBER as its name where another with its serial has come or gone.
                    alike = device.serial.partition("@")[0] in {one.partition("@")[0] for one in works}
                    if known is None and not alike:
                        outcomes.append(_outcome(device, job))
                        begin(device, outcomes[-1])
                    elif known and known.end.is_set() and known.outcome.may_go_on:
                        known.outcome.go_on()
                        begin(device, known.outcome)
        except KeyboardInterrupt:
            stop.set()
            for work in works.values():
                if work.outcome.status == "running":
                    work.say(STOPPING, work.outcome.share)
                work.device.close()
            for work in works.values():
                # One that Ctrl-C came before has not begun, and does not end.
                if work.thread.ident is not None:
                    work.end.wait()
    return outcomes, stop.is_set()


def _outcome(device: Device, job: PhoneJob) -> Outcome:
    outcome = Outcome(device.serial)
    if job.earlier:
        # Before the phone is asked anything: whatever befalls it, this is kept.
        outcome.measured = job.earlier.measured(outcome.serial)
        outcome.facts = job.earlier.facts(outcome.serial)
        outcome.losses = job.earlier.losses(outcome.serial)
        outcome.diagnostics = job.earlier.diagnostics(outcome.serial)
    return outcome


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """The command's: 8 if any phone computes another network, 6 if none could be used, 7 if one failed, else 0."""
    codes = {outcome.exit_code for outcome in outcomes}
    if GoldenMismatchError.exit_code in codes:
        return GoldenMismatchError.exit_code
    if codes == {NoPhoneError.exit_code}:
        return NoPhoneError.exit_code
    return 0 if codes == {0} else PhoneError.exit_code


class _Work:
    """One phone and the thread that is at work on it; `end` is set when that has come to its end."""

    def __init__(
        self,
        device: Device,
        outcome: Outcome,
        job: PhoneJob,
        tensors: Mapping[str, Path],
        stop: threading.Event,
        measured: Callable[[], None],
    ) -> None:
        self.device, self.outcome = device, outcome
        self._job, self._tensors, self._stop, self._measured = job, tensors, stop, measured
        self.end = threading.Event()
        self.thread = threading.Thread(target=self._thread, daemon=True)

    def say(self, step: str, share: float | None = None) -> None:
        """What the phone is at, and of a push how much is done."""
        self.outcome.step, self.outcome.share = step, share
        self._job.changed(self.outcome)

    def _thread(self) -> None:
        try:
            self._run()
            self._measured()
        finally:
            self.end.set()

    def _run(self) -> None:
        outcome, serial = self.outcome, self.device.serial
        began = time.monotonic()
        earlier = outcome.measured.snapshot()
        try:
            reconnect.through_losses(
                self._bench, self.device, outcome, self._job.reconnect, self._stop, self.say
            )
            outcome.status = "ok"
        except StoppedError:
            outcome.status = "stopped"
            outcome.error = PhoneError(serial, "it was told to stop", "run this again")
        except (UnfitPhoneError, BusyError) as error:
            outcome.status, outcome.error = "refused", error
        except GoldenMismatchError as error:
            outcome.status = "mismatch"
            outcome.error = GoldenMismatchError(serial, why=error.reason, remedy=error.remedy)
            # Whatever else was measured: the phone has shown that it cannot be trusted. It had passed in earlier
            # sessions.
            outcome.measured.measurements[:] = earlier.measurements
        except ToolkitError as error:
            outcome.status, outcome.error = "stopped" if self._stop.is_set() else "failed", error
        except Exception as error:
            # A mistake of ours must not cost the other phones' figures.
            outcome.status = "failed"
            outcome.error = PhoneError(
                serial, f"this tool failed ({type(error).__name__}: {error})", "please report it"
            )
        outcome.seconds += time.monotonic() - began
        # A configuration that was begun and never measured says nothing.
        outcome.measured.measurements[:] = [one for one in outcome.measured.measurements if one.rounds]
        self.say(outcome.status)

    def _bench(self, check: Callable[[], None]) -> None:
        device, outcome, job = self.device, self.outcome, self._job
        self.say("looking at the phone")
        with outcome.stages.stage("facts"):
            found = facts.read(device)
        if outcome.losses and outcome.facts:
            facts.check_same(outcome.facts, found)
        outcome.facts = found
        if job.earlier:
            try:
                job.earlier.check_phone(found)
            except PhoneError as error:
                raise UnfitPhoneError(device.serial, error.why or "", error.remedy or "") from None
        candidates = [_candidate(bundle, found) for bundle in job.bundles]
        _refuse_what_does_not_fit(device, job, found)
        with outcome.stages.stage("conditions"):
            outcome.conditions = conditions.read(device)
        files = dict(job.binaries.find(found.abis[0], job.bundles).files)
        for candidate in candidates:
            files |= _bundle_files(candidate, self._tensors[candidate.name])
        self.say("pushing")
        with outcome.stages.stage("push"):
            outcome.pushed = push.push(device, files, on_progress=self._progress())
        self.say(_what_was_pushed(outcome.pushed))
        phone = measure.Phone(
            device,
            push.FOLDER,
            job.plan,
            outcome.stages,
            self.say,
            self._stop,
            self._measured,
            check,
            found.clusters,
        )
        for candidate in candidates:
            phone.check_golden(candidate, outcome.measured)
        with fixed_clocks(device) if job.plan.fixed_clocks else nullcontext():
            phone.measure(candidates, outcome.measured)
            diagnostics.run(phone, candidates, job.diagnostics, outcome.measured, outcome.diagnostics)

    def _progress(self) -> push.Progress:
        began = time.monotonic()

        def tell(name: str, done: int, total: int) -> None:
            speed = done / max(time.monotonic() - began, 1e-3)
            text = f"pushing {done / 1e6:.1f} of {total / 1e6:.1f} MB, {speed / 1e6:.1f} MB/s"
            self.say(text, done / max(total, 1))

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
    try:
        job.plan.configurations(found.clusters)
    except NoSuchCoresError as error:
        remedy = "give a mask of its CPUs to --cores (1 is CPU 0, f0 is 4 to 7)"
        raise UnfitPhoneError(device.serial, str(error), remedy) from None
    if job.plan.fixed_clocks:
        try:
            with fixed_clocks(device):
                pass
        except NoFixedClocksError as error:
            raise UnfitPhoneError(device.serial, error.why or "", error.remedy or "") from None
    problems = [problem for bundle in job.bundles for problem in checks.problems(bundle, found, job.binaries)]
    problems += checks.of_all(job.bundles, found, job.binaries, profiled=job.diagnostics.profile)
    if problems:
        first, *others = dict.fromkeys(problems)
        also = "".join(f" · {problem}" for problem in others)
        raise UnfitPhoneError(device.serial, f"{first.what}: {first.why}", f"{first.remedy}{also}")


def _candidate(bundle: Bundle, found: Facts) -> Candidate:
    return Candidate(bundle, f"{push.FOLDER}/{bundle.name}", host=checks.is_x86(found))


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
        name = bundle.name
        written[name] = folder / f"{name}.f32"
        bundle.golden()[0].astype("<f4").tofile(written[name])
    return written
