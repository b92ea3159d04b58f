"""`tools/opt.py` as its users run it: real weights, PaddleSlim, opt, x86 runtime; errors in one line."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from mounts import tmpfs
from states import random_state, write_state
from waiting import ended, until

from lite import bundle, zoo
from lite.measure import drift
from lite.model import weights
from lite.nb import reader
from lite.pictures import composed, digits, picture_set, prepare
from lite.stages import Stages
from quant import recipe
from quant.conversion import convert_all
from quant.cost import model as cost
from quant.recipe import Recipe, Request

ROOT = Path(__file__).resolve().parent.parent
FILES = {
    "model.nb",
    "host.nb",
    "labels.txt",
    "golden.npz",
    "golden.png",
    *(f"golden-{number}.png" for number in range(2, 9)),
    "manifest.json",
    "classes.csv",
    "predictions.csv",
    "report.html",
}


def opt(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs the command and returns what it printed."""
    command = [sys.executable, "tools/opt.py", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Every precision and target in one run, on the bundled weights."""
    out = tmp_path_factory.mktemp("bundles")
    choices = ["--precision=int8", "--precision=fp32", "--precision=fp16", "--target=arm", "--target=opencl"]
    return out, opt("--model", "deit_tiny", "--out", out, "--check-images", "64", "--json", *choices)


def test_each_combination_lite_can_honour_is_made(made):
    out, done = made
    # What was asked for and is not made is no success.
    assert done.returncode == 2, done.stderr
    assert {folder.name for folder in out.iterdir()} == {
        f"deit_tiny-digits-{kind}"
        for kind in ("int8-arm", "fp32-arm", "fp32-opencl", "fp16-arm", "fp16-opencl")
    }
    # The combination it refused, with the reason, and that these are not the ImageNet weights; a line each.
    not_made, *notes, seconds, error = done.stderr.splitlines()
    assert error.startswith("error: made only deit_tiny-digits-int8-arm, ")
    assert "int8 with opencl is refused" in error
    assert not_made.startswith("not made: int8 with opencl is refused: Paddle Lite has no INT8 GPU kernels")
    assert [line for line in notes if line.startswith("note: ") and "digits" in line] == notes != []
    assert seconds.startswith("seconds: export ")
    assert "bundle " in seconds


def test_stdout_is_the_manifests_and_nothing_else(made):
    out, done = made
    manifests = json.loads(done.stdout)
    assert [(manifest["precision"], manifest["target"]) for manifest in manifests] == [
        ("int8", "arm"), ("fp32", "arm"), ("fp32", "opencl"), ("fp16", "arm"), ("fp16", "opencl"),
    ]  # fmt: skip
    for manifest in manifests:
        name = f"deit_tiny-digits-{manifest['precision']}-{manifest['target']}"
        assert manifest == dict(bundle.read(out / name).manifest)


def test_what_comes_next_can_be_pasted_into_a_shell(tmp_path: Path):
    done = opt(
        "--model=deit_tiny",
        "--weights=digits",
        "--precision=fp32",
        "--check-images=2",
        "--out",
        tmp_path / "a b",
    )
    assert done.returncode == 0, done.stderr
    bundle_there = str(tmp_path / "a b" / "deit_tiny-digits-fp32-arm")
    for line in done.stdout.splitlines()[-2:]:
        # Where only ./run.sh was run, `python` is another one, or none.
        assert {bundle_there, "./run.sh"} < set(shlex.split(line))


def test_a_bundle_holds_every_file_of_the_contract(made):
    for folder in made[0].iterdir():
        assert {path.name for path in folder.iterdir()} == FILES


def test_int8_keeps_the_bundled_models_accuracy(made):
    figures = bundle.read(made[0] / "deit_tiny-digits-int8-arm").manifest["drift"]
    assert figures["images"] == 64
    assert figures["top1_reference"] >= 0.95
    assert figures["top1_agreement"] == 1.0
    assert figures["snr_db"] > 35
    # INT8 that loses nothing at all would be float under another name.
    assert figures["snr_db"] < 60


def test_where_it_was_lost_ends_at_the_final_figure(made):
    manifest = bundle.read(made[0] / "deit_tiny-digits-int8-arm").manifest
    final, blocks = manifest["drift"]["snr_db"], [layer["snr_db"] for layer in manifest["layers"]]
    assert len(blocks) == 1 + 12 + 1
    assert abs(blocks[-1] - final) < 3
    assert min(blocks) > final - 10


def test_int8_layers_are_int8_kernels(made):
    made_bundle = bundle.read(made[0] / "deit_tiny-digits-int8-arm")
    count = {
        (row["op"], row["precision"]): row["count"]
        for row in made_bundle.manifest["kernels"]
        if row["op"] in ("fc", "matmul_v2", "conv2d")
    }
    # q, k and v in one layer, but in the last block, whose queries are fewer. Attention times value (3 heads) is left
    # in float on purpose, so are the head and the last block's proj and fc2, which see one row, and the first's fc2.
    # A layer for outliers has no bias, and so is no fc.
    outliers = count.pop(("matmul_v2", "fp32")) - 12 * 3
    assert 0 < outliers <= 10
    assert count == {
        ("fc", "int8"): 11 * 4 - 1 + 3,
        ("fc", "fp32"): 4,
        ("matmul_v2", "int8"): 12 * 3,
        ("conv2d", "int8"): 1,
    }
    assert 0.88 < made_bundle.manifest["int8_coverage"] < 0.92
    assert made_bundle.model_nb.stat().st_size < 0.36 * made_bundle.manifest["fp32_bytes"]
    assert made_bundle.manifest["recipe"]["name"] == "deit"


def test_the_documents_figures_are_of_this_code(made):
    """Other machines round otherwise, and the documents' bundle has twice as many check pictures."""
    figures = json.loads((ROOT / "docs" / "figures.json").read_text())["groups"]["bundle"]["figures"]
    shown = {name: figure["value"] for name, figure in figures.items()}
    for name in ("int8", "fp32"):
        made_bundle = bundle.read(made[0] / f"deit_tiny-digits-{name}-arm")
        model = reader.read(made_bundle.model_nb)
        instructions = cost.instructions(model, tuple(made_bundle.manifest["input"]["shape"]))
        assert model.bytes / 1e6 == pytest.approx(shown[f"{name}.size"], rel=0.02)
        assert instructions / 1e6 == pytest.approx(shown[f"{name}.instructions"], rel=0.02)
    manifest = bundle.read(made[0] / "deit_tiny-digits-int8-arm").manifest
    assert 100 * manifest["int8_coverage"] == pytest.approx(shown["int8.coverage"], abs=1)
    assert manifest["drift"]["snr_db"] == pytest.approx(shown["int8.snr"], abs=3)
    assert 100 * manifest["drift"]["top1_deployed"] == pytest.approx(shown["int8.top1"], abs=5)


def test_the_same_weights_pictures_and_recipe_give_the_same_bytes(made, tmp_path: Path):
    done = opt("--model", "deit_tiny", "--weights", "digits", "--check-images", "4", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    first, again = (folder / "deit_tiny-digits-int8-arm" for folder in (made[0], tmp_path))
    # The phone's file to the last bit; the host's is made from the same program.
    assert (first / "model.nb").read_bytes() == (again / "model.nb").read_bytes()
    assert bundle.read(again).manifest["seed"] == 2026


@pytest.mark.slow
def test_the_readmes_python_example_makes_the_same_bundle(made, tmp_path: Path):
    _, _, rest = (
        (ROOT / "README.md").read_text(encoding="utf-8").partition("<!-- python-example -->\n```python\n")
    )
    example, end, _ = rest.partition("```\n")
    assert end
    assert len(example.splitlines()) <= 10
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    again = bundle.read(tmp_path / "out" / "deit_tiny-digits-int8-arm")
    figures = again.manifest["drift"]
    path = again.path.relative_to(tmp_path)
    assert done.stdout == f"{path} {figures['snr_db']} {figures['top1_agreement']}\n"
    first = made[0] / "deit_tiny-digits-int8-arm"
    assert again.model_nb.read_bytes() == (first / "model.nb").read_bytes()


def test_the_stock_recipe_puts_everything_in_int8_and_loses_more(made, tmp_path: Path):
    done = opt(
        "--model", "deit_tiny", "--weights", "digits", "--recipe", "paddleslim", "--check-images", "64",
        "--calib-images", "8", "--out", tmp_path, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (manifest,) = json.loads(done.stdout)
    assert manifest["int8_coverage"] == 1.0
    ours = bundle.read(made[0] / "deit_tiny-digits-int8-arm").manifest["drift"]
    assert manifest["drift"]["snr_db"] < ours["snr_db"] - 10


def test_opencl_keeps_every_block_on_the_gpu(made):
    model = reader.read(made[0] / "deit_tiny-digits-fp16-opencl" / "model.nb")
    targets = [op.kernel.target for op in model.ops]
    copies = [index for index, op in enumerate(model.ops) if op.type == "io_copy"]
    assert len(copies) == 2
    assert set(targets[copies[0] : copies[1]]) == {"opencl"}


def test_a_table_calls_no_kernel_of_an_fp32_bundle_for_a_gpu_fp16(root: Path):
    kernels = [
        {"op": "fc", "target": "opencl", "precision": "fp16", "count": 74},
        {"op": "feed", "target": "host", "precision": "any", "count": 1},
    ]
    manifest = {"cost": None, "kernels": kernels}
    code = f"import sys; sys.path.insert(0, 'tools'); import opt; print(opt._work({manifest}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "('kernels', '75 operators, most of them 74 fc opencl, 1 feed host/any')\n"


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_float_bundles_do_not_drift_on_the_host(made, precision: str):
    figures = bundle.read(made[0] / f"deit_tiny-digits-{precision}-arm").manifest["drift"]
    assert figures["top1_agreement"] == 1.0
    assert figures["max_abs"] < 1e-3


def test_the_golden_picture_gives_the_golden_logits(made):
    made_bundle = bundle.read(made[0] / "deit_tiny-digits-int8-arm")
    tensor, logits = made_bundle.golden()
    picture = prepare.from_file(made_bundle.path / "golden.png", made_bundle.preprocess)
    np.testing.assert_array_equal(tensor, picture)
    np.testing.assert_array_equal(
        prepare.decode(made_bundle.path / "golden.png"), digits.pictures("held_out", 1)[0]
    )
    script = (
        "import sys, numpy as np; from pathlib import Path; from lite.engines.paddle_lite import LitePredictor; "
        "a = np.load(sys.argv[1]); r = LitePredictor(Path(sys.argv[2])).run(a['tensor']); "
        "sys.exit(int(not np.array_equal(r, a['logits'])))"
    )
    files = [made_bundle.path / "golden.npz", made_bundle.host_nb]
    assert (
        subprocess.run([sys.executable, "-c", script, *map(str, files)], cwd=ROOT, check=False).returncode
        == 0
    )
    assert int(logits.argmax()) == digits.labels("held_out")[0]


def test_the_report_shows_every_block(made):
    page = (made[0] / "deit_tiny-digits-int8-arm" / "report.html").read_text()
    assert "<svg" in page
    assert "block 12" in page or ">12<" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page.replace("https://paddle-imagenet", "")


def test_a_bundle_that_is_there_is_kept(made):
    folder = made[0] / "deit_tiny-digits-int8-arm"
    before = (folder / "manifest.json").read_bytes()
    done = opt("--model", "deit_tiny", "--weights", "digits", "--out", made[0])
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert (folder / "manifest.json").read_bytes() == before


def test_drift_over_the_gate_keeps_the_bundle_and_marks_it(tmp_path: Path):
    recipe = tmp_path / "rough.yaml"
    # Scales from half of the histogram clip most of every activation.
    recipe.write_text("name: rough\npaddleslim: {hist_percent: 0.6, onnx_format: false}\n")
    done = opt(
        "--model", "deit_tiny", "--weights", "digits", "--recipe", recipe, "--max-drift", "0.01",
        "--calib-images", "4", "--check-images", "16", "--out", tmp_path,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("error: ")]) == 1
    made_bundle = bundle.read(tmp_path / "deit_tiny-digits-int8-arm")
    assert made_bundle.manifest["gate"] == {"max_drift": 0.01, "passed": False}
    assert drift.over_gate(drift.Drift.of(made_bundle.manifest["drift"]), 0.01)


def test_a_finetuned_file_takes_its_class_count_from_the_head(tmp_path: Path):
    variant = zoo.find("deit_tiny_distilled")
    write_state(tmp_path / "Flowers v2.pdparams", random_state(variant, 5))
    (tmp_path / "labels.txt").write_text("rose\ntulip\nlily\naster\niris\n")
    done = opt(
        "--model", "deit_tiny_distilled", "--weights", tmp_path / "Flowers v2.pdparams",
        "--labels", tmp_path / "labels.txt", "--precision", "fp32", "--check-images", "4", "--out", tmp_path / "my own",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made_bundle = bundle.read(tmp_path / "my own" / "deit_tiny_distilled-flowers-v2-fp32-arm")
    assert f"tools/predict.py --bundle '{made_bundle.path}' PICTURE\n" in done.stdout
    assert made_bundle.labels == ("rose", "tulip", "lily", "aster", "iris")
    assert made_bundle.manifest["drift"]["top1_reference"] is None


def test_a_network_for_photographs_is_calibrated_with_composed_pictures_and_that_is_said(tmp_path: Path):
    file = write_state(tmp_path / "flowers.pdparams", random_state(zoo.find("deit_tiny"), 5))
    done = opt(
        "--model", "deit_tiny", "--weights", file, "--recipe", "paddleslim", "--calib-images", "4",
        "--check-images", "3", "--out", tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "deit_tiny-flowers-int8-arm"
    manifest = bundle.read(folder).manifest
    assert manifest["calibration"] == {
        "source": "composed", "images": 4, "sha256": picture_set.composed("calibration", 4).sha256
    }  # fmt: skip
    assert manifest["drift"]["images"] == 3
    # In one line, though the terminal may break it.
    said = " ".join(done.stderr.split())
    assert said.count(f"calibrating with composed pictures: {composed.REMARK}") == 1
    page = " ".join((folder / "report.html").read_text().split())
    assert f"It was calibrated with composed pictures: {composed.REMARK}." in page


def processes_of(pid: int) -> set[int]:
    """The processes that another one started, by any of its threads."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return {int(child) for task in tasks for child in (task / "children").read_text().split()}
    except FileNotFoundError:
        return set()


def has_loaded(pid: int, library: str) -> bool:
    try:
        return (
            b"lite.engines.processes" in Path(f"/proc/{pid}/cmdline").read_bytes()
            and library in Path(f"/proc/{pid}/maps").read_text()
        )
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("library", ["libpaddle.so", "paddlelite"], ids=["reference", "host check"])
def test_a_process_that_is_killed_ends_the_run(library: str, tmp_path: Path):
    command = [sys.executable, "tools/opt.py", "--model=deit_tiny", "--weights=digits", "--precision=fp32"]
    with subprocess.Popen(
        [*command, f"--out={tmp_path / 'out'}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        started: set[int] = set()
        found: list[int] = []
        while not found:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
            started |= processes_of(process.pid)
            found = [pid for pid in started if has_loaded(pid, library)]
        os.kill(found[0], signal.SIGKILL)
        done = ended(process)
    assert done.returncode == 4
    assert not done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: a process that runs the network was killed")
    assert not any(Path(f"/proc/{pid}").exists() for pid in started)
    assert not (tmp_path / "out").exists()


def test_nothing_is_converted_twice(tmp_path: Path):
    loaded = weights.load(zoo.find("deit_tiny"), "digits", notify=lambda message: None)
    begun: list[str] = []
    convert_all(
        loaded,
        [Request("fp32", "arm")],
        recipe=Recipe.named(recipe.DEFAULT),
        calibration=None,
        check=picture_set.digits("held_out", loaded.labels, 2),
        out=tmp_path / "out",
        work=tmp_path,
        stages=Stages(on_start=begun.append),
    )
    # For the phone, which is also what others are compared with, and for this host.
    assert begun.count("optimize") == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "--model"),
        (["--model", "deit_huge"], 2, "deit_tiny, deit_small"),
        (["--model", "deit_tiny", "--precision", "int8", "--target", "opencl"], 2, "no INT8 GPU kernels"),
        (["--model", "deit_tiny", "--weights", "missing.pdparams"], 2, "missing.pdparams"),
        (["--model", "deit_tiny", "--weights", "README.md"], 2, "README.md"),
        (["--model", "deit_tiny", "--weights", "digits", "--recipe", "nothing"], 2, "paddleslim"),
        (["--model", "deit_tiny", "--weights", "digits", "--calib", "lite"], 2, "no pictures"),
        (["--model", "deit_tiny", "--weights", "digits", "--calib", "nowhere"], 2, "nowhere"),
        (["--model", "deit_tiny", "--weights", "imagenet"], 5, "DeiT_tiny_patch16_224_pretrained.pdparams"),
        (["--model", "deit_small", "--weights", "digits"], 2, "deit_tiny only"),
        (["--model", "deit_tiny", "--core", "cortex-a53"], 2, "give both or neither"),
        (["--model", "deit_tiny", "--precision", "fp32", "--recipe", "deit"], 2, "is for --precision int8"),
        # INT8 is refused on a GPU, and fp32 made there all the same.
        (
            ["--model=deit_tiny", "--precision=int8", "--precision=fp32", "--target=opencl", "--recipe=deit",
             "--weights=missing.pdparams"],
            2, "missing.pdparams",
        ),
    ],
)  # fmt: skip
def test_bad_input_ends_in_one_line(arguments: list[str], code: int, words: str, tmp_path: Path):
    done = opt(*arguments, "--out", tmp_path / "out")
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("tool", ["opt", "export", "sensitivity", "train", "validate"])
@pytest.mark.parametrize("name", ["file/out", "a" * 300])
def test_an_out_that_cannot_be_written_is_refused_before_anything_is_read(
    tmp_path: Path, tool: str, name: str
):
    (tmp_path / "file").touch()
    others = {
        "opt": ["--model=deit_tiny", "--weights=missing.pdparams"],
        "export": ["--model=deit_tiny", "--weights=missing.pdparams", "--format=onnx"],
        "sensitivity": ["--model=deit_tiny", "--weights=missing.pdparams"],
        "train": ["--model=deit_tiny", "--data=missing"],
        "validate": ["--bundle=missing", "--images=missing"],
    }
    command = [sys.executable, ROOT / "tools" / f"{tool}.py", *others[tool], "--out", tmp_path / name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: cannot write ")
    assert "missing" not in line


def test_list_prints_the_models_with_their_published_figures():
    done = opt("--list")
    assert done.returncode == 0
    for variant in zoo.MODELS.values():
        (line,) = [line for line in done.stdout.splitlines() if line.startswith(f"{variant.name} ")]
        assert variant.published is None or f"{100 * variant.published.top1:.1f}" in line
        assert "…" not in line


def test_list_as_json_has_the_models_with_their_published_figures():
    done = opt("--list", "--json")
    assert done.returncode == 0
    found = {row["model"]: row for row in json.loads(done.stdout)}
    assert list(found) == list(zoo.MODELS)
    assert found["vit_tiny"] == {"model": "vit_tiny", "image": 224, "published": None}
    figures = zoo.find("deit_tiny").published
    published = found["deit_tiny"]["published"]
    assert (published["top1"], published["gflops"]) == (figures.top1, figures.gflops)
    assert published["tensorrt_fp32_ms"]["4"] == figures.tensorrt_fp32_ms[4]


def test_ctrl_c_leaves_nothing_behind_and_earlier_bundles_whole(made):
    out = made[0]
    before = {path: path.read_bytes() for path in (out / "deit_tiny-digits-int8-arm").iterdir()}
    command = [
        sys.executable,
        "tools/opt.py",
        "--model=deit_tiny",
        "--weights=digits",
        f"--out={out}",
        "--force",
    ]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        started = until(lambda: processes_of(process.pid), process)
        time.sleep(1)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        done = ended(process)
    assert done.returncode == 130
    assert not any(Path(f"/proc/{pid}").exists() for pid in started)
    assert "Traceback" not in done.stderr
    assert not done.stdout
    assert {path: path.read_bytes() for path in (out / "deit_tiny-digits-int8-arm").iterdir()} == before
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("full", "size", "remedy"),
    [
        ("out", "8m", "free some, or choose another folder"),
        ("tmp", "100k", "free some, or set TMPDIR to a folder on another disk"),
        ("tmp", "8m", "free some, or set TMPDIR to a folder on another disk"),
        ("tmp", "40m", "free some, or set TMPDIR to a folder on another disk"),
    ],
)
def test_a_full_disk_is_said_in_a_line(tmp_path: Path, full: str, size: str, remedy: str):
    with tmpfs(tmp_path / "full", f"size={size}") as disk:
        out, tmp = (disk, tmp_path) if full == "out" else (tmp_path / "out", disk)
        done = subprocess.run(
            [
                sys.executable, "tools/opt.py", "--model=deit_tiny", "--weights=digits", "--check-images=4",
                "--precision", "fp32" if full == "out" else "int8", "--calib-images=8", "--out", out,
            ],
            cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp)}, capture_output=True, text=True,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert f"no space left in {disk}" in line
        assert line.endswith(f"; {remedy}")
        assert "Traceback" not in done.stderr
        assert not list(disk.iterdir())
        assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
