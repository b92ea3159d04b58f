"""host_sdk/paddle_api.h tells the compiler the truth about the engine inside the paddlelite wheel."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest
from demo import refusal, run


@pytest.fixture(scope="module")
def engine() -> Path:
    spec = importlib.util.find_spec("paddlelite")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "lite.so"


def test_objects_are_laid_out_as_the_engines(host_build: Path) -> None:
    done = run(host_build / "host_sdk_layout")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_virtual_table_has_the_engines_order(host_build: Path, engine: Path) -> None:
    ours = _virtual_table(host_build / "host_sdk_layout", "Predictor")
    theirs = _virtual_table(engine, "paddle::lite::LightPredictorImpl")
    assert "Run()" in theirs
    assert ours == theirs
    assert len(theirs) == 17


def test_demo_uses_only_what_the_engine_exports(host_build: Path, engine: Path) -> None:
    """A name that the engine lacks would be found at link time; that it is the engine's is checked here."""
    wanted = {name for name in _names(host_build / "deit", "--undefined-only") if "paddle::" in name}
    assert "paddle::lite_api::MobileConfig::set_model_from_buffer(char const*, unsigned long)" in wanted
    assert wanted <= set(_names(engine, "--defined-only"))


def test_other_versions_are_refused_before_the_engine_is_asked(
    host_build: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    """The build finds the engine's version in the library: the engine would abort on this kernel."""
    data = (tiny_bundle / "host.nb").read_bytes().replace(b"softmax/def/2/1/1", b"softmax/xyz/2/1/1")
    (tmp_path / "other.nb").write_bytes(data.replace(b"v2.13-rc", b"v2.99-rc", 1))
    parts = ("--manifest", tiny_bundle / "manifest.json", "--labels", tiny_bundle / "labels.txt")
    image = ("--image", tiny_bundle / "golden.png")
    done = run(host_build / "deit", "--model", tmp_path / "other.nb", *parts, *image)
    assert "was made by opt v2.99-rc but this engine is v2.13-rc" in refusal(done, 4)


def _names(library: Path, which: str) -> list[str]:
    """Demangled dynamic symbols, without the versions and ABI tags after them."""
    lines = _output("nm", "-DC", which, str(library)).splitlines()
    return [re.sub(r"\[abi:\w+\]|@.*", "", line[19:]).strip() for line in lines]


def _virtual_table(library: Path, name: str) -> list[str]:
    """Functions in the virtual table of class `name`, in their order, without the class they come from."""
    functions: dict[int, str] = {}
    table = range(0)
    for line in _output("nm", "-CS", "--defined-only", *_dynamic(library), str(library)).splitlines():
        # address [size] kind name
        found = re.match(r"([0-9a-f]+) (?:([0-9a-f]{16}) )?(\w) (.+)", line)
        if not found:
            continue
        address = int(found[1], 16)
        if found[4] == f"vtable for {name}":
            table = range(address, address + int(found[2], 16), 8)
        elif found[3] in "tTwW":
            functions.setdefault(address, found[4])
    assert len(table) > 2
    # Before the functions stand the offset to the whole object and the type.
    slots = {}
    for line in _output("readelf", "-rWC", str(library)).splitlines():
        found = re.match(r"([0-9a-f]+)\s+[0-9a-f]+ (R_X86_64_\w+)\s+(.*)", line)
        if found and int(found[1], 16) in table[2:]:
            slots[int(found[1], 16)] = _target(found[3], functions)
    return [_bare(slots[address]) for address in table[2:]]


def _target(text: str, functions: dict[int, str]) -> str:
    """The function that a relocation points at: by address, or `address name + addend`."""
    if re.fullmatch(r"[0-9a-f]+", text):
        return functions[int(text, 16)]
    return re.sub(r"\s*\+ 0$", "", text.split(maxsplit=1)[1])


def _bare(function: str) -> str:
    """`paddle::lite::LightPredictorImpl::GetInput(int)` as `GetInput(int)`; destructors of any class are alike."""
    name = re.sub(r"\[abi:\w+\]|@\S+", "", function)
    name = re.sub(r"^(?:\w+::)*(~?\w+\()", r"\1", name)
    return "~" if name.startswith("~") else name


def _dynamic(library: Path) -> list[str]:
    """Which table of symbols to read: libraries that were stripped have the dynamic one only."""
    return ["-D"] if library.suffix == ".so" else []


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
