"""What the bundles of one run share, from the exported network to checked logits, each made once.

The data flows one way: network → exported → quantized → twin, and from any of them through Paddle Lite's
optimizer to a `.nb` for the phone or for this host.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from lite.engines.base import Engine
from lite.engines.workers import Job, Pending, Workers
from lite.errors import InputError
from lite.measure import drift
from lite.model import program as export
from lite.model.deploy import Attention, DeployableDeiT, Form, deployable_state
from lite.model.program import Exported
from lite.model.weights import Weights
from lite.nb import optimizer, reader
from lite.pictures.picture_set import Picture, PictureSet
from lite.stages import Stages
from quant import forms
from quant.block_drift import by_block
from quant.pictures import Views, cropped
from quant.program import ptq, ranges
from quant.program.twin import build_twin
from quant.recipe import Recipe
from quant.rewrite import reconstruct
from quant.rewrite.rotate import turned_back

SEED = 2026
LAYER_PICTURES = 8
_OPT_TARGETS = {"arm": ("arm",), "opencl": ("opencl", "arm")}


@dataclass
class Conversion:
    """The parts, each made when it is first asked for. `work` is an empty folder for files in between.

    `references` and `hosts` run the float reference and Paddle Lite's x86 runtime, in processes of their own:
    inference libraries that are loaded together can crash each other. `start_reference` lets the reference run
    beside what this process does; each stage then ends in the reference's error where it has failed.
    """

    weights: Weights
    recipe: Recipe
    calibration: PictureSet | None
    check: PictureSet
    work: Path
    references: Workers
    hosts: Workers
    seed: int
    stages: Stages
    _phones: dict[tuple[str, str], tuple[Path, reader.LiteModel]] = field(default_factory=dict)
    _hosts_done: dict[bool, tuple[Job, np.ndarray]] = field(default_factory=dict)
    _reference: Pending | None = None

    @cached_property
    def network(self) -> DeployableDeiT:
        """The deployable network with the weights in it."""
        variant = self.weights.variant
        return export.build(deployable_state(self.weights.state, variant), variant)

    @cached_property
    def exported(self) -> Exported:
        """The float program."""
        with self._stage("export"):
            return export.export(self.network, self.work / "fp32")

    @cached_property
    def arm_float(self) -> Exported:
        """The float program in the form that is cheapest on an ARM CPU, which `exported` is on a GPU."""
        variant = self.weights.variant
        form = Form(attention=forms.cheapest(variant, "fp32"))
        with self._stage("export"):
            network = export.build(deployable_state(self.weights.state, variant), variant, form=form)
            return export.export(network, self.work / "fp32_arm")

    @property
    def attention(self) -> Attention:
        """How the INT8 network writes attention."""
        rewrite = self.recipe.rewrite
        if rewrite is None:
            return "layers"
        return (
            forms.cheapest(self.weights.variant, "int8") if rewrite.attention == "auto" else rewrite.attention
        )

    @cached_property
    def rewritten(self) -> reconstruct.Rewritten | None:
        """The weights rewritten for INT8 and what was measured on the way; None where the recipe rewrites nothing."""
        rewrite, variant = self.recipe.rewrite, self.weights.variant
        if rewrite is None:
            return None
        self.recipe.check_blocks(variant.depth, variant.hidden)
        pictures = self._calibration.pictures
        with self._stage("rewrite"), tempfile.TemporaryDirectory(dir=self.work) as folder:
            return reconstruct.rewrite(
                deployable_state(self.weights.state, variant),
                variant,
                Views(pictures, rewrite.views, self.seed),
                replace(variant.preprocess, resize_short=variant.preprocess.crop),
                Form(attention=self.attention, tanh_gelu=rewrite.tanh_gelu),
                rewrite.switches,
                Path(folder),
                self.seed,
                keep=self.recipe.skip,
                on_block=self.stages.on_progress,
            )

    @cached_property
    def int8_network(self) -> DeployableDeiT:
        """The network that is quantized, in float."""
        if self.rewritten is None:
            return self.network
        return export.build(self.rewritten.state, self.weights.variant, form=self.rewritten.form)

    @cached_property
    def quantized(self) -> Exported:
        """The INT8 program."""
        network, exported, rewritten = self.int8_network, self.exported, self.rewritten
        if rewritten is not None:
            with self._stage("export"):
                exported = export.export(network, self.work / "rewritten")
        with self._stage("quantize"):
            quantized = ptq.quantize(
                network,
                exported,
                self._calibration,
                self.recipe,
                self.work / "int8",
                seed=self.seed,
                on_picture=self.stages.on_progress,
            )
            if rewritten is not None:
                ranges.assign(quantized, network, exported, rewritten.ranges)
            return quantized

    @cached_property
    def _calibration(self) -> PictureSet:
        if self.calibration is None:
            raise InputError("int8 needs calibration pictures; give a folder of them")
        return cropped(self.calibration, self.weights.variant.preprocess, self.work)

    @cached_property
    def twin(self) -> Exported:
        """The INT8 program's host twin."""
        quantized = self.quantized
        with self._stage("twin"):
            return build_twin(quantized, self.work / "twin")

    def phone(self, precision: str, target: str) -> tuple[Path, reader.LiteModel]:
        """The `.nb` for the phone, its kernel table checked against what was asked for."""
        if (precision, target) not in self._phones:
            self._phones[precision, target] = self._optimized(precision, target)
        return self._phones[precision, target]

    def _optimized(self, precision: str, target: str) -> tuple[Path, reader.LiteModel]:
        program = self._program(precision, target)
        path = self.work / f"model_{precision}_{target}.nb"
        targets = _OPT_TARGETS[target]
        with self._stage("optimize"):
            model = optimizer.optimize(
                program.model,
                program.params,
                path,
                targets=targets,
                # On a GPU the program that runs the model chooses the precision; the switch is the CPU's.
                fp16=precision == "fp16" and target == "arm",
                expect=optimizer.Expectation(precision, targets),
            )
        return path, model

    def _program(self, precision: str, target: str) -> Exported:
        if precision == "int8":
            return self.quantized
        return self.exported if target == "opencl" else self.arm_float

    @cached_property
    def fp32_bytes(self) -> int:
        """Size of the float `.nb` for ARM, which the others are compared with."""
        return self.phone("fp32", "arm")[0].stat().st_size

    def start_reference(self) -> Pending:
        """Sends the check pictures through the float reference, unless they are on their way already."""
        if self._reference is None:
            job = self._job(Engine("paddle", self.exported.model.parent))
            self._reference = self.references.submit_all(job, self.check.pictures)
            # Nothing else will come: each process, 390 MB, ends when no picture is left for it.
            self.references.executor.shutdown(wait=False)
        return self._reference

    @cached_property
    def reference_logits(self) -> np.ndarray:
        """Float logits of the check pictures, by Paddle Inference: float32 [N, classes]."""
        pending = self.start_reference()
        with self._stage("reference"):
            return self._wait(pending)

    def host(self, int8: bool) -> tuple[Path, np.ndarray]:
        """The `.nb` for this host and its logits of the check pictures, float32 [N, classes]."""
        job, logits = self._host(int8)
        return job.engine.path, logits

    def host_answer(self, int8: bool, picture: Picture) -> np.ndarray:
        """Logits float32 [classes] of one more picture, by the `.nb` for this host."""
        return self._wait(self.hosts.submit_all(self._host(int8)[0], [picture]))[0]

    def _host(self, int8: bool) -> tuple[Job, np.ndarray]:
        if int8 not in self._hosts_done:
            program = self.twin if int8 else self.arm_float
            path = self.work / ("host_int8.nb" if int8 else "host_fp32.nb")
            expect = optimizer.Expectation("fp32", ("x86",))
            with self._stage("optimize"):
                optimizer.optimize(program.model, program.params, path, targets=("x86",), expect=expect)
            job = self._job(Engine("lite", path))
            with self._stage("host check"):
                self._hosts_done[int8] = job, self._wait(self.hosts.submit_all(job, self.check.pictures))
        return self._hosts_done[int8]

    @cached_property
    def layer_drift(self) -> list[drift.LayerDrift]:
        """What is left of the logits where INT8 ends behind a block, for each block, over the first check pictures."""
        rewrite, twin = self.recipe.rewrite, self.twin
        with self._stage("per-block drift"):
            return by_block(
                self.network,
                twin,
                self.check.pictures[:LAYER_PICTURES],
                self.weights.variant.preprocess,
                to_float=lambda stream: (
                    turned_back(stream, self.seed) if rewrite and rewrite.rotate else stream
                ),
            )

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        with self.stages.stage(name):
            yield
        if self._reference is not None:
            self._reference.check()

    def _job(self, engine: Engine) -> Job:
        return Job.of(engine, self.weights.variant.preprocess, self.weights.classes)

    def _wait(self, pending: Pending) -> np.ndarray:
        found = pending.result(self.stages.on_progress)
        if found.unreadable:
            raise InputError(found.unreadable[min(found.unreadable)])
        return found.logits
