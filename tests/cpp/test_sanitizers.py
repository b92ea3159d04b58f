"""All tests of the C++ core once more, with AddressSanitizer and UndefinedBehaviorSanitizer watching.

The engine itself is not instrumented: what is found is ours.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from core_build import build

HERE = Path(__file__).parent
# Other processors, another compiler, or nothing of ours at run time.
ELSEWHERE = (
    "test_arm.py",
    "test_fuzz.py",
    "test_official_layout.py",
    "test_host_sdk.py",
    "test_paddle_inference.py",
    "test_crash.py",  # bounds the address space, of which AddressSanitizer wants terabytes
    Path(__file__).name,
)
OPTIONS = {
    "DEIT_CPP_PRESET": "sanitize",
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "LSAN_OPTIONS": f"suppressions={HERE / 'lsan.supp'}:print_suppressions=0",
}

pytestmark = pytest.mark.slow


def test_sanitizers_are_on() -> None:
    for name in ("deit", "deit_tensor"):
        symbols = subprocess.check_output(["nm", "-D", build("sanitize") / name], text=True)
        assert "__asan_init" in symbols
        assert "__ubsan_handle" in symbols


def test_whole_suite() -> None:
    build("sanitize")
    files = sorted(str(path) for path in HERE.glob("test_*.py") if path.name not in ELSEWHERE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(
        command, cwd=HERE.parents[1], env=os.environ | OPTIONS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout.splitlines()[-1]
