"""Where the time goes, block by block: the program cut after each, on a test phone with the real engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import reference_deit
from bench import bench, results
from phone import Phone
from states import random_state

from lite import bundle, zoo
from lite.errors import InputError
from lite.nb import prefix, reader
from lite.phone import demo, profile, push, report
from lite.phone import results as results_files
from lite.phone.binaries import Binaries
from lite.phone.demo import DemoRequest
from lite.phone.device import Device
from lite.phone.plan import Candidate
from lite.pictures import digits

NAMES = ["patches", *(f"block {number}" for number in range(1, 13)), "head"]


@pytest.mark.slow
def test_parts_take_time_and_add_up_to_the_whole(
    phone: Phone, deit: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = bench(
        "--bundle",
        tiny_bundle,
        "--out",
        out,
        "--profile",
        "--repeats",
        10,
        "--warmup",
        1,
        "--sensors-every",
        0,
    )
    assert done.returncode == 0, done.stderr
    document = results(out)
    assert results_files.problem(document) is None
    (found,) = document["phones"][0]["diagnostics"]["profiles"]
    assert (found["file"], found["rounds"], found["repeats"]) == ("host.nb", profile.ROUNDS, 2)
    assert [part["name"] for part in found["parts"]] == NAMES
    # A part that took nothing would be a program cut in the wrong place; one in forty intervals may miss by chance.
    assert sum(part["interval"]["high"] > 0 for part in found["parts"]) >= len(NAMES) - 2
    assert sum(part["ms"] for part in found["parts"]) == pytest.approx(found["whole_ms"])
    assert all(len(part["until_ms"]) == profile.ROUNDS for part in found["parts"])
    assert sum(part["model_share"] for part in found["parts"]) == pytest.approx(1)
    # Nothing of it stays on the phone.
    assert not [path for path in phone.path(push.FOLDER).iterdir() if "prefixes" in path.name]
    assert "Where the time goes" in (out / "report.html").read_text()
    assert "block 12" in done.stdout
    # What is known is not measured again.
    again = bench(
        "--bundle", tiny_bundle, "--out", out, "--profile", "--repeats", 10, "--warmup", 1, "--sensors-every", 0,
        "--resume",
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert results(out)["phones"][0]["diagnostics"]["profiles"] == [found]
    assert ": 5 rounds, 2 runs of each in a round." in report.render(document)
    found["repeats"] = 1
    assert ": 5 rounds, 1 run of each in a round." in report.render(document)


def test_a_cut_program_gives_the_activation_of_its_last_block(
    device: Device, deit: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    """Against DeiT in numpy, which knows nothing of this program: after the patches, and after the third block."""
    candidate = Candidate(bundle.read(tiny_bundle), f"{push.FOLDER}/tiny", host=True)
    tensor = candidate.bundle.golden()[0]
    tensor.astype("<f4").tofile(tmp_path / "golden.f32")
    cuts = prefix.cuts(reader.read(candidate.bundle.host_nb), candidate.bundle.input_shape)
    prefixes = profile.write_prefixes(candidate, cuts, tmp_path)
    files = {
        **Binaries(demo=deit).find("x86_64").files,
        "tiny/golden.f32": tmp_path / "golden.f32",
        **{f"cut/{name}": path for name, path in prefixes.items()},
    }
    push.push(device, files)
    state = random_state(zoo.find("deit_tiny"), len(digits.CLASSES))
    tokens = reference_deit.tokens(state, tensor[0], blocks=3, heads=3)
    for cut, expected in ((cuts[0], tokens[0]), (cuts[3], tokens[3])):
        request = DemoRequest(
            candidate.folder,
            True,
            tensor=f"{push.FOLDER}/tiny/golden.f32",
            network=profile.network_of(f"{push.FOLDER}/cut", cut),
        )
        document = demo.run(device, push.FOLDER, request, timeout=120)
        found = np.array(document["pictures"][0]["logits"]).reshape(cut.shape[1:])
        assert np.abs(found - expected).max() < 1e-4 * max(1.0, np.abs(expected).max())
        assert np.ptp(expected) > 0.1


def test_a_cut_program_holds_only_the_parameters_that_it_reads(tiny_bundle: Path, tmp_path: Path) -> None:
    model = reader.read(tiny_bundle / "host.nb")
    cuts = prefix.cuts(model, (1, 3, 224, 224))
    assert [cut.name for cut in cuts] == ["patch_embed", *(f"blocks.{index}" for index in range(12))]
    prefix.write(model, cuts[0], tmp_path / "patches.nb")
    whole, cut = model, reader.read(tmp_path / "patches.nb")
    read = {name for op in cut.ops for names in op.inputs.values() for name in names}
    assert set(cut.params) == read & set(whole.params)
    assert cut.bytes < 0.1 * whole.bytes
    assert all(cut.params[name] == whole.params[name] for name in cut.params)


def test_a_program_on_a_gpu_is_refused(tiny_bundle: Path) -> None:
    from dataclasses import replace

    model = reader.read(tiny_bundle / "host.nb")
    kernel = replace(model.ops[6].kernel, target="opencl")
    ops = (*model.ops[:6], replace(model.ops[6], kernel=kernel), *model.ops[7:])
    with pytest.raises(InputError, match="it runs on opencl; profile a bundle of tools/opt.py for a CPU"):
        prefix.cuts(replace(model, ops=ops), (1, 3, 224, 224))


def test_parts_are_differences_of_one_round_with_the_interval_of_their_mean() -> None:
    # Three rounds of three programs; the second part took 2, 3 and 4 ms.
    medians = np.array([[1.0, 3.0, 6.0], [2.0, 5.0, 8.0], [1.0, 5.0, 8.0]])
    first, second, third = profile.of_medians(["patches", "block 1", "head"], medians)
    assert second.ms == pytest.approx(3)
    # Student's t of 2 degrees of freedom at 97.5 %, from a table: 4.303; the standard deviation is 1.
    assert (second.interval.low, second.interval.high) == pytest.approx(
        (3 - 4.303 / 3**0.5, 3 + 4.303 / 3**0.5), abs=1e-3
    )
    assert first.ms + second.ms + third.ms == pytest.approx(medians[:, -1].mean())
    assert second.until_ms == [3.0, 5.0, 5.0]


def test_the_models_share_is_by_part() -> None:
    rows = {
        "patch_embed.proj": 10,
        "blocks.0.mlp.fc1": 30,
        "blocks.0.norm1": 10,
        "blocks.1.attn.qkv": 40,
        "norm": 4,
        "head": 6,
    }
    cost = {"layers": [{"layer": name, "instructions": count} for name, count in rows.items()]}
    assert profile.model_shares(cost, 3) == pytest.approx(
        {"patches": 0.1, "block 1": 0.4, "block 2": 0.4, "head": 0.1}
    )
    assert profile.model_shares(None, 3) is None
