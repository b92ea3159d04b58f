"""What a bundle is held against: the float network of its own weights, or another bundle in fp32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lite import bundle, zoo
from lite.bundle import Bundle
from lite.engines import Runnable
from lite.engines.paddle_inference import InferenceEngine
from lite.engines.paddle_lite import LiteEngine
from lite.errors import InputError
from lite.files import file_sha256, new_folder
from lite.model import weights

PADDLE = "Paddle Inference, fp32"


@dataclass(frozen=True)
class ReferenceNetwork:
    """A reference. `name` is for the drift; `identity` is all that its logits depend on but the pictures.

    `prepare` makes the engine; the program it may need becomes a folder in the one it is given.
    """

    name: str
    identity: dict[str, Any]
    prepare: Callable[[Path], Runnable]


def rebuilt(deployed: Bundle) -> ReferenceNetwork:
    """The float network of the weights `deployed` came from, in Paddle Inference.

    Raises InputError where these weights are not to be found, changed, or are another model's.
    """
    variant = zoo.find(deployed.manifest["model"])
    path = _find_weights(deployed, variant)

    def prepare(out: Path) -> Runnable:
        program = (out / f"program-{deployed.manifest['weights']['sha256'][:16]}").absolute()
        if not program.is_dir():
            _export(variant, path, program)
        return InferenceEngine(program)

    identity = {
        "engine": "paddle",
        "paddlepaddle": version("paddlepaddle"),
        "model": variant.name,
        "weights": deployed.manifest["weights"]["sha256"],
    }
    return ReferenceNetwork(PADDLE, identity, prepare)


def other_bundle(deployed: Bundle, path: Path) -> ReferenceNetwork:
    """The fp32 bundle at `path` in Paddle Lite.

    Raises InputError if it is no fp32 bundle of the same model, weights and preprocessing as `deployed`.
    """
    other = bundle.read(path)
    if other.manifest["precision"] != "fp32":
        raise InputError(f"{path} is {other.manifest['precision']}", remedy="the reference is an fp32 bundle")
    facts = [
        ("model", deployed.manifest["model"], other.manifest["model"]),
        ("weights", deployed.manifest["weights"]["sha256"], other.manifest["weights"]["sha256"]),
        ("input", deployed.manifest["input"], other.manifest["input"]),
    ]
    for what, ours, theirs in facts:
        if ours is None or ours != theirs:
            raise InputError(
                f"{path} cannot be the reference of {deployed.path}",
                why=f"{what} {theirs}, not {ours}",
                remedy="make one from the same weights with tools/opt.py --precision fp32",
            )
    return ReferenceNetwork(
        f"Paddle Lite x86, fp32 ({other.path.name})",
        lite_identity(other),
        lambda _: LiteEngine(other.host_nb.absolute()),
    )


def lite_identity(deployed: Bundle) -> dict[str, Any]:
    """What the logits of a bundle's `host.nb` depend on but the pictures."""
    return {
        "engine": "lite",
        "paddlelite": version("paddlelite"),
        "host.nb": deployed.sha256("host.nb"),
    }


def _find_weights(deployed: Bundle, variant: zoo.Variant) -> Path:
    entry = deployed.manifest["weights"]
    if entry["sha256"] is None:
        raise InputError(f"{deployed.path} does not say which weights it was made from")
    places = [Path(entry["path"])] if entry["path"] else []
    # Where the same weights lie now, if the clone or the cache has moved since.
    if entry["source"] == "digits":
        places.append(weights.DIGITS_FILE)
    elif entry["source"] == "imagenet":
        places.append(weights.imagenet_file(variant))
    there = [path for path in places if path.is_file()]
    for path in there:
        if file_sha256(path) == entry["sha256"]:
            return path
    if there:
        raise InputError(f"the weights {there[0]} were changed since the bundle was made (SHA-256 differs)")
    raise InputError(f"the weights {entry['path'] or entry['source']} are not there any more")


def _export(variant: zoo.Variant, path: Path, program: Path) -> None:
    # Imported here because Paddle takes seconds, and processes that run another engine do without it.
    from lite.model import program as export
    from lite.model.deploy import deployable_state

    opened = weights.open_file(path, variant, notify=lambda _: None)
    network = export.build(deployable_state(opened.state, opened.variant), opened.variant)
    with new_folder(program, holds="model.pdmodel") as folder:
        export.export(network, folder)
