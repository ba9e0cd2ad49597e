"""Evaluation of models and of other programs' results on images with known colors."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor._version import __version__
from vidcolor.colorizer import Colorizer
from vidcolor.environment import get_library_versions
from vidcolor.errors import InputError
from vidcolor.evaluation.calibration import ReliabilityDiagram
from vidcolor.evaluation.color_faults import compute_lab
from vidcolor.evaluation.dataset import (
    ResultFolder,
    crop_and_resize,
    find_defect,
    find_ground_truth,
)
from vidcolor.evaluation.features import FRECHET_CHANNELS, FeatureExtractor
from vidcolor.evaluation.hint_metrics import HINT_METRICS, score_hint
from vidcolor.evaluation.image_metrics import image_psnr
from vidcolor.evaluation.object_hints import choose_object
from vidcolor.evaluation.options import EvaluateOptions
from vidcolor.evaluation.report import (
    SCHEMA,
    EvaluationReport,
    FilmFrames,
    HintScores,
    Image,
    ImageObjectHints,
)
from vidcolor.evaluation.scores import IMAGE_METRICS, FeaturedImage, MethodScores, Subset
from vidcolor.evaluation.sheets import Column, reduce_panel, select_columns
from vidcolor.evaluation.variant import ColorizedImage, Variant, extract_luma, sample_hints
from vidcolor.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vidcolor.evaluation.dataset import GroundTruth
    from vidcolor.evaluation.metrics import Metric
    from vidcolor.evaluation.report import MethodKind
    from vidcolor.imaging.types import Plane, Rgb
    from vidcolor.progress import ProgressCallback


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The metrics of an evaluation, and the images of its score sheet."""

    report: EvaluationReport
    columns: list[Column]
    has_unreadable: bool
    """Whether an image was skipped because it or its result could not be read."""


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
    evaluator = Evaluator(options, folders, len(images))
    samples = evaluator.read_samples(images, paths[0], progress)
    # Sorting by size would make larger batches but hold all images in memory.
    for _, group in itertools.groupby(samples, key=lambda sample: sample.ground_truth.shape):
        while batch := list(itertools.islice(group, options.batch)):
            evaluator.evaluate(batch)
    if not evaluator.images:
        raise InputError(f"{paths[0]}: no image can be evaluated: {evaluator.skipped[0]}")
    return evaluator.finish()


@dataclass(frozen=True, slots=True)
class Sample:
    """An image at its evaluation size, (H, W) uint8 luma and (H, W, 3) uint8 colors."""

    index: int
    """Index among all images, including skipped ones."""
    image: GroundTruth
    ground_truth: Rgb
    luma: Plane
    results: tuple[Rgb, ...]
    """The result in each folder."""


class Evaluator:
    """Colorizes images with every model and computes the metrics of every method."""

    def __init__(
        self, options: EvaluateOptions, folders: Sequence[ResultFolder], num_images: int
    ) -> None:
        """Load the models; `num_images` includes those that will be skipped."""
        from vidcolor.generators import load_encoder
        from vidcolor.generators.device import choose_device
        from vidcolor.generators.store.weights import ENCODER_WEIGHTS

        self._options, self._folders = options, folders
        self._extract_features = FeatureExtractor(load_encoder(), choose_device(options.device))
        self._encoder_sha256 = ENCODER_WEIGHTS.sha256
        self.images: list[tuple[GroundTruth, tuple[int, int]]] = []
        """The images that were evaluated, with their width and height in pixels."""
        self.skipped: list[str] = []
        """The images that were not evaluated, each with the reason."""
        self.has_unreadable = False
        self._columns: list[Column] = []
        self._num_images = num_images
        self.methods = [MethodScores("gray", "gray")]
        """Gray, the models, the folders of results, and the ground truth."""
        self._variants: list[Variant] = []
        self._add_models()
        for folder in folders:
            name = folder.folder.resolve().name
            self._add_method(name, "results", {"folder": str(folder.folder)})
        self.methods.append(MethodScores("ground_truth", "ground_truth"))

    def _add_models(self) -> None:
        """Load every model; add a method for each of its variants."""
        colorizers: dict[str, Colorizer] = {}
        for name, options in self._options.iterate_variants():
            if options.model not in colorizers:
                colorizers[options.model] = Colorizer.from_options(options)
            colorizer = colorizers[options.model]
            self._variants.append(Variant(colorizer, options.vividness, options.saturation))
            metadata: dict[str, Any] = {
                "model": options.model,
                "sha256": colorizer.digest,
                "vividness": options.vividness,
                "saturation": options.saturation,
            }
            scores = self._add_method(name, "model", metadata)
            if colorizer.has_confidence:
                scores.reliability = ReliabilityDiagram()

    def _add_method(self, name: str, kind: MethodKind, metadata: dict[str, Any]) -> MethodScores:
        """Add a method. A number is appended to its name if the name is taken."""
        used = {"ground_truth", *(method.name for method in self.methods)}
        numbered = (f"{name} ({n})" for n in itertools.count(2))
        unique = next(n for n in itertools.chain([name], numbered) if n not in used)
        self.methods.append(MethodScores(unique, kind, metadata))
        return self.methods[-1]

    def read_samples(
        self, images: Sequence[GroundTruth], source: Path, progress: ProgressCallback | None
    ) -> Iterator[Sample]:
        """Yield one image after another; add those that cannot be evaluated to `skipped`."""
        size = self._options.size
        for index, image in enumerate(images):
            try:
                rgb = image.read()
                defect = find_defect(rgb)
                if defect is None:
                    results = tuple(f.read(image, rgb.shape, size) for f in self._folders)
                    ground_truth = crop_and_resize(rgb, size)
                    yield Sample(index, image, ground_truth, extract_luma(ground_truth), results)
                else:
                    self.skipped.append(f"{image.name}: {defect}")
            except (InputError, OSError) as error:
                self.skipped.append(str(error))
                self.has_unreadable = True
            if progress is not None:
                progress(Progress(source, "images", index + 1, len(images)))

    def evaluate(self, batch: Sequence[Sample]) -> None:
        """Evaluate all methods on a batch of images of one size."""
        lumas = [sample.luma for sample in batch]
        outputs = [variant.colorize(lumas) for variant in self._variants]
        for n, sample in enumerate(batch):
            self._evaluate_sample(sample, [images[n] for images in outputs])
        for variant, method in zip(self._variants, self.methods[1:], strict=False):
            if self._options.hint_counts and variant.colorizer.accepts_hints:
                self._evaluate_hints(variant, method, batch, lumas)
        if self._options.object_hint_counts:
            first = len(self.images) - len(batch)
            for index, sample in enumerate(batch, first):
                self._evaluate_object_hints(index, sample)

    def _evaluate_sample(self, sample: Sample, outputs: Sequence[ColorizedImage]) -> None:
        """Compute the metrics of every method for one image."""
        gray: Rgb = np.repeat(sample.luma.astype(np.uint8)[..., None], 3, axis=-1)
        images = [
            FeaturedImage(rgb, self._extract_features(rgb), compute_lab(rgb))
            for rgb in (gray, *(o.rgb for o in outputs), *sample.results, sample.ground_truth)
        ]
        for method, image in zip(self.methods, images, strict=True):
            method.add(image, images[-1])
        for method, output in zip(self.methods[1:], outputs, strict=False):
            method.seconds.append(output.seconds)
            if method.reliability is not None:
                method.reliability.add(output.prediction, sample.ground_truth)
        height, width = sample.ground_truth.shape[:2]
        self.images.append((sample.image, (width, height)))
        psnrs = [method.images[-1]["psnr"] for method in self.methods]
        has_methods = len(psnrs) > 2  # besides gray and the ground truth
        column = Column(
            sample.index,
            sample.image.name,
            psnrs[1] - psnrs[0] if has_methods else 0.0,
            tuple(reduce_panel(image.rgb) for image in images),
            tuple(psnrs),
        )
        self._columns = select_columns(
            [*self._columns, column], self._options.show, self._options.count, self._num_images
        )

    def _evaluate_hints(
        self,
        variant: Variant,
        method: MethodScores,
        batch: Sequence[Sample],
        lumas: Sequence[Plane],
    ) -> None:
        """Add the PSNR with each number of hints."""
        without_hints = (image["psnr"] for image in method.images[-len(batch) :])
        method.hinted_psnr.setdefault(0, []).extend(without_hints)
        ground_truth = [sample.ground_truth for sample in batch]
        names = [sample.image.name for sample in batch]
        shape = variant.get_proxy_shape(lumas[0])
        for count in sorted(set(self._options.hint_counts)):
            outputs = variant.colorize(lumas, sample_hints(ground_truth, names, count, shape))
            psnrs = [image_psnr(o.rgb, t) for o, t in zip(outputs, ground_truth, strict=True)]
            method.hinted_psnr.setdefault(count, []).extend(psnrs)

    def _evaluate_object_hints(self, index: int, sample: Sample) -> None:
        """Score the hints in an object of one image with every model; `index` is that of images."""
        for method in self.methods[1 : 1 + len(self._variants)]:
            for count in self._options.object_hint_counts:
                method.object_scores.setdefault(count, {})
        chosen = choose_object(sample.ground_truth, sample.image.name)
        if chosen is None:
            return
        for variant, method in zip(self._variants, self.methods[1:], strict=False):
            base = variant.colorize_photo(sample.luma)
            for count, scores in method.object_scores.items():
                hinted = variant.colorize_photo(sample.luma, chosen.hints[:count])
                scores[index] = score_hint(base, hinted, chosen.mask, chosen.target_ab)

    def finish(self) -> Evaluation:
        """Return the metrics over all images, by film and by image."""
        gray, *_, ground_truth = self.methods
        films: dict[Path, list[int]] = {}
        for index, (image, _) in enumerate(self.images):
            if image.is_frame:
                films.setdefault(image.source, []).append(index)
        report = EvaluationReport(
            schema=SCHEMA,
            vidcolor=__version__,
            created=datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
            versions=get_library_versions(),
            options=self._options.to_json(),
            encoder_sha256=self._encoder_sha256,
            definitions={metric.name: metric.definition for metric in self._list_metrics()},
            num_images=len(self.images),
            skipped=self.skipped,
            warnings=list(self._find_warnings()),
            methods=[Subset(m, gray, ground_truth).to_report() for m in self.methods],
            films=[
                FilmFrames(
                    source=str(path),
                    num_frames=len(frames),
                    metrics={
                        m.name: Subset(m, gray, ground_truth, frames).compute_metrics()
                        for m in self.methods
                    },
                )
                for path, frames in films.items()
            ],
            images=[
                Image(
                    name=image.name,
                    source=str(image.source),
                    kind="frame" if image.is_frame else "photo",
                    time_s=None if image.time_s is None else round(float(image.time_s), 6),
                    size=size,
                    metrics={method.name: {**method.images[n]} for method in self.methods},
                    **self._report_object_hints(n),
                )
                for n, (image, size) in enumerate(self.images)
            ],
        )
        return Evaluation(report, self._columns, self.has_unreadable)

    def _list_metrics(self) -> tuple[Metric, ...]:
        return IMAGE_METRICS + (HINT_METRICS if self._options.object_hint_counts else ())

    def _report_object_hints(self, index: int) -> dict[str, Any]:
        """Return the field `object_hints` of an image; empty if objects were not evaluated."""
        if not self._options.object_hint_counts:
            return {}
        points = {
            method.name: [
                ImageObjectHints(num_hints=n, metrics=HintScores(**scores[index]._asdict()))
                for n, scores in sorted(method.object_scores.items())
                if index in scores
            ]
            for method in self.methods
        }
        return {"object_hints": {name: values for name, values in points.items() if values}}

    def _find_warnings(self) -> Iterator[str]:
        for folder in self._folders:
            if folder.num_resized:
                yield (
                    f"{folder.folder}: {folder.num_resized} results did not have the size of their "
                    "ground truth and were resized"
                )
        if self._options.object_hint_counts:
            scores = next((m.object_scores for m in self.methods if m.object_scores), {})
            num_objects = max(map(len, scores.values()), default=0)
            if num_objects < len(self.images):
                yield (
                    f"{len(self.images) - num_objects} of {len(self.images)} images have no region "
                    "of one color for --object-hints"
                )
        if len(self.images) <= FRECHET_CHANNELS:
            yield (
                f"the Fréchet distance over {len(self.images)} images is unreliable; "
                f"use more than {FRECHET_CHANNELS}"
            )
