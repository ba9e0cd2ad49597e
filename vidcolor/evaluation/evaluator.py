"""Evaluation of models and of other programs' results on images with known colors."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidcolor.colorizer import Colorizer
from vidcolor.errors import InputError
from vidcolor.evaluation.calibration import ReliabilityDiagram
from vidcolor.evaluation.column_selector import Column, ColumnSelector, Panel
from vidcolor.evaluation.dataset import (
    ResultFolder,
    crop_and_resize,
    find_defect,
    find_ground_truth,
)
from vidcolor.evaluation.features import FRECHET_CHANNELS, FeatureExtractor
from vidcolor.evaluation.hint_curve import sample_hints
from vidcolor.evaluation.image_metrics import image_psnr
from vidcolor.evaluation.options import EvaluateOptions
from vidcolor.evaluation.scores import (
    GRAY,
    GROUND_TRUTH,
    Evaluation,
    FeaturedImage,
    MethodKind,
    MethodScores,
    compute_metrics,
)
from vidcolor.evaluation.variant import (
    ColorizedImage,
    Variant,
    colorize_images,
    extract_luma,
    get_proxy_shape,
    luma_to_rgb,
)
from vidcolor.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vidcolor.evaluation.dataset import GroundTruth
    from vidcolor.imaging.types import Plane, Rgb
    from vidcolor.progress import ProgressCallback


def evaluate(
    paths: Sequence[Path],
    options: EvaluateOptions | None = None,
    *,
    progress: ProgressCallback | None = None,
) -> Evaluation:
    """Evaluate models and results on images with known colors.

    The luma of every image is colorized in the same way as a photo or a frame of a film. Results of
    other programs are read from folders. An image that has no result in one of the folders is
    skipped for all methods, so that all means are over the same images. Only metrics, pooled
    features and the images of the sheet are kept in memory.

    Args:
        paths: color photos, color films, tar files of photos, and folders of these.
        options: the options; None for the defaults.
        progress: called after every image.

    Raises:
        InputError: no image can be evaluated, or a folder of results does not exist.
        UsageError: the device does not exist.
        WeightsError: weights are missing or damaged.
    """
    options = options or EvaluateOptions()
    folders = [ResultFolder(path) for path in options.results]
    images = find_ground_truth(paths, options.frames, options.limit)
    columns = ColumnSelector(options.count, len(images), options.show)
    evaluation = Evaluation(options, columns=columns)
    evaluator = Evaluator(evaluation, folders)
    samples = _read_samples(images, folders, evaluation, paths[0], progress)
    for batch in _group_by_size(samples, options.batch):
        evaluator.evaluate(batch)
    if not evaluation.images:
        raise InputError(f"{paths[0]}: no image can be evaluated: {evaluation.skipped[0]}")
    evaluation.warnings += _find_warnings(evaluation, folders)
    return evaluation


@dataclass(frozen=True, slots=True)
class Sample:
    """An image at its evaluation size, with its luma and the results of other programs."""

    index: int
    """Index among all images, including skipped ones."""
    image: GroundTruth
    """The file of the image."""
    ground_truth: Rgb
    """The image in its true colors, (H, W, 3) uint8."""
    luma: Plane
    """The luma of the image, (H, W) uint8."""
    results: tuple[Rgb, ...]
    """The result in each folder, each (H, W, 3) uint8."""


def _read_samples(
    images: Sequence[GroundTruth],
    folders: Sequence[ResultFolder],
    evaluation: Evaluation,
    source: Path,
    progress: ProgressCallback | None,
) -> Iterator[Sample]:
    """Yield one image after another; add those that cannot be evaluated to `evaluation.skipped`."""
    size = evaluation.options.size
    for index, image in enumerate(images):
        try:
            rgb = image.read()
            defect = find_defect(rgb)
            if defect is None:
                results = tuple(f.read(image, rgb.shape, size) for f in folders)
                ground_truth = crop_and_resize(rgb, size)
                yield Sample(index, image, ground_truth, extract_luma(ground_truth), results)
            else:
                evaluation.skipped.append(f"{image.name}: {defect}")
        except (InputError, OSError) as error:
            evaluation.skipped.append(str(error))
            evaluation.has_unreadable = True
        if progress is not None:
            progress(Progress(source, "images", index + 1, len(images)))


def _group_by_size(samples: Iterator[Sample], max_batch: int) -> Iterator[list[Sample]]:
    """Group consecutive samples of the same size into batches."""
    # Sorting by size would make larger batches but hold all images in memory.
    for _, group in itertools.groupby(samples, key=lambda sample: sample.ground_truth.shape):
        while batch := list(itertools.islice(group, max_batch)):
            yield batch


def _find_warnings(evaluation: Evaluation, folders: Sequence[ResultFolder]) -> Iterator[str]:
    for folder in folders:
        if folder.num_resized:
            yield (
                f"{folder.folder}: {folder.num_resized} results did not have the size of their "
                "ground truth and were resized"
            )
    if len(evaluation.images) <= FRECHET_CHANNELS:
        yield (
            f"the Fréchet distance over {len(evaluation.images)} images is unreliable; "
            f"use more than {FRECHET_CHANNELS}"
        )


class Evaluator:
    """Colorizes images with every model and computes the metrics of every method."""

    def __init__(self, evaluation: Evaluation, folders: Sequence[ResultFolder]) -> None:
        """Load the models, and add the methods to an evaluation.

        Args:
            evaluation: the evaluation that receives methods and metrics.
            folders: the folders of results.
        """
        from vidcolor.generators import load_encoder
        from vidcolor.generators.device import choose_device
        from vidcolor.generators.store.weights import ENCODER_WEIGHTS

        self._evaluation = evaluation
        device = choose_device(evaluation.options.device)
        self._extract_features = FeatureExtractor(load_encoder(), device)
        evaluation.encoder_digest = ENCODER_WEIGHTS.sha256
        evaluation.methods.append(MethodScores(GRAY, "gray"))
        self._variants = self._add_models()
        for folder in folders:
            name = _make_unique(folder.folder.resolve().name, evaluation.methods)
            metadata = {"folder": str(folder.folder)}
            evaluation.methods.append(MethodScores(name, "results", metadata))
        evaluation.methods.append(MethodScores(GROUND_TRUTH, "ground_truth"))

    def _add_models(self) -> list[Variant]:
        """Add a method for each model and vividness; return the models with their settings."""
        variants = []
        colorizers: dict[str, Colorizer] = {}
        for name, options in self._evaluation.options.iterate_variants():
            if options.model not in colorizers:
                colorizers[options.model] = Colorizer.from_options(options)
            colorizer = colorizers[options.model]
            metadata = {
                "model": options.model,
                "sha256": colorizer.digest,
                "vividness": options.vividness,
                "saturation": options.saturation,
            }
            variants.append(Variant(colorizer, options.vividness, options.saturation))
            name = _make_unique(name, self._evaluation.methods)
            reliability = ReliabilityDiagram() if colorizer.has_confidence else None
            scores = MethodScores(name, "model", metadata, reliability=reliability)
            self._evaluation.methods.append(scores)
        return variants

    def evaluate(self, batch: Sequence[Sample]) -> None:
        """Evaluate all methods on a batch of images of one size."""
        lumas = [sample.luma for sample in batch]
        outputs = [colorize_images(variant, lumas) for variant in self._variants]
        for n, sample in enumerate(batch):
            self._evaluate_sample(sample, [images[n] for images in outputs])
        for variant, method in zip(self._variants, self._find_methods("model"), strict=True):
            self._evaluate_hints(variant, method, batch)

    def _find_methods(self, kind: MethodKind) -> list[MethodScores]:
        return [method for method in self._evaluation.methods if method.kind == kind]

    def _evaluate_sample(self, sample: Sample, outputs: Sequence[ColorizedImage]) -> None:
        """Compute the metrics of every method for one image."""
        evaluation = self._evaluation
        ground_truth = self._extract_featured_image(sample.ground_truth)
        images = [self._extract_featured_image(luma_to_rgb(sample.luma))]
        images += [
            self._extract_featured_image(rgb)
            for rgb in (*(o.rgb for o in outputs), *sample.results)
        ]
        images.append(ground_truth)
        for method, image in zip(evaluation.methods, images, strict=True):
            method.add(image, compute_metrics(image, ground_truth))
        for method, output in zip(self._find_methods("model"), outputs, strict=True):
            method.seconds.append(output.seconds)
            if method.reliability is not None:
                method.reliability.add(output.prediction, sample.ground_truth)
        evaluation.images.append(sample.image)
        evaluation.sizes.append((sample.ground_truth.shape[1], sample.ground_truth.shape[0]))
        if evaluation.columns is not None:
            evaluation.columns.offer(self._make_column(sample, images))

    def _extract_featured_image(self, rgb: Rgb) -> FeaturedImage:
        return FeaturedImage(rgb, self._extract_features(rgb))

    def _make_column(self, sample: Sample, images: Sequence[FeaturedImage]) -> Column:
        """Return the score sheet column of the image that was evaluated last."""
        psnrs = [method.metrics[-1].psnr for method in self._evaluation.methods]
        has_methods = len(psnrs) > 2  # besides gray and the ground truth
        psnr_gain = (psnrs[1] if has_methods else psnrs[0]) - psnrs[0]
        panels = tuple(Panel(i.rgb, psnr) for i, psnr in zip(images, psnrs, strict=True))
        return Column(sample.index, sample.image.name, psnr_gain, panels)

    def _evaluate_hints(
        self, variant: Variant, method: MethodScores, batch: Sequence[Sample]
    ) -> None:
        """Add the PSNR with each number of hints, if the generator accepts hints."""
        counts = self._evaluation.options.hint_counts
        if not counts or not variant.colorizer.accepts_hints:
            return
        without_hints = (metrics.psnr for metrics in method.metrics[-len(batch) :])
        method.hinted_psnr.setdefault(0, []).extend(without_hints)
        ground_truth = [sample.ground_truth for sample in batch]
        names = [sample.image.name for sample in batch]
        lumas = [sample.luma for sample in batch]
        shape = get_proxy_shape(variant, lumas[0])
        for count in sorted(set(counts)):
            hints = sample_hints(ground_truth, names, count, shape)
            outputs = colorize_images(variant, lumas, hints)
            psnrs = [image_psnr(o.rgb, t) for o, t in zip(outputs, ground_truth, strict=True)]
            method.hinted_psnr.setdefault(count, []).extend(psnrs)


def _make_unique(name: str, methods: Sequence[MethodScores]) -> str:
    """Return a name, with a number appended if another method already has the name.

    The JSON document identifies methods by their names.
    """
    used = {GROUND_TRUTH, *(method.name for method in methods)}
    numbered = (f"{name} ({n})" for n in itertools.count(2))
    return next(n for n in itertools.chain([name], numbered) if n not in used)
