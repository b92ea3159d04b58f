"""Accuracy as a person would count it, also for equal logits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lite import bundle
from lite.measure import accuracy
from lite.measure.validate import Validation
from lite.pictures.picture_set import Picture, PictureSet


def test_top_k_of_equal_logits_is_that_of_the_first():
    logits = np.array([[0, 3, 2, 1], [1, 1, 1, 1], [5, 1, 2, 9]], dtype=np.float32)
    labels = np.array([2, 1, 1])
    assert accuracy.top_k(logits, labels, 1) == 0.0
    assert accuracy.top_k(logits, labels, 2) == pytest.approx(2 / 3)
    assert accuracy.top_k(logits, np.array([1, 0, 3]), 1) == 1.0
    random = np.random.default_rng(0).normal(size=(2500, 30)).astype(np.float32)
    truth = np.random.default_rng(1).integers(0, 30, 2500)
    best = np.argsort(-random, axis=1)[:, :5]
    assert accuracy.top_k(random, truth, 5) == (best == truth[:, None]).any(axis=1).mean()


def test_the_class_that_lost_most_comes_first(tiny_bundle):
    reference = np.eye(3, dtype=np.float32)[[0, 0, 1, 1, 2, 2]]
    deployed = np.eye(3, dtype=np.float32)[[0, 1, 1, 1, 0, 0]]
    rows = accuracy.by_class(deployed, reference, np.array([0, 0, 1, 1, 2, 2]), ("a", "b", "c"))
    assert [(row.label, row.top1_deployed, row.top1_reference, row.top1_agreement) for row in rows] == [
        ("c", 0.0, 1.0, 0.0),
        ("a", 0.5, 1.0, 0.5),
        ("b", 1.0, 1.0, 1.0),
    ]
    alone = accuracy.by_class(deployed, None, np.array([0, 0, 1, 1, 2, 2]), ("a", "b", "c"))
    assert [(row.label, row.top1_reference) for row in alone] == [("c", None), ("a", None), ("b", None)]
    pictures = PictureSet("x", [Picture(name, Path(name)) for name in "uvwxyz"], np.zeros(6, np.int64))
    found = Validation(bundle.read(tiny_bundle), pictures, {}, deployed, None, None)
    assert (found.top_k(deployed, 1), found.top_k(deployed, 3), found.top_k(None, 1)) == (0.5, None, None)
