"""Other sizes and a distilled variant through the whole conversion with the default recipe, two blocks deep."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from states import random_state

from lite import bundle, zoo
from lite.model.weights import Weights
from lite.pictures import digits
from lite.pictures.picture_set import PictureSet
from quant.conversion import convert_all
from quant.recipe import Recipe, Request

CLASSES = 10


@pytest.mark.parametrize("name", ["deit_small", "deit_tiny_distilled"])
def test_a_variant_becomes_a_checked_bundle(name: str, tmp_path: Path):
    variant = replace(zoo.find(name), depth=2)
    # Lively, so that an error would be seen: activations differ from picture to picture.
    state = {
        key: value if "norm" in key else 3 * value
        for key, value in random_state(variant, CLASSES, depth=2).items()
    }
    labels = tuple(f"class {index}" for index in range(CLASSES))
    work = tmp_path / "work"
    work.mkdir()
    (made,) = convert_all(
        Weights(variant, "file", Path("made up"), "0" * 64, state, labels),
        [Request("int8", "arm")],
        recipe=Recipe.named("deit"),
        calibration=PictureSet.of("digits", digits.pictures("calibration", 8)),
        check=PictureSet.of("digits", digits.pictures("held_out", 8)),
        out=tmp_path,
        work=work,
    )
    manifest = bundle.read(made.path).manifest
    assert manifest["drift"]["snr_db"] > 25
    assert manifest["int8_coverage"] > 0.5
    assert np.isfinite(manifest["drift"]["cosine_min"])
