"""What sensitivity found as figures to read: rows in order of damage, as JSON values, and as a recipe to edit."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lite.errors import InputError
from lite.files import write_text
from lite.measure import interval
from lite.report import page
from lite.report.plots import share_plot
from lite.shown import escaped
from quant.recipe import Recipe
from quant.sensitivity.figures import Row, RowFigures, Sums
from quant.sensitivity.run import Sensitivity

SCHEMA = 1
_SUFFIX = "-sensitivity"
# Layers that a recipe names beside those in force: at most so many, with at least so much of the noise.
_NAMED, _LEAST_SHARE = 20, 0.005


@dataclass(frozen=True)
class RowResult:
    """A row's figures.

    `share` of INT8's noise power that the row makes in isolation, 0 to 1 (it may pass 1: errors can cancel);
    `skip_share`: the same of all that the tensors make, or of INT8's noise if that is more, so at most 1, None for
    tensors;
    `gain_db`: measured, everything else in INT8; `extra` and `extra_fp16`: instructions on ARM for leaving a layer in
    float, or in fp16 in a bundle of both, None where not known.
    """

    row: Row
    measured: RowFigures
    share: float
    skip_share: float | None
    gain_db: float

    @property
    def extra(self) -> float | None:
        """Instructions that INT8 saves."""
        known = self.row.instructions
        return None if known is None else known.fp32 - known.int8

    @property
    def extra_fp16(self) -> float | None:
        """Instructions that INT8 saves beside fp16, at most."""
        known = self.row.instructions
        return None if known is None or known.fp16 is None else known.fp16 - known.int8

    @property
    def share_per_million(self) -> float | None:
        """Share of the noise for a million instructions that INT8 saves; None where it saves none."""
        return self.share / self.extra * 1e6 if self.extra is not None and self.extra > 0 else None

    @property
    def expected_db(self) -> float | None:
        """What `skip` brings if errors add up: -10 log10(1 - skip_share) dB; None for tensors."""
        if self.skip_share is None:
            return None
        return -10 * math.log10(max(1 - self.skip_share, 1e-3))


def rank(found: Sensitivity) -> tuple[list[RowResult], list[RowResult]]:
    """Layers, and tensors, each in order of damage."""
    total = found.whole.isolated.noise or 1.0
    # With a few pictures errors happen to cancel, and shares add up to more than there is.
    together = max(
        total, math.fsum(measured.isolated.noise for row, measured in found.rows if row.kind != "layer")
    )
    layers, tensors = [], []
    for row, measured in found.rows:
        share = measured.isolated.noise / total
        gain = measured.without.snr_db - found.whole.int8.snr_db
        if row.kind == "layer":
            layers.append(RowResult(row, measured, share, measured.isolated.noise / together, gain))
        else:
            tensors.append(RowResult(row, measured, share, None, gain))
    for each in (layers, tensors):
        each.sort(key=lambda result: -result.share)
    return layers, tensors


def document(found: Sensitivity, facts: Mapping[str, Any]) -> dict[str, Any]:
    """All of it as JSON values; `facts` (model, weights, recipe, pictures) come first. Unknown is null."""
    layers, tensors = rank(found)
    return {
        "schema": SCHEMA,
        **facts,
        "int8": _figures(found.whole.int8),
        "float_graph": _figures(found.whole.float_graph),
        "shares_of_tensors": math.fsum(result.share for result in tensors),
        "layers": [_entry(result) for result in layers],
        "tensors": [_entry(result) for result in tensors],
    }


def _entry(result: RowResult) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": result.row.name,
        "kind": result.row.kind,
        "layers": list(result.row.layers),
        "share": result.share,
        "isolated": _figures(result.measured.isolated),
        "without": _figures(result.measured.without),
        "gain_db": result.gain_db,
    }
    if result.row.kind == "layer":
        known = result.row.instructions
        entry |= {
            "skip_share": result.skip_share,
            "expected_gain_db": result.expected_db,
            "instructions": known and known._asdict(),
            "share_per_million_instructions": result.share_per_million,
        }
    return entry


def _figures(sums: Sums) -> dict[str, Any]:
    return {
        "images": sums.pictures,
        "snr_db": sums.snr_db,
        "cosine_min": sums.cosine_min,
        "top1_agreement": sums.top1_agreement,
        "top1_agreement_interval": interval.of_share(sums.top1_agreement, sums.pictures).as_dict(),
    }


def recipe_text(recipe: Recipe, layers: Sequence[RowResult], *, active: int, source: str) -> str:
    """The recipe as YAML, with layers to skip as lines to uncomment, the `active` worst of them in force.

    Raises InputError when all layers would be left in float.
    """
    if active >= len(layers):
        raise InputError(
            f"--skip-worst {active}",
            why=f"only {len(layers)} layers are in INT8, and nothing would be",
            remedy="skip fewer",
        )
    values = recipe.as_dict()
    skip = values.pop("skip")
    if not recipe.name.endswith(_SUFFIX):
        values["name"] = recipe.renamed(_SUFFIX)
    candidates = sorted(layers, key=lambda result: -(result.skip_share or 0.0))
    worth = sum((result.skip_share or 0.0) >= _LEAST_SHARE for result in candidates)
    candidates = candidates[: max(active, min(worth, _NAMED))]
    lines = [
        f"# The recipe {recipe.name}, by tools/sensitivity.py on {escaped(source)}.",
        yaml.safe_dump(values, sort_keys=False, allow_unicode=True).rstrip(),
        "",
        "# Layers left in float. Take the # away before those that are worth it: their share of all tensors' noise,",
        "# what leaving one in float should bring and what it was measured to bring (uncertain by some tenths with few",
        "# pictures), and the instructions it costs on ARM; in a bundle of INT8 and FP16 it goes to FP16 where that is",
        "# cheaper.",
        "skip:" if skip or candidates[:active] else "skip: []  # take the [] away too",
    ]
    lines += [f"  - {json.dumps(pattern)}" for pattern in skip]
    for place, result in enumerate(candidates):
        lines.append(f"  {'' if place < active else '# '}- {_skip_line(result)}")
    return "\n".join(lines) + "\n"


def _skip_line(result: RowResult) -> str:
    half = "" if result.extra_fp16 is None else f" ({result.extra_fp16 / 1e6:+.2f} M in FP16)"
    costs = "" if result.extra is None else f", {result.extra / 1e6:+.2f} M instructions{half}"
    return (
        f"{json.dumps(result.row.name)}  # {result.skip_share:.1%} of the noise: {result.expected_db:+.2f} dB, "
        f"measured {result.gain_db:+.2f} dB{costs}"
    )


PLOTTED = 20


def write(out: Path, results: Mapping[str, Any], recipe: str) -> None:
    """Writes the three files into `out`: `results` as `sensitivity_results.document` gives them, and a recipe's text.

    Raises InputError where they cannot be written.
    """
    write_text(out / "sensitivity.json", json.dumps(results, indent=1, allow_nan=False) + "\n")
    write_text(out / "sensitivity.html", render(results))
    write_text(out / "recipe.yaml", recipe)


def render(results: Mapping[str, Any]) -> str:
    """The page, which needs no network. Text from outside is escaped."""
    worst = results["tensors"][:PLOTTED]
    names, shares = [row["name"] for row in worst], [row["share"] for row in worst]
    marked = [row["kind"] == "weight" for row in worst]
    environment = page.environment(Path(__file__).parent / "templates")
    return environment.get_template("sensitivity.html.j2").render(
        plots=[(kind, share_plot(names, shares, marked, kind)) for kind in ("wide", "narrow")],
        fp16=any(
            row["instructions"] and row["instructions"]["fp16"] is not None for row in results["layers"]
        ),
        **results,
    )
