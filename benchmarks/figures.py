"""Makes the figures and pictures that the documents show, and puts them where they are shown.

docs/figures.json is the one home of every figure: its value, the command that made it, of what weights and pictures,
on which machine, at which revision. Groups are run one after the other, and each is written as soon as it is done;
the other groups keep what they have. At the end the documents' tables are made anew (`documents.py`), and what in a
document has no source, or is older than what it shows, is told; so it is by `--check`, which runs nothing.

    ./run.sh benchmarks/figures.py --list
    ./run.sh --requirements requirements-dev.txt benchmarks/figures.py bundle digits pictures
    ./run.sh benchmarks/figures.py --check
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click
import documents
import figures_pictures
from documents import FIGURES, ROOT
from figures_groups import GROUPS, Figures, Runner
from figures_pictures import PICTURES, PLOTS
from measured import host
from rich import box
from rich.console import Console
from rich.table import Table

from lite.errors import InputError, ToolkitError
from lite.files import write_text
from lite.shown import shown

ALL_PICTURES = "pictures"
# What a figure can depend on; documents do not change it.
CODE = ("lite", "quant", "tools", "benchmarks", "android_demo", "requirements.txt")


@click.command(help=__doc__.split("\n\n")[0])
@click.argument("groups", nargs=-1, metavar="[GROUP]…")
@click.option(
    "--list", "listing", is_flag=True, help="Print the groups, what they need and how old they are."
)
@click.option("--check", is_flag=True, help="Only say what is wrong; exit 1 if anything is.")
def main(groups: Sequence[str], listing: bool, check: bool) -> None:
    if listing:
        # As one text: rich would end the program itself when the reader goes away.
        console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
        with console.capture() as capture:
            console.print(table(documents.load()))
        click.echo(capture.get(), nl=False)
        return
    wanted = [name for group in groups for name in (PICTURES if group == ALL_PICTURES else [group])]
    if unknown := [name for name in wanted if name not in {**GROUPS, **PICTURES}]:
        raise click.UsageError(f"no group {shown(unknown[0])}; --list shows them")
    failures = [] if check else [failure for name in wanted if (failure := make_group(name))]
    if not check:
        render()
    failures += documents.problems() + figures_pictures.problems()
    for line in failures:
        click.echo(f"figures.py: {line}", err=True)
    sys.exit(1 if failures else 0)


def make_group(name: str, root: Path = ROOT) -> str | None:
    """Makes a group or its pictures and writes docs/figures.json; why it cannot be made, if so."""
    runner = Runner(root)
    # Of the code that is run, and of the machine before it is at work.
    revision, load = revision_of(root), os.getloadavg()[0]
    try:
        if name in PICTURES:
            pictures = PICTURES[name]
            shows = pictures.make(runner, [root / file for file in pictures.files])
            files, sources = pictures.files, pictures.sources
        else:
            found = write_group(name, runner, revision, load)
            plot = PLOTS.get(name)
            if plot is None:
                return None
            files, sources = (plot.file,), (plot.source,)
            shows = {f"{name}.{key}": value for key, (value, _) in found.items() if key.endswith(plot.shows)}
        data = documents.load(root)
        data["pictures"] |= figures_pictures.record(files, sources, shows, runner.commands, root)
        write(data, root)
    except click.ClickException as error:
        return f"{name}: {error.message}"
    except (ToolkitError, OSError) as error:
        return f"{name}: {error}"
    return None


def write_group(name: str, runner: Runner, revision: str, load: float) -> Figures:
    """Runs a group and puts its figures, with where they come from, into docs/figures.json."""
    group = GROUPS[name]
    found = group.make(runner)
    at = host(load)
    data = documents.load(runner.root)
    data["groups"][name] = {
        "commands": runner.commands,
        "weights": group.weights,
        "images": group.images,
        "machine": f"{at['cores']} cores of {at['processor']}, load {load:.1f} before",
        "revision": revision,
        "date": datetime.now(timezone.utc).date().isoformat(),
        "figures": {key: {"value": value, "unit": unit} for key, (value, unit) in found.items()},
    }
    # In the order of the list, so that a group made anew stays where it is.
    data["groups"] = {key: data["groups"][key] for key in GROUPS if key in data["groups"]}
    write(data, runner.root)
    return found


def revision_of(root: Path) -> str:
    """The commit, with a + where code differs from it."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True)
        if done.returncode:
            raise click.ClickException(f"git {words[0]} failed: {done.stderr.strip()}")
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", *CODE)
    return git("rev-parse", "--short=7", "HEAD") + ("+" if changed else "")


def write(data: dict[str, Any], root: Path = ROOT) -> None:
    """Writes docs/figures.json under a temporary name first; a figure takes one line."""
    text = json.dumps(data, indent=1, ensure_ascii=False)
    text = re.sub(r'\{\s+"value": (\S+),\s+"unit": ("[^"]*")\s+\}', r'{"value": \1, "unit": \2}', text)
    write_text(root / FIGURES, text + "\n")


def render(root: Path = ROOT) -> None:
    """Makes the tables of all documents anew, but where one of them cannot be made: `problems` says why."""
    data = documents.load(root)
    for document in documents.documents(root):
        try:
            text = documents.with_tables(document, data)
        except InputError:
            continue
        if text != document.text:
            write_text(root / document.path, text)


def table(data: dict[str, Any]) -> Table:
    """Groups in the order in which they are best run."""
    shown = Table("group", "makes", "needs", "takes", "made at", "on", box=box.SIMPLE)
    for name, group in GROUPS.items():
        last = data["groups"].get(name, {"figures": {}, "revision": "never", "date": ""})
        count = f"{len(last['figures'])} figures"
        shown.add_row(name, count, group.needs, group.takes, last["revision"], last["date"])
    for name, pictures in PICTURES.items():
        shown.add_row(name, ", ".join(pictures.files), pictures.needs, pictures.takes)
    shown.add_row(ALL_PICTURES, "all of these pictures")
    return shown


if __name__ == "__main__":
    main()
