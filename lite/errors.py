"""What can go wrong, as a small tree: each class carries the exit code of the commands (see README).

A message says in one line what happened, why, and what to do about it; commands print it without a
traceback.
"""

from __future__ import annotations


class ToolkitError(Exception):
    """Base of every failure a user can cause or mend."""

    exit_code = 1


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
