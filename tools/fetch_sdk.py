"""Gets Paddle Lite's official C++ release for Android, of the version that made the `.nb`, into the cache."""

from __future__ import annotations

from pathlib import Path

import _command
import click
from _options import SECONDS, Number, json_option, sha256_option

from lite import bundle
from lite.sdk import library, release, sdk
from lite.sdk.release import Build

# Android's ABIs whose kernels may have pages of 16 KiB.
_WIDE = ("arm64-v8a", "x86_64")


@click.command(
    epilog="\b\nExamples:\n"
    "  ./run.sh tools/fetch_sdk.py --abi arm64-v8a\n"
    "  ./run.sh tools/fetch_sdk.py --abi arm64-v8a --bundle build/bundles/deit_tiny-digits-fp16-opencl\n"
    "  ./run.sh tools/fetch_sdk.py --abi arm64-v8a --file ~/Downloads/inference_lite_lib….tar.gz"
)
@click.option(
    "--abi",
    type=click.Choice(release.ABIS),
    required=True,
    help="The phone's: adb shell getprop ro.product.cpu.abi",
)
@click.option("--opencl", is_flag=True, help="With kernels for the GPU.")
@click.option(
    "--fp16", is_flag=True, help="With fp16 kernels; such a library dies on a core without ARMv8.2 fp16."
)
@click.option("--version", help="Release, e.g. 2.13rc0; default: the installed paddlelite's.")
@click.option(
    "--bundle",
    "bundle_",
    type=click.Path(path_type=Path),
    help="Bundle to take the version from, and OpenCL and fp16 where its kernels need them.",
)
@click.option(
    "--file", type=click.Path(path_type=Path), help="Archive (.tar.gz) that is there already, or your own."
)
@sha256_option("the archive")
@click.option(
    "--cache", type=click.Path(path_type=Path), help="Folder to keep SDKs in; default: the user's cache."
)
@click.option(
    "--timeout",
    type=Number(0, SECONDS, min_open=True),
    default=30.0,
    show_default=True,
    help="Seconds to wait for the server.",
)
@json_option("one JSON document")
def main(
    abi: str,
    opencl: bool,
    fp16: bool,
    version: str | None,
    bundle_: Path | None,
    file: Path | None,
    sha256: str | None,
    cache: Path | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Print where the SDK is and the flag for cmake, after getting it if it is not in the cache."""
    if version is not None and bundle_:
        raise click.UsageError("give --version or --bundle, not both")
    if bundle_:
        version, needs_opencl, needs_fp16 = release.needs(bundle.read(bundle_, verify=False).manifest)
        opencl, fp16 = opencl or needs_opencl, fp16 or needs_fp16
    build = Build(abi, opencl, fp16, release.tag(version))
    cached = not file and sdk.find(abi, opencl, fp16, build.tag, cache) is not None
    found = sdk.fetch(
        build,
        cache,
        file=file,
        sha256=sha256,
        timeout=timeout,
        notify=lambda line: click.echo(line, err=True),
    )
    if as_json:
        _command.print_json(_facts(build, found, cached))
        return
    origin = "was in the cache" if cached else f"from {found.source}"
    click.echo(f"Paddle Lite {build.tag} for {build.name}, {origin}")
    click.echo(f"SHA-256 of its archive: {found.archive_sha256}")
    click.echo(found.path)
    click.echo(found.cmake_flag)
    if found.runtime.shared_stl:
        click.echo("It needs libc++_shared.so of the NDK beside it on the phone.")
    for name, size in _pages(found).items():
        if build.abi in _WIDE and size is not None and size < library.PAGE_BYTES:
            click.echo(
                f"{name} is laid out for memory pages of {size >> 10} KiB: it is not loaded on phones with pages of "
                "16 KiB, and Google Play wants those; build Paddle Lite with -Wl,-z,max-page-size=16384 and "
                "give --file",
                err=True,
            )


def _pages(found: sdk.Sdk) -> dict[str, int | None]:
    """By name of each library the largest memory page, in bytes, that it can be loaded with."""
    return {path.name: library.page_bytes(path) for path in (found.runtime.path, found.jni) if path}


def _facts(build: Build, found: sdk.Sdk, cached: bool) -> dict:
    return {
        "path": str(found.path),
        "cmake": found.cmake_flag,
        "cached": cached,
        "source": found.source,
        "archive_sha256": found.archive_sha256,
        "version": build.tag,
        "runtime_version": found.runtime.version,
        "abi": build.abi,
        "opencl": build.opencl,
        "fp16": build.fp16,
        "include": str(found.include),
        "library": str(found.runtime.path),
        "jar": found.jar and str(found.jar),
        "jni": found.jni and str(found.jni),
        "needs_shared_stl": found.runtime.shared_stl,
        "page_bytes": _pages(found),
    }


if __name__ == "__main__":
    _command.run(main)
