"""Reads invented files for minutes: `PYTHONPATH=. python tests/fuzz.py weights|yaml|archive [--minutes 10] [--seed 0]`.

A file that ends in anything but a value or one short line, takes more than 5 s, or more memory than twice its size and
200 MB, is told and kept in the working directory.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import pickle
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import hostile_pickles
import hostile_yaml
import numpy as np
import releases

from lite.errors import InputError
from lite.model.pdparams import read_state
from lite.sdk.archive import unpack
from lite.training import settings
from quant import recipe
from quant.recipe import Recipe

Reader = Callable[[str], object]


def weights(seed: int) -> tuple[str, bytes, Reader]:
    """A file of weights by its seed, how it was made, and what reads it."""
    tensors = {
        "a": np.arange(6, dtype="f4").reshape(2, 3),
        "b": np.ones(3, "f2"),
        "c": ("c", np.zeros((2, 1))),
    }
    slices = {"UnpackBigParamInfor@@": {"b": {"OriginShape": (3,), "slices": ["b"]}}}
    makers = [
        hostile_pickles.invented,
        hostile_pickles.spoiled,
        lambda seed: hostile_pickles.damaged(pickle.dumps({**tensors, **slices}, 2 + seed % 4), seed),
    ]
    place = seed % len(makers)
    return ("invented", "spoiled", "damaged")[place], makers[place](seed), lambda path: read_state(Path(path))


def yaml(seed: int) -> tuple[str, bytes, Reader]:
    """A recipe or settings by its seed, how it was made, and what reads it."""
    read, folder = [(Recipe.named, recipe.FOLDER), (settings.load, settings.FOLDER)][seed // 3 % 2]
    files = sorted(folder.glob("*.yaml"))
    text = files[seed % len(files)].read_text()
    place = seed % 3
    content = [hostile_yaml.invented, hostile_yaml.nested, lambda seed: hostile_yaml.damaged(text, seed)][
        place
    ](seed)
    return ("invented", "nested", "damaged")[place], content, read


def archive(seed: int) -> tuple[str, bytes, Reader]:
    """A release's archive by its seed: bytes changed in it, or in the tar that is compressed in it."""
    whole = releases.release()
    if seed % 2:
        return "damaged", hostile_pickles.damaged(whole, seed), _unpacked
    return (
        "changed inside",
        gzip.compress(hostile_pickles.damaged(gzip.decompress(whole), seed), 1),
        _unpacked,
    )


def _unpacked(path: str) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name, "a", "b")
        folder.parent.mkdir()
        unpack(Path(path), folder, max_bytes=1 << 26)
        outside = [one for one in Path(name).rglob("*") if one not in (folder, folder.parent)]
        assert all(one.is_relative_to(folder) for one in outside), "it wrote outside of its folder"


def problem(content: bytes, path: Path, read: Reader) -> tuple[str, str]:
    """What reading a file ended in, in a word, and what is wrong with that, "" for nothing."""
    path.write_bytes(content)
    # From here on the kernel's count of the most memory begins anew.
    Path("/proc/self/clear_refs").write_text("5")
    before, start, message = hostile_pickles.memory(), time.monotonic(), ""
    try:
        read(str(path))
    except InputError as error:
        message = str(error).replace(str(path), "")
    except Exception as error:
        return "crashed", f"{type(error).__name__}: {error}"
    ended = "refused" if message else "read"
    if time.monotonic() - start > 5:
        return ended, "more than 5 s"
    if hostile_pickles.memory() - before > 2 * len(content) + 200_000_000:
        return ended, "too much memory"
    if not message.isprintable() or len(message) > 900:
        return ended, f"no short line: {message!r:.999}"
    if any(message[place : place + 201].encode() in content for place in range(len(message) - 200)):
        return ended, f"more than 200 characters of the file: {message}"
    return ended, ""


def run(make: Callable[[int], tuple[str, bytes, Reader]], seeds: Iterator[int], seconds: float) -> int:
    """The number of findings, each with a line on standard output and a file in the working directory."""
    counts: Counter[str] = Counter()
    findings, end, slowest = 0, time.monotonic() + seconds, 0.0
    with TemporaryDirectory() as folder:
        for seed in seeds:
            if time.monotonic() > end:
                break
            how, content, read = make(seed)
            start = time.monotonic()
            ended, wrong = problem(content, Path(folder, "x"), read)
            slowest = max(slowest, time.monotonic() - start)
            counts[f"{how} {ended}"] += 1
            if wrong:
                findings += 1
                Path(f"finding-{seed}").write_bytes(content)
                print(f"seed {seed}, {how}: {wrong}", flush=True)
    print(
        f"{counts.total()} files, {findings} findings, slowest {slowest:.2f} s; {dict(sorted(counts.items()))}"
    )
    return findings


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["weights", "yaml", "archive"])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found = run(
        {"weights": weights, "yaml": yaml, "archive": archive}[given.what],
        itertools.count(given.seed),
        60 * given.minutes,
    )
    sys.exit(found > 0)
