"""quant/cost.py agrees with the counted forms and layers, and says where it knows nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lite import nb, shapes
from quant import cost

IMAGE = (1, 3, 224, 224)


@pytest.fixture(scope="module")
def forms(root: Path):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "benchmarks"))
        import forms

        yield forms


def _op(kind: str, precision: str, inputs: dict, outputs: dict, attributes: dict | None = None) -> nb.Op:
    kernel = nb.Kernel(kind, "def", "arm", precision, "nchw")
    return nb.Op(kind, kernel, inputs, outputs, attributes or {})


def _model(*ops: nb.Op, **params: tuple[int, ...]) -> nb.LiteModel:
    """A program that reads `x` and ends with `y`; `params` are the shapes of its parameters."""
    feed = _op("feed", "any", {"X": ("feed",)}, {"Out": ("x",)})
    fetch = _op("fetch", "any", {"X": ("y",)}, {"Out": ("fetch",)})
    tensors = {name: nb.Tensor(shape, "float32", 0) for name, shape in params.items()}
    return nb.LiteModel(Path("made.nb"), 0, 2, "v2.13-rc", (feed, *ops, fetch), {"x": (1,)}, tensors)


COUNTED = [
    (0, "fp32"), (1, "fp32"), (1, "int8"), (2, "fp32"), (2, "int8"), (3, "fp32"), (3, "int8"),
    (4, "fp32"), (4, "int8"), (5, "int8"),
]  # fmt: skip


@pytest.mark.parametrize(("index", "precision"), COUNTED)
def test_graphs_are_within_one_percent_of_their_counts(
    forms, index: int, precision: str, tmp_path: Path
) -> None:
    form = forms.FORMS[index]
    modelled = forms.instructions(form, precision, tmp_path)
    assert modelled == pytest.approx(getattr(form, precision) * 1e6, rel=0.01)


def test_every_count_is_checked(forms) -> None:
    there = {
        (index, precision)
        for index, form in enumerate(forms.FORMS)
        for precision in ("fp32", "int8")
        if getattr(form, precision) is not None
    }
    assert there == set(COUNTED)


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize(("inputs", "outputs"), [(192, 768), (768, 192), (192, 192), (192, 576), (192, 64)])
def test_layers_are_within_two_percent_of_their_counts(forms, inputs: int, outputs: int, int8: bool) -> None:
    ops = [
        _op("fc", "int8" if int8 else "fp32",
            {"Input": ("q" if int8 else "x",), "W": ("w",), "Bias": ("b",)}, {"Out": ("y",)},
            {"op_type": "matmul_v2"}),
    ]  # fmt: skip
    if int8:
        ops.insert(0, _op("calib", "int8", {"Input": ("x",)}, {"Out": ("q",)}))
    model = _model(*ops, w=(inputs, outputs), b=(outputs,))
    counted = forms.LAYERS[inputs, outputs][int8] * 1e6
    found = cost.instructions(model, (1, 197, inputs))
    assert found == pytest.approx(counted, rel=0.02)
    operators = sum(item.instructions for item in cost.costs(model, (1, 197, inputs)))
    assert cost.linear(197, inputs, outputs, int8=int8) == pytest.approx(operators)


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
    with pytest.raises(cost.UnknownCostError, match="in fp16"):
        cost.instructions(_model(half), (1, 8))
    erf = _op("erf", "fp32", {"X": ("x",)}, {"Out": ("y",)})
    with pytest.raises(cost.UnknownCostError, match="erf, has no known cost"):
        cost.instructions(_model(erf), (1, 8))
    with pytest.raises(shapes.UnknownShapeError, match="has no shape rule"):
        cost.instructions(_model(_op("lstm", "fp32", {"X": ("x",)}, {"Out": ("y",)})), (1, 8))


def test_command_prints_the_instructions(root: Path, forms, tmp_path: Path) -> None:
    model = forms.convert(forms.FORMS[4], "int8", 1, tmp_path)
    expected = cost.instructions(model, IMAGE)
    command = [sys.executable, root / "tools" / "inspect_nb.py", tmp_path / "model.nb"]
    shown = subprocess.run(command, capture_output=True, text=True)
    assert f"about {expected / 1e6:.0f} M instructions a picture on a Cortex-A76" in shown.stdout
    facts = subprocess.run([*command, "--json"], capture_output=True, text=True)
    assert json.loads(facts.stdout)["arm_instructions"] == round(expected)
