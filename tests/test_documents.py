"""The documents' figures: each has one home, docs/figures.json, and a picture is as new as what it shows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))

import documents
import figures
import figures_groups
import figures_pictures
from documents import ROOT


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the documents, of the pictures and of what these show, to change."""
    files = [document.path for document in documents.documents(ROOT)]
    pictures = documents.load(ROOT)["pictures"]
    files += ["docs/figures.json", "lite/assets/deit_tiny_digits.pdparams", *pictures]
    files += [path for made in pictures.values() for path in made["of"]]
    for file in set(files):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def problems(root: Path) -> list[str]:
    """What is wrong in the copy `root` and not in the repository."""
    before = documents.problems()
    return [line for line in documents.problems(root) if line not in before]


def data_of(root: Path, **parts: Any) -> dict[str, Any]:
    """docs/figures.json of `root` after `parts` were put into it."""
    data = documents.load(root)
    for name, part in parts.items():
        data[name] |= part
    figures.write(data, root)
    return data


def test_every_figure_in_a_document_is_in_figures_json() -> None:
    assert documents.problems() == []


def test_no_picture_is_older_than_what_it_shows() -> None:
    assert figures_pictures.problems() == []


def test_every_figure_says_where_it_comes_from() -> None:
    for name, group in documents.load()["groups"].items():
        assert name in figures.GROUPS
        assert set(group) - {"note"} == {
            "commands", "weights", "images", "machine", "revision", "date", "figures",
        }  # fmt: skip
        assert re.fullmatch(r"[0-9a-f]{7}\+?", group["revision"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", group["date"])
        assert group["machine"]
        assert group["figures"]
        assert group["commands"]


def anchors(path: Path) -> set[str]:
    """What a link can name in a Markdown file: its headings as GitHub writes them."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(document: documents.Document, root: Path) -> list[str]:
    """Links into the repository that lead nowhere: a file or a heading that is not there."""
    text = re.sub(r"```.*?```|`[^`]+`", "", document.text, flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", text)
    broken = []
    for link in (one or other for one, other in links):
        path, _, anchor = link.partition("#")
        place = (root / document.path).parent / path if path else root / document.path
        if "://" not in link and (not place.exists() or (anchor and anchor not in anchors(place))):
            broken.append(f"{document.path}: {link}")
    return broken


def test_every_link_leads_somewhere() -> None:
    every = documents.documents(ROOT)
    every += [
        documents.Document(path, (ROOT / path).read_text(encoding="utf-8")) for path in documents.HISTORY
    ]
    assert [link for document in every for link in broken_links(document, ROOT)] == []


def test_a_link_that_leads_nowhere_is_told(copy: Path) -> None:
    with (copy / "README.md").open("a", encoding="utf-8") as readme:
        readme.write(
            "[a](docs/none.md) [b](docs/int8.md#none) [c](#models) `[d](none.md)` [e](docs/int8.md#a-budget)\n"
        )
    text = (copy / "README.md").read_text(encoding="utf-8").splitlines()[-1]
    assert broken_links(documents.Document("README.md", text), copy) == [
        "README.md: docs/none.md",
        "README.md: docs/int8.md#none",
    ]


def test_every_switch_of_the_recipe_is_explained() -> None:
    switches = yaml.safe_load((ROOT / "quant" / "recipes" / "deit.yaml").read_text(encoding="utf-8"))[
        "rewrite"
    ]
    text = (ROOT / "docs" / "int8.md").read_text(encoding="utf-8")
    _, _, part = text.partition("\n## What `deit` rewrites\n")
    table = re.findall(r"^\| `(\w+)` \|", part.partition("\n## ")[0], re.MULTILINE)
    assert sorted(table) == sorted(switches)


def typed_commands() -> dict[str, set[str]]:
    """The options that documents give to each command of tools/ and benchmarks/, in code."""
    found: dict[str, set[str]] = {}
    for document in documents.documents(ROOT):
        for code in re.findall(r"```.*?```|`[^`]+`", document.text, flags=re.DOTALL):
            for line in re.sub(r"\\\n", " ", code).splitlines():
                for path, words in re.findall(r"\b((?:tools|benchmarks)/\w+\.py)([^#`]*)", line):
                    found.setdefault(path, set()).update(re.findall(r"(?<!\S)--[a-z][a-z-]*", words))
    return found


def test_documents_name_commands_and_options_that_are_there() -> None:
    commands = typed_commands()
    assert len(commands) > 10
    assert "--budget" in commands["tools/opt.py"]
    unknown = []
    for path, options in sorted(commands.items()):
        assert (ROOT / path).is_file(), f"documents name {path}, which is not there"
        if options:
            shown = subprocess.run([sys.executable, path, "--help"], cwd=ROOT, capture_output=True, text=True)
            known = set(re.findall(r"--[a-z][a-z-]*", shown.stdout))
            unknown += [f"{path} {option}" for option in sorted(options - known)]
    assert unknown == []


def test_each_part_of_the_log_is_dated() -> None:
    text = (ROOT / "docs" / "log.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings
    assert [line for line in headings if not re.match(r"\d{4}-\d\d-\d\d, revision [0-9a-f]{7}: ", line)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It takes 37 to 50 s and 1.8 GB.", [("37", "s"), ("50", "s"), ("1.8", "GB")]),
        ("33.5 · 134* · 267* ms", [("33.5", "ms"), ("134", "ms"), ("267", "ms")]),
        ("top-1 97.75 % of 400, SNR 47.5 dB", [("97.75", "%"), ("47.5", "dB")]),
        ("203 M ARM instructions; 1,204,000 bytes", [("203", "M"), ("1,204,000", "bytes")]),
        ("about 2 minutes, 0.81 of the time, 0.66×", [("2", "min"), ("0.81", ""), ("0.66", "×")]),
        ("cosine 0.9987 in `93.0 %` of\n```\n47.1 dB\n```\n", [("0.9987", "")]),
        ("12 blocks, 3 times, Gradle 8.11.1, v2.13-rc, 1e-4, 224 px, ViT-S", []),
        ("需要37到50秒和1.8 GB，大约2.7 分钟。", [("37", "s"), ("50", "s"), ("1.8", "GB"), ("2.7", "min")]),
        (
            "信噪比为47.5 dB，快 0.66 倍；共1,204,000字节。",
            [("47.5", "dB"), ("0.66", "×"), ("1,204,000", "bytes")],
        ),
        ("<img width=5.5> [a](x-1.5.md) <!-- 6.7 MB -->", []),
    ],
)
def test_what_counts_as_a_figure(text: str, found: list[tuple[str, str]]) -> None:
    assert [(number, unit) for number, unit, _ in documents.numbers(text)] == found


def test_the_line_of_a_figure_is_told() -> None:
    text = "a\n```\nb\n```\n<!-- figures: digits -->\n| 6.7 MB |\n<!-- end -->\n\n6.8 MB\n"
    assert list(documents.numbers(text)) == [("6.8", "MB", 9)]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (47.859606, "dB", "47.9 dB"),
        (25, "dB", "25 dB"),
        (202.734126, "M", "202.7 M"),
        (7.688926, "MB", "7.7 MB"),
        (97.75, "%", "97.75 %"),
        (100.0, "%", "100 %"),
        (0.99867, "", "0.9987"),
        (0.92, "", "0.92"),
        (7688926, "bytes", "7,688,926 bytes"),
        (210.98, "ms", "211 ms"),
        (6.03, "ms", "6.03 ms"),
        (0.8102, "×", "0.81 ×"),
    ],
)
def test_how_a_figure_is_written(value: float, unit: str, text: str) -> None:
    assert documents.written({"value": value, "unit": unit}) == text


@pytest.mark.parametrize(
    "line", ["It takes 123.4 M instructions.", "It keeps 93.01 %.", "Cosine 0.1234.", "In 17 hours."]
)
def test_a_figure_without_a_source_is_told(copy: Path, line: str) -> None:
    text = (copy / "README.md").read_text(encoding="utf-8")
    (copy / "README.md").write_text(f"{line}\n{text}", encoding="utf-8")
    (problem,) = problems(copy)
    assert problem.startswith("README.md:1: ")
    assert problem.endswith(" is not in docs/figures.json")


def test_a_figure_with_a_source_is_not(copy: Path) -> None:
    made = {**documents.load(copy)["groups"]["files"], "figures": {"new": {"value": 123.44, "unit": "M"}}}
    data_of(copy, groups={"files2": made}, quoted={"17 hours": "a paper"})
    with (copy / "README.md").open("a", encoding="utf-8") as readme:
        readme.write("It takes 123.4 M instructions, theirs 17 hours.\n")
    assert problems(copy) == []


def test_a_table_that_was_changed_by_hand_is_told_and_made_anew(copy: Path) -> None:
    path = copy / "README.md"
    before = path.read_text(encoding="utf-8")
    change(path, "| `deit_tiny` | 224 | 71.8", "| `deit_tiny` | 224 | 99.8")
    (problem,) = problems(copy)
    assert problem == "README.md: a table is out of date; run benchmarks/figures.py"
    figures.render(copy)
    assert path.read_text(encoding="utf-8") == before


def test_a_table_has_its_documents_language() -> None:
    data = documents.load()
    one, other = documents.rendered("quantize", data), documents.rendered("quantize", data, "zh-CN")
    assert one.splitlines()[0] == "| recipe | SNR | cosine mean | cosine min |"
    assert other.splitlines()[0] == "| 配方 | SNR | 平均余弦 | 最小余弦 |"
    assert one.splitlines()[1:] == other.splitlines()[1:]


def test_a_chinese_table_of_figures_outside_of_the_markers_is_told(copy: Path) -> None:
    with (copy / "docs" / "int8.zh-CN.md").open("a", encoding="utf-8") as document:
        document.write("\n| 引擎 | 最小余弦 |\n|---|---|\n| 我们的 | 1 |\n")
    (problem,) = problems(copy)
    assert "shows figures; render it" in problem


def test_a_table_follows_its_figures(copy: Path) -> None:
    groups = documents.load(copy)["groups"]
    groups["digits"]["figures"]["int8.snr"]["value"] = 12.34
    data_of(copy, groups=groups)
    assert problems(copy)
    figures.render(copy)
    assert "12.3 dB" in (copy / "README.md").read_text(encoding="utf-8")


def test_a_table_of_a_figure_that_is_missing_is_told(copy: Path) -> None:
    data = documents.load(copy)
    del data["groups"]["digits"]
    figures.write(data, copy)
    told = [line for line in problems(copy) if "tables/" in line]
    assert [line.partition(":")[0] for line in told] == ["README.md", "README.zh-CN.md"]
    for problem in told:
        assert problem.endswith("is not in docs/figures.json; run benchmarks/figures.py digits")


def test_a_table_of_figures_outside_of_the_markers_is_told(copy: Path) -> None:
    with (copy / "docs" / "engines.md").open("a", encoding="utf-8") as document:
        document.write("\n| engine | ms |\n|---|---|\n| ours | 7 |\n")
    (problem,) = problems(copy)
    assert "shows figures; render it" in problem


def test_a_picture_is_older_than_a_source_that_changed(copy: Path) -> None:
    change(copy / "benchmarks" / "engines_plot.py", "ms (median", "milliseconds (median")
    said = figures_pictures.problems(copy)
    assert "docs/engines.png is older than benchmarks/engines_plot.py; make it anew" in said


def test_a_picture_is_older_than_a_figure_that_changed(copy: Path) -> None:
    groups = documents.load(copy)["groups"]
    figure = groups["bundle"]["figures"]["int8.size"]
    assert documents.load(copy)["pictures"]["docs/report.png"]["shows"]["bundle.int8.size"] == figure["value"]
    figure["value"] = 6.7
    data_of(copy, groups=groups)
    assert "docs/report.png is older than bundle.int8.size; make it anew" in figures_pictures.problems(copy)


def test_a_picture_that_no_command_made_is_told(copy: Path) -> None:
    with (copy / "README.md").open("a", encoding="utf-8") as readme:
        readme.write("![By hand](docs/by-hand.png)\n")
    said = figures_pictures.problems(copy)
    assert "README.md: docs/by-hand.png is missing or not made by benchmarks/figures.py" in said


def test_a_group_is_run_and_kept_with_its_command(copy: Path) -> None:
    data = documents.load(copy)
    del data["groups"]["files"]
    figures.write(data, copy)
    runner = figures_groups.Runner(copy)
    figures.write_group("files", runner, "1234567", 0.5)
    made = documents.load(copy)["groups"]["files"]
    assert made["figures"]["digits_weights"]["value"] == pytest.approx(11.1, abs=0.1)
    assert made["revision"] == "1234567"
    assert next(iter(documents.load(copy)["groups"])) == "files"


def test_counted_instructions_come_from_their_file(copy: Path) -> None:
    runner = figures_groups.Runner(copy)
    with pytest.raises(Exception, match="^benchmarks/arm_counts.json cannot be read: No such file"):
        figures_groups.arm(runner)
    graph = {"name": "deit_tiny, fp32, digits", "counted": {"cortex-a76": 435435675}}
    (copy / "benchmarks" / "arm_counts.json").write_text(json.dumps({"graphs": [graph]}))
    assert figures_groups.arm(runner) == {"deit_tiny, fp32, digits.cortex-a76": (435.435675, "M")}


def test_a_command_that_fails_says_why_and_the_figures_stay(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text("import sys; print('{}'); sys.exit('error: no such weights')")
    (tmp_path / "silent.py").write_text("")
    runner = figures_groups.Runner(tmp_path)
    with pytest.raises(Exception, match="^./run.sh fails.py --x ended with 1: error: no such weights$"):
        runner.json("fails.py", "--x")
    assert runner.commands == ["./run.sh fails.py --x"]
    with pytest.raises(Exception, match="^./run.sh silent.py printed no JSON at its end$"):
        runner.json("silent.py")


def test_a_command_is_kept_without_where_the_repository_lies(tmp_path: Path) -> None:
    (tmp_path / "says.py").write_text("import json, sys; print('so:'); print(json.dumps(sys.argv[1:]))")
    runner = figures_groups.Runner(tmp_path)
    assert runner.json("says.py", tmp_path / "out") == [str(tmp_path / "out")]
    assert runner.commands == ["./run.sh says.py out"]


def test_a_group_without_what_it_needs_says_so(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="deit_tiny-digits-int8-arm is not there; first run .* bundle"):
        figures_groups.digits(figures_groups.Runner(tmp_path))


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "benchmarks/figures.py", *arguments], cwd=ROOT, capture_output=True, text=True
    )


def test_the_list_and_the_check_run_nothing() -> None:
    before = (ROOT / "docs" / "figures.json").read_bytes()
    listed, checked = command("--list"), command("--check")
    assert listed.returncode == 0
    for name in (*figures.GROUPS, *figures.PICTURES):
        assert re.search(rf"^ *{name} ", listed.stdout, re.MULTILINE)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert (ROOT / "docs" / "figures.json").read_bytes() == before


def test_an_unknown_group_is_refused() -> None:
    done = command("bundles")
    assert done.returncode == 2
    assert "no group 'bundles'; --list shows them" in done.stderr


def test_the_json_is_as_the_command_writes_it(copy: Path) -> None:
    text = (copy / "docs" / "figures.json").read_text(encoding="utf-8")
    figures.write(json.loads(text), copy)
    assert (copy / "docs" / "figures.json").read_text(encoding="utf-8") == text
