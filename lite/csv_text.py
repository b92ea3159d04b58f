"""Tables as CSV (RFC 4180), for programs and for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from lite.shown import escaped

# A spreadsheet runs a cell that begins so as a formula, and its text may be anyone's: the name of a picture or a class.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, line_end: str = "\r\n") -> str:
    """The heading and the rows as text; None is an empty cell, a truth value 1 or 0.

    Text that a spreadsheet would take for a formula has an apostrophe put before it, and control characters in it are
    escaped. Numbers are as Python writes them, so that nothing is lost.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        return escaped(f"'{value}" if value.startswith(_FORMULA) else value)
    return value
