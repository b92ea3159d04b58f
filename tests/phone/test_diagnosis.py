"""Why INT8 is not faster: sentences by facts of several phones, each of which names what it rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from measurements import USED, measurement

from lite.bundle import Bundle
from lite.phone import diagnostics
from lite.phone.diagnostics import Diagnosis
from lite.phone.facts import Facts
from lite.phone.measured import BundleComparison
from lite.phone.plan import Candidate, Configuration
from lite.phone.sensors import Sample

# A Pixel 7's cores: little, middle, big, and the most that each can.
PIXEL = {
    **dict.fromkeys(range(4), 1_804_800),
    **dict.fromkeys((4, 5), 2_348_000),
    **dict.fromkeys((6, 7), 2_850_000),
}
INT8 = {
    "core": "Cortex-A76", "instructions": 200, "without_dot_product": 400,
    "operators": [
        {"op": "fc", "target": "arm", "precision": "int8", "count": 40, "instructions": 100},
        {"op": "softmax", "target": "arm", "precision": "fp32", "count": 36, "instructions": 60},
        {"op": "gelu", "target": "arm", "precision": "fp32", "count": 12, "instructions": 30},
        {"op": "calib", "target": "arm", "precision": "int8", "count": 119, "instructions": 10},
    ],
    "layers": [],
}  # fmt: skip
FP32 = {
    "core": "Cortex-A76", "instructions": 450, "without_dot_product": 480,
    "operators": [{"op": "fc", "target": "arm", "precision": "fp32", "count": 50, "instructions": 450}], "layers": [],
}  # fmt: skip


def facts(
    features: tuple[str, ...] = ("asimd", "asimddp"), parts: tuple[str, ...] = ("0xd05",), **others: Any
) -> Facts:
    values = {"abis": ("arm64-v8a",), "cores": 8} | others
    return Facts("p", None, None, cpu_parts=parts, features=features, android_version="14", sdk=34,
                 free_bytes=None, own_bytes=0, opencl=None, root=False, **values)  # fmt: skip


def compared(
    ms: float = 40.0, *, threads: int = 1, mask: str = "ff", top: dict[int, int] | None = None,
    clock: int | None = None, host: bool = False, engine: str = "v2.13-rc", int8_bytes: int = 8_000_000,
    cost: dict[str, Any] | None = INT8,
) -> BundleComparison:  # fmt: skip
    """INT8 in `ms` against fp32 in 45 ms, on cores with the clocks `top`."""
    made = []
    for precision, model, level in (("fp32", FP32, 45.0), ("int8", cost, ms)):
        manifest = {"precision": precision, "target": "arm", "cost": model}
        candidate = Candidate(Bundle(Path(precision), manifest), precision, host)
        one = measurement(candidate, level, configuration=Configuration(threads))
        one.used = {**USED, "threads": threads, "cpu_mask": mask, "bytes": int8_bytes, "engine": engine}
        sample = Sample(
            1.0,
            maximums=top if top is not None else PIXEL,
            frequencies=dict.fromkeys(PIXEL, clock) if clock else {},
        )
        for number, each in enumerate(one.rounds):
            one.rounds[number] = type(each)(
                **{**vars(each), "before": sample, "during": [sample], "after": sample}
            )
        made.append(one)
    return BundleComparison(*made)


def found(comparison: BundleComparison, phone: Facts | None = None, cache: int | None = None) -> Diagnosis:
    result = diagnostics.diagnose(comparison, phone or facts(), cache)
    assert result is not None
    return result


def texts(result: Diagnosis, name: str) -> list[str]:
    return [cause.text for cause in result.causes if cause.name == name]


def test_a_phone_without_dot_products() -> None:
    result = found(compared(), facts(("asimd", "asimdhp")))
    assert texts(result, "dot product") == [
        "No dot product: not all cores have asimddp among their features in /proc/cpuinfo: by the instruction model it "
        "is then 1.20 times as fast as fp32, not 2.25."
    ]
    assert (result.expected, round(result.measured, 1)) == (2.25, 1.1)


def test_a_core_that_this_paddle_lite_does_not_know() -> None:
    result = found(compared(), facts(parts=("0xd05", "0xd0b")))
    (text,) = texts(result, "dot product")
    assert "Paddle Lite v2.13-rc does not know CPU part 0xd0b (Cortex-A76)" in text
    # Another version may, and nothing is known of it.
    assert not texts(found(compared(engine="v2.14"), facts(parts=("0xd0b",))), "dot product")


def test_a_phone_that_hides_its_features_is_not_said_to_lack_any() -> None:
    assert not texts(found(compared(), facts(())), "dot product")


def test_more_threads_than_big_cores() -> None:
    (text,) = texts(found(compared(threads=4)), "threads")
    assert text.startswith("Wrong threads: 4 threads for 2 big cores (CPUs 6-7, 2850 MHz)")
    (text,) = texts(found(compared(threads=4, mask="c0")), "threads")
    assert text == "Wrong threads: 4 threads on 2 CPUs (6-7), by the mask that was in force."
    assert not texts(found(compared(threads=2)), "threads")


def test_eight_cores_that_are_alike_have_no_big_ones() -> None:
    result = found(compared(threads=8, top=dict.fromkeys(range(8), 2_000_000)))
    assert not texts(result, "threads")
    assert not texts(result, "little cores")


def test_little_cores_by_the_mask_that_was_in_force() -> None:
    (text,) = texts(found(compared(mask="0f")), "little cores")
    assert "could use CPUs 0-3 only, which reach 1805 MHz where CPUs 6-7 reach 2850" in text
    assert not texts(found(compared(mask="f0")), "little cores")


def test_a_low_clock_beside_the_runs() -> None:
    (text,) = texts(found(compared(clock=900_000)), "clock")
    assert "ran at 900 of 2850 MHz (median of 3 looks at scaling_cur_freq" in text
    assert not texts(found(compared(clock=2_700_000)), "clock")


def test_weights_that_do_not_fit_into_the_largest_cache() -> None:
    slow, fast = compared(30.0, int8_bytes=100_000_000), compared(30.0, int8_bytes=2_000_000)
    (text,) = texts(found(slow, cache=4 << 20), "memory")
    assert "the network's 100.0 MB do not fit into the largest cache that the phone tells of (4.2 MB)" in text
    assert "3.3 GB/s" in text
    assert not texts(found(fast, cache=4 << 20), "memory")
    assert not texts(found(slow, cache=None), "memory"), "an unknown cache proves nothing"


def test_conversions_and_float_parts_are_the_manifests_figures() -> None:
    result = found(compared())
    assert texts(result, "conversions") == [
        "Conversions: 119 operators only turn tensors from one precision into another, 5% of the modelled instructions "
        "(the manifest's cost)."
    ]
    (text,) = texts(result, "float parts")
    assert (
        "45% of the modelled instructions are in operators that stay in float, most in softmax, gelu" in text
    )


def test_what_runs_in_fp16_is_not_said_to_stay_in_float() -> None:
    halves = [row | {"precision": "fp16"} if row["op"] == "softmax" else row for row in INT8["operators"]]
    (text,) = texts(found(compared(cost=INT8 | {"operators": halves})), "float parts")
    assert (
        "45% of the modelled instructions are in operators that are in FP16 or stay in float, most in" in text
    )


@pytest.mark.parametrize(
    "comparison",
    [compared(18.0), compared(host=True)],
    ids=["as fast as modelled", "host.nb, which simulates"],
)
def test_nothing_is_explained_where_there_is_nothing_to_explain(comparison: BundleComparison) -> None:
    assert diagnostics.diagnose(comparison, facts(), None) is None


def test_without_a_model_only_what_is_slower_than_fp32_is_explained() -> None:
    assert diagnostics.diagnose(compared(40.0, cost=None), facts(), None) is None
    result = found(compared(60.0, cost=None))
    assert result.expected is None
    assert result.causes == []


def test_caches_as_kernels_write_them() -> None:
    said = "cache 32K Data\ncache 64K Instruction\ncache 512K Unified\ncache 4096K Unified\ncache 8M Instruction\n"
    assert diagnostics.parse_caches(said) == 4 << 20
    assert diagnostics.parse_caches("") is None
