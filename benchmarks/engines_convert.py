"""One network for every engine of engines.py: float32 by each engine's own converter, INT8 where it has one.

Each converter runs in a process of its own (`convert` below), from the ONNX that tools/export.py makes.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from engines_others import MnnPredictor, NcnnPredictor, OpenVinoPredictor, OtherEngine

from lite.engines import Options, Runnable, processes
from lite.engines.onnx import OnnxEngine
from lite.engines.paddle_inference import InferenceEngine
from lite.errors import ConversionError, InputError
from lite.measure import classifier
from lite.model.weights import Weights
from lite.pictures import digits, prepare
from lite.zoo import Preprocess

PACKAGES = ("onnx", "openvino", "ncnn", "MNN", "pnnx")
CALIBRATION = 16
FLOAT, INT8 = "fp32", "int8"
Row = tuple[str, str]  # engine, precision


def missing() -> list[str]:
    """The packages of requirements-engines.txt that are not installed."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def tensors(split: str, count: int, spec: Preprocess) -> np.ndarray:
    """Digits as input tensors, float32 [count, 3, H, W]."""
    return np.concatenate([prepare.prepare(one, spec) for one in digits.pictures(split, count)])


def engines(
    loaded: Weights, work: Path, on_row: Callable[[str], None] = lambda name: None
) -> Iterator[tuple[Row, Runnable | ConversionError]]:
    """Every engine with its file made in `work`, or why that failed. Raises what the ONNX export raises."""
    onnx = classifier.of_weights(loaded, "onnx", work).engine
    spec = loaded.variant.preprocess
    steps: dict[Row, Callable[[], Runnable]] = {
        ("Paddle Lite", FLOAT): lambda: classifier.of_weights(loaded, "lite", work).engine,
        ("Paddle Inference", FLOAT): lambda: classifier.of_weights(loaded, "inference", work).engine,
        ("Paddle Inference", INT8): lambda: paddle_int8(loaded, work),
        ("onnxruntime", FLOAT): lambda: onnx,
        ("onnxruntime", INT8): lambda: OnnxEngine(convert(onnx_int8, onnx.path, work, spec)),
        ("OpenVINO", FLOAT): lambda: OtherEngine(onnx.path, OpenVinoPredictor),
        ("OpenVINO", INT8): lambda: OtherEngine(convert(onnx_int8, onnx.path, work, spec), OpenVinoPredictor),
        ("ncnn", FLOAT): lambda: OtherEngine(convert(ncnn, onnx.path, work, spec), NcnnPredictor),
        ("MNN", FLOAT): lambda: OtherEngine(convert(mnn, onnx.path, work), MnnPredictor),
        ("MNN", INT8): lambda: OtherEngine(convert(mnn_int8, onnx.path, work, spec), MnnPredictor),
    }
    for row, step in steps.items():
        on_row(" ".join(row))
        try:
            yield row, step()
        except (ConversionError, InputError) as error:
            yield row, ConversionError(error.what, why=error.why, remedy=error.remedy)


def convert(function: Callable[..., Path], *arguments: object) -> Path:
    """Runs a converter in a process of its own; its chatter goes nowhere. Raises ConversionError when it fails."""
    with processes.pool(1) as executor:
        return executor.submit(function, *arguments).result()


def paddle_int8(loaded: Weights, work: Path) -> InferenceEngine:
    """PaddleSlim's quantized program, for oneDNN's INT8 kernels. Raises ConversionError when PaddleSlim fails."""
    # Imported here so that the processes of other engines do without Paddle.
    from lite.model.graph import Exported
    from lite.model.program import build_weights
    from lite.pictures.picture_set import PictureSet
    from quant.program import ptq
    from quant.recipe import PaddleSlim, Recipe

    program = classifier.of_weights(loaded, "inference", work / "float").engine
    recipe = Recipe(name="engines", rewrite=None, paddleslim=PaddleSlim(algo="avg"))
    ptq.quantize(
        build_weights(loaded),
        Exported.in_folder(program.path),
        PictureSet.of("digits", digits.pictures("calibration", CALIBRATION)),
        recipe,
        work / "paddle-int8",
    )
    return InferenceEngine(work / "paddle-int8", Options(int8=True))


def onnx_int8(model: Path, work: Path, spec: Preprocess) -> Path:
    """Static quantization by onnxruntime, as QDQ: symmetric, weights per channel, products with weights only."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    out = work / "int8.onnx"
    if out.exists():
        return out

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(tensors("calibration", CALIBRATION, spec)[:, None])

        def get_next(self) -> dict[str, np.ndarray] | None:
            pixels = next(self.left, None)
            return None if pixels is None else {"image": pixels}

    quant_pre_process(model, work / "prepared.onnx")
    quantize_static(
        work / "prepared.onnx",
        work / "part.onnx",
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        weight_type=QuantType.QInt8,
        activation_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul", "Conv"],
        # With products of two activations quantized too it is slower and less accurate.
        extra_options={"ActivationSymmetric": True, "WeightSymmetric": True, "MatMulConstBOnly": True},
    )
    return (work / "part.onnx").rename(out)


def ncnn(model: Path, work: Path, spec: Preprocess) -> Path:
    """The program of pnnx, started by itself: its Python package wants PyTorch. The wheel of ncnn quantizes nothing."""
    found = importlib.util.find_spec("pnnx")
    assert found is not None
    assert found.origin is not None
    folder = work / "ncnn"
    folder.mkdir()
    (folder / "model.onnx").symlink_to(model)
    shape = f"inputshape=[1,3,{spec.crop},{spec.crop}]f32"
    program = Path(found.origin).parent / "pnnx"
    _run([str(program), "model.onnx", shape, "fp16=0"], folder)
    return _made(folder / "model.ncnn.param")


def mnn(model: Path, work: Path) -> Path:
    """MNNConvert. `MNN.tools` is left alone: importing it makes pip install a package that reports what is done."""
    import _tools

    out = work / "model.mnn"
    arguments = ["-f", "ONNX", "--modelFile", str(model), "--MNNModel", str(out), "--bizCode", "DEIT"]
    _tools.mnnconvert(["MNNConvert", *arguments])
    return _made(out)


def mnn_int8(model: Path, work: Path, spec: Preprocess) -> Path:
    """MNN's mnnquant with KL over the calibration pictures, cropped ready-made: it has a resize of its own."""
    import _tools

    pictures = work / "mnn-calibration"
    pictures.mkdir()
    mean, std = (255 * np.array(values) for values in (spec.mean, spec.std))
    for index, pixels in enumerate(tensors("calibration", CALIBRATION, spec)):
        picture = np.rint(pixels.transpose(1, 2, 0) * std + mean).astype(np.uint8)
        cv2.imwrite(str(pictures / f"{index}.png"), picture[..., ::-1])
    settings = {
        "format": "RGB",
        "mean": mean.tolist(),
        "normal": (1 / std).tolist(),
        "width": spec.crop,
        "height": spec.crop,
        "path": f"{pictures}/",
        "used_image_num": CALIBRATION,
        "feature_quantize_method": "KL",
        "weight_quantize_method": "MAX_ABS",
    }
    (work / "mnn.json").write_text(json.dumps(settings))
    out = work / "int8.mnn"
    (work / "float").mkdir(exist_ok=True)
    _tools.mnnquant(["mnnquant", str(mnn(model, work / "float")), str(out), str(work / "mnn.json")])
    return _made(out)


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=300, check=False
    )
    if done.returncode:
        last = (done.stderr.split("\n") or [""])[-1].strip()
        raise ConversionError(f"{Path(command[0]).name} ended with {done.returncode}", why=last)


def _made(path: Path) -> Path:
    # The converters' own exit codes say nothing of success.
    with contextlib.suppress(OSError):
        if path.stat().st_size:
            return path
    raise ConversionError(
        f"{path.name} was not written", remedy="run the converter by hand to see why (docs/engines.md)"
    )
