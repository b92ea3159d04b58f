"""tools/sensitivity.py with a program of two blocks where its own would be: converting twelve takes half a minute."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from shallow import CHECK, SHOWN, VARIANT, made, recipe
from waiting import ended, until

from lite import zoo
from lite.engines import workers
from lite.errors import InputError
from lite.model import weights
from lite.pictures import digits
from lite.pictures.picture_set import PictureSet
from quant.recipe import Recipe
from quant.sensitivity.program import PreparedProgram, folder_for
from quant.sensitivity.run import RowJob, SensitivityRun, measure

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> PreparedProgram:
    """Two blocks by PaddleSlim alone, all in INT8."""
    return made(tmp_path_factory.mktemp("stock"), recipe())


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, str(ROOT / "tools" / "sensitivity.py"), *map(str, arguments)]


@pytest.fixture
def arguments(stock: PreparedProgram, tmp_path: Path) -> list[str]:
    """Arguments for a run on the two blocks, in a folder of its own."""
    loaded = weights.load(zoo.find("deit_tiny"), "digits", notify=print)
    out = tmp_path / "out"
    calibration = PictureSet.of("digits", digits.pictures("calibration", 4))
    shutil.copytree(stock.folder, folder_for(loaded, Recipe.named("paddleslim"), calibration, out))
    return command(
        "--model=deit_tiny", "--weights=digits", "--recipe=paddleslim", "--calib-images=4", "--max-images=17",
        "--workers=1", "--out", out, "--json",
    )  # fmt: skip


def figures_of(text: str) -> dict:
    return {name: value for name, value in json.loads(text).items() if name not in ("seconds", "created")}


def test_ctrl_c_and_the_same_command_again(arguments: list[str], tmp_path: Path):
    lines = tmp_path / "out" / "sensitivity.jsonl"
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        until(lambda: lines.exists() and lines.read_bytes().count(b"\n") >= 5, process)
        os.killpg(process.pid, signal.SIGINT)
        stopped = ended(process)
    assert stopped.returncode == 130
    assert json.loads(stopped.stdout)["error"]["exit_code"] == 130
    before = lines.read_text()
    done = before.count("\n")
    rows = 2 * (1 + len(PreparedProgram(next((tmp_path / "out").glob("program-*"))).rows()))
    assert f"interrupted: {done} of {rows} measurements done; the same command goes on" in stopped.stderr
    assert 5 <= done < rows
    assert not (tmp_path / "out" / "sensitivity.json").exists()
    # Cut off in the middle of a line, as by a power failure.
    lines.write_text(before[:-20])
    again = subprocess.run(arguments, capture_output=True, text=True, check=True)
    after = lines.read_text()
    assert after.startswith(before[:-20])
    assert after.count("\n") == rows + 1
    results_file = tmp_path / "out" / "sensitivity.json"
    assert figures_of(results_file.read_text()) == figures_of(again.stdout)
    # Uninterrupted, from the start: the same to the last digit; 17 pictures are two chunks.
    lines.unlink()
    whole = subprocess.run([*arguments, "--workers=2"], capture_output=True, text=True, check=True)
    assert figures_of(whole.stdout) == figures_of(again.stdout)
    assert json.loads(whole.stdout)["images"] == {"source": "digits", "count": 17}


def test_what_it_prints_and_writes(arguments: list[str], tmp_path: Path):
    arguments = [each for each in arguments if each != "--json"]
    done = subprocess.run(
        [*arguments, "--images=digits", "--max-images=2", "--worst=3", "--skip-worst=1"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    out = tmp_path / "out"
    figures = json.loads((out / "sensitivity.json").read_text())
    assert max(map(len, done.stdout.splitlines()[1:10])) <= 80
    for rows in (figures["layers"], figures["tensors"]):
        shown = [row["name"] for row in rows if f"\n{row['name']}  " in done.stdout]
        assert shown == [row["name"] for row in rows[:3]]
    page = (out / "sensitivity.html").read_text()
    assert figures["tensors"][0]["name"] in page
    assert "<svg" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert len(Recipe.named(out / "recipe.yaml").skip) == 1
    assert done.stdout.endswith(
        "tools/opt.py --model deit_tiny --weights digits --calib-images 4 --check digits "
        f"--recipe {out / 'recipe.yaml'} --out {out / 'bundles'}\n"
    )
    assert {path.name.split("-")[0] for path in out.iterdir()} == {
        "program", "sensitivity.jsonl", "sensitivity.json", "sensitivity.html", "recipe.yaml"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--images", "nowhere"], "nowhere"),
        (["--workers", "1", "--dask", "tcp://127.0.0.1:9"], "--workers is for this computer"),
        (["--recipe", "nowhere.yaml"], "no recipe 'nowhere.yaml'"),
        (["--model", "resnet"], "resnet"),
        (["--skip-worst", "99", "--max-images", "1"], "--skip-worst 99: only 18 layers"),
        (["--dask", "tcp://127.0.0.1:9"], "no Dask scheduler at tcp://127.0.0.1:9"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(arguments: list[str], extra: list[str], words: str):
    if "--dask" in extra and "--workers" not in extra:
        arguments = [each for each in arguments if each != "--workers=1"]
    done = subprocess.run([*arguments, *extra], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr.splitlines()[-1]
    error = json.loads(done.stdout)["error"]
    assert error["exit_code"] == 2
    assert error["what"] in done.stderr


def test_an_unreadable_picture_is_named(arguments: list[str], tmp_path: Path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    done = subprocess.run([*arguments, "--images", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "bad.png" in done.stderr.splitlines()[-1]


def test_a_program_that_changes_under_way_is_refused(stock: PreparedProgram, tmp_path: Path):
    copied = PreparedProgram(tmp_path / "program")
    shutil.copytree(stock.folder, copied.folder)
    job = RowJob(copied, copied.sha256, "these", VARIANT.preprocess)
    with (copied.folder / "layers.json").open("a") as file:
        file.write("\n")
    with pytest.raises(InputError, match="is not what this run began with"):
        measure(job, None, 0, SHOWN)


def test_a_dask_cluster_gives_the_same(stock: PreparedProgram, tmp_path: Path):
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address
        cluster_found = SensitivityRun(
            stock, CHECK, VARIANT.preprocess, tmp_path, lambda: workers.connected(address)
        ).run()
    here = SensitivityRun(stock, CHECK, VARIANT.preprocess, tmp_path / "here", lambda: workers.local(1)).run()
    assert cluster_found == here
