"""What can go wrong, as a small tree: each class carries the exit code of the commands (see README).

An error has fields: what happened, why, and what to do about it. Commands print them as one line without a traceback,
and JSON outputs carry them one by one; nobody takes the line apart again. Whatever a message repeats of its input, the
fields are printable and of bounded length, so that the terminal, JSON, HTML and CSV have it from here.
"""

from __future__ import annotations

import copyreg
from typing import Any

from lite.shown import line


class ToolkitError(Exception):
    """Base of every failure a user can cause or mend: `what` happened, `why`, and the `remedy`.

    `why` and `remedy` are None where there is nothing more to say. As text it is `what: why; remedy`. Each field is one
    line in which control characters are escaped. It can be pickled, also a subclass that takes other arguments.
    """

    exit_code = 1

    def __init__(self, what: str, *, why: str | None = None, remedy: str | None = None) -> None:
        self.what = line(what)
        self.why = None if why is None else line(why)
        self.remedy = None if remedy is None else line(remedy)
        super().__init__(self.what)

    def __str__(self) -> str:
        return self.reason + (f"; {self.remedy}" if self.remedy else "")

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own would call the class with `args`, which are not those of every subclass.
        return copyreg.__newobj__, (type(self), *self.args), vars(self)  # type: ignore[attr-defined]

    @property
    def reason(self) -> str:
        """What happened and why, as text without the remedy: the `why` of an error that wraps this one."""
        return self.what + (f": {self.why}" if self.why else "")

    def as_dict(self) -> dict[str, str | None]:
        """The fields as JSON values, each in one line; unknown is null."""
        return {"what": self.what, "why": self.why, "remedy": self.remedy}


class InputError(ToolkitError):
    """Bad usage or input: weights, pictures, recipes, bundles, options."""

    exit_code = 2


class DriftError(ToolkitError):
    """The drift is over the gate the user set; the bundle is kept and marked."""

    exit_code = 3


class ConversionError(ToolkitError):
    """Quantization, export, the optimizer or the host check failed."""

    exit_code = 4


class DownloadError(ToolkitError):
    """A file could not be had from its published address."""

    exit_code = 5


class InterruptedRunError(ToolkitError):
    """Ctrl-C; what is done is stored."""

    exit_code = 130
