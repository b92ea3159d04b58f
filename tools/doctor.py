"""Checks this computer and the connected phones for what measuring a bundle takes, and says what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import _command
import click
from _display import plain, show
from _options import BUNDLES, bundle_option, json_option, phone_options, serial_option
from adbutils import adb_path
from rich.table import Table

from lite.bundle import Bundle
from lite.errors import InputError
from lite.phone import checks, facts, host
from lite.phone.binaries import Binaries, BinaryError
from lite.phone.facts import Facts
from lite.phone.host import Check
from lite.phone.link import NoPhoneError, PhoneError
from lite.phone.server import AdbServer, Listed, address, chosen_serials

BENCH = ("./run.sh", "tools/adb_bench.py")
MARKS = {
    "ok": "[green]ok[/]",
    "missing": "[bold red]missing[/]",
    "optional": "[yellow]no[/]",
    "refused": "[bold red]no[/]",
}

EXAMPLES = """
\b
Examples:
  ./run.sh tools/doctor.py
  ./run.sh tools/doctor.py --bundle build/bundles/deit_tiny-imagenet-int8-arm --demo build/cpp/android/deit
  ./run.sh tools/doctor.py --adb-host farm:5037 --json

\b
Exit codes: 0 a phone can run the bundle · 2 something is missing on this computer, or bad usage · 6 no phone can
run it
"""


@click.command(help=__doc__, epilog=EXAMPLES)
@bundle_option("What is to run.")
@serial_option("all of them")
@phone_options
@json_option("one JSON document")
def main(
    folder: Path | None,
    serials: Sequence[str],
    adb_host: str | None,
    sdk: Path | None,
    demo: Path | None,
    as_json: bool,
) -> None:
    """Runs the command."""
    where = address(adb_host)
    found, chosen = host.a_bundle(folder, BUNDLES)
    computer = [*host.python(_command.ROOT), found, host.tools(), host.ndk(), host.sdks(), _adb()]
    phones: list[dict[str, Any]] = []
    try:
        server = AdbServer(where)
        computer.append(host.ok("adb server", f"version {server.version}"))
        phones = _phones(server, chosen_serials(serials), chosen, Binaries(sdk, demo))
    except NoPhoneError as error:
        computer.append(Check("adb server", "missing", error.reason, error.remedy or "adb start-server"))
    given = {"--bundle": folder, "--adb-host": adb_host, "--sdk": sdk, "--demo": demo}
    options = [word for name, value in given.items() if value is not None for word in (name, str(value))]
    next_step, code = _next(computer, phones, serials, options)
    if as_json:
        document = {
            "computer": [vars(check) for check in computer],
            "phones": phones,
            "next": next_step,
            "exit_code": code,
        }
        _command.print_json(document)
    else:
        _print(computer, phones)
        click.echo(f"next: {next_step}")
    raise click.exceptions.Exit(code)


def _adb() -> Check:
    try:
        return host.ok("adb", adb_path())
    except Exception as error:  # adbutils raises whatever its search stumbles over
        return Check("adb", "missing", str(error), "run ./run.sh tools/doctor.py, which installs it")


def _phones(
    server: AdbServer, serials: Sequence[str], chosen: Bundle | None, binaries: Binaries
) -> list[dict[str, Any]]:
    listed = [one for one in server.listed() if not serials or one.serial in serials]
    # One in the network is connected to, as the bench does.
    listed += [Listed(serial, "device") for serial in serials if serial not in {one.serial for one in listed}]
    return [_phone(server, one, chosen, binaries) for one in listed]


def _phone(server: AdbServer, one: Listed, chosen: Bundle | None, binaries: Binaries) -> dict[str, Any]:
    entry: dict[str, Any] = {"serial": one.serial, "state": one.state, "facts": None, "problems": []}
    if not one.usable:
        entry["problems"] = [{**one.error.as_dict(), "what": "state"}]
        return entry
    try:
        (device,) = server.choose([one.serial], notify=lambda line: None)
        known = facts.read(device)
        entry["facts"] = asdict(known)
        entry["problems"] = [vars(problem) for problem in _problems(chosen, known, binaries)]
    except (PhoneError, NoPhoneError, InputError) as error:
        if isinstance(error, NoPhoneError):
            entry["state"] = "not connected"
        entry["problems"] = [{"what": "phone", "why": error.reason, "remedy": error.remedy}]
    return entry


def _problems(chosen: Bundle | None, known: Facts, binaries: Binaries) -> list[checks.Problem]:
    if chosen is not None:
        return [*checks.problems(chosen, known, binaries), *checks.of_all([chosen], known, binaries)]
    try:
        binaries.find(known.abis[0])
    except BinaryError as error:
        return [checks.Problem("program", error.reason, error.remedy or "")]
    return []


def _next(
    computer: Sequence[Check],
    phones: Sequence[dict[str, Any]],
    serials: Sequence[str],
    options: Sequence[str],
) -> tuple[str, int]:
    """The first thing to do, and the command's exit code; the bench gets what this command was given."""
    for check in computer:
        if check.state == "missing":
            return f"{check.remedy}", 2
    if not phones:
        return "plug in a phone and switch on USB debugging in its developer options", NoPhoneError.exit_code
    if ready := [phone["serial"] for phone in phones if not phone["problems"]]:
        named = [serial for serial in ready if serial in serials] or (ready[:1] if len(phones) > 1 else [])
        words = [*options, *(word for serial in named for word in ("--serial", serial))]
        return shlex.join([*BENCH, *words]), 0
    return f"{phones[0]['serial']}: {phones[0]['problems'][0]['remedy']}", NoPhoneError.exit_code


def _print(computer: Sequence[Check], phones: Sequence[dict[str, Any]]) -> None:
    table = Table(show_header=False, box=None)
    for _ in range(3):
        table.add_column(overflow="fold")
    for check in computer:
        table.add_row(MARKS[check.state], check.what, _cell(check.found, check.remedy))
    for phone in phones:
        found = phone["facts"]
        words = _words(found) if found else phone["state"]
        problems = [_cell(f"{one['what']}: {one['why']}", one["remedy"]) for one in phone["problems"]]
        mark = MARKS["refused" if problems else "ok"]
        table.add_row(mark, plain(phone["serial"]), "\n".join([plain(words), *problems]))
    show(table)


def _cell(found: str, remedy: str | None) -> str:
    return "\n".join([plain(found), *([plain(f"→ {remedy}")] if remedy else [])])


def _words(found: dict[str, Any]) -> str:
    parts = (
        found["model"],
        found["soc"],
        f"Android {found['android_version']}" if found["android_version"] else None,
        f"{found['abis'][0]}, {found['cores']} cores",
        " ".join(found["features"]),
        f"{found['free_bytes'] / 1e6:.0f} MB free" if found["free_bytes"] is not None else None,
        f"OpenCL {found['opencl']}" if found["opencl"] else "no OpenCL",
        "root" if found["root"] else None,
    )
    return " · ".join(part for part in parts if part)


if __name__ == "__main__":
    _command.run(main)
