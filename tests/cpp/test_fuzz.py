"""libFuzzer on what reads pictures, manifests and networks, with ASan and UBSan: half a minute each (FUZZ_SECONDS)."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from core_build import build
from networks import small_nb
from PIL import Image
from tensors import encoded, manifest, smooth

SECONDS = int(os.environ.get("FUZZ_SECONDS", "30"))


@pytest.fixture(scope="module")
def fuzzers() -> Path:
    return build("fuzz", "fuzz_decode", "fuzz_manifest", "fuzz_nb") / "fuzz"


def pictures() -> list[bytes]:
    """Small pictures of every kind that the decoders read."""
    picture, alpha = Image.fromarray(smooth(9, 14)), Image.fromarray(smooth(9, 14, 4), "RGBA")
    deep = Image.fromarray(np.arange(126).reshape(9, 14).astype(np.uint16) * 500)
    exif = Image.Exif()
    exif.update({0x010F: "Maker of cameras", 0x0112: 6, 0x011A: 72.0})
    jpegs = [picture, picture.convert("L"), picture.convert("CMYK")]
    pngs = [*jpegs[:2], alpha, alpha.convert("LA"), picture.convert("1"), picture.quantize(9), deep]
    return [
        *[encoded(one, "JPEG") for one in jpegs],
        *[encoded(one, "PNG") for one in pngs],
        encoded(picture, "JPEG", progressive=True, exif=exif),
        encoded(picture, "JPEG", subsampling="4:4:4", restart_marker_blocks=1),
        encoded(picture, "PNG", exif=exif),
        encoded(picture, "WEBP", exif=exif),
        encoded(alpha, "WEBP", lossless=True),
    ]


def manifests() -> list[bytes]:
    """A manifest as it is, and its parts that may be null as null."""
    whole = manifest()
    bare = {**whole, "recipe": None, "drift": None, "versions": dict.fromkeys(whole["versions"])}
    return [json.dumps(document).encode() for document in (whole, bare)]


def networks() -> list[bytes]:
    """A small network for the host and for phones."""
    return [small_nb(target) for target in ("x86", "arm")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "seeds"), [("decode", pictures), ("manifest", manifests), ("nb", networks)]
)
def test_no_input_crashes(fuzzers: Path, tmp_path: Path, root: Path, target: str, seeds) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    command = [str(fuzzers / f"fuzz_{target}"), f"-max_total_time={SECONDS}", "-max_len=8192", "-timeout=60"]
    command += ["-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={tmp_path}/", str(corpus)]
    ended = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if ended.returncode:
        kept = root / "build" / "fuzz"
        kept.mkdir(parents=True, exist_ok=True)
        found = [path for path in tmp_path.iterdir() if path.is_file()]
        for path in found:
            shutil.copy(path, kept / f"{target}-{path.name}")
        pytest.fail(f"{[path.name for path in found]}, kept in {kept}:\n{ended.stderr[-5000:]}", False)
    executed = re.search(r"number_of_executed_units: (\d+)", ended.stderr)
    covered = [int(blocks) for blocks in re.findall(r"\bcov: (\d+)", ended.stderr)]
    assert executed is not None
    assert int(executed[1]) > len(seeds())
    # The seeds get through, and the fuzzer beyond them.
    assert covered[-1] > covered[0] > 100


def test_every_seed_is_read(deit_tensor: list[str], tmp_path: Path) -> None:
    for number, (picture, document) in enumerate((p, m) for p in pictures() for m in manifests()):
        paths = [tmp_path / f"{name}-{number}" for name in ("picture", "manifest", "tensor")]
        paths[0].write_bytes(picture)
        paths[1].write_bytes(document)
        ended = subprocess.run([*deit_tensor, *map(str, paths)], capture_output=True, text=True)
        assert (ended.returncode, ended.stderr) == (0, "")
