"""What was measured is kept, whatever ends the bench or takes its folder away; and --resume goes on from there."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import json
import os
import pty
import shutil
import signal
import subprocess
import termios
from pathlib import Path
from typing import Any

import pytest
from bench import bench, command_line, demo_runs, hear_hang_ups, measuring, results, start
from phone import Phone
from waiting import HANG, ended, until

from lite import bundle
from lite.errors import InputError
from lite.phone import results as results_files
from lite.phone import resume
from lite.phone.facts import Facts
from lite.phone.link import PhoneError
from lite.phone.plan import BenchPlan
from lite.phone.results import PREVIOUS, ResultsFolder

LONG = ("--repeats", 40, "--rounds", 20, "--warmup", 0, "--sensors-every", 0)


def rounds(out: Path) -> list[dict[str, Any]]:
    """Of the first measurement, as far as it is written."""
    try:
        found = results(out)["phones"][0]["measurements"]
    except FileNotFoundError:
        return []
    return found[0]["rounds"] if found else []


def begun(out: Path, *options: object) -> subprocess.Popen[str]:
    """A bench that has written two of its twenty rounds."""
    command = start(*options, *LONG)
    until(lambda: len(rounds(out)) >= 2, command)
    return command


def killed(out: Path, *options: object) -> list[dict[str, Any]]:
    """What a bench has written that is killed."""
    command = begun(out, *options)
    command.kill()
    command.communicate()
    return rounds(out)


def test_a_killed_bench_has_written_each_round_and_resume_goes_on(
    phone: Phone, options: tuple[object, ...], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    before = killed(out, *options)
    document = results(out)
    assert results_files.problem(document) is None
    (one,) = document["phones"]
    (row,) = one["measurements"]
    assert (one["status"], row["complete"], row["summary"]["count"]) == ("running", False, 2 * len(before))
    assert row["notes"][0] == f"{2 * len(before)} of 40 runs"
    with (out / "results.csv").open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert (line["status"], line["planned_runs"]) == ("running", "40")
    # Two files, one renamed after the other: the kill may come between, and leave the second half written.
    assert int(line["runs"]) in (2 * len(before), 2 * len(before) - 2)
    until(lambda: not demo_runs(phone))
    done = bench(*options, *LONG, "--resume")
    assert done.returncode == 0, done.stderr
    assert len(rounds(out)) == 20
    assert rounds(out)[: len(before)] == before
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []
    document = results(out)
    assert len(document["sessions"]) == 2
    assert document["phones"][0]["measurements"][0]["complete"]
    assert "Measured in 2 sessions" in (out / "report.html").read_text()
    again = bench(*options, *LONG, "--resume")
    assert again.returncode == 0, again.stderr
    assert rounds(out) == results(out)["phones"][0]["measurements"][0]["rounds"]
    assert "run" not in results(out)["phones"][0]["seconds"]


def test_resume_refuses_other_options_bundles_and_phones(
    phone: Phone, options: tuple[object, ...], tiny_bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    before = killed(out, *options)
    other = bench(*options, *LONG, "--resume", "--repeats", 60)
    assert other.returncode == 2
    assert (
        "is another one: --repeats was 40 and is 60; give the same again, or measure afresh" in other.stderr
    )
    document = results(out)
    plan = BenchPlan(**document["plan"])
    made = bundle.read(tiny_bundle)
    with pytest.raises(InputError, match="is another one: --compare was not given and is base"):
        resume.read(out, plan, [made], "base")
    document["bundles"][0]["model_nb"]["sha256"] = "0" * 64
    (tmp_path / "changed").mkdir()
    (tmp_path / "changed/results.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="which have changed"):
        resume.read(tmp_path / "changed", plan, [made], None)
    earlier = resume.read(out, plan, [made], None)
    found = {**document["phones"][0]["facts"], "model": "Another"}
    with pytest.raises(PhoneError, match="its model was Debian Test phone x86_64 and is Another now"):
        earlier.check_phone(Facts(**{k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}))
    assert [one["serial"] for one in earlier.others(["x"])] == [phone.serial]
    assert earlier.others([phone.serial]) == []
    # A phone that is lost at once keeps what it had measured.
    phone.set("/system/build.prop", "ro.product.model=Another\nro.product.cpu.abilist=x86_64")
    lost = bench(*options, *LONG, "--resume")
    assert lost.returncode == 6
    assert "its model was Debian Test phone x86_64" in lost.stderr
    assert rounds(out) == before


def test_there_is_nothing_to_go_on_with(phone: Phone, options: tuple[object, ...], tmp_path: Path) -> None:
    done = bench(*options, "--resume")
    assert done.returncode == 2
    assert "there is no bench to go on with in" in done.stderr
    (tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "out/results.json").write_text('{"schema": 1}')
    done = bench(*options, "--resume")
    assert done.returncode == 2
    assert "is no result of this version" in done.stderr
    assert (tmp_path / "out/results.json").read_text() == '{"schema": 1}'


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_are_as_ctrl_c(
    number: signal.Signals, phone: Phone, options: tuple[object, ...], tmp_path: Path
) -> None:
    command = begun(tmp_path / "out", *options)
    command.send_signal(number)
    done = ended(command)
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == "error: interrupted"
    assert f"--resume --out {tmp_path / 'out'} goes on from here" in done.stderr
    assert "of 40 runs" in done.stdout
    assert results(tmp_path / "out")["phones"][0]["status"] == "stopped"
    assert len(rounds(tmp_path / "out")) >= 2
    page = (tmp_path / "out/report.html").read_text()
    assert "median of 40 runs" not in page
    assert f"{2 * len(rounds(tmp_path / 'out'))} runs" in page
    until(lambda: not demo_runs(phone))


def test_a_terminal_that_is_closed(phone: Phone, options: tuple[object, ...], tmp_path: Path) -> None:
    """The window is closed: SIGHUP, and whatever is printed from then on is an error."""
    ours, theirs = pty.openpty()

    def take() -> None:
        hear_hang_ups()
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    command = subprocess.Popen(
        command_line((*options, *LONG)), stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=take
    )
    os.close(theirs)
    try:
        os.set_blocking(ours, False)

        def written() -> bool:
            with contextlib.suppress(BlockingIOError):
                os.read(ours, 1 << 16)
            return len(rounds(tmp_path / "out")) >= 2

        until(written)
        os.close(ours)
        assert command.wait(HANG) == 130
    finally:
        command.kill()
        command.wait()
    assert results(tmp_path / "out")["phones"][0]["status"] == "stopped"
    assert (tmp_path / "out/report.html").exists()
    until(lambda: not demo_runs(phone))


def test_a_folder_that_vanishes_is_made_again(
    phone: Phone, options: tuple[object, ...], tmp_path: Path
) -> None:
    command = begun(tmp_path / "out", *options)
    # At once, whatever the bench writes there just now.
    (tmp_path / "out").rename(tmp_path / "gone")
    done = ended(command)
    assert done.returncode == 0, done.stderr
    assert len(rounds(tmp_path / "out")) == 20
    assert (tmp_path / "out/report.html").exists()


def test_a_folder_that_can_be_written_no_more(
    phone: Phone, options: tuple[object, ...], tmp_path: Path, root: Path
) -> None:
    """A file lies in its place: the results go elsewhere, and the command says where and fails."""
    command = begun(tmp_path / "out", *options)

    def lies_in_the_way() -> bool:
        # The bench may write there just now, or make the folder again.
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        with contextlib.suppress(IsADirectoryError):
            (tmp_path / "out").write_text("in the way")
        return (tmp_path / "out").is_file()

    until(lies_in_the_way)
    done = ended(command)
    assert done.returncode == 2
    assert "p50 ms" in done.stdout
    (report,) = [Path(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("report")]
    try:
        assert report.parent.parent == root / "build" / "bench"
        assert len(rounds(report.parent)) == 20
        assert report.exists()
        assert (
            f"what was measured is in {report.parent}; choose another --out" in done.stderr.splitlines()[-1]
        )
    finally:
        shutil.rmtree(report.parent)


def test_a_folder_in_a_results_place_is_refused_before_any_work(
    phone: Phone, options: tuple[object, ...], tmp_path: Path
) -> None:
    (tmp_path / "out/results.json").mkdir(parents=True)
    done = bench(*options)
    assert done.returncode == 2
    assert "results.json is a folder; choose another --out" in done.stderr
    (tmp_path / "file").write_text("")
    done = bench("--bundle", options[1], "--out", tmp_path / "file")
    assert done.returncode == 2
    assert "Not a directory" in done.stderr
    assert not phone.path("/data/local/tmp/deit_lite").exists()


def test_a_reader_who_goes_away_costs_no_report(
    phone: Phone, options: tuple[object, ...], tmp_path: Path
) -> None:
    command = start(*options, "--repeats", 2, "--warmup", 0)
    measuring(phone)
    assert command.stdout
    command.stdout.close()
    command.stdout = None
    done = ended(command)
    assert done.returncode == 141, done.stderr
    assert (tmp_path / "out/report.html").exists()


def test_no_folder_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is said, and what was in memory is not lost by it: it can be written once there is a place."""
    said: list[str] = []
    document = {"bundles": [], "phones": []}
    folder = ResultsFolder(tmp_path / "out", tmp_path / "spare", notify=said.append)
    shutil.rmtree(tmp_path / "out")
    for name in ("out", "spare"):
        (tmp_path / name).write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(InputError, match="cannot write"):
        folder.write(lambda: document)
    (tmp_path / "spare").unlink()
    folder.write(lambda: document)
    assert folder.path == tmp_path / "spare"
    assert len(said) == 1
    (tmp_path / "out").unlink()
    folder.write(lambda: document)
    assert (folder.path, folder.error) == (tmp_path / "out", None)


def test_an_earlier_bench_in_the_folder_is_put_aside(tmp_path: Path) -> None:
    for name in ("results.json", "results.csv", "report.html"):
        (tmp_path / name).write_text("earlier")
    folder = ResultsFolder(tmp_path, tmp_path / "spare", notify=print)
    assert (tmp_path / "results.json").read_text() == "earlier"
    for _ in range(2):
        folder.write(lambda: {"bundles": [], "phones": []})
        assert (tmp_path / PREVIOUS).read_text() == "earlier"
        assert not (tmp_path / "report.html").exists()


def test_a_second_bench_into_the_same_folder_is_refused(
    phone: Phone, options: tuple[object, ...], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = begun(out, *options)
    for more in ((), ("--resume",)):
        done = bench(*options, *LONG, *more)
        assert (done.returncode, done.stdout) == (2, "")
        assert (
            done.stderr == f"error: another bench writes into {out}; wait for it, or choose another --out\n"
        )
    assert command.poll() is None
    command.kill()
    command.communicate()
    assert not (out / PREVIOUS).exists()
    # What died keeps nobody out.
    ResultsFolder(out, tmp_path / "spare", notify=print)
