"""Which layer of the network each operator of a DeiT's `.nb` belongs to: `blocks.3.mlp.fc1`.

opt keeps no layer names, but the program tells them: two layer norms open each block's halves, and what reads a
linear layer says whether it is a query's or a value's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from lite.nb.shapes import Step

_LINEAR = ("fc", "mul", "matmul", "matmul_v2")
# What they do to a tensor leaves it the same layer's.
_MOVES = ("reshape", "reshape2", "transpose", "transpose2", "split", "slice", "concat", "scale", "calib")


def layers(steps: Iterable[Step], parameters: Iterable[str]) -> dict[int, str]:
    """Layer of each operator by its index, for a DeiT's steps (`lite.nb.shapes.steps`) and its parameters' names.

    The names are those that a recipe's `skip` takes, and `attn.softmax`, `mlp.gelu`, `norm1`, `mlp.outliers` beside
    them; q, k and v that one layer makes are `attn.qkv`. What quantizes an input belongs to the layer that reads it,
    anything else (sums, splits, transposes) to the layer whose output it takes. Empty for a program that is no chain
    of blocks.
    """
    program = _Program(list(steps), frozenset(parameters))
    norms = [place for place, step in enumerate(program.steps) if step.op.type == "layer_norm"]
    if len(norms) < 3 or not len(norms) % 2:
        return {}
    names: dict[int, str] = {}
    for place, step in enumerate(program.steps):
        before = sum(norm <= place for norm in norms)
        name = program.anchor(place, before, len(norms) // 2)
        if name is None and step.op.type != "calib":
            producers = [names[source] for source in program.sources[place] if source in names]
            name = producers[-1] if producers else "patch_embed.proj"
        if name is not None:
            names[place] = name
    for place in reversed(range(len(program.steps))):
        if place not in names:
            read_by = [names[reader] for reader in program.readers[place] if reader in names]
            names[place] = read_by[0] if read_by else "head"
    return {program.steps[place].index: name for place, name in names.items()}


class _Program:
    """Steps with what makes their inputs, in running order and by parameter, and what reads their outputs."""

    def __init__(self, steps: list[Step], parameters: frozenset[str]):
        self.steps, self.parameters = steps, parameters
        self.sources: list[list[int]] = []
        self.made_by: list[dict[str, set[int]]] = []
        self.readers: dict[int, list[int]] = defaultdict(list)
        # opt lets tensors share a name once the older one has been read, so the last writer counts.
        writer: dict[str, int] = {}
        for place, step in enumerate(steps):
            self.made_by.append(
                {
                    parameter: {writer[name] for name in names if name in writer}
                    for parameter, names in step.op.inputs.items()
                }
            )
            self.sources.append(sorted(set().union(*self.made_by[-1].values())))
            for source in self.sources[-1]:
                self.readers[source].append(place)
            writer |= dict.fromkeys(step.outputs, place)

    def anchor(self, place: int, before: int, blocks: int) -> str | None:
        """Name of the layer that the operator at `place` is itself, behind `before` layer norms; None if none."""
        op = self.steps[place].op
        block, half = divmod(before - 1, 2)
        inside = f"blocks.{block}"
        if op.type == "conv2d":
            return "patch_embed.proj"
        if op.type == "layer_norm":
            return f"{inside}.norm{half + 1}" if block < blocks else "norm"
        if op.type == "softmax":
            return f"{inside}.attn.softmax"
        if op.type == "gelu":
            return f"{inside}.mlp.gelu"
        if op.type not in _LINEAR:
            return None
        if block >= blocks:
            return "head"
        if not self._has_weight(place):
            return f"{inside}.attn.{'qk' if 'softmax' in self._next(place) else 'av'}"
        if half:
            return f"{inside}.mlp.{self._of_mlp(place)}"
        return f"{inside}.attn.{self._parts(place) or 'proj'}"

    def _of_mlp(self, place: int) -> str:
        if "gelu" in self._next(place):
            return "fc1"
        # What is split off has a layer without a bias, which opt leaves a plain product.
        return "fc2" if self.steps[place].op.type == "fc" else "outliers"

    def _parts(self, place: int) -> str:
        """Which of q, k and v a linear layer makes: "" for none of them."""
        found = set()
        for source, reader in self._reached(place):
            if self.steps[reader].op.type in _LINEAR and not self._has_weight(reader):
                sides = {"X": "q", "Y": "k"} if "softmax" in self._next(reader) else {"Y": "v"}
                found |= {part for side, part in sides.items() if source in self.made_by[reader][side]}
        return "".join(sorted(found, key="qkv".index))

    def _next(self, place: int) -> set[str]:
        return {self.steps[reader].op.type for _, reader in self._reached(place)}

    def _reached(self, place: int) -> Iterable[tuple[int, int]]:
        """(source, reader) for what reads the output at `place`, directly or behind what only moves it."""
        for reader in self.readers[place]:
            if self.steps[reader].op.type in _MOVES:
                yield from self._reached(reader)
            else:
                yield place, reader

    def _has_weight(self, place: int) -> bool:
        op = self.steps[place].op
        return any(name in self.parameters for names in op.inputs.values() for name in names)
