"""A phone's kinds of cores: what they are called, and --cores that binds to them."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from bench import bench, results
from conftest import ready
from phone import Phone

from lite.phone import clusters, facts
from lite.phone.clusters import Cluster
from lite.phone.plan import BenchPlan, Configuration, NoSuchCoresError
from lite.phone.server import AdbServer

PIXEL = (
    Cluster("little", (0, 1, 2, 3), "Cortex-A55", 1_804_800),
    Cluster("middle", (4, 5), "Cortex-A78", 2_348_000),
    Cluster("big", (6, 7), "Cortex-X1", 2_850_000),
)


def test_a_phone_tells_its_clusters(server: AdbServer, arm_phone: Phone) -> None:
    found = facts.read(ready(server, arm_phone))
    assert found.clusters == PIXEL
    assert str(found.clusters[2]) == "big: 2 × Cortex-X1 up to 2.85 GHz (CPUs 6,7)"
    assert facts.Facts.from_dict(json.loads(json.dumps(asdict(found)))) == found


def test_where_midr_is_hidden_cpuinfo_names_the_parts(server: AdbServer, arm_phone: Phone) -> None:
    for path in (arm_phone.dir / "sys/devices/system/cpu").glob("cpu*/regs/identification/midr_el1"):
        path.chmod(0)
    assert facts.read(ready(server, arm_phone)).clusters == PIXEL


def test_a_phone_that_hides_clocks_has_kinds_without_names_or_speed(
    server: AdbServer, arm_phone: Phone
) -> None:
    for name in ("cpufreq/policy*/cpuinfo_max_freq", "cpu*/cpu_capacity"):
        for path in (arm_phone.dir / "sys/devices/system/cpu").glob(name):
            path.chmod(0)
    found = facts.read(ready(server, arm_phone)).clusters
    assert {(one.name, one.part, one.max_khz) for one in found} == {
        (None, part, None) for part in ("Cortex-A55", "Cortex-A78", "Cortex-X1")
    }


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("", ()),
        ("rubbish\n0 x\n", ()),
        ("0 - - -\n1 - - -\n", (Cluster(None, (0, 1), None, None),)),
        # All alike, as in few phones and on x86.
        ("0 2000000 - -\n1 2000000 - -\n", (Cluster(None, (0, 1), None, 2_000_000),)),
        # CPU 1 is switched off: it tells nothing of its clock.
        (
            "0 1800000 - -\n1 - - -\n2 2400000 - -\n",
            (Cluster("little", (0,), None, 1_800_000), Cluster("big", (2,), None, 2_400_000)),
        ),
        # The little cores have the higher clock, and the kernel knows that they are little.
        (
            "0 2200000 300 0x00000000410fd030\n1 2000000 1024 0x00000000410fd090\n",
            (
                Cluster("little", (0,), "Cortex-A53", 2_200_000),
                Cluster("big", (1,), "Cortex-A73", 2_000_000),
            ),
        ),
        # Four kinds: two lie in the middle. A part that is not known here is told by its numbers.
        (
            "0 2000000 - -\n1 2900000 - -\n2 3100000 - -\n3 3300000 - 0x00000000990f1230\n",
            (
                Cluster("little", (0,), None, 2_000_000),
                Cluster("middle", (1,), None, 2_900_000),
                Cluster("middle", (2,), None, 3_100_000),
                Cluster("big", (3,), "implementer 0x99 part 0x123", 3_300_000),
            ),
        ),
    ],
)
def test_phones_of_all_sorts(lines: str, found: tuple[Cluster, ...]) -> None:
    assert clusters.parse(lines, "") == found


@pytest.mark.parametrize(
    "cpuinfo",
    [
        # Before Linux 3.19: all processors in one block, and one part for all of them.
        "processor\t: 0\nprocessor\t: 1\n\nCPU implementer\t: 0x41\nCPU part\t: 0xd03\n",
        "processor\t: 0\nprocessor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd03\n",
        "processor\t: 1\nCPU implementer\t: 0x41\nCPU part\t:\nCPU revision\t: 4\n",
        "processor\t: x\nCPU implementer\t: what\nCPU part\t: ever\n",
    ],
)
def test_what_tells_no_part_of_each_core_tells_none(cpuinfo: str) -> None:
    assert clusters.parse("0 1800000 - -\n1 2400000 - -\n", cpuinfo) == (
        Cluster("little", (0,), None, 1_800_000),
        Cluster("big", (1,), None, 2_400_000),
    )


def test_names_become_the_masks_of_the_phone() -> None:
    plan = BenchPlan(threads=(2,), cores=("big", "little", "30"))
    assert plan.configurations(PIXEL) == [
        Configuration(2, cpu_mask="c0", cores="big"),
        Configuration(2, cpu_mask="f", cores="little"),
        Configuration(2, cpu_mask="30"),
    ]
    assert [str(one) for one in plan.configurations(PIXEL)[::2]] == [
        "2 threads, big cores (mask c0)",
        "2 threads, CPU mask 30",
    ]
    with pytest.raises(NoSuchCoresError, match="no middle cores .* 8 × Cortex-A55"):
        BenchPlan(cores=("middle",)).configurations([Cluster(None, tuple(range(8)), "Cortex-A55", None)])
    with pytest.raises(NoSuchCoresError, match="not told"):
        BenchPlan(cores=("big",)).configurations()
    with pytest.raises(NoSuchCoresError, match=r"no CPU of the mask f00: its cores are little: 4 ×"):
        BenchPlan(cores=("f00",)).configurations(PIXEL)
    assert BenchPlan(cores=("f00",)).configurations() == [Configuration(1, cpu_mask="f00")]


def test_a_bench_on_cores_by_name(phone: Phone, options: tuple[object, ...], tmp_path) -> None:
    """CPU 0 of this phone says that it is the slow one; the engine says that it obeyed."""
    phone.set("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", 1_200_000)
    done = bench(*options, "--cores", "little", "--repeats", 4, "--warmup", 0, "--sensors-every", 0)
    assert done.returncode == 0, done.stderr
    (one,) = results(tmp_path / "out")["phones"]
    (row,) = one["measurements"]
    assert (row["cores"], row["cpu_mask"], row["used"]["cpu_mask"]) == ("little", "1", "1")
    assert {clock["cpu"] for each in row["rounds"] for clock in each["clocks"]} == {0}
    page = (tmp_path / "out/report.html").read_text()
    assert "1 thread, little cores (mask 1)" in page
    assert "little: 1 core up to 1.20 GHz (CPU 0); big: " in page


@pytest.mark.parametrize(
    ("cores", "words"),
    [
        ("big", "there are no big cores that could be told from others: its cores are"),
        ("ffff000000000000", "there is no CPU of the mask ffff000000000000: its cores are"),
    ],
)
def test_cores_that_a_phone_has_not_are_refused_before_anything_is_pushed(
    phone: Phone, options: tuple[object, ...], cores: str, words: str
) -> None:
    done = bench(*options, "--cores", cores)
    assert done.returncode == 6
    assert words in done.stderr
    assert "give a mask of its CPUs to --cores (1 is CPU 0, f0 is 4 to 7)" in done.stderr
    assert not phone.path("/data/local/tmp/deit_lite").exists()
