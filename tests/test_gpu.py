"""What a converted network needs on a phone's GPU, told from its `.nb`; docs/log.md has the run that showed it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import paddle
import programs
import pytest
from states import random_state

from lite import zoo
from lite.engines.paddle_lite import LitePredictor
from lite.model import program as export
from lite.model.deploy import DeployableDeiT, deployable_state
from lite.model.graph import GPU, PLAIN, Exported
from lite.nb import gpu, optimizer, reader, shapes
from lite.nb.gpu import GpuError
from lite.nb.reader import LiteModel

SHAPE = (1, 3, 224, 224)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LiteModel:
    folder = tmp_path_factory.mktemp("gpu")
    return optimizer.for_phone(programs.deployable(folder, GPU), "fp32", "opencl", folder / "gpu.nb")


@pytest.mark.parametrize("name", ["deit_tiny", "deit_tiny_distilled"])
def test_the_form_for_gpus_computes_the_same_network(name: str, tmp_path: Path) -> None:
    variant = replace(zoo.find(name), depth=2)
    state = deployable_state(random_state(variant, 10), variant)
    plain, placed = (export.build(state, variant, form=form) for form in (PLAIN, GPU))
    pixels = np.random.default_rng(0).standard_normal(SHAPE, dtype=np.float32)
    tokens = [network.tokens(paddle.to_tensor(pixels)).numpy() for network in (plain, placed)]
    # Each patch is taken once, by a one among zeros: not a bit changes, but for the order of the sum with its place.
    np.testing.assert_allclose(tokens[1], tokens[0], rtol=0, atol=1e-6)
    on_host = optimizer.for_host(export.export(placed, tmp_path / "placed"), tmp_path / "host.nb")
    expected = plain(paddle.to_tensor(pixels)).numpy().ravel()
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(LitePredictor(on_host.path).run(pixels).ravel(), expected, rtol=0, atol=1e-5)


def test_nothing_between_the_copies_leaves_the_gpu(model: LiteModel) -> None:
    targets = [op.kernel.target for op in model.ops]
    copies = [index for index, op in enumerate(model.ops) if op.type == "io_copy"]
    assert len(copies) == 2
    assert set(targets[copies[0] : copies[1]]) == {"opencl"}
    # What is joined are parts of the patches' convolution, images on the GPU.
    (concat,) = (op for op in model.ops if op.type == "concat")
    assert not set(concat.inputs["X"]) & set(model.params)
    # Rows are cut out of a buffer, not of an image: in the last block and for the head.
    assert sum(op.type == "layout" for op in model.ops) == 8


def test_a_parameter_that_a_kernel_takes_for_an_image_is_refused(tmp_path: Path) -> None:
    plain, out = programs.deployable(tmp_path / "plain"), tmp_path / "model.nb"
    with pytest.raises(
        GpuError, match=r"concat, would crash on a GPU: it takes the parameter 'deployable_dei_t_0.w_0'"
    ):
        optimizer.for_phone(plain, "fp32", "opencl", out)
    assert not out.exists()


def test_every_layer_reads_the_rows_of_its_input(model: LiteModel) -> None:
    axes = {
        (len(step.inputs["Input"][0] or ()), step.op.attributes["in_num_col_dims"])
        for step in shapes.steps(model, SHAPE)
        if step.op.type == "fc"
    }
    # OpenCL's fc arranges rows by the attribute; the head's input is one row.
    assert axes == {(3, 2), (2, 1)}
    place = next(index for index, op in enumerate(model.ops) if op.type == "fc")
    as_opt_has_it = {**model.ops[place].attributes, "in_num_col_dims": 1}
    ops = (*model.ops[:place], replace(model.ops[place], attributes=as_opt_has_it), *model.ops[place + 1 :])
    with pytest.raises(GpuError, match="fc, would answer junk on a GPU: in_num_col_dims is 1 where"):
        gpu.check(replace(model, ops=ops))


def test_no_image_is_larger_than_gpus_have_them(tmp_path: Path) -> None:
    """The weights of one convolution with 384 outputs are 24,576 pixels high: DeiT-small's has three parts."""
    pixels = [paddle.static.InputSpec(SHAPE, "float32", "image")]
    with paddle.utils.unique_name.guard():
        paddle.jit.save(paddle.nn.Conv2D(3, 384, 16, 16), str(tmp_path / "model"), input_spec=pixels)
    with pytest.raises(GpuError, match="conv2d, would abort on a GPU: it needs an image of 4 x 24576 pixels"):
        optimizer.for_phone(Exported.in_folder(tmp_path), "fp32", "opencl", tmp_path / "conv.nb")
    small = DeployableDeiT(replace(zoo.find("deit_small"), depth=1), 10, form=GPU)
    small.eval()
    model = optimizer.for_phone(
        export.export(small, tmp_path / "small"), "fp32", "opencl", tmp_path / "small.nb"
    )
    assert [model.params[op.inputs["Filter"][0]].shape for op in model.ops if op.type == "conv2d"] == (
        [(128, 3, 16, 16)] * 3
    )


def test_mending_twice_changes_nothing(model: LiteModel) -> None:
    before = model.path.read_bytes()
    assert gpu.mend(model.path) == model == reader.read(model.path)
    assert model.path.read_bytes() == before
