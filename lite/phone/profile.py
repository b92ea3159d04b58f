"""Where a network's time goes on a phone, block by block, without a special library.

The program cut after each block (`lite/nb/prefix.py`) is timed in turns with the whole. What two neighbours differ by
is what the block between them takes; it has an interval, since a difference of two large times is small beside their
noise. The instruction model's share stands beside it.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lite.files import write_text
from lite.measure.interval import Interval, of_mean
from lite.nb import prefix, reader
from lite.nb.prefix import Cut
from lite.phone import demo, push, sensors
from lite.phone.demo import Bench, NetworkFiles
from lite.phone.link import PhoneError
from lite.phone.measure import Phone, timing
from lite.phone.plan import Candidate, Configuration
from lite.scratch import scratch_folder

# Student's interval of fewer starts would be of no use.
ROUNDS = 5
HEAD = "head"
_SECONDS = 60.0


@dataclass(frozen=True)
class Part:
    """A part of the network and what it takes: the mean over rounds, ms, with its interval.

    `name` is `patches`, `block 1` and so on, or `head`. `model_share` is the part's share of the modelled instructions,
    0 to 1; None where the bundle has no model. `until_ms` are the medians, by round, of the program up to its end.
    """

    name: str
    ms: float
    interval: Interval
    model_share: float | None
    until_ms: Sequence[float]


@dataclass(frozen=True)
class Profile:
    """A bundle's parts in running order, on one phone in one configuration.

    `whole_ms`: the whole network, mean of the rounds' medians; the parts' `ms` add up to it. `file`: which `.nb` ran.
    `core`: whose instructions the model counts. `throttled`: why the figures may be spoilt.
    """

    bundle: str
    file: str
    configuration: Configuration
    rounds: int
    repeats: int
    whole_ms: float
    whole_interval: Interval
    core: str | None
    parts: Sequence[Part]
    throttled: Sequence[str]


def part_names(cuts: int) -> list[str]:
    """As people call the parts of a program with so many cuts: patches, block 1, …, head."""
    return ["patches", *(f"block {index}" for index in range(1, cuts)), HEAD]


def measure(phone: Phone, candidate: Candidate, configuration: Configuration) -> Profile:
    """Profiles a bundle that lies on the phone. What is put there for it is removed.

    Rounds are the plan's, at least ROUNDS; the plan's runs are spread over them. Raises InputError for a network that
    cannot be cut, DemoError, PhoneError or StoppedError.
    """
    bundle = candidate.bundle
    model = reader.read(bundle.host_nb if candidate.host else bundle.model_nb)
    cuts = prefix.cuts(model, bundle.input_shape)
    below = f"{candidate.name}-prefixes"
    rounds = max(ROUNDS, phone.plan.rounds)
    repeats = math.ceil(phone.plan.repeats / rounds)
    phone.say(f"{candidate.name}: cutting the program after each of {len(cuts)} parts")
    networks: list[NetworkFiles | None] = [network_of(f"{phone.folder}/{below}", cut) for cut in cuts]
    networks.append(None)
    try:
        with scratch_folder() as folder:
            files = write_prefixes(candidate, cuts, folder)
            with phone.stages.stage("push"):
                push.push(phone.device, {f"{below}/{name}": path for name, path in files.items()})
        medians, throttled = _rounds(phone, candidate, configuration, networks, rounds, repeats)
    finally:
        _remove(phone, f"{phone.folder}/{below}")
    cost = bundle.manifest.get("cost")
    parts = of_medians(part_names(len(cuts)), medians, model_shares(cost, len(cuts)))
    whole = medians[:, -1]
    return Profile(
        candidate.name, model.path.name, configuration,
        rounds, repeats, float(whole.mean()), of_mean(whole), cost["core"] if cost else None, parts, throttled,
    )  # fmt: skip


def write_prefixes(candidate: Candidate, cuts: Sequence[Cut], folder: Path) -> dict[str, Path]:
    """Writes the cut programs and, for each length of output, a manifest and labels; name → path."""
    bundle = candidate.bundle
    model = reader.read(bundle.host_nb if candidate.host else bundle.model_nb)
    files = {}
    for cut in cuts:
        prefix.write(model, cut, folder / f"{cut.name}.nb")
        files[f"{cut.name}.nb"] = folder / f"{cut.name}.nb"
    for count in {cut.elements for cut in cuts}:
        manifest, labels = folder / f"manifest-{count}.json", folder / f"labels-{count}.txt"
        weights = {**bundle.manifest["weights"], "classes": count}
        # Of the files none is the bundle's.
        write_text(manifest, json.dumps({**bundle.manifest, "weights": weights, "files": {}}))
        write_text(labels, "".join(f"{number}\n" for number in range(count)))
        files |= {path.name: path for path in (manifest, labels)}
    return files


def network_of(folder: str, cut: Cut) -> NetworkFiles:
    """The cut program in `folder` on the phone, where `write_prefixes`' files are."""
    count = cut.elements
    return NetworkFiles(
        f"{folder}/{cut.name}.nb", f"{folder}/manifest-{count}.json", f"{folder}/labels-{count}.txt"
    )


def of_medians(
    names: Sequence[str], medians: np.ndarray, shares: Mapping[str, float] | None = None
) -> list[Part]:
    """The parts from medians in ms, float64 [rounds, parts], of the program up to the end of each part.

    A part's time is the mean over rounds of the difference between its own and the one before, with Student's interval
    of that mean: both ran in one round, minutes apart at most, and the rounds are the samples (as
    `lite.phone.statistics.speed_up` has it). Means, unlike medians, add up to the whole.
    """
    taken = np.diff(medians, axis=1, prepend=0.0)
    return [
        Part(
            name,
            float(values.mean()),
            of_mean(values),
            shares[name] if shares else None,
            [float(value) for value in until],
        )
        for name, values, until in zip(names, taken.T, medians.T, strict=True)
    ]


def model_shares(cost: Mapping[str, Any] | None, cuts: int) -> dict[str, float] | None:
    """Each part's share of the instructions in a manifest's `cost`, by name; None without them."""
    layers = cost["layers"] if cost else []
    total = sum(row["instructions"] for row in layers)
    if not total:
        return None
    found = dict.fromkeys(part_names(cuts), 0.0)
    for row in layers:
        words = row["layer"].split(".")
        name = "patches" if words[0] == "patch_embed" else HEAD
        if words[0] == "blocks":
            name = f"block {int(words[1]) + 1}"
        found[name] += row["instructions"] / total
    return found


def _rounds(
    phone: Phone,
    candidate: Candidate,
    configuration: Configuration,
    networks: Sequence[NetworkFiles | None],
    rounds: int,
    repeats: int,
) -> tuple[np.ndarray, list[str]]:
    """Medians in ms, float64 [rounds, networks], and why they may be spoilt."""
    medians = np.zeros((rounds, len(networks)))
    throttled: dict[str, None] = {}
    for number in range(rounds):
        places = range(len(networks))
        # Back and forth, so that a phone which warms up steadily favours none.
        for step, place in enumerate(places if number % 2 == 0 else reversed(places)):
            phone.check_stop()
            phone.say(
                f"profile of {candidate.name}, {configuration}: "
                f"{number * len(networks) + step + 1} of {rounds * len(networks)}"
            )
            request = replace(
                timing(candidate, configuration, Bench(phone.plan.warmup, repeats)),
                network=networks[place],
                logits=False,
            )
            before = sensors.read(phone.device)
            with phone.stages.stage("profile"):
                document = demo.run(phone.device, phone.folder, request, timeout=phone.plan.timeout)
            phone.check()
            latencies = document["bench"]["latencies_ms"]
            after = sensors.read(phone.device)
            throttled |= dict.fromkeys(
                sensors.reasons(before, [], after, latencies, cpu_mask=document["cpu_mask"])
            )
            medians[number, place] = np.median(latencies)
    return medians, list(throttled)


def _remove(phone: Phone, folder: str) -> None:
    # A phone that has gone is told of by what failed before; what stays there is left to --clean.
    with contextlib.suppress(PhoneError):
        phone.device.run(["rm", "-rf", folder], _SECONDS)
