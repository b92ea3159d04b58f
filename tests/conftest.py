"""What every test shares: one thread, no display, the user's caches left alone, no network but loopback."""

from __future__ import annotations

import errno
import ipaddress
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A script that starts tests in the background has them ignore Ctrl-C, and so all that they start and press it on.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Before numpy, paddle or matplotlib is imported; programs that tests start inherit it.
for _threads in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
os.environ["MPLBACKEND"] = "Agg"
# What a terminal or a CI service says of width and colours is not for what tests compare; and where outputs are not
# buffered, as they are for users, a full one ends a command otherwise.
for _shown in (
    "CLICOLOR_FORCE",
    "COLUMNS",
    "FORCE_COLOR",
    "LINES",
    "NO_COLOR",
    "PYTHONUNBUFFERED",
    "TTY_COMPATIBLE",
):
    os.environ.pop(_shown, None)
# A test phone has a user of its own, who must be able to read what is laid out for it.
os.umask(0o022)
# Programs that tests start find no way out either: nothing listens on the discard port.
for _proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
    os.environ[_proxy] = "http://127.0.0.1:9"
os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost,::1"
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Weights that the user has downloaded must not change what a test sees."""
    with pytest.MonkeyPatch.context() as patch:
        # matplotlib keeps its font list, which takes seconds to make, where it was.
        fonts = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "matplotlib"
        patch.setenv("MPLCONFIGDIR", os.environ.get("MPLCONFIGDIR", str(fonts)))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine is as far away as without a network, so that a test gives the same everywhere."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: tuple[str, int]) -> None:
        stream = self.type == socket.SOCK_STREAM and self.family in (socket.AF_INET, socket.AF_INET6)
        if stream and not _is_loopback(address[0]):
            raise OSError(errno.ENETUNREACH, f"tests have no network, only loopback: {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real fp32 bundle of a deit_tiny with made-up weights for the ten digits; its weights lie beside it."""
    # Imported here: most test files need no Paddle, which takes seconds.
    from states import random_state, write_state

    from lite import zoo
    from lite.bundle import Bundle
    from lite.model import weights
    from lite.pictures import digits, picture_set
    from quant import recipe
    from quant.conversion import convert_all
    from quant.recipe import Recipe, Request

    folder = tmp_path_factory.mktemp("tiny")
    variant = zoo.find("deit_tiny")
    labels = folder / "labels.txt"
    labels.write_text("".join(f"{label}\n" for label in digits.CLASSES))
    # Ten times the usual spread, so that different pictures get different classes.
    state = {
        name: value * 10 if name.startswith("head") else value
        for name, value in random_state(variant, len(digits.CLASSES)).items()
    }
    path = write_state(folder / "tiny.pdparams", state)
    loaded = weights.load(variant, str(path), labels=labels, notify=lambda message: None)
    made: list[Bundle] = convert_all(
        loaded,
        [Request("fp32", "arm")],
        recipe=Recipe.named(recipe.DEFAULT),
        calibration=None,
        check=picture_set.digits("held_out", loaded.labels, 2),
        out=folder,
        work=tmp_path_factory.mktemp("work"),
    )
    return made[0].path
