"""Processes that may crash: an executor whose calls fail, and never hang, when their process dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from lite import lifeline
from lite.errors import ConversionError, ToolkitError
from lite.files import full_disk, is_full

# multiprocessing would run the main script's imports in each process once more: seconds, and 350 MB with Paddle.
_CHILD = "import sys; sys.path[:] = sys.argv[2:]; from lite.engines.processes import serve; serve(int(sys.argv[1]))"
_END_SECONDS = 5


@contextmanager
def pool(count: int) -> Iterator[Executor]:
    """An executor over at most `count` fresh processes, which end with the block, at once if it fails.

    They start when there are calls for them, and end on `shutdown(wait=False)` as soon as none are left, or when
    this process ends, even if it is killed (`lite/lifeline.py`). Functions must be importable: the processes do not
    see the main script. A call raises ToolkitErrors as they are, InputError for a full disk, ConversionError for every
    other error and when its process dies.
    """
    executor = _OnProcesses(count)
    try:
        yield executor
        executor.shutdown()
    finally:
        executor.kill()


class _OnProcesses(Executor):
    """Runs calls in processes, each with a thread that waits for it.

    ProcessPoolExecutor would hang when a process dies: until Python 3.11.5 its queue stays blocked by a call
    that does not fit into a pipe, as one with decoded pictures.
    """

    def __init__(self, count: int):
        self._count = count
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._processes: list[_Process] = []
        self._lock = threading.Lock()
        self._open = True

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        with self._lock:
            if not self._open:
                raise RuntimeError("this pool takes no more calls")
            if len(self._processes) < self._count:
                process = _Process()
                self._processes.append(process)
                # A daemon: whatever happens, it does not keep the program from ending.
                thread = threading.Thread(target=self._run_calls, args=(process,), daemon=True)
                thread.start()
                self._threads.append(thread)
            call = _Call(fn, args, kwargs)
            self._calls.put(call)
            return call.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._lock:
            self._open = False
            if cancel_futures:
                with suppress(Empty):
                    while True:
                        call = self._calls.get_nowait()
                        if call is not None:
                            call.cancel()
            self._calls.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def kill(self) -> None:
        """Ends the processes now, whatever they are at."""
        self.shutdown(wait=False, cancel_futures=True)
        for process in self._processes:
            process.kill()
        for thread in self._threads:
            thread.join()

    def _run_calls(self, process: _Process) -> None:
        while (call := self._calls.get()) is not None:
            call.run(process)
            # The next call may be long in coming, and results are large.
            del call
        self._calls.put(None)
        process.close()


class _Call:
    """A function with its arguments, and the future of what it returns."""

    def __init__(self, *call: Any):
        self._call = call
        self.future: Future[Any] = Future()

    def run(self, process: _Process) -> None:
        """Settles the future."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            answer = process.call(*self._call)
        except BaseException as error:
            self.future.set_exception(error)
        else:
            self.future.set_result(answer)

    def cancel(self) -> None:
        """Settles the future without running the call."""
        if self.future.cancel():
            self.future.set_running_or_notify_cancel()


class _Process:
    """A fresh process (not forked: engines hold threads) that does one call at a time."""

    def __init__(self) -> None:
        self._pipe, theirs = Pipe()
        with theirs:
            handle = theirs.fileno()
            self._process, self._lifeline = lifeline.start(
                [sys.executable, "-c", _CHILD, str(handle), *map(str, sys.path)],
                # Standard output is the command's own.
                stdout=subprocess.DEVNULL,
                pass_fds=[handle],
                # Out of Ctrl-C's reach, which is this process's to answer.
                start_new_session=True,
            )

    def call(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs `fn` there. Raises what it raises, ConversionError when the process is gone."""
        try:
            self._pipe.send((fn, args, kwargs))
            done, answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise self._death() from error
        if not done:
            raise answer
        return answer

    def kill(self) -> None:
        """Ends the process now; a call on its way fails."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Ends the process, and forgets it."""
        self.kill()
        self._pipe.close()
        os.close(self._lifeline)

    def _death(self) -> ConversionError:
        # It closed the pipe, so it ends by itself, and how is what counts.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        self.kill()
        status = self._process.returncode
        if status == -signal.SIGKILL:
            return ConversionError(
                "a process that runs the network was killed, most likely by the system for lack of memory",
                remedy="close other programs, or run it on fewer cores (taskset -c 0)",
            )
        how = signal.strsignal(-status) if status < 0 else f"status {status}"
        return ConversionError(
            f"the engine took its process down ({how})", remedy="if it does so again, the model is not usable"
        )


def serve(handle: int) -> None:
    """What a process does: calls from the pipe with this file descriptor, until its other end closes."""
    lifeline.hold()
    pipe = Connection(handle)
    with suppress(EOFError, OSError):
        while True:
            fn, args, kwargs = pipe.recv()
            pipe.send(_answer(fn, args, kwargs))


def _answer(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[bool, Any]:
    try:
        return True, fn(*args, **kwargs)
    except ToolkitError as error:
        return False, error
    except Exception as error:
        if isinstance(error, OSError) and is_full(error):
            return False, full_disk(error, Path(tempfile.gettempdir()))
        # As text: errors of an engine's library cannot always be sent, or only be read where it is loaded.
        lines = str(error).splitlines()
        what = f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"
        return False, ConversionError(f"the network failed on this host ({what})", remedy="convert it again")
