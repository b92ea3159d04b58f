"""Exports a DeiT for Paddle Inference, or as ONNX, for any number of pictures at once, and checks what came out.

The folder gets the network, labels.txt, and export.json: how pictures are prepared, and how far the logits are from
Paddle's own. docs/engines.md says how to go on with TensorRT, OpenVINO, MNN, TNN, ncnn, and C++.
"""

from __future__ import annotations

from pathlib import Path

import _command
import click
from _display import Display, notify
from _options import json_option, model_option, out_option, weights_options

from lite import labels as class_names
from lite.engines import export as exporter
from lite.engines.export import DEFAULT_OPSET, FORMATS, OPSETS, Format
from lite.errors import InputError
from lite.files import check_writable_folder
from lite.model.weights import load_weights

EXPORTS = _command.ROOT / "build" / "exports"

EXAMPLES = """
\b
Examples:
  ./run.sh tools/export.py --model deit_tiny --weights imagenet --format inference
  ./run.sh tools/export.py --model deit_small --weights best_model.pdparams --labels labels.txt --format onnx
  ./run.sh tools/predict.py --export build/exports/deit_tiny-imagenet-inference cat.jpg

\b
Exit codes: 0 done · 2 bad usage or input · 4 the export failed or is not equal to Paddle · 5 download failed
"""


@click.command(help=__doc__, epilog=EXAMPLES)
@model_option(required=True)
@weights_options
@click.option("--format", "form", type=click.Choice(FORMATS), required=True)
@click.option(
    "--opset",
    type=click.IntRange(OPSETS[0], OPSETS[-1]),
    metavar="N",
    help=f"Of ONNX, {OPSETS[0]} to {OPSETS[-1]}; from 17 on layer normalisation is one operator. "
    f"Default: {DEFAULT_OPSET}.",
)
@out_option("Default: build/exports/MODEL-WEIGHTS-FORMAT in this repository.")
@click.option("--force", is_flag=True, help="Replace an earlier export in DIR.")
@json_option("export.json")
def main(
    model: str,
    source: str,
    sha256: str | None,
    labels: Path | None,
    form: Format,
    opset: int | None,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Runs the command."""
    if opset is not None and form != "onnx":
        raise InputError("--opset is for --format onnx")
    if out is not None:
        exporter.check_free(out, force=force)
    else:
        check_writable_folder(EXPORTS)
    loaded = load_weights(model, source, labels, sha256=sha256, notify=notify)
    class_names.remark(loaded.labels, notify)
    out = out or EXPORTS / f"{loaded.variant.name}-{loaded.name}-{form}"
    with Display() as display:
        manifest = exporter.export(
            loaded, form, out, opset=opset or DEFAULT_OPSET, force=force, stages=display.stages
        )
    if as_json:
        click.echo(manifest.model_dump_json(indent=2, by_alias=True))
        return
    differences = ", ".join(f"{worst:.1g} at {count}" for count, worst in manifest.check.max_abs.items())
    click.echo(f"{out}: largest difference from Paddle's logits {differences} pictures at once")


if __name__ == "__main__":
    _command.run(main)
