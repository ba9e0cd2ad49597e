"""A whole run: photographs in, weights, card and plots out; begun, gone on with, or done before."""

from __future__ import annotations

import csv
import os
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from vidcolor.errors import InputError, UsageError, VidcolorError
from vidcolor.fileio import atomic_output, check_target
from vidcolor.generators.device import choose_device, choose_precision
from vidcolor.training import checkpoint, metrics_log
from vidcolor.training.batches import BatchStream, DrawOptions
from vidcolor.training.callbacks import Callback, TrainingResult
from vidcolor.training.checkpoint import Facts, Identity
from vidcolor.training.dataset import gather_photographs
from vidcolor.training.distributed import ProcessGroup, process_group
from vidcolor.training.init import InitialWeights, load_initial_weights, network_of
from vidcolor.training.loop import Loop
from vidcolor.training.losses import BinTargets, bin_prior
from vidcolor.training.metrics_log import MetricsLog
from vidcolor.training.model_card import Content, write_card
from vidcolor.training.plots import draw_sheet
from vidcolor.training.trainer import Trainer
from vidcolor.training.validation import Validator, center_square
from vidcolor.training.weights import save_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from vidcolor.training.cache import PhotographStore
    from vidcolor.training.config import RunOptions, TrainingConfig
    from vidcolor.training.dataset import Collection

PRIOR_PICTURES = 1000
"""Photographs whose colors are counted, at most."""
_PRIOR_SIZE = 128
LIST, CURVES, SHEET = "photographs.csv", "curves.png", "validation.png"
"""Files of the run folder, besides log and checkpoint."""


def train(
    recipe: TrainingConfig, options: RunOptions, listener: Callback | None = None
) -> TrainingResult:
    """Train, or go on with what was begun before.

    Under torchrun every process calls this; the first one reads, writes and reports.

    Args:
        recipe: what decides the weights.
        options: pictures, output, machine.
        listener: told how it goes.

    Returns:
        What came of it; at once, if the same run was finished before.

    Raises:
        UsageError: the output exists, or the run folder holds a run of another kind.
        TrainingStoppedError: asked to stop; the same call goes on.
        VidcolorError: pictures, weights or the disk fail.
    """
    with process_group() as together:
        mine = listener if listener is not None and together.leads else Callback()
        return _Run(recipe, options, mine, together).go()


class _Run:
    """One call of `train`."""

    def __init__(
        self,
        recipe: TrainingConfig,
        options: RunOptions,
        listener: Callback,
        together: ProcessGroup,
    ) -> None:
        self.recipe, self.options, self.listener = recipe, options, listener
        self.company = together
        self.device = _device(options.device, together)
        self.precision = choose_precision(options.precision, self.device)
        self.checkpoint = options.folder / checkpoint.FILE

    def go(self) -> TrainingResult:
        """See `train`."""
        start = load_initial_weights(self.recipe)
        self._check_target()
        try:
            photographs, rehearsal = self._gather()
        except VidcolorError:
            self._leave_nothing()
            raise
        identity = self._identity(photographs, rehearsal, start)
        facts = self._earlier(identity)
        if self._is_done(facts):
            assert facts is not None  # for the type checker
            return self._trained(facts.steps_done, facts.seconds, done_before=True)
        facts = facts or Facts(identity, 0, self.recipe.steps, 0.0, torch.get_num_threads())
        with _repeatable(facts.threads, self.device):
            trainer, prior = self._trainer(start, facts, photographs.train)
            loop = self._train(trainer, prior, facts, photographs, rehearsal)
            if self.company.leads:
                self._finish(trainer, loop, photographs, rehearsal)
        self.company.wait()
        return self._trained(trainer.steps_done, loop.seconds)

    def _check_target(self) -> None:
        """Refuse an output that nobody could write, before hours of work."""
        out = self.options.out
        if out.suffix != ".safetensors":
            raise UsageError(f"{out}: weights are written as .safetensors; name it so")
        if self.company.leads:
            # Whether it may be replaced is asked once it is known what made it.
            check_target(out, self.options.sources, force=True)
            check_target(self.options.folder / metrics_log.FILE, (), force=True)
        self.company.wait()

    def _leave_nothing(self) -> None:
        """Remove the run folder again if there is nothing in it."""
        for folder in (self.options.folder / "cache", self.options.folder):
            with suppress(OSError):
                folder.rmdir()

    def _gather(self) -> tuple[Collection, Collection | None]:
        """Read the photographs: the first process fills the cache, the others read it."""
        options = self.options
        cache = options.cache or options.folder / "cache"
        if not self.company.leads:
            self.company.wait()
        tell = self.listener.read
        photographs = gather_photographs(
            options.sources, cache, validation=options.validation, holdout=options.holdout,
            progress=tell,
        )  # fmt: skip
        rehearsal = None
        if options.rehearse:
            # Divided by the same rule, so that what is held out there is not rehearsed here.
            rehearsal = gather_photographs(
                options.rehearse, cache, validation=options.validation, holdout=options.holdout,
                progress=tell,
            )  # fmt: skip
            unseen = rehearsal.train.without(photographs.validation)
            if not len(unseen):
                named = ", ".join(map(str, options.rehearse))
                raise InputError(f"{named}: holds nothing but what is measured on; rehearse others")
            rehearsal = replace(rehearsal, train=unseen)
        if self.company.leads:
            self.company.wait()
        for count in photographs.counts:
            self.listener.said(str(count))
        for count in rehearsal.counts[: len(options.rehearse)] if rehearsal else ():
            self.listener.said(f"to rehearse: {count}")
        return photographs, rehearsal

    def _identity(
        self, photographs: Collection, rehearsal: Collection | None, start: InitialWeights
    ) -> Identity:
        return Identity(
            recipe=self.recipe.to_dict(),
            photographs=photographs.train.digest,
            rehearsal=rehearsal.train.digest if rehearsal else "",
            validation=photographs.validation.digest if len(photographs.validation) else "",
            start=start.digest,
            processes=self.company.size,
            device=self.device.type,
            precision=self.precision,
        )

    def _earlier(self, identity: Identity) -> Facts | None:
        """The checkpoint to go on from, if there is one.

        Raises:
            UsageError: it is from another run, or not all processes see it.
        """
        facts = None if self.options.restart else checkpoint.read_facts(self.checkpoint)
        finished = facts is not None and facts.steps_done == facts.steps
        if facts is not None and finished and self.options.force:
            facts = None
        if facts is not None:
            _refuse_another(self.options, self.recipe, identity, facts)
        elif not self.options.force:
            for result in (self.options.out, self.options.out.with_suffix(".md")):
                check_target(result, (), force=False)
        done = facts.steps_done if facts else 0
        if self.company.agree(done) != done:  # waits until all have read it
            raise UsageError(
                f"{self.options.folder}: not all processes see the same checkpoint in it; put the "
                "output where every machine can read it"
            )
        if facts is None and self.company.leads:
            self.checkpoint.unlink(missing_ok=True)
        return facts

    def _is_done(self, facts: Facts | None) -> bool:
        results = self.options.out, self.options.out.with_suffix(".md")
        whole = facts is not None and facts.steps_done == facts.steps
        return whole and all(path.exists() for path in results)

    def _trainer(
        self, start: InitialWeights, facts: Facts, store: PhotographStore
    ) -> tuple[Trainer, Tensor]:
        """Make a trainer, and bring it to where the checkpoint is."""
        if facts.steps_done:
            prior = checkpoint.read_prior(self.checkpoint)
        else:
            prior = bin_prior(_sample(store), BinTargets(start.network.bins))
        trainer = Trainer(start, self.recipe, prior, self.device, self.precision, self.company)
        if facts.steps_done:
            checkpoint.load(self.checkpoint, trainer, facts)
            of = f" of {facts.steps:,}" if facts.steps else ""
            self.listener.said(f"{self.options.out}: goes on after step {facts.steps_done:,}{of}")
        return trainer, prior

    def _train(
        self,
        trainer: Trainer,
        prior: Tensor,
        facts: Facts,
        photographs: Collection,
        rehearsal: Collection | None,
    ) -> Loop:
        """Run the loop to its end."""
        recipe, log = self.recipe, None
        if self.company.leads:
            log = MetricsLog(self.options.folder / metrics_log.FILE, facts.steps_done)
            self._list(photographs, rehearsal)
        stream = BatchStream(
            photographs.train,
            DrawOptions(recipe.size, recipe.batch, recipe.seed, recipe.rehearse_share),
            rehearsal=rehearsal.train if rehearsal else None,
            rank=self.company.rank,
            world_size=self.company.size,
        )
        first = facts.steps_done * recipe.accumulate
        on_gpu = self.device.type == "cuda"
        validator = self._validator(photographs, trainer) if self.company.leads else None
        with stream.from_number(first, self.options.workers, pin=on_gpu) as batches:
            loop = Loop(trainer, batches, validator, log, self.options, self.listener, prior, facts)
            loop.run()
        return loop

    def _validator(self, photographs: Collection, trainer: Trainer) -> Validator | None:
        if not len(photographs.validation):
            return None
        return Validator(
            photographs.validation, trainer.network.bins.cpu(), self.device, self.precision,
            self.options.validation_size, self.options.validation_pictures,
        )  # fmt: skip

    def _finish(
        self,
        trainer: Trainer,
        loop: Loop,
        photographs: Collection,
        rehearsal: Collection | None,
    ) -> None:
        """Write the weights, then measure and draw what was written, then the card."""
        options = self.options
        network = trainer.result()
        validator = self._validator(photographs, trainer)
        if validator is not None:
            network.calibration.copy_(validator.calibrate(network))
        save_weights(options.out, network, self.recipe, trainer.steps_done)
        if validator is not None:
            written = network_of(str(options.out)).network.to(self.device)
            figures = loop.measure(written)
            assert figures is not None  # for the type checker: the leader has validator and log
            sheet = validator.show(written)
            rows = [("gray", sheet.gray), ("ours", sheet.ours), ("truth", sheet.truth)]
            draw_sheet(options.folder / SHEET, rows)
        content = Content(
            trained=self._trained(trainer.steps_done, loop.seconds),
            recipe=self.recipe,
            start=trainer.start,
            photographs=photographs,
            rehearsal=rehearsal,
            command=options.command,
            processes=self.company.size,
            device=self.device.type,
            precision=self.precision,
            validation_size=options.validation_size,
        )
        write_card(options.out.with_suffix(".md"), content)

    def _trained(self, steps: int, seconds: float, done_before: bool = False) -> TrainingResult:
        """What the log says of a finished run."""
        figures = [f for _, f in metrics_log.read_figures(self.options.folder / metrics_log.FILE)]
        return TrainingResult(
            out=self.options.out,
            folder=self.options.folder,
            steps=steps,
            seconds=seconds,
            before=figures[0] if figures else None,
            after=figures[-1] if figures else None,
            done_before=done_before,
        )

    def _list(self, photographs: Collection, rehearsal: Collection | None) -> None:
        """Name every photograph, with what became of it."""
        rows = [(name, "learned from", "") for name in photographs.train.names]
        rows += [(name, "held out", "") for name in photographs.validation.names]
        rows += [(name, "dropped", reason) for name, reason in photographs.dropped]
        if rehearsal is not None:
            rows += [(name, "rehearsed", "") for name in rehearsal.train.names]
            rows += [(name, "dropped", reason) for name, reason in rehearsal.dropped]
        with (
            atomic_output(self.options.folder / LIST) as partial,
            partial.open("w", encoding="utf-8", newline="") as file,
        ):
            csv.writer(file).writerows([("photograph", "use", "reason"), *rows])


def _device(name: str, together: ProcessGroup) -> torch.device:
    """The device to compute on; of several GPUs each process takes its own."""
    device = choose_device(name)
    if device.type == "cuda" and device.index is None and together.size > 1:
        device = torch.device("cuda", together.local_rank)
        torch.cuda.set_device(device)
    return device


@contextmanager
def _repeatable(threads: int, device: torch.device) -> Iterator[None]:
    """Compute so that the same numbers come out the next time; settings are put back after.

    Args:
        threads: of torch, which decide the order of sums on a CPU.
        device: on CUDA, the fused kernels of attention add up gradients in any order.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel

    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    # cuBLAS reads this once, when it is first used.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with ExitStack() as settings:
            if device.type == "cuda":
                settings.enter_context(sdpa_kernel(SDPBackend.MATH))
            yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])


def _refuse_another(
    options: RunOptions, recipe: TrainingConfig, identity: Identity, earlier: Facts
) -> None:
    """See to it that the run folder holds this run.

    Raises:
        UsageError: it holds another one; says in what they differ.
    """
    apart = recipe.difference(earlier.identity.recipe)
    for name, what in _KEPT.items():
        if getattr(identity, name) != getattr(earlier.identity, name):
            apart.append(what)
    if not apart:
        return
    differs = "; ".join(apart)
    if earlier.steps_done == earlier.steps:
        raise UsageError(
            f"{options.folder}: holds a finished run of another kind ({differs}); name another "
            "output, or say --force to replace it"
        )
    raise UsageError(
        f"{options.folder}: holds an unfinished run of another kind ({differs}); "
        "repeat its command to go on with it, or say --restart to begin anew"
    )


_KEPT = {
    "photographs": "other photographs",
    "rehearsal": "other photographs to rehearse",
    "validation": "other photographs to measure on",
    "start": "other starting weights",
    "processes": "another number of processes",
    "device": "another device",
    "precision": "another precision",
}
"""Fields of `Identity` besides the recipe, as people call a difference."""


def _sample(store: PhotographStore) -> Iterator[Tensor]:
    """Photographs to count colors in, evenly spread: each (1, 3, 128, 128)."""
    count = min(PRIOR_PICTURES, len(store))
    for i in range(count):
        yield center_square(store[i * len(store) // count], _PRIOR_SIZE).unsqueeze(0)
