"""INT8 and FP16 in one `.nb`: what is chosen, how the file is rewritten, what is refused, and a whole bundle."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import paddle
import pytest
from shallow import CALIBRATION, CHECK, VARIANT, recipe, shallow

from lite.bundle import Bundle
from lite.engines.paddle_lite import LitePredictor
from lite.model.program import LoadedProgram, export, static_graph
from lite.nb import fp16, optimizer, program, reader, shapes
from lite.nb.kernel_check import WrongKernelsError, check_kernels
from lite.nb.precisions import WrongPrecisionError, check_precisions
from lite.nb.reader import LiteModel, Op
from lite.pictures import prepare
from lite.sdk import release
from quant.conversion import convert_all
from quant.cost import model as costs
from quant.cost.fp16 import cheapest
from quant.program.steps import ProgramWriter
from quant.program.twin import Halved, Rounding
from quant.recipe import Request

IMAGE = (1, 3, 224, 224)
PRECISIONS = ("int8", "int8-fp16", "fp16", "fp32")
SKIP = ("blocks.*.attn.av", "blocks.-1.mlp.fc2", "head*")
REWRITE = {
    "rotate": False, "equalize": False, "centre_keys": False, "shift_gelu": True, "scale_gelu": False,
    "split_gelu": {0: 16}, "gptq": False, "tanh_gelu": True, "attention": "packed", "views": 1, "class_tokens": 1.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    """Two blocks of the bundled network in each precision."""
    loaded = shallow()
    made = convert_all(
        loaded,
        [Request(precision, "arm") for precision in PRECISIONS],
        recipe=recipe(*SKIP, rewrite=REWRITE),
        calibration=CALIBRATION,
        check=CHECK,
        out=tmp_path_factory.mktemp("bundles"),
        work=tmp_path_factory.mktemp("work"),
    )
    return {each.manifest["precision"]: each for each in made}


@pytest.fixture(scope="module")
def int8(bundles: dict[str, Bundle]) -> LiteModel:
    return reader.read(bundles["int8"].model_nb)


@pytest.fixture(scope="module")
def mixed(bundles: dict[str, Bundle]) -> LiteModel:
    return reader.read(bundles["int8-fp16"].model_nb)


def test_layers_that_fp16_takes_out_of_int8_change_no_int8_bundle(
    bundles: dict[str, Bundle], tmp_path: Path
) -> None:
    base, extra = recipe(*SKIP, rewrite=REWRITE), "blocks.0.mlp.fc2"
    both = base.model_copy(update={"skip_fp16": [extra]})
    merged = base.model_copy(update={"skip": [*base.skip, extra]})
    made = {}
    for name, used, precisions in (("both", both, ("int8-fp16", "int8")), ("merged", merged, ("int8-fp16",))):
        (tmp_path / name).mkdir()
        made[name] = convert_all(
            shallow(), [Request(precision, "arm") for precision in precisions], recipe=used,
            calibration=CALIBRATION, check=CHECK, out=tmp_path / f"{name}-bundles", work=tmp_path / name,
        )  # fmt: skip
    (mixed, int8), (expected,) = made["both"], made["merged"]
    for file in ("model.nb", "host.nb"):
        assert (mixed.path / file).read_bytes() == (expected.path / file).read_bytes()
        assert (int8.path / file).read_bytes() == (bundles["int8"].path / file).read_bytes()
    assert mixed.manifest["recipe"] == expected.manifest["recipe"]
    assert int8.manifest["recipe"]["skip"] == list(SKIP)
    assert mixed.manifest["int8_coverage"] < int8.manifest["int8_coverage"]
    assert mixed.manifest["drift"]["snr_db"] > bundles["int8-fp16"].manifest["drift"]["snr_db"]


def test_a_bundle_says_what_it_is_and_what_it_needs(bundles: dict[str, Bundle]) -> None:
    manifest, plain = bundles["int8-fp16"].manifest, bundles["int8"].manifest
    assert bundles["int8-fp16"].path.name.endswith("-int8-fp16-arm")
    assert manifest["requires"] == {"cpu": "asimdhp", "release": "arm82_fp16"}
    assert plain["requires"] is None
    assert manifest["recipe"] == plain["recipe"]
    assert manifest["int8_coverage"] == pytest.approx(plain["int8_coverage"])
    assert manifest["cost"]["instructions"] < 0.9 * plain["cost"]["instructions"]
    assert manifest["cost"]["without_dot_product"] is None
    assert plain["cost"]["without_dot_product"] > plain["cost"]["instructions"]
    assert "INT8 and FP16" in (bundles["int8-fp16"].path / "report.html").read_text()


@pytest.mark.parametrize("name", PRECISIONS)
def test_fetch_sdk_offers_the_release_that_it_needs(
    bundles: dict[str, Bundle], name: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requires = bundles[name].manifest["requires"]
    assert (requires is not None) == ("fp16" in name)
    # Where no server is, the command says which archive it could not get.
    monkeypatch.setenv(release.URL_VARIABLE, "http://127.0.0.1:9/{asset}")
    command = [sys.executable, root / "tools" / "fetch_sdk.py", "--bundle", bundles[name].path]
    command += ["--abi", "arm64-v8a", "--cache", tmp_path]
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert ended.returncode == 5
    archives = set(re.findall(r"inference_lite_lib[\w.+]*?[.]tar[.]gz", ended.stderr))
    plain = "inference_lite_lib.android.armv8.clang.c++_shared.with_extra.with_cv"
    assert archives == {plain + (f".{requires['release']}" if requires else "") + ".tar.gz"}


def test_its_host_network_rounds_as_fp16_does(bundles: dict[str, Bundle]) -> None:
    pixels = prepare.prepare(CHECK.pictures[1].pixels(), VARIANT.preprocess)
    plain, half = (LitePredictor(bundles[name].host_nb).run(pixels) for name in ("int8", "int8-fp16"))
    assert (plain != half).any()
    noise = np.square(plain - half).sum() / np.square(plain).sum()
    # Eleven binary digits, and roundings to INT8 that they tip.
    assert 1e-9 < noise < 1e-3
    assert bundles["int8-fp16"].manifest["drift"]["cosine_min"] > 0.999


def test_the_float_parts_are_in_fp16_and_the_residual_stream_is_not(mixed: LiteModel) -> None:
    kernels = Counter((op.type, op.kernel.precision) for op in mixed.ops)
    assert kernels["softmax", "fp16"] >= 3
    assert kernels["sigmoid", "fp16"] >= 1
    assert kernels["layer_norm", "fp32"] == 5
    sums = [op for op in mixed.ops if op.type == "elementwise_add" and op.inputs["Y"][0] not in mixed.params]
    assert len(sums) >= 4
    assert {op.kernel.precision for op in sums} == {"fp32"}
    marked = {name for op in mixed.ops for name in op.attributes if name.endswith("_fp16")}
    assert marked
    assert {name.removesuffix("_fp16") for name in marked} <= set(mixed.params)


def test_instructions_are_of_the_layers_that_they_are_of_in_int8(
    bundles: dict[str, Bundle], mixed: LiteModel
) -> None:
    both, plain = (
        {row["layer"]: row["instructions"] for row in bundles[name].manifest["cost"]["layers"]}
        for name in ("int8-fp16", "int8")
    )
    assert set(both) == set(plain)
    assert both["patch_embed.proj"] == plain["patch_embed.proj"]
    found = shapes.layers(shapes.steps(mixed, IMAGE), mixed.params)
    there = Counter((found[index], op.type) for index, op in enumerate(mixed.ops) if index in found)
    assert there["blocks.0.mlp.gelu", "sigmoid"] == 1
    assert there["blocks.0.mlp.gelu", "elementwise_mul"] == 3
    assert there["blocks.0.attn.qkv", "split"] == 1
    assert there["blocks.0.mlp.fc1", "fc"] == 1


def test_inspect_nb_says_why_it_knows_no_instructions(bundles: dict[str, Bundle], root: Path) -> None:
    command = [sys.executable, root / "tools" / "inspect_nb.py", bundles["int8-fp16"].model_nb]
    shown = [
        subprocess.run([*command, *more], capture_output=True, text=True, check=True).stdout
        for more in ([], ["--core", "cortex-a53"], ["--core", "cortex-a53", "--json"])
    ]
    assert "on a Cortex-A76, with fp16 (modelled)" in shown[0]
    why = "a Cortex-A53 has no half-precision arithmetic"
    assert f"calib, runs in fp16: {why}" in shown[1].splitlines()[-1]
    facts = json.loads(shown[2])
    assert facts["cost"] is None
    assert facts["cost_unknown_because"]["why"] == why


def test_nothing_is_converted_twice_and_never_from_fp16_to_int8(mixed: LiteModel) -> None:
    seen: set[tuple[int, str, str, object]] = set()
    writer: dict[str, int] = {}
    for index, op in enumerate(mixed.ops):
        if op.type == "calib":
            assert op.kernel.alias in ("fp32_to_fp16", "fp16_to_fp32", "fp32_to_int8")
            (name,) = op.inputs["Input"]
            source = writer[name], name, op.kernel.alias, op.attributes.get("scale")
            assert source not in seen
            seen.add(source)
            made_by = mixed.ops[source[0]]
            assert (made_by.kernel.precision, op.kernel.alias) != ("fp16", "fp32_to_int8") or (
                made_by.kernel.alias == "fp16_to_fp32"
            )
            # What came from fp16 does not go back.
            assert (made_by.kernel.alias, op.kernel.alias) not in [
                ("fp16_to_fp32", "fp32_to_fp16"),
                ("fp32_to_fp16", "fp16_to_fp32"),
            ]
        writer |= {name: index for names in op.outputs.values() for name in names}


def test_every_operator_reads_what_it_read_before(int8: LiteModel, mixed: LiteModel) -> None:
    # What the logits are made of, conversions to and from fp16 left out; memory that was shared wrongly would show.
    whole = program.read(int8.path)
    gelus = {index for index, op in enumerate(int8.ops) if op.type == "gelu"}
    for chosen in (cheapest(int8, IMAGE) - gelus, fp16.can_be_fp16(int8) - gelus, frozenset()):
        written = fp16.to_fp16(whole, int8, chosen)
        ops = [_op(each) for each in written.blocks[0].operators]
        assert _logits(ops) == _logits(int8.ops)
    assert _logits(mixed.ops) != _logits(int8.ops)
    names = {each.name for each in written.blocks[0].variables}
    assert len(names) == len(written.blocks[0].variables)
    assert len(names) <= len(whole.blocks[0].variables) * 1.2


def _op(operator: program.Operator) -> Op:
    attributes = {name: each.value for name, each in operator.attributes.items()}
    alias, kind = attributes.pop(program.KERNEL_ATTRIBUTE).split("/")[1], operator.type
    kernel = reader.Kernel(kind, alias, "", "", "")
    return Op(kind, kernel, operator.inputs, operator.outputs, attributes)


def _logits(ops: list[Op] | tuple[Op, ...]) -> int:
    """A number for how the fetched tensor comes about."""
    made: dict[str, int] = {}
    for op in ops:
        inputs = {key: tuple(made.get(name, name) for name in names) for key, names in op.inputs.items()}
        if op.type == "fetch":
            return hash(inputs["X"])
        if op.type == "calib" and "fp16" in op.kernel.alias:
            made[op.outputs["Out"][0]] = inputs["Input"][0]
            continue
        own = {key: value for key, value in op.attributes.items() if not key.endswith("_fp16")}
        how = hash((op.type, op.kernel.alias, str(sorted(own.items())), str(sorted(inputs.items()))))
        for key, names in op.outputs.items():
            made |= {name: hash((how, key, place)) for place, name in enumerate(names)}
    raise AssertionError("no fetch")


def test_the_same_program_gives_the_same_bytes(bundles, int8: LiteModel, tmp_path: Path) -> None:
    chosen = cheapest(int8, IMAGE)
    assert chosen == cheapest(int8, IMAGE)
    program.write(fp16.to_fp16(program.read(int8.path), int8, chosen), int8.path, tmp_path / "again.nb")
    assert (tmp_path / "again.nb").read_bytes() == bundles["int8-fp16"].model_nb.read_bytes()


def test_no_single_operator_more_or_less_would_be_cheaper(
    int8: LiteModel, mixed: LiteModel, tmp_path
) -> None:
    whole, chosen = program.read(int8.path), cheapest(int8, IMAGE)

    def taken(which: frozenset[int]) -> float:
        program.write(fp16.to_fp16(whole, int8, which), int8.path, tmp_path / "other.nb")
        return costs.instructions(reader.read(tmp_path / "other.nb"), IMAGE)

    least = taken(chosen)
    assert least == pytest.approx(costs.instructions(mixed, IMAGE))
    assert least < taken(frozenset())
    for index in sorted(fp16.can_be_fp16(int8)):
        op = int8.ops[index]
        if op.type == "elementwise_add" and op.inputs["Y"][0] not in int8.params:
            continue
        # Within what whole numbers round off.
        assert taken(chosen ^ {index}) > least - 50, op


@pytest.mark.parametrize("name", PRECISIONS)
def test_what_is_shipped_passes_the_check(bundles: dict[str, Bundle], name: str) -> None:
    check_precisions(reader.read(bundles[name].model_nb))
    check_precisions(reader.read(bundles[name].host_nb))


def test_an_operator_put_on_fp16_without_conversions_is_refused(int8: LiteModel) -> None:
    index = next(index for index, op in enumerate(int8.ops) if op.type == "softmax")
    wrong = _with_kernel(int8, index, precision="fp16")
    with pytest.raises(WrongPrecisionError, match=r"softmax \(fp16\), reads X as fp16, but .* is fp32"):
        check_precisions(wrong)


def test_fp16_that_an_int8_calib_would_read_is_refused(mixed: LiteModel) -> None:
    index = next(index for index, op in enumerate(mixed.ops) if op.kernel.alias == "fp16_to_fp32")
    wrong = _with_kernel(mixed, index, alias="fp32_to_int8", precision="int8")
    with pytest.raises(WrongPrecisionError, match="reads Input as fp32, but .* is fp16: nothing converts it"):
        check_precisions(wrong)


def test_a_marked_bias_of_an_int8_layer_is_refused(int8: LiteModel) -> None:
    # What opt's own pass writes; the phone's runtime would read halved numbers as floats, and beyond them.
    index, layer = next(
        (index, op) for index, op in enumerate(int8.ops) if (op.type, op.kernel.precision) == ("fc", "int8")
    )
    (bias,) = layer.inputs["Bias"]
    marked = replace(layer, attributes={**layer.attributes, f"{bias}_fp16": "fp16"})
    wrong = replace(int8, ops=(*int8.ops[:index], marked, *int8.ops[index + 1 :]))
    with pytest.raises(WrongPrecisionError, match="reads Bias as fp32, .* it is halved when it is loaded"):
        check_precisions(wrong)


def test_a_marked_weight_of_a_float_layer_in_a_plain_fp16_program_is_refused(
    bundles: dict[str, Bundle],
) -> None:
    plain = reader.read(bundles["fp16"].model_nb)
    index = next(index for index, op in enumerate(plain.ops) if op.type == "fc")
    before, layer = plain.ops[index - 1 : index + 1]
    assert (before.kernel.alias, layer.kernel.precision) == ("fp32_to_fp16", "fp16")
    assert {layer.inputs["W"][0] + "_fp16", layer.inputs["Bias"][0] + "_fp16"} <= set(layer.attributes)
    # Its float kernel, which reads what the conversion read.
    layer = replace(layer, inputs={**layer.inputs, "Input": before.inputs["Input"]})
    wrong = replace(plain, ops=(*plain.ops[:index], layer, *plain.ops[index + 1 :]))
    with pytest.raises(
        WrongPrecisionError, match=r"fc \(fp32\), reads .* as fp32, .* halved when it is loaded"
    ):
        check_precisions(_with_kernel(wrong, index, precision="fp32"))


def test_a_parameter_that_nobody_halves_is_refused_under_an_fp16_sum(mixed: LiteModel) -> None:
    index, total = next(
        (index, op) for index, op in enumerate(mixed.ops)
        if (op.type, op.kernel.precision) == ("elementwise_add", "fp16") and op.inputs["Y"][0] in mixed.params
    )  # fmt: skip
    attributes = {name: value for name, value in total.attributes.items() if not name.endswith("_fp16")}
    ops = (*mixed.ops[:index], replace(total, attributes=attributes), *mixed.ops[index + 1 :])
    with pytest.raises(WrongPrecisionError, match="reads Y as fp16, but .* is fp32"):
        check_precisions(replace(mixed, ops=ops))


def test_a_tensor_that_nothing_wrote_is_refused(int8: LiteModel) -> None:
    index = next(index for index, op in enumerate(int8.ops) if op.type == "layer_norm")
    with pytest.raises(WrongPrecisionError, match="which nothing has written"):
        check_precisions(replace(int8, ops=(*int8.ops[:index], *int8.ops[index + 1 :])))


def test_a_file_of_one_kind_is_not_taken_for_the_other(int8: LiteModel, mixed: LiteModel) -> None:
    with pytest.raises(WrongKernelsError, match="int8-fp16 was asked for but no operator got an fp16 kernel"):
        check_kernels(int8, "int8-fp16", ("arm",))
    check_kernels(mixed, "int8-fp16", ("arm",))


def _with_kernel(model: LiteModel, index: int, **changes: str) -> LiteModel:
    op = model.ops[index]
    changed = replace(op, kernel=replace(op.kernel, **changes))
    return replace(model, ops=(*model.ops[:index], changed, *model.ops[index + 1 :]))


def test_rounding_survives_the_optimizer_and_is_float16s(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    # Of all magnitudes that float16 has whole digits for, both signs.
    values = (rng.choice([-1, 1], IMAGE) * 2.0 ** rng.uniform(-13, 15, IMAGE)).astype(np.float32)
    with paddle.utils.unique_name.guard():
        network = paddle.nn.Conv2D(3, 3, 1, bias_attr=False)
    network.variant = VARIANT
    network.weight.set_value(np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1))
    plain = export(network, tmp_path / "plain")
    with static_graph() as executor:
        loaded = LoadedProgram(plain, executor)
        write = ProgramWriter(loaded)
        for operator in loaded.program.global_block().ops:
            if operator.type not in ("feed", "fetch"):
                write.copy(operator)
        result = write.name(loaded.fetches[0].name)
        Rounding(Halved(frozenset(), frozenset()), loaded, write).round(result, "rounded")
        loaded.program, loaded.fetches = write.program, [write.block.var("rounded")]
        written = loaded.save(tmp_path / "rounding")
    optimizer.for_host(written, tmp_path / "rounding.nb")
    found = LitePredictor(tmp_path / "rounding.nb").run(values)
    assert (found == values.astype(np.float16).astype(np.float32).reshape(-1)).all()
    assert (found != values.reshape(-1)).any()
