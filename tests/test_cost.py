"""quant/cost/model.py agrees with what was counted, and says where it knows nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from lite.nb import reader, shapes
from quant.cost import model as cost
from quant.cost.rates import CORES

IMAGE = (1, 3, 224, 224)


@pytest.fixture(scope="module")
def counted(root: Path):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "benchmarks"))
        import cost_model

        yield cost_model


@pytest.fixture(scope="module")
def graphs(root: Path):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "benchmarks"))
        import arm_graphs

        yield arm_graphs.GRAPHS


@pytest.fixture(scope="module")
def per_head(graphs, tmp_path_factory: pytest.TempPathFactory) -> reader.LiteModel:
    return graphs["deit_tiny, int8, per head, shifted"](tmp_path_factory.mktemp("per_head"))


def _op(kind: str, precision: str, inputs: dict, outputs: dict, attributes: dict | None = None) -> reader.Op:
    kernel = reader.Kernel(kind, "def", "arm", precision, "nchw")
    return reader.Op(kind, kernel, inputs, outputs, attributes or {})


def _model(*ops: reader.Op, **params: tuple[int, ...]) -> reader.LiteModel:
    """A program that reads `x` and ends with `y`; `params` are the shapes of its parameters."""
    feed = _op("feed", "any", {"X": ("feed",)}, {"Out": ("x",)})
    fetch = _op("fetch", "any", {"X": ("y",)}, {"Out": ("fetch",)})
    tensors = {name: reader.Tensor(shape, "float32", 0) for name, shape in params.items()}
    return reader.LiteModel(Path("made.nb"), 0, 2, "v2.13-rc", (feed, *ops, fetch), {"x": (1,)}, tensors)


@pytest.mark.parametrize("core", CORES)
def test_graphs_are_within_two_percent_where_the_rates_are_fitted_to_all_others(counted, core: str) -> None:
    predicted = counted.left_out(core)
    assert len(predicted) >= 7
    for name, (taken, modelled) in predicted.items():
        assert modelled == pytest.approx(taken, rel=0.02), name


def test_rates_fitted_to_deit_tiny_predict_small_and_base(counted) -> None:
    tiny = [graph for graph in counted.graphs() if not graph.name.startswith(("deit_small", "deit_base"))]
    larger = [graph for graph in counted.graphs() if graph not in tiny]
    fitted = counted.fit(tiny, "cortex-a76")
    assert {graph.name.split(",")[0] for graph in larger} >= {
        "deit_small",
        "deit_small_distilled",
        "deit_base",
    }
    for graph in larger:
        assert counted.modelled(graph, fitted) == pytest.approx(graph.counted["cortex-a76"], rel=0.02), (
            graph.name
        )


@pytest.mark.parametrize("core", CORES)
def test_rates_are_those_of_the_fit(counted, core: str) -> None:
    fitted = asdict(counted.fit(counted.graphs(), core).rates)
    assert asdict(CORES[core].rates) == pytest.approx(fitted, rel=2e-3, abs=1e-6)
    for graph in counted.graphs():
        if core in graph.counted:
            assert counted.modelled(graph, CORES[core]) == pytest.approx(graph.counted[core], rel=0.01)


def test_operators_that_matter_are_within_five_percent(counted) -> None:
    for graph in counted.graphs():
        for one in graph.operators:
            for core, taken in one.taken.items():
                if one.count * taken > 0.01 * graph.counted[core]:
                    modelled = cost.of_step(one.step, CORES[core])
                    assert modelled == pytest.approx(taken, rel=0.05), (graph.name, one.step)


def test_what_was_counted_is_what_the_optimizer_makes(counted, per_head: reader.LiteModel) -> None:
    (graph,) = (one for one in counted.graphs() if one.name == "deit_tiny, int8, per head, shifted")
    there: Counter[tuple] = Counter()
    for one in graph.operators:
        there[_kernel(one.step)] += one.count
    assert there == Counter(map(_kernel, shapes.steps(per_head, IMAGE)))
    assert cost.instructions(per_head, IMAGE) == pytest.approx(counted.modelled(graph, CORES["cortex-a76"]))


def _kernel(step: shapes.ShapedOp) -> tuple:
    inputs = tuple(sorted((name, found) for name, found in step.inputs.items() if found))
    return step.op.type, step.op.kernel.precision, inputs, tuple(step.outputs.values()), step.macs


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("int8", [False, True])
def test_a_layer_costs_what_its_operators_do(int8: bool, core: str) -> None:
    ops = [
        _op("fc", "int8" if int8 else "fp32",
            {"Input": ("q" if int8 else "x",), "W": ("w",), "Bias": ("b",)}, {"Out": ("y",)},
            {"op_type": "matmul_v2"}),
    ]  # fmt: skip
    if int8:
        ops.insert(0, _op("calib", "int8", {"Input": ("x",)}, {"Out": ("q",)}))
    model = _model(*ops, w=(192, 768), b=(768,))
    operators = sum(item.instructions for item in cost.costs(model, (1, 197, 192), core))
    assert cost.linear(197, 192, 768, int8=int8, core=CORES[core]) == pytest.approx(operators)


def test_cores_without_dot_products_pay_for_it_in_int8_only() -> None:
    int8, fp32 = (
        [
            cost.linear(197, 192, 768, int8=kind, core=CORES[core])
            for core in ("cortex-a76", "cortex-a73", "cortex-a53")
        ]
        for kind in (True, False)
    )
    assert 2 < int8[1] / int8[0] < 3
    assert int8[2] == pytest.approx(int8[1], rel=0.02)
    assert fp32[1] == pytest.approx(fp32[0], rel=0.01)
    # Its float kernel loads half a register at a time.
    assert 1.5 < fp32[2] / fp32[0] < 1.7


def test_a_summary_has_every_instruction_once_and_the_largest_first(per_head: reader.LiteModel) -> None:
    found = cost.summary(per_head, IMAGE)
    assert found["core"] == "Cortex-A76"
    assert found["instructions"] == round(cost.instructions(per_head, IMAGE))
    assert found["without_dot_product"] == round(cost.instructions(per_head, IMAGE, "cortex-a53"))
    operators = [row["instructions"] for row in found["operators"]]
    layers = [row["instructions"] for row in found["layers"]]
    for rows in (operators, layers):
        assert rows == sorted(rows, reverse=True)
        assert sum(rows) == pytest.approx(found["instructions"], rel=2e-3)
    kernels = [row for row in reader.kernel_table(per_head) if row["op"] not in ("feed", "fetch")]
    assert sorted(({**row} for row in kernels), key=str) == sorted(
        ({key: row[key] for key in ("op", "target", "precision", "count")} for row in found["operators"]),
        key=str,
    )
    # By layer it is what the layer's operators take: fc1, and quantizing what it reads.
    fc1 = next(row["instructions"] for row in found["layers"] if row["layer"] == "blocks.3.mlp.fc1")
    assert fc1 == pytest.approx(cost.linear(197, 192, 768, int8=True), abs=1)


def test_a_model_that_cannot_be_judged_has_no_summary() -> None:
    assert cost.summary(_model(_op("erf", "fp32", {"X": ("x",)}, {"Out": ("y",)})), (1, 8)) is None
    made = cost.summary(_model(_op("relu", "fp32", {"X": ("x",)}, {"Out": ("y",)})), (1, 8))
    assert made["layers"] == []


@pytest.mark.parametrize("int8", [False, True])
def test_a_convolution_over_tokens_takes_some_percent_less_than_the_layer(int8: bool) -> None:
    attributes = {"strides": (1, 1), "paddings": (0, 0), "dilations": (1, 1), "groups": 1}
    precision = "int8" if int8 else "fp32"
    convolution = _op(
        "conv2d", precision, {"Input": ("x",), "Filter": ("w",)}, {"Output": ("y",)}, attributes
    )
    (found,) = cost.costs(_model(convolution, w=(768, 192, 1, 1)), (1, 192, 1, 197))
    layer = cost.linear(197, 192, 768, int8=int8) - (cost.linear(197, 192, 0, int8=True) if int8 else 0)
    assert 0.9 < found.instructions / layer < 0.99


def test_products_grow_with_each_dimension() -> None:
    for int8 in (False, True):
        base = cost.linear(200, 384, 384, int8=int8)
        for larger in ((400, 384, 384), (200, 768, 384), (200, 384, 768)):
            assert 1.8 < cost.linear(*larger, int8=int8) / base < 2.05
    # Rows are padded to eight, so 193 to 200 tokens cost nearly the same.
    assert cost.linear(200, 384, 384, int8=True) < 1.01 * cost.linear(193, 384, 384, int8=True)


def test_a_single_row_is_a_vector_product() -> None:
    assert cost.linear(1, 192, 768, int8=True) < cost.linear(2, 192, 768, int8=True) / 2


def test_a_factor_for_each_channel_is_dear_unless_channels_come_first() -> None:
    def elementwise(kind: str, x: tuple[int, ...], y: tuple[int, ...], axis: int = -1) -> float:
        op = _op(kind, "fp32", {"X": ("x",), "Y": ("w",)}, {"Out": ("y",)}, {"axis": axis})
        return cost.costs(_model(op, w=y), x)[0].instructions

    tokens_first = elementwise("elementwise_mul", (1, 197, 768), (768,))
    channels_first = elementwise("elementwise_mul", (1, 768, 197), (768,), axis=1)
    same = elementwise("elementwise_mul", (1, 197, 768), (1, 197, 768))
    assert tokens_first > 10 * channels_first
    assert same < 2 * channels_first
    assert elementwise("elementwise_mul", (1, 197, 768), (1, 1, 768)) > 10 * same
    assert elementwise("elementwise_add", (1, 197, 768), (1, 1, 768)) < 2 * same


def test_moving_one_axis_is_cheap_and_swapping_inner_ones_is_not() -> None:
    def transpose(shape: tuple[int, ...], axes: tuple[int, ...]) -> float:
        op = _op("transpose2", "any", {"X": ("x",)}, {"Out": ("y",)}, {"axis": axes})
        return cost.costs(_model(op), shape)[0].instructions

    assert transpose((1, 3, 197, 64), (0, 1, 3, 2)) < transpose((1, 197, 3, 64), (0, 2, 1, 3)) / 5
    assert transpose((1, 197, 3, 64), (0, 2, 1, 3)) == pytest.approx(0.7e6, rel=0.08)


def test_what_is_not_known_is_refused() -> None:
    relu = _op("relu", "fp32", {"X": ("x",)}, {"Out": ("y",)})
    gpu = replace(relu, kernel=replace(relu.kernel, target="opencl"))
    with pytest.raises(cost.UnknownCostError, match=r"operator 1 of made\.nb, relu, runs on opencl in fp32"):
        cost.instructions(_model(gpu), (1, 8))
    half = replace(relu, kernel=replace(relu.kernel, precision="fp16"))
    assert cost.instructions(_model(half), (1, 8)) > 0
    with pytest.raises(cost.UnknownCostError, match="in fp16: a Cortex-A53 has no half-precision arithmetic"):
        cost.instructions(_model(half), (1, 8), "cortex-a53")
    erf = _op("erf", "fp32", {"X": ("x",)}, {"Out": ("y",)})
    with pytest.raises(cost.UnknownCostError, match="erf, has no known cost"):
        cost.instructions(_model(erf), (1, 8))
    with pytest.raises(shapes.UnknownShapeError, match="has no shape rule"):
        cost.instructions(_model(_op("lstm", "fp32", {"X": ("x",)}, {"Out": ("y",)})), (1, 8))


def test_command_prints_the_instructions(root: Path, per_head: reader.LiteModel) -> None:
    expected, plain = cost.summary(per_head, IMAGE), cost.summary(per_head, IMAGE, "cortex-a53")
    command = [sys.executable, root / "tools" / "inspect_nb.py", per_head.path]

    def run(*options: str) -> str:
        shown = subprocess.run([*command, *options], capture_output=True, text=True)
        assert shown.returncode == 0, shown.stderr
        return shown.stdout

    shown = run()
    assert (
        f"about {expected['instructions'] / 1e6:.1f} M instructions a picture on a Cortex-A76, "
        f"{expected['without_dot_product'] / 1e6:.1f} M on a Cortex-A53, without int8 dot products (modelled)"
        in shown
    )
    assert (
        f"about {plain['instructions'] / 1e6:.1f} M instructions a picture on a Cortex-A53, "
        "without int8 dot products (modelled)" in run("--core", "cortex-a53")
    )
    # Shares that are little are no nothing.
    assert "< 0.1% │" in shown
    assert " 0.0% │" not in shown
    largest = expected["layers"][0]
    assert f"{largest['instructions'] / 1e6:.2f} M" in next(
        line for line in shown.splitlines() if f" {largest['layer']} " in line
    )
    assert json.loads(run("--json"))["cost"] == expected
    assert json.loads(run("--json", "--core", "cortex-a53"))["cost"] == plain
