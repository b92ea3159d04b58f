"""Settings of training: the files that come along, what is refused and where, and the learning rate."""

from __future__ import annotations

from pathlib import Path

import pytest

from lite import zoo
from lite.errors import InputError
from lite.training import settings
from lite.training.settings import Schedule, Settings, Stage
from lite.training.stage_run import LearningRate, learning_rate

VARIANTS = list(zoo.DEITS.values())


def test_the_settings_that_come_along():
    assert settings.names() == ["digits", "finetune", "imagenet"]


def test_the_variants_have_the_pages_settings():
    chosen = settings.load(settings.FROM_NOTHING)
    (stage,) = chosen.stages
    assert (stage.image, stage.epochs, stage.learning_rate, stage.warmup_epochs) == (
        None,  # the variant's own
        300,
        2e-3,
        5,
    )
    assert 8 * chosen.batch == chosen.schedule.for_batch == 2048
    assert (stage.learning_rate * chosen.schedule.start, stage.learning_rate * chosen.schedule.final) == (
        pytest.approx(2e-6),
        pytest.approx(2e-5),
    )
    optimizer = chosen.optimizer
    assert (optimizer.betas, optimizer.epsilon, optimizer.weight_decay) == ((0.9, 0.999), 1e-8, 0.05)
    assert optimizer.not_decayed == ["norm", ".bias", "cls_token", "dist_token", "pos_embed"]
    assert (chosen.label_smoothing, chosen.drop_path) == (0.1, 0.1)
    assert (chosen.augment.rand_augment, chosen.augment.erasing) == ("rand-m9-mstd0.5-inc1", 0.25)
    assert (chosen.mix.mixup, chosen.mix.cutmix, chosen.mix.cutmix_share) == (0.8, 1.0, 0.5)


def test_files_spell_out_every_setting():
    # A file to copy and change is of no use if what one looks for is not in it.
    import yaml

    for name in ("imagenet", "finetune"):
        written = yaml.safe_load((settings.FOLDER / f"{name}.yaml").read_text())
        assert written.keys() == Settings.model_fields.keys()
        for part in ("schedule", "optimizer", "augment", "mix"):
            assert written[part].keys() == type(getattr(settings.load(name), part)).model_fields.keys()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "1: the file is empty"),
        ("- 1", "settings: not a mapping"),
        ("a: [", "not YAML|expected|while"),
        ("batch: 8\nbatch: 9", "2: batch stands twice"),
        ("batch: 8", "x.yaml:1: stages: is missing"),
        (
            "stages:\n- {epochs: 1, learning_rate: 1e-3}\nbatsh: 8",
            r"x.yaml:3: batsh: unknown key; known are seed, batch",
        ),
        (
            "stages:\n- epochs: 1\n  learning_rate: 1e-3\n  images: 224",
            r"x.yaml:4: stages.0.images: unknown key; known are image",
        ),
        ("stages:\n- epochs: 0\n  learning_rate: 1e-3", r"x.yaml:2: stages.0.epochs: .* not 0"),
        ("stages:\n- epochs: 1\n  learning_rate: 5", r"x.yaml:3: stages.0.learning_rate: .* not 5"),
        ("stages:\n- epochs: 1\n  learning_rate: fast", r"x.yaml:3: stages.0.learning_rate: .* not 'fast'"),
        ("stages:\n- {epochs: 1, learning_rate: .1, image: 40}", "x.yaml:2: .*40 pixels is no multiple"),
        (
            "stages:\n- {epochs: 1, learning_rate: .1, warmup_epochs: 1}",
            "leave none of the stage's 1; give fewer, or 0",
        ),
        ("stages: []", "x.yaml:1: stages: .*at least 1"),
        (
            "stages:\n- {epochs: 1, learning_rate: .1}\naugment:\n  flip: 2",
            r"x.yaml:4: augment.flip: .* not 2",
        ),
        (
            "stages:\n- {epochs: 1, learning_rate: .1}\naugment:\n  rand_augment: auto",
            r"x.yaml:4: augment.rand_augment: 'auto' is not rand-mM",
        ),
        (
            "stages:\n- {epochs: 1, learning_rate: .1}\naugment:\n  crop_area: [1, 0.5]",
            r"x.yaml:4: augment.crop_area: .*smaller first",
        ),
        ("stages:\n- {epochs: 1, learning_rate: .1}\nmix: {mixup: -1}", r"x.yaml:3: mix.mixup: .* not -1"),
        ("stages:\n- {epochs: 1, learning_rate: .1}\ndrop_path: 1", "less than 1"),
        ("stages:\n- {epochs: 1, learning_rate: .1}\nbatch: yes", r"x.yaml:3: batch: .* not True"),
    ],
)
def test_mistakes_are_told_with_their_line(tmp_path: Path, text: str, words: str):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        settings.load(str(tmp_path / "x.yaml"))
    assert "\n" not in str(caught.value)


def test_one_setting_over_the_files():
    chosen = settings.load(
        "finetune",
        ("batch=7", "augment.flip=0", "stages.0.epochs=5", "mix={mixup: 0.1}", "stages.0.learning_rate=1e-4"),
    )
    assert (chosen.batch, chosen.augment.flip, chosen.stages[0].epochs, chosen.mix.mixup) == (7, 0.0, 5, 0.1)
    assert chosen.stages[0].learning_rate == 1e-4
    assert chosen.augment.rand_augment == settings.load("finetune").augment.rand_augment


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("batch", "write KEY=VALUE"),
        ("=3", "write KEY=VALUE"),
        ("batch=0", "--set batch=0: batch: .* not 0"),
        ("bach=3", "--set bach=3: bach: unknown key"),
        ("augment.flips=3", "--set augment.flips=3: augment.flips: unknown key; known are crop_area"),
        ("stages.3.epochs=1", "there is no stages.3"),
        ("batch.size=1", "batch holds one value"),
        ("batch=[", "no YAML value"),
        ("optimizer.betas=[0.9, 1.0]", "optimizer.betas.1: .* less than 1"),
    ],
)
def test_a_bad_setting_is_told_with_its_flag(flag: str, words: str):
    with pytest.raises(InputError, match=words):
        settings.load("finetune", (flag,))


def test_unknown_settings_are_told_with_those_there_are():
    with pytest.raises(InputError, match="neither a file nor one of digits, finetune, imagenet"):
        settings.load("deit_huge")


def test_the_learning_rate_warms_up_and_follows_a_cosine():
    curve = LearningRate(peak=1.0, start=0.001, final=0.01, warmup=10, steps=110)
    assert curve.factor(0) == 0.001
    assert curve.factor(5) == pytest.approx((0.001 + 1.0) / 2)
    assert curve.factor(10) == 1.0
    assert curve.factor(60) == pytest.approx((1.0 + 0.01) / 2)
    assert curve.factor(110) == pytest.approx(0.01)
    factors = [curve.factor(step) for step in range(111)]
    assert factors[:11] == sorted(factors[:11])
    assert factors[10:] == sorted(factors[10:], reverse=True)


def test_it_scales_with_the_pictures_a_step():
    stage = Stage(epochs=300, learning_rate=2e-3, warmup_epochs=5)
    on_eight = learning_rate(stage, Schedule(for_batch=2048), steps_an_epoch=625, pictures_a_step=2048)
    on_four = learning_rate(stage, Schedule(for_batch=2048), steps_an_epoch=1251, pictures_a_step=1024)
    assert (on_eight.peak, on_four.peak) == (2e-3, 1e-3)
    assert (on_eight.warmup, on_eight.steps) == (3125, 187_500)
    assert learning_rate(stage, Schedule(), 10, 7).peak == 2e-3
