"""A complete training run: from photographs to weights, model card and plots."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from vidcolor.errors import InputError, UsageError, VidcolorError
from vidcolor.fileio import check_target
from vidcolor.generators.device import choose_device, choose_precision
from vidcolor.training import checkpoint, metrics_log
from vidcolor.training.batches import BatchStream, SamplingOptions
from vidcolor.training.callbacks import Callback, TrainingResult
from vidcolor.training.checkpoint import CheckpointState, RunIdentity
from vidcolor.training.dataset import build_dataset, write_photo_list
from vidcolor.training.distributed import ProcessGroup, process_group
from vidcolor.training.initial_weights import InitialWeights, load_initial_weights, load_network
from vidcolor.training.loop import TrainingLoop
from vidcolor.training.losses import BinTargets, bin_prior
from vidcolor.training.metrics_log import MetricsLog
from vidcolor.training.model_card import CardContent, write_card
from vidcolor.training.plots import draw_image_rows
from vidcolor.training.trainer import Trainer
from vidcolor.training.validation import Validator, center_square
from vidcolor.training.weights import save_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from vidcolor.training.cache import PhotoStore
    from vidcolor.training.config import RunOptions, TrainingConfig
    from vidcolor.training.dataset import PhotoDataset

MAX_PRIOR_IMAGES = 1000
"""Maximum number of photographs from which the bin prior is counted."""
_PRIOR_SIZE = 128
"""Side of these photographs, in pixels."""
PHOTO_LIST, IMAGE_ROWS = "photographs.csv", "validation.png"
"""Names of files in the run folder: the use of each photograph, and examples of predictions."""


def train(
    config: TrainingConfig, options: RunOptions, callback: Callback | None = None
) -> TrainingResult:
    """Start a training run, or resume it from its checkpoint.

    Under torchrun every process calls this function. Rank 0 reads the sources, writes the files and
    calls the callback.

    Args:
        config: settings that determine the weights.
        options: sources, outputs and hardware.
        callback: callback for the events of the run.

    Returns:
        The result. If an earlier call has finished the same run, this call does not train.

    Raises:
        UsageError: the output exists, or the run folder belongs to a different run.
        TrainingStoppedError: a signal stopped the run; the same call resumes it.
        VidcolorError: photographs or weights cannot be read, or a file cannot be written.
    """
    with process_group() as group:
        if callback is None or not group.is_leader:
            callback = Callback()  # without effect
        return _Run(config, options, callback, group).run()


class _Run:
    """One call of `train`."""

    def __init__(
        self,
        config: TrainingConfig,
        options: RunOptions,
        callback: Callback,
        group: ProcessGroup,
    ) -> None:
        self.config, self.options, self.callback, self.group = config, options, callback, group
        self.device = _choose_device(options.device, group)
        self.precision = choose_precision(options.precision, self.device)
        self.checkpoint = options.folder / checkpoint.FILE

    def run(self) -> TrainingResult:
        """Start or resume the run; see `train`."""
        start = load_initial_weights(self.config)
        self._check_targets()
        try:
            dataset, replay = self._build_datasets()
        except VidcolorError:
            self._remove_empty_folders()
            raise
        identity = self._make_identity(dataset, replay, start)
        state = self._read_checkpoint(identity)
        if self._is_done(state):
            assert state is not None  # for the type checker
            return self._make_result(state.steps_done, state.seconds, already_done=True)
        state = state or CheckpointState(
            identity, 0, self.config.steps, 0.0, torch.get_num_threads()
        )
        with _deterministic(state.threads, self.device):
            trainer, prior = self._create_trainer(start, state, dataset.train)
            loop = self._run_loop(trainer, prior, state, dataset, replay)
            if self.group.is_leader:
                self._write_results(trainer, loop, dataset, replay)
        self.group.barrier()
        return self._make_result(trainer.steps_done, loop.seconds)

    def _check_targets(self) -> None:
        """Check the output before the training, which may take hours.

        Raises:
            UsageError: the output is not a .safetensors file or is a source.
            OutputError: its directory is not writable.
        """
        out = self.options.out
        if out.suffix != ".safetensors":
            raise UsageError(f"{out}: the name of a weights file must end in .safetensors")
        if self.group.is_leader:
            # `_read_checkpoint` decides whether existing files may be replaced.
            check_target(out, self.options.sources, force=True)
            check_target(self.options.folder / metrics_log.FILE, (), force=True)
        self.group.barrier()

    def _remove_empty_folders(self) -> None:
        """Remove the run folder of a run that failed before it wrote a file."""
        for folder in (self.options.folder / "cache", self.options.folder):
            with suppress(OSError):
                folder.rmdir()

    def _build_datasets(self) -> tuple[PhotoDataset, PhotoDataset | None]:
        """Read the photographs. Rank 0 fills the cache, the other processes read it."""
        options = self.options
        cache = options.cache or options.folder / "cache"
        if not self.group.is_leader:
            self.group.barrier()
        progress = self.callback.on_progress
        dataset = build_dataset(
            options.sources, cache, validation=options.validation, holdout=options.holdout,
            progress=progress,
        )  # fmt: skip
        replay = None
        if options.replay:
            # The split depends on the content of files only, so a photograph that is held out of
            # the sources is also held out of the replay photographs.
            replay = build_dataset(
                options.replay, cache, validation=options.validation, holdout=options.holdout,
                progress=progress,
            )  # fmt: skip
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

    def _make_identity(
        self, dataset: PhotoDataset, replay: PhotoDataset | None, start: InitialWeights
    ) -> RunIdentity:
        return RunIdentity(
            config=self.config.to_dict(),
            photographs=dataset.train.digest,
            replay=replay.train.digest if replay else "",
            validation=dataset.validation.digest if len(dataset.validation) else "",
            start=start.digest,
            processes=self.group.size,
            device=self.device.type,
            precision=self.precision,
        )

    def _read_checkpoint(self, identity: RunIdentity) -> CheckpointState | None:
        """Return the state of the checkpoint to resume from, or None for a new run.

        Raises:
            UsageError: the checkpoint belongs to a different run, or not all processes see it.
        """
        state = None if self.options.restart else checkpoint.read_state(self.checkpoint)
        is_finished = state is not None and state.steps_done == state.steps
        if state is not None and is_finished and self.options.force:
            state = None
        if state is not None:
            _check_same_run(self.options, self.config, identity, state)
        elif not self.options.force:
            for result in (self.options.out, self.options.out.with_suffix(".md")):
                check_target(result, (), force=False)
        done = state.steps_done if state else 0
        if self.group.broadcast(done) != done:  # also waits until all processes have read it
            raise UsageError(
                f"{self.options.folder}: not all processes see the same checkpoint; use an output "
                "directory that every machine can read"
            )
        if state is None and self.group.is_leader:
            self.checkpoint.unlink(missing_ok=True)
        return state

    def _is_done(self, state: CheckpointState | None) -> bool:
        """Return whether the run is finished and its results exist."""
        results = self.options.out, self.options.out.with_suffix(".md")
        is_finished = state is not None and state.steps_done == state.steps
        return is_finished and all(path.exists() for path in results)

    def _create_trainer(
        self, start: InitialWeights, state: CheckpointState, store: PhotoStore
    ) -> tuple[Trainer, Tensor]:
        """Create a trainer and the bin prior; load the checkpoint of a resumed run."""
        if state.steps_done:
            prior = checkpoint.read_prior(self.checkpoint)
        else:
            prior = bin_prior(_select_prior_images(store), BinTargets(start.network.bins))
        trainer = Trainer(start, self.config, prior, self.device, self.precision, self.group)
        if state.steps_done:
            checkpoint.load(self.checkpoint, trainer, state)
            total = f" of {state.steps:,}" if state.steps else ""
            self.callback.on_message(
                f"{self.options.out}: resuming after step {state.steps_done:,}{total}"
            )
        return trainer, prior

    def _run_loop(
        self,
        trainer: Trainer,
        prior: Tensor,
        state: CheckpointState,
        dataset: PhotoDataset,
        replay: PhotoDataset | None,
    ) -> TrainingLoop:
        """Train to the last step; return the loop for a final validation."""
        config, log = self.config, None
        if self.group.is_leader:
            log = MetricsLog(self.options.folder / metrics_log.FILE, state.steps_done)
            write_photo_list(self.options.folder / PHOTO_LIST, dataset, replay)
        stream = BatchStream(
            dataset.train,
            SamplingOptions(config.size, config.batch, config.seed, config.replay_share),
            replay=replay.train if replay else None,
            rank=self.group.rank,
            world_size=self.group.size,
        )
        first = state.steps_done * config.accumulate
        on_gpu = self.device.type == "cuda"
        validator = self._create_validator(dataset, trainer) if self.group.is_leader else None
        with stream.iterate_from(first, self.options.workers, pin=on_gpu) as batches:
            loop = TrainingLoop(
                trainer, batches, validator, log, self.options, self.callback, prior, state
            )
            loop.run()
        return loop

    def _create_validator(self, dataset: PhotoDataset, trainer: Trainer) -> Validator | None:
        if not len(dataset.validation):
            return None
        return Validator(
            dataset.validation, trainer.network.bins.cpu(), self.device, self.precision,
            self.options.validation_size, self.options.validation_images,
        )  # fmt: skip

    def _write_results(
        self,
        trainer: Trainer,
        loop: TrainingLoop,
        dataset: PhotoDataset,
        replay: PhotoDataset | None,
    ) -> None:
        """Write the weights, the metrics and predictions of the written file, and the card.

        The written file is measured, and not the network, because it has float16 weights.
        """
        options = self.options
        network = trainer.result()
        validator = self._create_validator(dataset, trainer)
        if validator is not None:
            network.calibration.copy_(validator.calibrate(network))
        save_weights(options.out, network, self.config, trainer.steps_done)
        if validator is not None:
            written = load_network(str(options.out)).network.to(self.device)
            metrics = loop.validate(written)
            assert metrics is not None  # for the type checker: rank 0 has a validator and a log
            images = validator.predict_images(written)
            rows = [
                ("gray", images.gray), ("colorized", images.colorized), ("truth", images.truth)
            ]  # fmt: skip
            draw_image_rows(options.folder / IMAGE_ROWS, rows)
        content = CardContent(
            result=self._make_result(trainer.steps_done, loop.seconds),
            config=self.config,
            start=trainer.start,
            dataset=dataset,
            replay=replay,
            command=options.command,
            processes=self.group.size,
            device=self.device.type,
            precision=self.precision,
            validation_size=options.validation_size,
        )
        write_card(options.out.with_suffix(".md"), content)

    def _make_result(
        self, steps: int, seconds: float, already_done: bool = False
    ) -> TrainingResult:
        """Return the result of a finished run, with the metrics of its log."""
        metrics = [m for _, m in metrics_log.read_metrics(self.options.folder / metrics_log.FILE)]
        return TrainingResult(
            out=self.options.out,
            folder=self.options.folder,
            steps=steps,
            seconds=seconds,
            before=metrics[0] if metrics else None,
            after=metrics[-1] if metrics else None,
            already_done=already_done,
        )


def _choose_device(name: str, group: ProcessGroup) -> torch.device:
    """Return the device of this process. Each process of a machine has a GPU of its own."""
    device = choose_device(name)
    if device.type == "cuda" and device.index is None and group.size > 1:
        device = torch.device("cuda", group.local_rank)
        torch.cuda.set_device(device)
    return device


@contextmanager
def _deterministic(threads: int, device: torch.device) -> Iterator[None]:
    """Make torch deterministic, so that a resumed run produces the same weights.

    Args:
        threads: number of threads of torch, which determines the order of sums on a CPU.
        device: on CUDA, the fused attention kernels add gradients in random order and are disabled.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel

    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    # cuBLAS reads this variable once, at its first use.
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


def _check_same_run(
    options: RunOptions, config: TrainingConfig, identity: RunIdentity, saved: CheckpointState
) -> None:
    """Check that a checkpoint belongs to this run.

    Raises:
        UsageError: it belongs to a different run; the message lists the differences.
    """
    differences = "; ".join(
        config.describe_differences(saved.identity.config)
        + identity.describe_differences(saved.identity)
    )
    if not differences:
        return
    if saved.steps_done == saved.steps:
        raise UsageError(
            f"{options.folder}: contains a different finished run ({differences}); use another "
            "output or --force"
        )
    raise UsageError(
        f"{options.folder}: contains a different unfinished run ({differences}); repeat its "
        "command to resume it, or use --restart"
    )


def _select_prior_images(store: PhotoStore) -> Iterator[Tensor]:
    """Yield evenly spaced photographs for the prior, each (1, 3, 128, 128) float32 in [0, 1]."""
    count = min(MAX_PRIOR_IMAGES, len(store))
    for i in range(count):
        yield center_square(store[i * len(store) // count], _PRIOR_SIZE).unsqueeze(0)
