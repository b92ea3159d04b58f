"""What every command shares: the repository on the import path, and errors as one line and an exit code.

A command begins with `import _command`, imports at its top what its options need, the rest where it runs, so that
`--help` comes at once, and ends with `_command.run(main)`.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

if TYPE_CHECKING:
    import click

    from lite.errors import ToolkitError

ROOT = Path(__file__).resolve().parent.parent
_OURS = ("lite", "quant", "tools")
_FAULT = 1
_USAGE = 2
_INTERRUPTED = 128 + signal.SIGINT
_BROKEN_PIPE = 128 + signal.SIGPIPE
_PRINTED = "_command.printed"
_DEBUG = "--debug"
_WHY_LENGTH = 200
_OUTPUT = "standard output"

# `python tools/opt.py` puts only tools/ there.
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


def run(command: click.Command) -> NoReturn:
    """Runs `command` with the process's arguments and exits.

    A ToolkitError becomes `error: …` on standard error and its exit code; bad usage and files that cannot
    be read or written, 2; Ctrl-C 130; a reader that went away (`| head`) 141, without a word; whatever else is raised,
    a line that says where, and 1. --debug, which every command has, shows the traceback, too. With --json the error is
    on standard output, too, as {"error": {"what", "why", "remedy", "exit_code"}}, unless the document is.
    """
    import click

    from lite.errors import ToolkitError

    status = 0
    interrupted = False
    context: click.Context | None = None
    failure: ToolkitError | None = None
    for one in (command, *(command.commands.values() if isinstance(command, click.Group) else ())):
        one.params.append(
            click.Option([_DEBUG], is_flag=True, expose_value=False, help="Show where an error comes from.")
        )

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    try:
        _check_surroundings()
        with (
            handling([signal.SIGINT], interrupt),
            command.make_context(f"./run.sh tools/{Path(sys.argv[0]).name}", sys.argv[1:]) as context,
        ):
            command.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        status = end.exit_code
    except click.ClickException as error:
        failure, status = ToolkitError(error.format_message()), error.exit_code
        click.UsageError(failure.what, getattr(error, "ctx", None)).show()
    except ToolkitError as error:
        failure, status = error, error.exit_code
        _print_error(failure)
    except (KeyboardInterrupt, click.Abort):
        failure, status = ToolkitError("interrupted"), _INTERRUPTED
        _print_error(failure)
    except BrokenPipeError:
        _drop_output()
        status = _BROKEN_PIPE
    except OSError as error:
        failure, status = _of_system(error), _USAGE
        _print_error(failure)
    except Exception as error:
        # Commands import Paddle late, and Ctrl-C meanwhile is whatever its modules make of it.
        if interrupted:
            failure, status = ToolkitError("interrupted"), _INTERRUPTED
        elif why := _missing(error):
            failure, status = ToolkitError(why, remedy=_environment()), _USAGE
        else:
            failure, status = _fault(error), _FAULT
        _print_error(failure)
    if failure is not None and _wants_json(command) and not (context and context.meta.get(_PRINTED)):
        with contextlib.suppress(OSError):
            print(json.dumps({"error": failure.as_dict() | {"exit_code": status}}, indent=2), flush=True)
    if status == _INTERRUPTED:
        # While Python ends, one more would be a traceback.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(status)


@contextlib.contextmanager
def handling(
    signals: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], object]
) -> Iterator[None]:
    """Has `handler` called for `signals` in the block.

    One that is ignored, as Ctrl-C is by what a shell or nohup runs in the background, goes on being ignored.
    """
    earlier = {
        one: signal.signal(one, handler) for one in signals if signal.getsignal(one) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for one, before in earlier.items():
            signal.signal(one, before)


@contextlib.contextmanager
def stopping(
    *signals: signal.Signals, on_first: Callable[[], object] = lambda: None
) -> Iterator[threading.Event]:
    """An event that is set by the first of `signals`, for an end in good order; a second one is KeyboardInterrupt."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        # Not in here: what writes may be what was interrupted.
        threading.Thread(target=on_first).start()

    with handling(signals, ask):
        yield stop


def together(options: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    """One decorator of several options, which --help lists in their order."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def is_given(name: str) -> bool:
    """Whether the running command's parameter `name` was given on the command line, and is no default."""
    import click
    from click.core import ParameterSource

    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def check_options(context: click.Context, of: str, heeded: Collection[str] = ()) -> None:
    """Raises UsageError for a given option that `of`, as it is called in words, does not heed.

    `heeded`: the names of the parameters that it does.
    """
    import click

    for parameter in context.command.params:
        name = parameter.name
        if name and name not in heeded and is_given(name) and _DEBUG not in parameter.opts:
            raise click.UsageError(f"{parameter.opts[0]} is no option of {of}")


def print_json(document: object) -> None:
    """Prints a command's document, for its --json; an error after it goes to standard error alone."""
    import click

    click.echo(json.dumps(document, indent=2))
    click.get_current_context().meta[_PRINTED] = True


def _check_surroundings() -> None:
    """Refuses, before any work, what would end a command in the middle of it."""
    from lite.errors import InputError
    from lite.files import check_name

    if _NO_OUTPUT:
        raise InputError("standard output is closed", remedy="send it somewhere: > FILE, or > /dev/null")
    try:
        here = Path.cwd()
    except OSError as error:
        raise InputError(
            "the working folder cannot be found", why=error.strerror, remedy="cd to one that is there"
        ) from error
    for name in (str(here), str(ROOT), *sys.argv[1:]):
        check_name(name)
    # An empty path would be the working folder.
    for before, word in pairwise(sys.argv):
        option, is_option, value = word.partition("=") if word.startswith("--") else ("", "", word)
        if not value and (is_option or not option):
            raise InputError(
                f"the value of {option} is empty" if option else f"the argument after {before} is empty",
                remedy="give one; in a script, look at the variable that it comes from",
            )


def _of_system(error: OSError) -> ToolkitError:
    from lite.errors import InputError, ToolkitError
    from lite.files import full_disk, is_full

    if error.filename == _OUTPUT:
        _drop_output()
        return InputError(f"cannot write to {_OUTPUT}", why=error.strerror, remedy="send it somewhere else")
    if is_full(error):
        return full_disk(error, Path.cwd())
    return ToolkitError(str(error), remedy="check the path, its permissions and the free space")


def _fault(error: BaseException) -> ToolkitError:
    """What is said of an error that nobody foresaw: with the line that it comes from."""
    from lite.errors import ToolkitError

    kind, lines = type(error).__name__, str(error).splitlines()
    if isinstance(error, MemoryError):
        return ToolkitError(
            "there is not enough memory",
            why=lines[0][:_WHY_LENGTH] if lines else kind,
            remedy="close other programs, or ask for less at once",
        )
    frames = [(Path(one.filename), one.lineno) for one in traceback.extract_tb(error.__traceback__)]
    ours = [f"{file.relative_to(ROOT)}:{line}" for file, line in frames if _is_ours(file)]
    why = f"{kind}: {lines[0][:_WHY_LENGTH]}" if lines else kind
    return ToolkitError(
        "this should not happen, it is a fault of this toolkit",
        why=f"{why} ({ours[-1]})" if ours else why,
        remedy=f"run it again with {_DEBUG}, and report what that shows as an issue of the repository",
    )


def _is_ours(file: Path) -> bool:
    return file.is_relative_to(ROOT) and file.relative_to(ROOT).parts[0] in _OURS


def _drop_output() -> None:
    # Python would complain once more when it flushes at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _wants_json(command: click.Command) -> bool:
    # Not from the context: there is none where the other options are wrong.
    return "--json" in sys.argv and any("--json" in parameter.opts for parameter in command.params)


def _leave_interrupted(number: int, frame: FrameType | None) -> NoReturn:
    _print_error("interrupted")
    sys.stderr.flush()
    os._exit(_INTERRUPTED)


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What is raised before `run`: a missing package as one line and exit 2, anything else as `run` has it."""
    if why := _missing(error):
        _leave(why)
    _print_error(_fault(error), error)


def _show_in_thread(raised: threading.ExceptHookArgs) -> None:
    if raised.exc_type is not SystemExit:
        error = raised.exc_value or raised.exc_type()
        _print_error(_fault(error), error)


def _missing(error: BaseException) -> str | None:
    if isinstance(error, ImportError) and (error.name or "").split(".")[0] not in _OURS:
        return f"a required package cannot be imported ({error})"
    return None


def _environment() -> str:
    arguments = " ".join(sys.argv[1:2]) + (" …" if len(sys.argv) > 2 else "")
    return (
        f"run ./run.sh tools/{Path(sys.argv[0]).name} {arguments}".rstrip() + ", which makes the environment"
    )


def _leave(why: str) -> NoReturn:
    _print_error(f"{why}; {_environment()}")
    sys.exit(_USAGE)


def _print_error(message: object, error: BaseException | None = None) -> None:
    from lite.shown import line

    # One line, whatever a file's name holds; three fields of an error fit.
    print("error: " + line(str(message), 6100), file=sys.stderr)
    error = error or sys.exc_info()[1]
    if error is not None and _DEBUG in sys.argv:
        traceback.print_exception(error)


class _Output(io.FileIO):
    """Standard output whose errors say that they are its own; those of writing do not name a file."""

    def write(self, data: Any, /) -> int:
        """As io.FileIO does."""
        try:
            return super().write(data)
        except OSError as error:
            error.filename = _OUTPUT
            raise


class _Notes(io.FileIO):
    """Standard error. What a full disk or pipe, or a reader that has gone, does not take is lost, and ends no work."""

    def write(self, data: Any, /) -> int:
        """As io.FileIO does."""
        try:
            # None of one that is full and does not block, as what starts commands may leave it.
            return super().write(data) or len(data)
        except OSError:
            return len(data)


def _open_standard_streams() -> None:
    """Gives /dev/null the place of those that are closed (`>&-`): the next file that is opened would get it."""
    for handle, name in enumerate(("stdin", "stdout", "stderr")):
        with contextlib.suppress(OSError):
            os.fstat(handle)
            continue
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        setattr(sys, name, os.fdopen(handle, "r" if handle == 0 else "w", closefd=False))
    # sys.__stdout__ is the process's own; in its place may be what a test or a notebook reads.
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout is sys.__stdout__:
        sys.stdout = _opened(_Output(1, "w", closefd=False), sys.stdout, lines=sys.stdout.isatty())
    if isinstance(sys.stderr, io.TextIOWrapper) and sys.stderr is sys.__stderr__:
        sys.stderr = _opened(_Notes(2, "w", closefd=False), sys.stderr, lines=True)


def _opened(file: io.FileIO, like: TextIO, *, lines: bool) -> io.TextIOWrapper:
    """A text stream into `file`. A picture's name may be no UTF-8, and a terminal may know little of Unicode."""
    return io.TextIOWrapper(
        io.BufferedWriter(file), encoding=like.encoding, errors="backslashreplace", line_buffering=lines
    )


if sys.version_info[:2] != (3, 10):
    _leave(f"this is Python {sys.version.split()[0]}, and Paddle Lite's wheels end at 3.10")
_NO_OUTPUT = sys.stdout is None
# It tells users that it builds a cache of fonts, or may not write one: nothing here depends on either.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
_open_standard_streams()
sys.excepthook = _show
threading.excepthook = _show_in_thread
# A compiled module that is being imported would make Ctrl-C an error of its own, so it ends the process on the spot.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _leave_interrupted)
