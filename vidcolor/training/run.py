"""A complete training run: from photographs to weights, model card and plots."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from vidcolor.errors import InputError, UsageError, VidcolorError
from vidcolor.fileio import TRAINING_RUN_SUFFIX, check_target
from vidcolor.generators.device import choose_device, choose_precision
from vidcolor.training import checkpoint
from vidcolor.training.checkpoint import CheckpointState, RunIdentity
from vidcolor.training.color import ColorTask
from vidcolor.training.config import DEFAULT_HOLDOUT
from vidcolor.training.dataset import build_dataset, write_photo_list
from vidcolor.training.distributed import process_group
from vidcolor.training.loop import TrainingLoop
from vidcolor.training.report import (
    LOG_FILE,
    Callback,
    MetricsLog,
    TrainingResult,
    draw_image_rows,
    read_log,
    write_card,
)
from vidcolor.training.segmentation import SegmentationTask
from vidcolor.training.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vidcolor.training.config import RunOptions, TaskName, TrainingConfig
    from vidcolor.training.dataset import PhotoDataset
    from vidcolor.training.distributed import ProcessGroup
    from vidcolor.training.task import TrainingTask

TASKS: dict[TaskName, type[TrainingTask[Any, Any]]] = {
    "color": ColorTask,
    "segmentation": SegmentationTask,
}
"""Implementations of `TrainingConfig.task`."""


def train(
    sources: Sequence[Path],
    out: Path,
    config: TrainingConfig,
    options: RunOptions,
    callback: Callback | None = None,
) -> TrainingResult:
    """Start a training run, or resume it from its checkpoint.

    Under torchrun every process calls this function. Rank 0 reads the sources, writes the files and
    calls the callback. If an earlier call has finished the same run, this call does not train.

    The sources are directories, tar shards, films and image files. `out` is the weights file to
    write (.safetensors). The model card (.md) and the run folder (.train) are written beside it.

    Raises:
        UsageError: the output exists, the run folder belongs to a different run, or an option does
            not apply to the task.
        TrainingStoppedError: a signal stopped the run; the same call resumes it.
        VidcolorError: photographs or weights cannot be read, or a file cannot be written.
    """
    with process_group() as group:
        if callback is None or not group.is_leader:
            callback = Callback()  # without effect
        return _Run(tuple(sources), out, config, options, callback, group).run()


class _Run:
    """One call of `train`."""

    def __init__(
        self,
        sources: tuple[Path, ...],
        out: Path,
        config: TrainingConfig,
        options: RunOptions,
        callback: Callback,
        group: ProcessGroup,
    ) -> None:
        self.sources, self.out, self.config, self.options = sources, out, config, options
        self.callback, self.group = callback, group
        task = TASKS[config.task]
        if options.replay and not task.accepts_replay:
            raise UsageError(f"--replay: not an option of --task {config.task}; remove it")
        self.folder = out.with_name(f"{out.stem}{TRAINING_RUN_SUFFIX}")
        self.results = out, out.with_suffix(".md")
        self.checkpoint = self.folder / checkpoint.FILE
        self.device = choose_device(options.device)
        if self.device.type == "cuda" and self.device.index is None and group.size > 1:
            # Each process of a machine has a GPU of its own.
            self.device = torch.device("cuda", group.local_rank)
            torch.cuda.set_device(self.device)
        self.precision = choose_precision(options.precision, self.device)
        self.task = task(config, self.device, self.precision)

    def run(self) -> TrainingResult:
        """Start or resume the run; see `train`."""
        self._check_targets()
        try:
            self.dataset, self.replay = self._build_datasets()
        except VidcolorError:  # remove the folder if nothing was written
            for folder in (self.folder / "cache", self.folder):
                with suppress(OSError):
                    folder.rmdir()
            raise
        state, tensors = self._read_or_create_state()
        if state.is_finished and all(path.exists() for path in self.results):
            return self._make_result(state.steps_done, state.seconds, already_done=True)
        with _deterministic(state.threads, self.device):
            trainer = self._create_trainer(state, tensors)
            loop = self._run_loop(trainer, state)
            if self.group.is_leader:
                self._write_results(trainer, loop)
        self.group.barrier()
        return self._make_result(trainer.steps_done, loop.seconds)

    def _check_targets(self) -> None:
        """Check the output before the training, which may take hours."""
        if self.out.suffix != ".safetensors":
            raise UsageError(f"{self.out}: the name of a weights file must end in .safetensors")
        if self.group.is_leader:
            # `_read_or_create_state` decides whether existing files may be replaced.
            check_target(self.out, self.sources, force=True)
            check_target(self.folder / LOG_FILE, (), force=True)
        self.group.barrier()

    def _build_datasets(self) -> tuple[PhotoDataset, PhotoDataset | None]:
        """Read the photographs. Rank 0 fills the cache, the other processes read it."""
        options = self.options
        holdout = DEFAULT_HOLDOUT if options.holdout is None else options.holdout

        def build(sources: Sequence[Path]) -> PhotoDataset:
            return build_dataset(
                sources, options.cache or self.folder / "cache", validation=options.validation,
                holdout=holdout, progress=self.callback.on_progress,
            )  # fmt: skip

        if not self.group.is_leader:
            self.group.barrier()
        dataset, replay = build(self.sources), None
        if options.replay:
            # The split depends on the content of files only, so a photograph that is held out of
            # the sources is also held out of the replay photographs.
            replay = build(options.replay)
            remaining = replay.train.without(dataset.validation)
            if not len(remaining):
                names = ", ".join(map(str, options.replay))
                raise InputError(
                    f"{names}: contains only validation photographs; use others for --replay"
                )
            replay = replace(replay, train=remaining)
        if self.group.is_leader:
            self.group.barrier()
        for source in dataset.statistics:
            self.callback.on_message(str(source))
        for source in replay.statistics[: len(options.replay)] if replay else ():
            self.callback.on_message(f"replay: {source}")
        return dataset, replay

    def _read_or_create_state(self) -> tuple[CheckpointState, dict[str, Any] | None]:
        """Return the state and tensors of the checkpoint to resume from, or those of a new run."""
        options, validation = self.options, self.dataset.validation
        identity = RunIdentity(
            config=self.config,
            photographs=self.dataset.train.digest,
            replay=self.replay.train.digest if self.replay else "",
            validation=validation.digest if len(validation) else "",
            start=self.task.start.digest,
            features=self.task.features,
            processes=self.group.size,
            device=self.device.type,
            precision=self.precision,
        )
        saved = None if options.restart else checkpoint.read(self.checkpoint)
        state, tensors = saved or (None, None)
        if state is not None and state.is_finished and options.force:
            state = None
        if state is not None:
            if differences := identity.describe_differences(state.identity):
                kind, advice = "unfinished", "repeat its command to resume it, or use --restart"
                if state.is_finished:
                    kind, advice = "finished", "use another output or --force"
                raise UsageError(
                    f"{self.folder}: contains a different {kind} run ({differences}); {advice}"
                )
        elif not options.force:
            for result in self.results:
                check_target(result, (), force=False)
        done = state.steps_done if state else 0
        if self.group.broadcast(done) != done:  # also waits until all processes have read it
            raise UsageError(
                f"{self.folder}: not all processes see the same checkpoint; use an output "
                "directory that every machine can read"
            )
        if state is None and self.group.is_leader:
            for name in (checkpoint.FILE, checkpoint.OLD_FILE):
                (self.folder / name).unlink(missing_ok=True)
        if state is not None:
            return state, tensors
        threads = torch.get_num_threads()
        return CheckpointState(identity=identity, steps=self.config.steps, threads=threads), None

    def _create_trainer(
        self, state: CheckpointState, tensors: dict[str, Any] | None
    ) -> Trainer[Any, Any]:
        saved = None if tensors is None else tensors["objective"]
        objective = self.task.create_objective(self.dataset.train, saved)
        trainer = Trainer(self.task, objective, self.group)
        if tensors is not None:
            checkpoint.restore(trainer, tensors, self.checkpoint)
            trainer.steps_done = state.steps_done
            total = f" of {state.steps:,}" if state.steps else ""
            self.callback.on_message(f"{self.out}: resuming after step {state.steps_done:,}{total}")
        return trainer

    def _run_loop(self, trainer: Trainer[Any, Any], state: CheckpointState) -> TrainingLoop:
        log, validator = None, None
        if self.group.is_leader:
            log = MetricsLog(self.folder / LOG_FILE, state.steps_done)
            write_photo_list(self.folder / "photographs.csv", self.dataset, self.replay)
            held_out = self.dataset.validation
            if len(held_out):
                validator = self.task.create_validator(held_out, self.options)
        replay = self.replay.train if self.replay else None
        stream = self.task.create_stream(self.dataset.train, replay, self.group)
        first = state.steps_done * self.config.accumulate
        on_gpu = self.device.type == "cuda"
        with stream.iterate_from(first, self.options.workers, pin=on_gpu) as batches:
            loop = TrainingLoop(
                self.folder, trainer, batches, validator, log, self.options, self.callback, state
            )
            loop.run()
        return loop

    def _write_results(self, trainer: Trainer[Any, Any], loop: TrainingLoop) -> None:
        """Write the weights, the metrics and predictions of the written file, and the card."""
        network = trainer.result()
        validator = loop.validator
        if validator is not None:
            validator.calibrate(network)
        self.task.save(self.out, network, trainer.steps_done)
        if validator is not None:
            # The file is measured and not the network, because its weights are float16.
            written = self.task.load(str(self.out)).network.to(self.device)
            loop.validate(written)
            draw_image_rows(self.folder / "validation.png", validator.draw_images(written))
        result = self._make_result(trainer.steps_done, loop.seconds)
        hardware = f"{self.device.type}, {self.precision}"
        hardware += f", {self.group.size} processes" if self.group.size > 1 else ""
        write_card(
            self.out,
            self.task.card,
            result=result,
            config=self.config.model_dump(mode="json"),
            start=self.task.start,
            features=self.task.features,
            dataset=self.dataset,
            replay=self.replay,
            hardware=hardware,
            command=self.options.command,
            validation_size=self.options.validation_size,
            num_parameters=sum(p.numel() for p in network.parameters()),
        )

    def _make_result(
        self, steps: int, seconds: float, already_done: bool = False
    ) -> TrainingResult:
        rows = read_log(self.folder / LOG_FILE)
        metrics = [row.metrics for row in rows if row.metrics is not None]
        before, after = (metrics[0], metrics[-1]) if metrics else (None, None)
        return TrainingResult(
            out=self.out, folder=self.folder, steps=steps, seconds=seconds, before=before,
            after=after, already_done=already_done,
        )  # fmt: skip


@contextmanager
def _deterministic(threads: int, device: torch.device) -> Iterator[None]:
    """Make torch deterministic, so that a resumed run produces the same weights."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    # cuBLAS reads this variable once, at its first use.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)  # determines the order of sums
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with ExitStack() as settings:
            if device.type == "cuda":  # the fused kernels add gradients in random order
                settings.enter_context(sdpa_kernel(SDPBackend.MATH))
            yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
