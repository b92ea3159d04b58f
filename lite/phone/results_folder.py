"""Where a bench's results go: written again after every round, and elsewhere when the folder takes them no more."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lite.errors import InputError
from lite.files import make_folder, remove_parts
from lite.phone import results

# An earlier bench's, when another one writes to its folder.
PREVIOUS = "results.previous.json"
# Not among what is temporary: it may hold the only copy.
_LAST_RESORT = "adb-bench-"


class ResultsFolder:
    """The folder `out`, or one in its place once it cannot be written.

    `spare` is tried after it, then a new folder among the system's temporary ones. `notify` gets one line when
    another folder is taken. With `resumed` the results that are there are this bench's own.
    """

    def __init__(
        self, out: Path, spare: Path, *, notify: Callable[[str], None], resumed: bool = False
    ) -> None:
        self.path = out
        # Why the results are not in `out`, None where they are.
        self.error: InputError | None = None
        self._out, self._spare, self._notify = out, spare, notify
        self._is_fresh = not resumed
        self._lock = threading.Lock()
        _check(out)

    def write(
        self, document: Callable[[], Mapping[str, Any]], *, complete: bool = False
    ) -> Mapping[str, Any]:
        """Writes results.json and results.csv of what `document` gives, each whole or not at all; returns it.

        From any thread; what is written is never older than what is there. `complete` holds it to the schema
        first. Raises InputError where no folder takes them.
        """
        with self._lock:
            made = document()
            if complete:
                results.check(made)
            self._write(made)
            return made

    def _write(self, document: Mapping[str, Any]) -> None:
        try:
            # Somebody may have removed it.
            make_folder(self._out)
            if self._is_fresh:
                _make_room(self._out)
                self._is_fresh = False
            results.write_figures(self._out, document)
            self.path, self.error = self._out, None
        except InputError as error:
            before = self.path
            self.path = self._elsewhere(document, error)
            self.error = InputError(
                error.what, why=error.why, remedy=f"what was measured is in {self.path}; choose another --out"
            )
            if self.path != before:
                self._notify(f"{error.reason}: results go to {self.path}")

    def _elsewhere(self, document: Mapping[str, Any], error: InputError) -> Path:
        known = [self._spare] if self.path == self._out else [self.path, self._spare]
        for folder in known:
            with contextlib.suppress(InputError):
                make_folder(folder)
                results.write_figures(folder, document)
                return folder
        try:
            last = Path(tempfile.mkdtemp(prefix=_LAST_RESORT))
        except OSError:
            raise error from None
        results.write_figures(last, document)
        return last


def _check(out: Path) -> None:
    """Before any work: raises InputError unless the three files can be written into `out`, which is made.

    What a bench that was killed while it wrote them has left is removed.
    """
    make_folder(out)
    for name in results.FILES:
        remove_parts(out / name)
        if (out / name).is_dir():
            raise InputError(f"{out / name} is a folder", remedy="choose another --out, or remove it")


def _make_room(out: Path) -> None:
    """Puts an earlier bench's results aside, and removes its report, which would not fit beside the new ones."""
    try:
        if (out / results.JSON).is_file():
            (out / results.JSON).replace(out / PREVIOUS)
        (out / results.REPORT).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot write into {out}", why=error.strerror, remedy="choose another --out"
        ) from error
