"""What every command shares: the repository on the import path, and errors as one line and an exit code.

A command begins with `import _command`, imports at its top what its options need, the rest where it runs, so that
`--help` comes at once, and ends with `_command.run(main)`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import click

ROOT = Path(__file__).resolve().parent.parent
_OURS = ("lite", "quant", "tools")
_USAGE = 2
_INTERRUPTED = 128 + signal.SIGINT
_BROKEN_PIPE = 128 + signal.SIGPIPE
_PRINTED = "_command.printed"

# `python tools/opt.py` puts only tools/ there.
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


def run(command: click.Command) -> NoReturn:
    """Runs `command` with the process's arguments and exits.

    A ToolkitError becomes `error: …` on standard error and its exit code; bad usage and files that cannot
    be read or written, 2; Ctrl-C 130; a reader that went away (`| head`) 141, without a word. With --json the
    error is on standard output, too, as {"error": {"what", "why", "remedy", "exit_code"}}, unless the document is.
    """
    import click

    from lite.errors import ToolkitError

    status = 0
    interrupted = False
    context: click.Context | None = None
    failure: ToolkitError | None = None

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    try:
        with (
            _on_interrupt(interrupt),
            command.make_context(f"python tools/{Path(sys.argv[0]).name}", sys.argv[1:]) as context,
        ):
            command.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        status = end.exit_code
    except click.ClickException as error:
        failure, status = ToolkitError(error.format_message()), error.exit_code
        click.UsageError(failure.what, getattr(error, "ctx", None)).show()
    except ToolkitError as error:
        _print_error(error)
        failure, status = error, error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _print_error("interrupted")
        failure, status = ToolkitError("interrupted"), _INTERRUPTED
    except BrokenPipeError:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = _BROKEN_PIPE
    except OSError as error:
        failure = ToolkitError(str(error), remedy="check the path, its permissions and the free space")
        _print_error(failure)
        status = _USAGE
    except Exception:
        # Commands import Paddle late, and Ctrl-C meanwhile is whatever its modules make of it.
        if not interrupted:
            raise
        _print_error("interrupted")
        failure, status = ToolkitError("interrupted"), _INTERRUPTED
    if failure is not None and _wants_json(command) and not (context and context.meta.get(_PRINTED)):
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps({"error": failure.as_dict() | {"exit_code": status}}, indent=2), flush=True)
    if status == _INTERRUPTED:
        # While Python ends, one more would be a traceback.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(status)


def print_json(document: object) -> None:
    """Prints a command's document, for its --json; an error after it goes to standard error alone."""
    import click

    click.echo(json.dumps(document, indent=2))
    click.get_current_context().meta[_PRINTED] = True


def _wants_json(command: click.Command) -> bool:
    # Not from the context: there is none where the other options are wrong.
    return "--json" in sys.argv and any("--json" in parameter.opts for parameter in command.params)


@contextlib.contextmanager
def _on_interrupt(handler: Callable[[int, FrameType | None], NoReturn]) -> Iterator[None]:
    # Who ignores Ctrl-C, as what a shell runs in the background does, goes on ignoring it.
    earlier = signal.getsignal(signal.SIGINT)
    if earlier is not _leave_interrupted:
        yield
        return
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, earlier)


def _leave_interrupted(number: int, frame: FrameType | None) -> NoReturn:
    _print_error("interrupted")
    sys.stderr.flush()
    os._exit(_INTERRUPTED)


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A package that is missing as one line and exit 2; a fault of this repository's own with its traceback."""
    if isinstance(error, ImportError) and (error.name or "").split(".")[0] not in _OURS:
        _leave(f"a required package cannot be imported ({error})")
    sys.__excepthook__(kind, error, trace)


def _leave(why: str) -> NoReturn:
    arguments = " ".join(sys.argv[1:2]) + (" …" if len(sys.argv) > 2 else "")
    script = Path(sys.argv[0]).name
    _print_error(f"{why}; run ./run.sh tools/{script} {arguments}".rstrip() + ", which makes the environment")
    sys.exit(_USAGE)


def _print_error(message: object) -> None:
    from lite.shown import line

    # Three fields of an error fit.
    print("error: " + line(str(message), 6100), file=sys.stderr)


if sys.version_info[:2] != (3, 10):
    _leave(f"this is Python {sys.version.split()[0]}, and Paddle Lite's wheels end at 3.10")
sys.excepthook = _show
# A compiled module that is being imported would make Ctrl-C an error of its own, so it ends the process on the spot.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _leave_interrupted)
