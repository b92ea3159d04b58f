"""The report holds the manifest's figures, stands alone, and lets nothing from outside become HTML."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import yaml
from jinja2 import UndefinedError

from lite.errors import InputError
from lite.measure import accuracy, drift, interval, margins
from lite.measure.drift import LayerDrift
from lite.pictures import composed
from lite.pictures.picture_set import PictureSet
from lite.report import plots, report
from lite.report.plots import Curve, Point, curve_plot, layer_plot

RNG = np.random.default_rng(0)
REFERENCE = RNG.normal(size=(200, 4)).astype(np.float32)
DEPLOYED = REFERENCE + 0.05 * RNG.normal(size=REFERENCE.shape).astype(np.float32)
DEPLOYED[17] = REFERENCE[17][::-1]
LABELS = REFERENCE.argmax(1)
CLASSES = ("cat", "dog", "<script>alert(1)</script>", "ant & bee")
DRIFT = drift.compare(REFERENCE, DEPLOYED, LABELS, reference_name="FP32 (Paddle)")
MANIFEST: dict = {
    "model": "deit_small",
    "weights": {"source": "file", "path": "mine<.pdparams", "sha256": "ab" * 32, "classes": 4},
    "input": {
        "name": "x", "shape": [1, 3, 224, 224], "layout": "NCHW", "colour": "RGB", "resize_short": 256,
        "crop": 224, "interpolation": "bicubic", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
    },
    "precision": "int8",
    "target": "arm",
    "recipe": {"name": "paddleslim", "skip": ["blocks.11.mlp.fc2"], "note": "größer"},
    "calibration": {"source": "photos", "images": 32, "sha256": None},
    "seed": 5,
    "versions": {"paddlelite": "2.13rc0", "paddlepaddle": "2.6.2", "paddleslim": "2.6.0", "python": "3.10.9"},
    "fp32_bytes": 88_000_000,
    "kernels": [{"op": "fc", "target": "arm", "precision": "int8", "count": 73}],
    "int8_coverage": 0.995,
    "drift": DRIFT.as_dict(),
    "gate": {"max_drift": 0.2, "passed": True},
    "created": "2026-11-24T08:00:00+00:00",
}  # fmt: skip
FP32 = MANIFEST | {
    "precision": "fp32", "recipe": None, "calibration": None, "seed": None, "int8_coverage": None,
    "gate": None,
    "drift": drift.compare(REFERENCE, REFERENCE, reference_name="FP32 (Paddle)").as_dict(),
    "versions": MANIFEST["versions"] | {"paddleslim": None},
}  # fmt: skip
LAYERS = [
    LayerDrift(name, snr, 0.99, 8)
    for name, snr in (("patches", 30.0), ("block 1", 28.5), ("block 2", 17.25), ("head", 17.0))
]


def picture(index: int) -> np.ndarray:
    pixels = np.zeros((300, 400, 3), np.uint8)
    pixels[..., 0] = 200 + index % 5
    return pixels


def page(manifest=MANIFEST, **rest) -> str:
    return report.render(report.Report(manifest, 22_000_000, **rest))


def full_page(manifest=MANIFEST) -> str:
    worst = report.worst_pictures(REFERENCE, DEPLOYED, CLASSES, picture, truth=LABELS)
    return page(manifest, layers=LAYERS, worst=worst)


class Tags(HTMLParser):
    """Checks that every tag is closed in order, and keeps what the page links to and its text."""

    VOID = ("meta", "img", "br", "link", "path", "use")

    def __init__(self, text: str):
        super().__init__()
        self.stack: list[str] = []
        self.names: set[str] = set()
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert not self.stack

    def handle_starttag(self, tag, attributes):
        self.names.add(tag)
        self.links += [value for name, value in attributes if name in ("src", "href", "xlink:href", "srcset")]
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.stack.pop()

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.stack.pop() == tag

    def handle_data(self, data):
        if self.stack and self.stack[-1] not in ("style", "title"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_the_page_needs_nothing_from_outside():
    tags = Tags(full_page())
    assert all(link.startswith(("data:image/png;base64,", "#")) for link in tags.links)
    assert tags.links
    assert not tags.names & {"script", "link", "iframe"}
    assert "url(http" not in full_page()
    assert "@import" not in full_page()


def test_text_from_outside_is_escaped():
    text = full_page()
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "mine<.pdparams" in Tags(text).text
    assert "ant & bee" in Tags(text).text


def test_the_figures_are_the_manifests():
    text = Tags(full_page()).text
    changed = round((1 - DRIFT.top1_agreement) * 200)
    assert changed > 1
    assert f"Of 200 check pictures, {changed} get another first class than from FP32 (Paddle)." in text
    assert "takes 22.0 MB, 4.0 times less than in FP32" in text
    assert f"{DRIFT.snr_db:.1f} dB" in text
    assert f"{DRIFT.cosine_min:.5f}" in text
    assert "99.5 %" in text
    assert "Gate passed" in text
    assert "(at most 20.00 % of the pictures may change) is passed" in text
    assert "Calibrated on 32 pictures from photos, seed 5." in text
    assert "not from a phone" in text


COST = {
    "core": "Cortex-A76",
    "instructions": 200_000_000,
    "without_dot_product": 350_000_000,
    "operators": [
        {"op": "fc", "target": "arm", "precision": "int8", "count": 73, "instructions": 150_000_000},
        {"op": "gelu", "target": "arm", "precision": "fp32", "count": 12, "instructions": 30_500_000},
    ],
    "layers": [
        {"layer": f"blocks.{index}.mlp.fc1", "instructions": 12_000_000 - index} for index in range(12)
    ],
}


def test_the_page_says_what_takes_most():
    page_ = page(MANIFEST | {"cost": COST})
    text = Tags(page_).text
    assert (
        "About 200.0 M instructions a picture on one Cortex-A76; 350.0 M on a Cortex-A53, which has no"
        in text
    )
    assert "fc arm int8 73 150.0 M 75.0 % gelu arm fp32 12 30.5 M 15.2 %" in text
    assert "the largest of 12: Layer Instructions Share blocks.0.mlp.fc1 12.0 M 6.0 %" in text
    hidden = page_[page_.index("<summary>The other 2</summary>") :]
    assert "blocks.9.mlp.fc1" not in hidden
    assert "blocks.10.mlp.fc1" in hidden
    assert "blocks.11.mlp.fc1" in hidden


@pytest.mark.parametrize("cost", [{}, {"cost": None}, {"cost": COST | {"layers": []}}])
def test_a_page_without_costs_or_layers_shows_the_kernels(cost):
    text = Tags(page(MANIFEST | cost)).text
    assert "fc arm int8 73" in text
    assert "By layer" not in text


def test_a_page_over_the_gate_says_so():
    text = Tags(page(MANIFEST | {"gate": {"max_drift": 0.0, "passed": False}})).text
    assert "Over the gate" in text
    assert "The gate is not passed" in text
    assert "Gate passed" not in text


def test_a_page_without_labels_calibration_and_recipe():
    text = Tags(page(FP32)).text
    assert "gate set" not in text
    assert "All 200 check pictures get the same first class" in text
    assert "the pictures have no labels" in text
    assert "identical" in text
    assert "Calibrat" not in text
    assert "None" not in text.replace("None of 200 changed", "")
    assert "times less" not in text
    assert "Where it was lost" not in text
    assert "pictures that came off worst" not in text
    assert "paddleslim" not in text


def test_a_page_without_drift():
    text = Tags(page(MANIFEST | {"drift": None, "gate": None})).text
    assert "Not measured" in text
    assert "What it lost was not measured." in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"precision": "fp16", "recipe": None, "calibration": None},
            "What rounding to FP16 costs shows on a phone",
        ),
        ({"precision": "fp32", "target": "opencl"}, "Not the phone's GPU"),
        ({"weights": MANIFEST["weights"] | {"source": "digits"}}, "A demonstration."),
    ],
)
def test_what_the_figures_do_not_show_is_said(change, words):
    assert words in Tags(page(MANIFEST | change)).text


def test_the_page_says_where_its_figures_are_as_data():
    assert "All of this as data: manifest.json , beside this file." in Tags(page()).text
    assert "All of this as data: a&b.json , beside this file." in Tags(page(data_file="a&b.json")).text


def test_the_recipe_can_be_used_again():
    shown = re.search(r"<pre>(.*?)</pre>", page(), re.DOTALL)
    assert shown
    assert yaml.safe_load(shown[1]) == MANIFEST["recipe"]


@pytest.mark.parametrize("kind", ["wide", "narrow"])
def test_the_plot_marks_what_adds_most_noise_in_the_pages_colours(kind):
    svg = str(layer_plot(LAYERS, kind))
    root = ElementTree.fromstring(svg)
    assert root.get("viewBox")
    assert root.get("width") is None
    words = "block 2: 87 % of the noise"
    assert root.get("aria-label") == f"SNR after 4 parts of the network, 17.0 dB after the last; {words}"
    assert words in svg
    labels = {"".join(each.itertext()).strip() for each in root.iter() if each.tag.endswith("text")}
    assert {"patches", "1", "2", "head"} <= labels
    assert "var(--bad)" in svg
    assert "var(--accent)" in svg
    assert not re.search(r"#(?:0[1-4]){3}|#000000|#ffffff|<metadata", svg)


def test_where_it_was_lost_names_what_adds_most_noise():
    text = Tags(page(layers=LAYERS)).text
    assert "go through 2 blocks and then the head" in text
    assert (
        "Measured on 8 pictures. What adds most noise is marked: block 2, 87 % of the noise at the end."
        in text
    )
    assert "block 1 28.5 0.99000 2.1 %" in text


def test_the_plot_is_the_same_every_time_and_its_ids_are_its_own():
    wide, narrow = (str(layer_plot(LAYERS, kind)) for kind in ("wide", "narrow"))
    assert wide == str(layer_plot(LAYERS, "wide"))
    marks = [set(re.findall(r'<(?:path|clipPath) id="(m?p?[0-9a-f]{10,})"', svg)) for svg in (wide, narrow)]
    assert marks[0]
    assert not marks[0] & marks[1]


POINTS = [Point("the cheapest form", 173e6, 32.0), Point("blocks.5.mlp.fc2: <float>", 179e6, 41.25)]
OTHERS = [Point("deit", 203e6, 48.5), Point("paddleslim", 228e6, 29.5)]
CURVE = Curve(
    178e6, 128, 16, POINTS, Point("deit-178m", 178e6, 40.0), Point("deit-178m", 177.9e6, 38.75),
    Point("deit-178m", 177.9e6, 40.25), OTHERS,
)  # fmt: skip


def test_what_a_budget_bought_is_shown_beside_other_recipes_on_the_same_held_out_pictures():
    assert "What the budget bought" not in page()
    text = Tags(page(curve=CURVE)).text
    assert "The budget was 178.0 M instructions" in text
    assert "All SNR here is of held-out pictures" in text
    assert "converted networks on 128 check pictures" in text
    assert "predicted from the first 16 of them" in text
    assert "there this bundle keeps 40.2 dB where 40.0 dB were predicted" in text
    assert "deit-178m , this bundle 177.9 M 38.8" in text
    assert "deit , without a budget 203.0 M 48.5" in text
    assert "paddleslim , without a budget 228.0 M 29.5" in text
    assert "blocks.5.mlp.fc2: <float> 179.0 M 41.2" in text
    assert "All of this as data" in text


@pytest.mark.parametrize("kind", ["wide", "narrow"])
def test_the_curve_names_its_points_below_the_plot(kind):
    svg = str(curve_plot(CURVE, kind))
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == (
        "SNR on held-out pictures over instructions: deit-178m 38.8 dB at 178 million, deit 48.5 dB at 203 million, "
        "paddleslim 29.5 dB at 228 million"
    )
    words = [
        "SNR on held-out pictures, dB", "deit-178m: 38.8 dB", "deit-178m: 40.0 dB predicted", "deit: 48.5 dB",
        "paddleslim: 29.5 dB", "the budget: 178 M",
    ]  # fmt: skip
    texts = {"".join(each.itertext()).strip(): each for each in root.iter() if each.tag.endswith("text")}
    assert set(words) < set(texts)

    # Names stand where no point can be: below the numbers of the axis under the plot.
    def height(word: str) -> float:
        return float(
            texts[word].get("y") or re.findall(r"translate\(\S+ (\S+?)\)", texts[word].get("transform"))[0]
        )

    assert all(height(word) > height("million instructions a picture (model)") for word in words[1:])
    assert len({height(word) for word in words[1:]}) >= 3
    assert "var(--accent)" in svg
    assert not re.search(r"#(?:0[1-4]){3}|#000000|#ffffff|<metadata", svg)
    assert svg == str(curve_plot(CURVE, kind))


def test_a_curve_of_one_point_is_plotted_too():
    only = Point("the cheapest form", 173e6, 200.0)
    text = Tags(page(curve=Curve(1e12, 1, 1, [only], only, only, only, [only, only]))).text
    assert "on 1 check picture, as" in text
    assert "The line is predicted from these" in text


def test_percentages_are_plain_numbers():
    written = [plots.percentage(share) for share in (1.41, 1.0, 0.125, 0.01, 0.000123, 0.0)]
    assert written == ["141", "100", "12", "1", "0.012", "0"]


@pytest.mark.parametrize("values", [[200.0] * 12, [31.0], [-200.0, 200.0], list(np.linspace(40, 10, 48))])
def test_odd_networks_are_plotted_too(values):
    layers = [LayerDrift(f"block {index}", float(value), 1.0, 8) for index, value in enumerate(values)]
    text = page(layers=layers)
    assert ("No part costs anything." in text) == ("of the noise" not in text) == (values[-1] == 200.0)
    Tags(text)


def test_worst_pictures_loads_only_what_it_shows():
    loaded: list[int] = []

    def load(index: int) -> np.ndarray:
        loaded.append(index)
        return picture(index)

    first, second, *others = report.worst_pictures(REFERENCE, DEPLOYED, CLASSES, load, truth=LABELS)
    assert len(loaded) == 2 + len(others) < len(REFERENCE)
    assert loaded == drift.worst(REFERENCE, DEPLOYED, len(loaded))
    assert loaded[0] == 17
    assert first.name == "picture 17"
    assert first.cosine < second.cosine
    assert first.label == first.reference[0].label != first.deployed[0].label
    assert report.worst_pictures(REFERENCE, DEPLOYED, CLASSES, picture)[0].label is None


def test_guesses_are_a_softmax():
    first, second = accuracy.guesses(np.array([1000.0, 0.0, 1001.0], np.float32), ("a", "b", "c"), 2)
    assert (first.label, second.label) == ("c", "a")
    assert first.probability == pytest.approx(np.e / (1 + np.e))
    assert second.probability == pytest.approx(1 / (1 + np.e))


def test_a_thumbnail_keeps_colour_and_shape():
    prefix, data = report.thumbnail(picture(0)).split(",")
    small = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert prefix == "data:image/png;base64"
    assert small.shape == (120, 160, 3)
    assert small[0, 0].tolist() == [0, 0, 200]


def flipped(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits of 40 pictures; the last `count` get another class, and the first has the lowest cosine of the others."""
    reference = np.tile(np.array([4, 1, 0, 0], np.float32), (40, 1))
    deployed = reference.copy()
    deployed[0] = [4, 3, 0, 0]
    deployed[40 - count :] = [4, 4.5, 0, 0]
    return reference, deployed


def test_pictures_with_another_class_come_first():
    shown = report.worst_pictures(*flipped(3), CLASSES, picture)
    assert [one.name for one in shown[:4]] == ["picture 37", "picture 38", "picture 39", "picture 0"]
    assert len(shown) == 6
    many = report.worst_pictures(*flipped(30), CLASSES, picture)
    assert len(many) == report.SHOWN_FLIPS + 3
    assert sum(one.reference[0].label != one.deployed[0].label for one in many) == report.SHOWN_FLIPS


def validated(**changes: object) -> report.Validated:
    values = {
        "bundle": "a<b",
        "source": "photos & more",
        "images": 200,
        "unreadable": 0,
        "top1": None,
        "top5": None,
    }
    return report.Validated(**values | changes)


def test_a_validation_is_titled_so_and_no_gate_is_no_news():
    whole = page(MANIFEST | {"gate": None}, validated=validated(unreadable=3))
    text = Tags(whole).text
    assert "arm: validation report</title>" in whole
    assert text.startswith("Validation report")
    assert "The bundle a<b was checked on 200 pictures of photos & more ; 3 more could not be read." in text
    assert "was converted" not in text
    assert "gate set" not in text
    assert "could not be read" not in Tags(page(validated=validated())).text
    conversion = page()
    assert "arm: conversion report</title>" in conversion
    assert "was converted to INT8" in Tags(conversion).text


def test_a_labelled_validation_without_a_reference_shows_its_accuracy():
    alone = MANIFEST | {"drift": None, "gate": None}
    text = Tags(page(alone, validated=validated(images=10, top1=0.9, top5=1.0))).text
    assert text.startswith("Validation report deit_small, INT8, for ARM phones (CPU) No reference")
    assert "90.00 % are classified correctly (95 % interval 59.6 % to 98.2 %). What it lost was not" in text
    assert "90.00 % correct (top-1) 95 %: 59.6 % to 98.2 %" in text
    assert "100.00 % right class among the five likeliest (top-5) 95 %: 72.2 % to 100.0 %" in text
    classes = accuracy.by_class(DEPLOYED, None, LABELS, CLASSES)
    assert "the worst class first" in Tags(page(alone, validated=validated(), classes=classes)).text
    assert "correct (top-1)" not in Tags(page(alone, validated=validated())).text


def between(found: interval.Interval, word: str = "to") -> str:
    return f"{100 * found.low:.1f} % {word} {100 * found.high:.1f} %"


def test_intervals_stand_beside_every_share():
    rng = np.random.default_rng(3)
    before, after = (rng.normal(size=(80, 8)).astype(np.float32) for _ in range(2))
    labels = rng.integers(0, 8, 80)
    figures = drift.compare(before, after, labels, reference_name="FP32")
    names = [str(index) for index in range(8)]
    classes = accuracy.by_class(after, before, labels, names)
    text = Tags(page(MANIFEST | {"drift": figures.as_dict()}, classes=classes)).text
    agreement = figures.interval("top1_agreement")
    assert f"{between(agreement, 'and')} (95 % interval)" in text
    tiles, lost = text.split("What was made")[0], text.split("What it lost")[1]
    assert f"same first class as before 95 %: {between(agreement)}" in tiles
    for name in ("top1_deployed", "top1_reference"):
        assert tiles.count(between(figures.interval(name))) >= 2
    for name in ("top1_deployed", "top1_reference", "top5_deployed", "top5_reference"):
        assert between(figures.interval(name)) in lost
    by_class = text.split("Accuracy by class")[1]
    for row in classes:
        for name in ("top1_deployed", "top1_reference"):
            assert f"{100 * getattr(row, name):.1f} % ({between(row.interval(name))})" in by_class


def test_the_chance_of_a_flip_is_beside_the_flips():
    text = Tags(full_page()).text
    assert f"{DRIFT.flips_expected:.2g} of 200 would be expected to change, {DRIFT.flips} did." in text
    many = drift.compare(REFERENCE, DEPLOYED[::-1], reference_name="FP32")
    text = Tags(page(MANIFEST | {"drift": many.as_dict(), "gate": None})).text
    assert f"{many.flips_expected:.0f} of 200 would be expected to change, {many.flips} did." in text
    assert many.flips_expected > 100, "as a power of ten it would be 1.5e+02"


def test_more_room_than_is_allowed_is_not_rounded_to_it():
    rows = {**DRIFT.as_dict(), "images": 1000, "top1_agreement": 0.996}
    text = Tags(page(MANIFEST | {"drift": rows, "gate": {"max_drift": 0.01, "passed": True}})).text
    assert (
        "(at most 1.00 % of the pictures may change) is passed, though 1000 pictures leave room for up to 1.02 %"
        in text
    )


def test_kernels_of_a_gpu_have_the_precision_that_the_bundle_has():
    kernels = [{"op": "conv2d", "target": "opencl", "precision": "fp16", "count": 1}]
    for precision in ("fp32", "fp16"):
        text = Tags(page(FP32 | {"target": "opencl", "precision": precision, "kernels": kernels})).text
        assert f"conv2d opencl {precision} 1" in text


def test_what_cancels_a_little_noise_is_not_minus_nothing():
    layers = [*LAYERS[:-1], LayerDrift("head", LAYERS[-2].snr_db + 1e-4, 0.99, 8)]
    assert "-0.0 %" not in Tags(page(layers=layers)).text


def test_classes_are_shown_with_margins_and_accuracy_the_worst_ten():
    found = margins.measure(REFERENCE, DEPLOYED)
    rows = margins.by_class(found, CLASSES)
    classes = accuracy.by_class(DEPLOYED, REFERENCE, LABELS, CLASSES)
    text = Tags(page(classes=classes * 4, margins=rows * 4)).text
    assert "How near a flip is" in text
    assert text.count("10 of 16 classes; all are in classes.csv , beside this file.") == 2
    assert f"{found.noise:.2g} logits" in text
    low = classes[0].interval("top1_deployed").low
    assert f"{100 * low:.1f} %" in text.split("Accuracy by class")[1]
    assert "How near a flip is" not in Tags(page()).text


def few(images: int, **rest) -> str:
    """The page of the first pictures, which do not flip."""
    before, after = REFERENCE[:images], DEPLOYED[:images]
    figures = drift.compare(before, after, LABELS[:images], reference_name="FP32")
    assert figures.flips == 0
    worst = report.worst_pictures(before, after, CLASSES, picture)
    near = margins.by_class(margins.measure(before, after), CLASSES)
    layers = [LayerDrift(layer.name, layer.snr_db, layer.cosine, images) for layer in LAYERS]
    manifest = MANIFEST | {"drift": figures.as_dict(), **rest}
    return Tags(page(manifest, worst=worst, margins=near, layers=layers)).text


def test_one_picture_is_no_plural():
    calibration = {"source": "photos", "images": 1, "sha256": None}
    text = few(1, calibration=calibration)
    assert not re.search(r"\b1 (check )?pictures", text)
    assert "The one check picture gets the same first class as from FP32." in text
    assert "It is classified correctly, and was correctly before." in text
    assert "1 picture went through both networks" in text
    assert "1 picture is too few to say how likely another first class is" in text
    assert "though 1 picture leaves room for up to 79.35 % (95 % interval)." in text
    assert "The one picture, with the likeliest classes before and after. It is in predictions.csv" in text
    assert "Measured on 1 picture." in text
    assert "Calibrated on 1 picture from photos" in text
    other = drift.compare(REFERENCE[17:18], DEPLOYED[17:18], reference_name="FP32")
    text = Tags(page(MANIFEST | {"drift": other.as_dict(), "gate": None})).text
    assert "The one check picture gets another first class than from FP32." in text


def test_few_pictures_do_not_say_how_likely_a_flip_is():
    text = few(margins.FEWEST - 1)
    assert "9 pictures are too few to say how likely another first class is; it takes 10." in text
    assert "How near a flip is" not in text
    assert "too few" not in few(margins.FEWEST)


def test_a_gate_that_few_pictures_pass_says_so():
    assert "is passed, though 9 pictures leave room for up to 29.91 % (95 % interval)." in few(9)
    assert "is passed." in few(17)


def test_almost_all_is_not_shown_as_all():
    rows = {**DRIFT.as_dict(), "images": 50_000, "top1_agreement": 49_999 / 50_000, "cosine_mean": 0.9999999}
    text = Tags(page(MANIFEST | {"drift": rows})).text
    assert "100.00 %" not in text.split("Same first class")[1][:40]
    assert "> 99.99 %" in text
    assert "> 0.99999" in text
    assert "1 gets another first class" in text


def test_what_composed_pictures_keep_is_said():
    calibration = {"source": "composed", "images": 32, "sha256": None}
    page = " ".join(report.render(report.Report(MANIFEST | {"calibration": calibration}, 1)).split())
    assert f"It was calibrated with composed pictures: {composed.REMARK}." in page
    assert composed.REMARK not in report.render(report.Report(MANIFEST, 1))


def test_a_failed_write_leaves_the_earlier_report(tmp_path):
    shown = PictureSet.of("photos", [picture(index) for index in range(len(DEPLOYED))])

    def write(folder, manifest=MANIFEST):
        report.write(folder, report.Report(manifest, 1), shown, CLASSES, DEPLOYED, REFERENCE)

    write(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(before) == {"report.html", "predictions.csv", "classes.csv"}
    assert before["report.html"].startswith(b"<!doctype html>")
    assert shown.names[17].encode() in before["report.html"]
    with pytest.raises(UndefinedError):
        write(tmp_path, {"drift": None, "fp32_bytes": None, "recipe": None})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    with pytest.raises(InputError, match="cannot write"):
        write(tmp_path / "report.html")
