"""A bundle that requires fp16 on ARM runs where processor and engine have it, and is refused in words elsewhere.

qemu has processors of both kinds. The engine stands in for Paddle Lite's: it computes nothing, and says that it was
asked.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from demo import copy_bundle, document, refusal
from demo import run as run_program
from linked_build import ARCHITECTURES, binaries, stand_in

pytestmark = pytest.mark.slow
REQUIRES = {"cpu": "asimdhp", "release": "arm82_fp16"}
NO_INSTRUCTIONS = (
    "computes in fp16, for which not every core of this processor has the instructions (asimdhp): take an int8 or "
    "fp32 bundle (tools/opt.py --precision int8)"
)
NO_KERNELS = (
    "computes in fp16, for which this engine's library has no kernels: take Paddle Lite's arm82_fp16 release "
    "(tools/fetch_sdk.py --fp16), or take an int8 or fp32 bundle (tools/opt.py --precision int8)"
)
REACHED = "this library is only for linking; it was given"
# What the kernel tells of a Cortex-A53, and of a Cortex-A55.
A53 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"
A55 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"


def changed(bundle: Path, folder: Path, *, requires: object, kernels: bool) -> Path:
    """A copy of a bundle whose manifest has `requires`, and with `kernels` linear layers on ARM's fp16 kernels."""
    manifest = json.loads((bundle / "manifest.json").read_text()) | {"requires": requires}
    network = (bundle / "model.nb").read_bytes()
    if kernels:
        assert network.count(b"fc/def/4/1/1") > 0
        network = network.replace(b"fc/def/4/1/1", b"fc/def/4/5/1")
    return copy_bundle(
        bundle, folder, sealed=True, manifest_json=json.dumps(manifest).encode(), model_nb=network
    )


@pytest.fixture
def half(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A bundle that computes in fp16 on ARM, and says so."""
    return changed(tiny_bundle, tmp_path / "half", requires=REQUIRES, kernels=True)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def fp16_engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """An architecture, and the folder of a library as the arm82_fp16 release has it."""
    release = stand_in(request.param, tmp_path_factory.mktemp("release"), fp16=True)
    return request.param, release / "cxx" / "lib"


def system(folder: Path, architecture: str, *features: str) -> Path:
    """A root for qemu whose processor has a core for each of `features`, in words of /proc/cpuinfo."""
    (folder / "proc").mkdir(parents=True)
    (folder / "lib").symlink_to(Path(ARCHITECTURES[architecture][3]) / "lib")
    cores = (
        f"processor\t: {core}\nFeatures\t: {words}\nCPU architecture: 8\n\n"
        for core, words in enumerate(features)
    )
    (folder / "proc" / "cpuinfo").write_text("".join(cores))
    return folder


def run(
    bundle: Path,
    processor: str = "cortex-a76",
    *,
    architecture: str = "arm64",
    engine: Path | None = None,
    root: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """What `deit` says of the golden picture; `engine` is loaded in place of the one that it was linked with."""
    _, _, emulator, sysroot = ARCHITECTURES[architecture]
    command = [emulator, "-cpu", processor, "-L", str(root or sysroot), str(binaries(architecture) / "deit")]
    command += ["--bundle", str(bundle), "--image", str(bundle / "golden.png")]
    environment = {**os.environ, **({"LD_LIBRARY_PATH": str(engine)} if engine else {})}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize("processor", ["cortex-a53", "cortex-a72"])
@pytest.mark.parametrize(
    ("requires", "kernels"),
    [(REQUIRES, True), (REQUIRES, False), (None, True)],
    ids=["said and done", "only said", "only done, as older bundles"],
)
def test_a_processor_without_it_is_refused(
    tiny_bundle: Path, tmp_path: Path, processor: str, requires: object, kernels: bool
) -> None:
    bundle = changed(tiny_bundle, tmp_path / "half", requires=requires, kernels=kernels)
    assert refusal(run(bundle, processor), 4) == f"{bundle / 'model.nb'} {NO_INSTRUCTIONS}"


@pytest.mark.parametrize("processor", ["cortex-a53", "cortex-a76"])
def test_other_bundles_run_on_every_processor(tiny_bundle: Path, processor: str) -> None:
    assert REACHED in refusal(run(tiny_bundle, processor), 6)


def test_an_engine_without_its_kernels_is_refused(half: Path) -> None:
    assert refusal(run(half), 4) == f"{half / 'model.nb'} {NO_KERNELS}"


@pytest.mark.parametrize("fp16_engine", ["arm64"], indirect=True)
@pytest.mark.parametrize("processor", ["cortex-a76", "neoverse-n1", "max"])
def test_with_both_it_reaches_the_engine(half: Path, fp16_engine: tuple[str, Path], processor: str) -> None:
    assert REACHED in refusal(run(half, processor, engine=fp16_engine[1]), 6)


def test_every_core_must_have_it(half: Path, fp16_engine: tuple[str, Path], tmp_path: Path) -> None:
    architecture, engine = fp16_engine
    processor = "cortex-a76" if architecture == "arm64" else "max"
    for name, cores, words in (
        ("all", (A55, A55), REACHED),
        ("the last has not", (A55, A53), NO_INSTRUCTIONS),
        ("the first has not", (A53, A55, A55), NO_INSTRUCTIONS),
        ("none has", (A53,), NO_INSTRUCTIONS),
        ("another feature's name begins so", (A55.replace("asimdhp", "asimdhpx"),), NO_INSTRUCTIONS),
    ):
        root = system(tmp_path / name, architecture, *cores)
        done = run(half, processor, architecture=architecture, engine=engine, root=root)
        assert words in refusal(done, 6 if words == REACHED else 4), name


@pytest.mark.parametrize("fp16_engine", ["armhf"], indirect=True)
def test_with_32_bits_only_proc_cpuinfo_tells(half: Path, fp16_engine: tuple[str, Path]) -> None:
    # qemu shows the lines of this computer's, in which no feature of ARM's is.
    done = run(half, "max", architecture="armhf", engine=fp16_engine[1])
    assert NO_INSTRUCTIONS in refusal(done, 4)


def test_its_network_for_this_computer_needs_nothing(host_build: Path, half: Path) -> None:
    options = ("--bundle", half, "--image", half / "golden.png")
    answer = document(run_program(host_build / "deit", *options, "--host"))
    assert answer["pictures"][0]["classes"]
    said = refusal(run_program(host_build / "deit", *options), 4)
    assert (
        "is made for arm, which this device or engine cannot run; use the bundle's host.nb (--host)" in said
    )


@pytest.mark.parametrize(
    ("requires", "words"),
    [
        ({**REQUIRES, "cpu": "i8mm"}, "requires/cpu: must be asimdhp, is 'i8mm', "),
        ({**REQUIRES, "release": "arm86_sve2"}, "requires/release: must be arm82_fp16, is 'arm86_sve2', "),
        ({**REQUIRES, "npu": "hexagon"}, "requires: has 'npu', "),
    ],
)
def test_what_it_does_not_know_is_named(
    host_build: Path, tiny_bundle: Path, tmp_path: Path, requires: object, words: str
) -> None:
    bundle = changed(tiny_bundle, tmp_path / "newer", requires=requires, kernels=False)
    done = run_program(host_build / "deit", "--bundle", bundle, "--host", "--image", bundle / "golden.png")
    assert refusal(done, 5) == (
        f"{bundle / 'manifest.json'} cannot be used: manifest.json: {words}which this program does not know: the "
        "bundle is newer than it; take the program of the bundle's version, or make the bundle with this version's "
        "tools/opt.py"
    )
