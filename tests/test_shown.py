"""What is repeated of text from outside: in messages, on a terminal, in pages."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lite.errors import InputError
from lite.report import page
from lite.shown import escaped, line

# What a terminal, a browser or a spreadsheet obeys.
OBEYED = [
    *map(
        chr, (*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    ),
    "\ud83d",
    "\udce9",
]
HOSTILE = "\x1b[2J\x1b]0;owned\x07 \u202egnp.exe \x9b5m caf\udce9 [red]<b>&amp;"


def invented(seed: int) -> str:
    """Text of letters of every kind, some of them many times."""
    chance = random.Random(seed)
    letters = [*OBEYED, *"a <&[]\"'=", "ä", "犬", "💩", "\u200d", "\xa0", "x" * 150, "word " * 60]
    return "".join(chance.choices(letters, k=chance.randrange(300)))


@pytest.mark.parametrize("seed", range(20))
def test_nothing_that_is_obeyed_is_left(seed: int) -> None:
    for number in range(50):
        text = invented(1000 * seed + number)
        error = InputError(text, why=text, remedy=text)
        for shown in (escaped(text), line(text), str(error), *error.as_dict().values()):
            assert not set(shown or "") & set(OBEYED)
        assert all(len(word) <= 200 for word in line(text).split())
        assert escaped(escaped(text)) == escaped(text)


def test_what_is_not_obeyed_is_as_it_was() -> None:
    letters = set(map(chr, range(sys.maxunicode + 1))) - set(OBEYED) - set(map(chr, range(0xD800, 0xE000)))
    text = "".join(sorted(letters))
    assert escaped(text) == text
    assert escaped("a\n\tb\x1b", keep="\n\t") == "a\n\tb\\x1b"


def test_a_page_shows_what_it_would_obey(tmp_path: Path) -> None:
    (tmp_path / "a.html.j2").write_text(
        "<p title='{{ text }}'>{{ text }}</p>{{ plot }}{{ lines }}{{ number }}"
    )
    template = page.environment(tmp_path).get_template("a.html.j2")
    plot = page.inline("<svg width='1' height='1'><g/></svg>", "a plot")
    html = template.render(text=HOSTILE, plot=plot, lines="a:\n\tb", number=1.5)
    assert not set(html) & set(OBEYED) - {"\n", "\t"}
    assert html.count(r"\x1b[2J\x1b]0;owned\x07 \u202egnp.exe \x9b5m caf\udce9 [red]&lt;b&gt;&amp;amp;") == 2
    assert "<g/></svg>a:\n\tb1.5" in html


SHOW = """
import json, sys
sys.path.insert(0, "tools")
import _command, _display
from rich.table import Table
text = json.loads(sys.argv[1])
table = Table(title=_display.plain(text), width=200)
table.add_column(_display.plain(text))
table.add_row(_display.plain(text))
_display.show(table)
_display.say(text, "note")
_command._print_error(text)
"""


def test_a_terminal_obeys_nothing_of_tables_notes_and_errors(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHOW, json.dumps(HOSTILE)],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
        env=os.environ | {"COLUMNS": "300"},
    )
    for said, count in ((done.stdout, 3), (done.stderr, 2)):
        assert not set(said) & set(OBEYED) - {"\n"}
        assert said.count(r"\x1b[2J\x1b]0;owned\x07 \u202egnp.exe \x9b5m caf\udce9 [red]<b>&amp;") == count


DRIFT = """
import sys
sys.path.insert(0, "tools")
import _command, _display
import numpy as np
from lite.measure import drift
table = _display.facts_table("t")
table.add_row("worst classes", "圆形: 100.00% (95 %: 64.6% to 100.0%) of 7, fp32 100.00% (95 %: 64.6% to 100.0%)")
_display.show(table)
reference = np.eye(3, dtype=np.float32)
figures = drift.compare(reference, reference + np.float32(4e-4) * reference, reference_name="fp32").as_dict()
print(dict(_display.drift_rows(figures, "int8"))["drift"])
print(_display.gate_note(figures, 0.0))
print(_display.gate_note(figures, 0.1))
"""


def test_tables_of_facts_cut_no_wide_letters_and_notes_fit_their_figures(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DRIFT], capture_output=True, text=True, check=True, cwd=root,
        env=os.environ | {"COLUMNS": "80"},
    )  # fmt: skip
    *table, outputs, none, some = done.stdout.splitlines()
    assert " ".join(" ".join(table).replace("│", " ").split()).count("(95 %: 64.6% to 100.0%)") == 2
    assert "largest difference 0.0004;" in outputs
    # A gate of nothing is never sure, however many pictures there are.
    assert none.endswith("where 0% are allowed; no number of pictures leaves none")
    assert some.endswith("where 10% are allowed; more pictures would tell")


MANY = """
import sys
sys.path.insert(0, "tools")
import _command, _display
import numpy as np
from lite import shown
from lite.measure import drift, interval
print(_display.share(49_999 / 50_000, interval.of_count(49_999, 50_000)))
print(_display.share(1 / 50_000, interval.of_count(1, 50_000)))
print(_display.share(1.0, interval.of_count(128, 128)), shown.percent(0.0), shown.percent(0.5, 1))
reference = np.random.default_rng(0).standard_normal((400, 3)).astype(np.float32)
turned = drift.compare(reference, reference[:, ::-1], reference_name="fp32").as_dict()
print(dict(_display.drift_rows(turned, "int8"))["flips"])
near = drift.compare(reference, reference * np.float32(1.0001) + np.float32(1e-5), reference_name="fp32").as_dict()
print(dict(_display.drift_rows(near, "int8"))["drift"])
print(dict(_display.drift_rows(drift.compare(reference, reference, reference_name="fp32").as_dict(), "fp16"))["drift"])
print(_display.gate_note(near | {"images": 1000, "top1_agreement": 0.996}, 0.01))
"""


def test_figures_are_not_rounded_to_what_they_are_not(root: Path) -> None:
    done = subprocess.run([sys.executable, "-c", MANY], capture_output=True, text=True, check=True, cwd=root)
    most, least, sound, flips, near, equal, gate = done.stdout.splitlines()
    assert most == "> 99.99% (95 %: > 99.9% to > 99.9%)"
    assert least == "< 0.01% (95 %: < 0.1% to < 0.1%)"
    assert sound == "100.00% (95 %: 97.1% to 100.0%) 0.00% 50.0%"
    # Hundreds are not told as a power of ten.
    assert re.fullmatch(
        r"\d{3} of 400 flipped, \d{3} expected: \d\d\.\d\d% for a picture like these", flips
    ), flips
    assert near.startswith("cosine > 0.99999 (worst > 0.99999), SNR ")
    assert equal.startswith(
        "cosine 1.00000 (worst 1.00000), no difference, largest difference 0; 400 pictures against"
    )
    assert equal.endswith("computed in fp32 here, so what rounding to FP16 costs is not in these figures")
    # 1.02 %, which one digit would make the 1 % that is allowed.
    assert "leave room for up to 1.02% of flips (95 % interval), where 1% are allowed" in gate


def test_tables_take_text_through_one_door(root: Path) -> None:
    importing = [path.name for path in (root / "tools").glob("*.py") if "rich.markup" in path.read_text()]
    assert importing == ["_display.py"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["opt.py", "--model", HOSTILE[:-20] + "x" * 3000],
        ["opt.py", "--" + HOSTILE[:20] + "x" * 3000],
        ["opt.py", "--precision", "\x1b[2J" + "x" * 3000],
        ["opt.py", "--model", "deit_tiny", "--weights", "\x1b[2J" + "x" * 200],
        ["opt.py", "--model", "deit_tiny", "--weights", "digits", "--recipe", "\x1b[2J" + "x" * 200],
        ["predict.py", "--bundle", "\x1b[2J" + "x" * 3000, "a.png"],
        ["inspect_nb.py", "\x1b[2J" + "x" * 3000],
        ["train.py", "--model", "deit_tiny", "--data", "\x1b[2J" + "x" * 3000],
    ],
    ids=lambda arguments: f"{arguments[0]} {arguments[-2][:9]}",
)
def test_a_command_repeats_no_more_than_200_characters_of_its_arguments(
    arguments: list[str], root: Path, tmp_path: Path
) -> None:
    program = str(root / "tools" / arguments[0])
    given = [text.encode("utf-8", "surrogateescape") for text in arguments[1:]]
    done = subprocess.run([sys.executable, program, *given], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert not set(done.stdout + done.stderr) & set(OBEYED) - {"\n"}
    assert "x" * 200 not in done.stdout + done.stderr
