"""The APK: signed, whole, and with nothing in it that does not belong there.

Its library is linked with glibc, for want of the NDK, and Paddle Lite's are missing: its name says that it is no APK
for phones.
"""

from __future__ import annotations

import re
import struct
import subprocess
import zipfile
from pathlib import Path

import dex
import pytest
from app_build import OF_BUNDLE, SOURCES, WORK, HostBuild, run
from jni_build import arm64_library

# The first of them waits for what they share.
pytestmark = pytest.mark.slow
LIBRARY = "lib/arm64-v8a/libdeit_jni.so"
PAGE = 16384


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of arm64-v8a/libdeit_jni.so, stripped as the Android Gradle plugin strips it."""
    folder = tmp_path_factory.mktemp("lib")
    (folder / "arm64-v8a").mkdir()
    source, stripped = arm64_library() / "libdeit_jni.so", folder / "arm64-v8a" / "libdeit_jni.so"
    subprocess.run(["aarch64-linux-gnu-strip", "--strip-unneeded", "-o", stripped, source], check=True)
    return folder


@pytest.fixture(scope="module")
def packed(host_build: HostBuild, bundle_int8: Path, library: Path) -> str:
    """What build.sh printed: the APK's path and its size by part."""
    done = run("apk", f"-Ddeit.bundle={bundle_int8}", f"-Ddeit.lib={library}")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def apk(packed: str) -> Path:
    return Path(packed.splitlines()[0])


@pytest.fixture(scope="module")
def manifest(apk: Path) -> str:
    """The binary manifest as aapt2 prints it."""
    return _printed("aapt2", "dump", "xmltree", "--file", "AndroidManifest.xml", apk)


def test_its_name_says_that_it_is_not_for_phones(apk: Path) -> None:
    assert apk.name == "deit-packaging-check-not-for-phones.apk"


def test_signature_verifies_for_every_android_that_it_is_for(apk: Path) -> None:
    said = _printed("apksigner", "verify", "--verbose", "--min-sdk-version", "24", apk)
    assert "Verified using v2 scheme (APK Signature Scheme v2): true" in said
    assert "WARNING" not in said


def test_a_changed_apk_does_not_verify(apk: Path, tmp_path: Path) -> None:
    data = bytearray(apk.read_bytes())
    # In the network, far from the signature.
    data[len(data) // 2] ^= 1
    (tmp_path / "a.apk").write_bytes(data)
    done = subprocess.run(["apksigner", "verify", tmp_path / "a.apk"], capture_output=True, text=True)
    assert done.returncode != 0
    assert "DOES NOT VERIFY" in done.stdout + done.stderr


def test_contents(apk: Path, bundle_int8: Path) -> None:
    with zipfile.ZipFile(apk) as archive:
        names = set(archive.namelist())
        assets = {name for name in names if name.startswith("assets/")}
        assert assets == {f"assets/bundles/{bundle_int8.name}/{name}" for name in (*OF_BUNDLE, "golden.png")}
        for name in OF_BUNDLE:
            assert (
                archive.read(f"assets/bundles/{bundle_int8.name}/{name}") == (bundle_int8 / name).read_bytes()
            )
        rest = names - assets - {"AndroidManifest.xml", "resources.arsc", "classes.dex", LIBRARY}
        assert all(name.startswith("res/") for name in rest), rest
        # Stored, so that the app can copy it out fast, and compressed, as for installers that unpack it.
        assert (
            archive.getinfo(f"assets/bundles/{bundle_int8.name}/model.nb").compress_type == zipfile.ZIP_STORED
        )
        assert archive.getinfo(LIBRARY).compress_type == zipfile.ZIP_DEFLATED


def test_what_is_stored_is_aligned(apk: Path) -> None:
    _printed("zipalign", "-c", "4", apk)
    data = apk.read_bytes()
    with zipfile.ZipFile(apk) as archive:
        stored = [one for one in archive.infolist() if one.compress_type == zipfile.ZIP_STORED]
    assert "resources.arsc" in {one.filename for one in stored}
    for one in stored:
        # A local file header: 30 bytes, the last four of which are the lengths of name and extra field.
        name, extra = struct.unpack_from("<2H", data, one.header_offset + 26)
        assert (one.header_offset + 30 + name + extra) % 4 == 0, one.filename


def test_the_library_fits_pages_of_16_kib(apk: Path) -> None:
    with zipfile.ZipFile(apk) as archive:
        elf = archive.read(LIBRARY)
    # ELF64: machine, table of program headers, each with type, …, alignment.
    assert struct.unpack_from("<H", elf, 18) == (183,)
    (table,), (size, count) = struct.unpack_from("<Q", elf, 32), struct.unpack_from("<2H", elf, 54)
    loads = [struct.unpack_from("<I44xQ", elf, table + size * place) for place in range(count)]
    assert {alignment for kind, alignment in loads if kind == 1} == {PAGE}


def test_code(apk: Path) -> None:
    with zipfile.ZipFile(apk) as archive:
        code = archive.read("classes.dex")
    defined = dex.classes(code)
    # What Android starts by name, and what libdeit_jni.so finds by name.
    natives = _with_natives()
    assert {"com.example.deit.screen.MainActivity", *natives} <= defined
    for method in (method for methods in natives.values() for method in methods):
        assert method in dex.strings(code)
    # Paddle Lite's classes come from its jar, and tests stay out.
    assert not [name for name in defined if name.startswith(("com.baidu.", "org.junit", "org.robolectric"))]
    assert not [name for name in defined if name.endswith("Test")]


def test_permissions(manifest: str) -> None:
    assert re.findall(r'E: uses-permission.*\n\s+A: \S+:name\(\w+\)="([^"]+)"', manifest) == [
        "android.permission.CAMERA"
    ]


def test_manifest(manifest: str, apk: Path) -> None:
    assert "debuggable" not in manifest
    assert re.search(r":extractNativeLibs\(\w+\)=true", manifest)
    badging = _printed("aapt2", "dump", "badging", apk)
    for line in (
        r"package: name='com.example.deit' versionCode='1' versionName='0.1.0'",
        r"sdkVersion:'24'",
        r"targetSdkVersion:'36'",
        r"launchable-activity: name='com.example.deit.screen.MainActivity'",
        r"native-code: 'arm64-v8a'",
        # A phone or tablet without a camera can have it as well.
        r"uses-feature-not-required: name='android.hardware.camera.any'",
    ):
        assert re.search(line, badging), line
    labels = dict(re.findall(r"application-label(?:-([\w-]+))?:'([^']+)'", badging))
    assert labels[""]
    assert labels["zh-CN"]


def test_no_feature_is_needed_that_not_every_device_has(apk: Path) -> None:
    badging = _printed("aapt2", "dump", "badging", apk)
    needed = re.findall(r"^\s*uses-feature: name='([^']+)'", badging, re.MULTILINE)
    assert set(needed) <= {"android.hardware.faketouch"}


def test_size_by_part_adds_up(packed: str, apk: Path) -> None:
    parts = dict(re.findall(r"^(.*?) +(\d+) bytes", packed, re.MULTILINE))
    assert set(parts) == {
        "code (dex)",
        "labels, manifest of the bundle",
        "libraries arm64-v8a",
        "network",
        "resources",
        "the APK",
    }
    whole = int(parts.pop("the APK"))
    assert whole == apk.stat().st_size
    # Beside the parts: names, directory and signature.
    assert 0 < whole - sum(map(int, parts.values())) < 40_000
    assert int(parts["code (dex)"]) < 300_000


def test_without_classes_it_says_what_to_run_first(tmp_path: Path, bundle_int8: Path) -> None:
    done = run("apk", f"-Ddeit.bundle={bundle_int8}", work=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("apk.sh: ")
    assert done.stderr.endswith("has no compiled classes; first run build.sh test -DskipTests\n")


def test_a_bundle_that_is_none_is_refused_and_the_earlier_apk_stays(apk: Path, tmp_path: Path) -> None:
    done = run("apk", f"-Ddeit.bundle={tmp_path}", work=WORK)
    assert done.returncode == 2
    assert re.fullmatch(r"resources.sh: .* holds no manifest.json; ./run.sh tools/opt.py .*\n", done.stderr)
    assert apk.is_file()


def _printed(*command: object) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def _with_natives() -> dict[str, list[str]]:
    """By class its native methods."""
    found = {}
    for path in sorted((SOURCES / "main" / "java").glob("**/*.java")):
        source = path.read_text(encoding="utf-8")
        if methods := re.findall(r"\bnative [\w\[\]<>.]+ (\w+)\(", source):
            found[".".join(path.relative_to(SOURCES / "main" / "java").with_suffix("").parts)] = methods
    assert found
    return found
