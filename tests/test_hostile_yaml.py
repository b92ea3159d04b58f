"""YAML that means harm, as a recipe, as settings and after --set: one short line with its place, at once."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hostile_yaml
import pytest

from lite.errors import InputError
from lite.training import settings
from quant import recipe
from quant.recipe import Recipe

LOADERS: list[Callable[[str], object]] = [Recipe.named, settings.load]
LAUGHS = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
)
MERGED = "a0: &a0 {k: v}\n" + "\n".join(
    f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], k{n}: 1}}" for n in range(1, 60)
)
LONG = "x" * 5_000
# What is in the file, the line it is refused at, and why.
HOSTILE = [
    ("name: a\nskip: &a [*a]", 2, "*a stands inside of what it stands for"),
    ("name: a\nskip: &a\n  deep:\n    deeper: *a", 4, "*a stands inside of what it stands for"),
    ("name: a\n? &a [*a]\n: b", 2, "*a stands inside of what it stands for"),
    ("name: a\nskip: &a\n  <<: *a", 3, "*a stands inside of what it stands for"),
    (LAUGHS, 4, "more than 10,000 values with what aliases repeat"),
    (MERGED, 12, "more than 10,000 values with what aliases repeat"),
    (
        "a: &a [" + "x, " * 200 + "]\nb: [" + "*a, " * 200 + "]",
        2,
        "more than 10,000 values with what aliases",
    ),
    ("- x\n" * 20_000, 10_000, "more than 10,000 values"),
    ("[*a, " * 9 + "]", 1, "found undefined alias"),
    ("[" * 100_000, 1, "nested deeper than 20"),
    ("{a: " * 30_000, 1, "nested deeper than 20"),
    ("- " * 50_000, 1, "nested deeper than 20"),
    ("\n".join(" " * n + "a:" for n in range(300)), 20, "nested deeper than 20"),
    (f"name: a\nskip:\n- {LONG}", 3, "a value of more than 1,000 characters"),
    (f"name: a\n? {LONG}\n: b", 2, "a value of more than 1,000 characters"),
    (f"name: a\nbatches: {'9' * 999}", 2, "a number of more than 63 bits"),
    (f"name: a\nbatches: 0x{'f' * 900}", 2, "a number of more than 63 bits"),
    (f"name: a\nbatches: {'1:' * 400}1", 2, "a number of more than 63 bits"),
    (f"name: a\nbatches: {'1:' * 400}1.5", 2, "too large to convert"),
    ("name: a\nbatches: !!int ''", 2, "a value can't be read"),
    ("name: a\nbatches: !!float ''", 2, "a value can't be read"),
    ("name: a\nbatches: !!bool x", 2, "a value can't be read"),
    ("name: a\nbatches: !!timestamp x", 2, "a value can't be read"),
    (f"name: a\nbatches: !<{'t' * 900}> 1", 2, "could not determine a constructor"),
    (f"name: a\n{'k' * 900}: 1\n{'k' * 900}: 2", 3, "stands twice"),
]


def refusal(load: Callable[[str], object], path: Path, content: str | bytes) -> str:
    """What `load` says of it: one line, with no more than 200 characters of the file's and nothing to obey."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        load(str(path))
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) - len(str(path)) < 600
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


def told(load: Callable[..., object], *arguments: object) -> str | None:
    """What is said of what is refused."""
    try:
        load(*arguments)
    except InputError as error:
        return str(error)
    return None


@pytest.mark.parametrize("load", LOADERS, ids=["recipe", "settings"])
@pytest.mark.parametrize(("content", "line", "why"), HOSTILE, ids=lambda each: str(each)[:24])
def test_it_is_refused_with_its_line(load, content: str, line: int, why: str, tmp_path: Path):
    message = refusal(load, tmp_path / "x.yaml", content)
    assert message.startswith(f":{line}: ")
    assert why in message


@pytest.mark.parametrize("load", LOADERS, ids=["recipe", "settings"])
def test_a_file_that_is_too_large_is_not_read(load, tmp_path: Path):
    (tmp_path / "x.yaml").write_text("x" * 300_000)
    with pytest.raises(InputError, match=r"300,000 bytes, more than 200,000") as caught:
        load(str(tmp_path / "x.yaml"))
    assert len(str(caught.value)) - len(str(tmp_path)) < 200


def test_an_alias_that_neither_recurs_nor_multiplies_is_fine(tmp_path: Path):
    path = tmp_path / "x.yaml"
    path.write_text(
        "stages:\n- &stage {epochs: 1, learning_rate: 0.1}\n- {<<: *stage, epochs: 2}\n- *stage\n"
        "optimizer: {weight_decay: &decay 0.2}\nlabel_smoothing: *decay\n"
    )
    chosen = settings.load(str(path))
    assert [stage.epochs for stage in chosen.stages] == [1, 2, 1]
    assert chosen.optimizer.weight_decay == chosen.label_smoothing == 0.2
    chosen = settings.load(str(path), ("stages.0.epochs=7",))
    assert [stage.epochs for stage in chosen.stages] == [7, 2, 1]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: a\n{key}: 1\n", 2),
        ("name: {key}\n", 1),
        ("name: a\npaddleslim:\n  algo: {key}\n", 3),
        ("name: a\npaddleslim:\n  {key}: {key}\n", 3),
        ("name: a\nskip: {key}\n", 2),
        ("name: a\nbatches: [{key}, [{key}, [{key}, [{key}, {key}]]]]\n", 2),
        ("name: a\nbatches: {{{key}: {key}}}\n", 2),
    ],
)
@pytest.mark.parametrize(
    "key",
    ['"' + "k" * 990 + '"', r'"\e[2J\a"', r'"\u202egnp"', r'"a\nb"', r'"\x9b\0"', '"' + r"\x1b" * 990 + '"'],
)
def test_what_is_repeated_of_it_is_short_and_escaped(text: str, line: int, key: str, tmp_path: Path):
    assert refusal(Recipe.named, tmp_path / "x.yaml", text.format(key=key)).startswith(f":{line}: ")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("load", LOADERS, ids=["recipe", "settings"])
@pytest.mark.parametrize("make", [hostile_yaml.invented, hostile_yaml.nested], ids=["invented", "nested"])
def test_invented_files_are_read_or_told(make, load, seed: int, tmp_path: Path):
    path, messages = tmp_path / "x.yaml", []
    for number in range(250):
        path.write_bytes(make(1000 * seed + number))
        if message := told(load, str(path)):
            messages.append(message)
    assert len(messages) > 200
    assert "".join(messages).isprintable()
    assert max(map(len, messages)) - len(str(path)) < 900


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("load", "folder"), [(Recipe.named, recipe.FOLDER), (settings.load, settings.FOLDER)]
)
def test_damaged_files_of_ours_are_read_or_told(load, folder: Path, seed: int, tmp_path: Path):
    path = tmp_path / "x.yaml"
    for source in sorted(folder.glob("*.yaml")):
        for number in range(30):
            path.write_bytes(hostile_yaml.damaged(source.read_text(), 1000 * seed + number))
            assert (told(load, str(path)) or "").isprintable()


@pytest.mark.parametrize(
    ("flag", "why"),
    [
        ("²=1", "²: unknown key"),
        ("٣=1", "٣: unknown key"),
        ("stages.²=1", "there is no stages.²"),
        ("stages.99999999999999999999.epochs=1", "there is no stages.99999999999999999999"),
        (f"stages.{'9' * 5000}=1", "there is no stages.999"),
        ("batch=999999999", "less than or equal to 8192, not 999999999"),
        ("accumulate=999999999", "less than or equal to 8192"),
        ("workers=999999999", "less than or equal to 256"),
        ("stages.0.epochs=999999999", "less than or equal to 100000"),
        ("stages.0.image=16000000", "more than any DeiT sees"),
        ("augment.rand_augment=rand-m9-n99999999-inc1", "number of operations 99999999 is over 20"),
        (f"augment.rand_augment=rand-m9-mstd{'9' * 400}-inc1", "spread 999"),
        ("batch=1e400", "valid integer"),
        (f"seed={'9' * 400}", "a number of more than 63 bits"),
        (f"optimizer.epsilon={'9' * 400}", "a number of more than 63 bits"),
        ("optimizer.epsilon=.inf", "finite"),
        ("optimizer.epsilon=.nan", "finite"),
        ("batch=&a [*a]", "stands inside of what it stands for"),
        ("batch=" + "[" * 5000, "nested deeper than 20"),
        ("batch=" + "x" * 5000, "a value of more than 1,000 characters"),
        ("batch=" + "x, " * 100_000, "no setting is as deep or as long"),
        (".".join("a" * 500) + "=1", "no setting is as deep or as long"),
        ("a" * 5000 + "=1", "unknown key"),
        ("\x1b[2J=\x1b[2J", "no YAML value (special characters are not allowed)"),
        ("batch=\ud83d", "no YAML value"),
        (".=1", "write KEY=VALUE"),
    ],
    ids=lambda each: each[:24].encode("unicode_escape").decode(),
)
def test_a_flag_is_refused(flag: str, why: str):
    with pytest.raises(InputError) as caught:
        settings.load("finetune", (flag,))
    message = str(caught.value)
    assert why in message
    assert message.isprintable()
    assert len(message) < 900


@pytest.mark.parametrize("seed", range(3))
def test_invented_flags_are_taken_or_told(seed: int):
    chance = random.Random(seed)
    keys = [
        "stages",
        "0",
        "1",
        "-1",
        "²",
        "٣",
        "augment",
        "flip",
        "batch",
        "optimizer",
        "betas",
        "",
        " ",
        "9" * 5000,
    ]
    values = [
        "1",
        "[]",
        "{}",
        "&a [*a]",
        "*a",
        "!!int ''",
        "~",
        "1e999",
        "[1, 2]",
        "{0: 1}",
        "=",
        "0x" + "f" * 99,
        "'",
    ]
    for _ in range(300):
        flags = tuple(
            ".".join(chance.choices(keys, k=chance.randrange(1, 4))) + "=" + chance.choice(values)
            for _ in range(2)
        )
        assert (told(settings.load, "finetune", flags) or "").isprintable()


@pytest.mark.parametrize(
    "arguments",
    [
        ["train.py", "--model", "deit_tiny", "--data", "digits", "--set", "²=1", "--out", "a.pdparams"],
        [
            "train.py",
            "--model",
            "deit_tiny",
            "--data",
            "digits",
            "--set",
            "batch=999999999",
            "--out",
            "a.pdparams",
        ],
        [
            "train.py",
            "--model",
            "deit_tiny",
            "--data",
            "digits",
            "--config",
            "laughs.yaml",
            "--out",
            "a.pdparams",
        ],
        ["opt.py", "--model", "deit_tiny", "--weights", "digits", "--recipe", "laughs.yaml", "--out", "b"],
    ],
    ids=lambda each: each[6],
)
def test_a_command_tells_it_in_one_line(arguments: list[str], tmp_path: Path, root: Path):
    (tmp_path / "laughs.yaml").write_text(LAUGHS)
    command = [sys.executable, str(root / "tools" / arguments[0]), *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("error: ")]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["laughs.yaml"]
