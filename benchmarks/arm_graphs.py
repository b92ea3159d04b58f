"""The networks whose instructions are counted in `arm_counts.json`, as Paddle Lite's optimizer leaves them.

    ./run.sh benchmarks/arm_graphs.py DIR

Writes them to DIR, each a `.nb` for ARM, to be counted with an engine: `arm_counts.json` says how. Weights are random,
which costs the same. Bundles of the digits weights, which are counted too, are those of `tools/opt.py`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import graph_forms as forms
import paddle

from lite import zoo
from lite.model.deploy import DeployableDeiT
from lite.model.graph import PLAIN, Form
from lite.nb import reader

CLASSES = 1000
_ALL = frozenset(range(12))
_HALF = frozenset(range(0, 12, 2))
_SPLIT = frozenset({(1, 16), (4, 32)})
_AV = ("blocks.*.attn.av",)
# What the deit recipe leaves in float.
_DEIT = (*_AV, "blocks.-1.attn.proj", "blocks.-1.mlp.fc2", "blocks.0.mlp.fc2", "head*")


@dataclass(frozen=True)
class Deployable:
    """The deployable network in a form, in float or in INT8 but for `skip`."""

    variant: str
    precision: str
    form: Form = PLAIN
    skip: tuple[str, ...] = ()
    onnx_format: bool = False

    def __call__(self, folder: Path) -> reader.LiteModel:
        """Converts it in the empty `folder`."""
        variant = zoo.find(self.variant)
        paddle.seed(1)
        network = DeployableDeiT(variant, CLASSES, form=self.form)
        network.eval()
        return forms.converted(network, self.precision, folder, skip=self.skip, onnx_format=self.onnx_format)


def _form(attention: str, **gelu: frozenset) -> Form:
    return Form(attention, tanh_gelu=True, **gelu)  # type: ignore[arg-type]


GRAPHS: dict[str, Callable[[Path], reader.LiteModel]] = {
    "deit_tiny, fp32, packed": Deployable("deit_tiny", "fp32", Form("packed")),
    "deit_tiny, fp32, q, k, v as three layers": Deployable("deit_tiny", "fp32"),
    "deit_tiny, int8, packed, scaled, shifted, split": Deployable(
        "deit_tiny", "int8", _form("packed", shifted_gelu=_ALL, scaled_gelu=_HALF, outliers=_SPLIT), _DEIT
    ),
    "deit_tiny, int8, packed, attention x value and all in int8": Deployable(
        "deit_tiny", "int8", _form("packed")
    ),
    "deit_tiny, int8, per head, shifted": Deployable(
        "deit_tiny", "int8", _form("per_head", shifted_gelu=_HALF), _AV
    ),
    "deit_tiny, int8, three layers, scaled": Deployable(
        "deit_tiny", "int8", _form("layers", scaled_gelu=_HALF), (*_AV, "head")
    ),
    "deit_tiny_distilled, int8, packed, shifted, split": Deployable(
        "deit_tiny_distilled", "int8", _form("packed", shifted_gelu=_ALL, outliers=_SPLIT), _DEIT
    ),
    "deit_small, fp32, packed": Deployable("deit_small", "fp32", Form("packed")),
    "deit_small, recipe paddleslim": Deployable("deit_small", "int8", onnx_format=True),
    "deit_small, int8, packed, scaled, shifted, split": Deployable(
        "deit_small", "int8", _form("packed", shifted_gelu=_ALL, scaled_gelu=_HALF, outliers=_SPLIT), _DEIT
    ),
    "deit_small_distilled, int8, packed, scaled, shifted": Deployable(
        "deit_small_distilled", "int8", _form("packed", shifted_gelu=_HALF, scaled_gelu=_ALL), _DEIT
    ),
    "deit_base, fp32, packed": Deployable("deit_base", "fp32", Form("packed")),
    "deit_base, int8, packed, scaled, shifted": Deployable(
        "deit_base", "int8", _form("packed", shifted_gelu=_ALL, scaled_gelu=_HALF), _DEIT
    ),
    **{
        f"{form.name}, {precision}": partial(forms.convert, form, precision)
        for form in forms.FORMS
        for precision in form.precisions
    },
}


@click.command(help=__doc__)
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
def main(out: Path) -> None:
    """Runs the command."""
    out.mkdir(parents=True, exist_ok=True)
    for name, convert in GRAPHS.items():
        with tempfile.TemporaryDirectory() as work:
            converted = convert(Path(work)).path.rename(Path(work) / f"{name}.nb")
            (out / converted.name).write_bytes(converted.read_bytes())
        click.echo(out / converted.name)


if __name__ == "__main__":
    main()
