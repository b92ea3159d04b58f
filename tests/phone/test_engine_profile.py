# ruff: noqa: E501
"""The table of a profile build of Paddle Lite, by the samples of its own documentation."""

from __future__ import annotations

from lite.phone.demo import kernel_times

# From docs/user_guides/profiler.md of Paddle Lite, with the log lines around it.
SAID = """\
===== Detailed Dispatch Profiler Summary: N/A, Exclude 1 warm-ups =====
OperatorType         KerneAttr(Place)               KernelFuncName           Remark                     InDim           FilterDim       OutDim          Avg(ms) Min(ms) Max(ms) Last(ms) Avg(%)  GOPs    GOPS
conv2d               arm/float/NCHW                 conv_3x3s2_direct_fp32   3x3p1s2g1d1BiasRelu        1x3x224x224     32x3x3x3        1x32x112x112    0.735   0.709   0.865   0.718   2.60%    0.022   29.50

[I 10/13 11: 1:19. 51 .../Paddle-Lite/lite/core/program.h:216 ~RuntimeProgram]
Timing cycle = 100
===== Concise Create Profiler Summary: N/A, Exclude 10 warm-ups =====
OperatorType         KerneAttr(Place)               KernelFuncName           Avg(ms) Min(ms) Max(ms) Avg(%)  GOPs    CalledTimes
conv2d               arm/float/NCHW                 conv1x1s1_gemm_fp32      0.015   0.004   0.071   49.91%    1.079   13

[I 10/13 11: 1:19. 51 .../Paddle-Lite/lite/core/program.h:217 ~RuntimeProgram]
Timing cycle = 100
===== Concise Dispatch Profiler Summary: N/A, Exclude 10 warm-ups =====
OperatorType         KerneAttr(Place)               KernelFuncName           Avg(ms) Min(ms) Max(ms) Avg(%)  GOPs    CalledTimes
fc                   arm/float/NCHW                 NotImpl                  0.285   0.277   0.318   1.01%    0.003   1
conv2d               arm/float/NCHW                 conv1x1s1_gemm_fp32      25.381  24.985  25.896  89.79%    1.079   13
[W 10/13 a line of another thread that fits no heading]
softmax              arm/float/NCHW                 NotImpl                  0.006   0.005   0.008   0.02%    0.000   1

{"schema": 1}
"""
# As profiler.cc of version 2.6 prints it: a remark that may be empty, no function, no calls.
OLDER = """\
Timing cycle = 10
===== Concise Dispatch Profiler Summary: N/A, Exclude 10 warm-ups =====
OperatorType         KerneAttr                      Remark                     Avg(ms) Min(ms) Max(ms) Avg(%)
fc                   arm/int8_t/NCHW                                           1.250   1.100   1.400   62.50%
softmax              arm/float/NCHW                 axis-1                     0.750   0.700   0.800   37.50%
"""


def test_the_last_dispatch_table_is_taken_the_longest_kernel_first() -> None:
    rows = kernel_times(SAID)
    assert [(row.op, row.function, row.mean_ms, row.calls) for row in rows] == [
        ("conv2d", "conv1x1s1_gemm_fp32", 25.381, 13),
        ("fc", "NotImpl", 0.285, 1),
        ("softmax", "NotImpl", 0.006, 1),
    ]
    assert (rows[0].place, rows[0].min_ms, rows[0].max_ms) == ("arm/float/NCHW", 24.985, 25.896)


def test_an_older_versions_table_may_have_empty_remarks() -> None:
    rows = kernel_times(OLDER)
    assert [(row.op, row.place, row.mean_ms, row.function, row.calls) for row in rows] == [
        ("fc", "arm/int8_t/NCHW", 1.25, None, None),
        ("softmax", "arm/float/NCHW", 0.75, None, None),
    ]


def test_what_prints_no_table_has_no_profile() -> None:
    assert kernel_times('deit 0.1\n{"schema": 1}\n') == []
    assert kernel_times(SAID.partition("Dispatch Profiler Summary: N/A, Exclude 10")[0]) == []
