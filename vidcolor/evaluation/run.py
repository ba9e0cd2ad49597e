"""How good colors are where the true ones are known: models and results in one table."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from vidcolor.errors import InputError
from vidcolor.evaluation.dataset import find_originals, why_unfit
from vidcolor.evaluation.evaluator import Evaluator, Sample
from vidcolor.evaluation.features import FRECHET_CHANNELS
from vidcolor.evaluation.options import EvaluateOptions
from vidcolor.evaluation.preprocessing import gray_of, in_shape
from vidcolor.evaluation.results import ResultFolder
from vidcolor.evaluation.sample_selection import Showcase
from vidcolor.evaluation.scores import Evaluation
from vidcolor.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from vidcolor.evaluation.dataset import Original
    from vidcolor.progress import ProgressCallback


def evaluate(
    paths: Sequence[Path],
    options: EvaluateOptions | None = None,
    *,
    progress: ProgressCallback | None = None,
) -> Evaluation:
    """Judge models and results by color originals.

    Each original is made gray and colored as a film or photograph would be; results are read. An
    original that lacks a result in some folder is left out of every row, so that all rows are means
    of the same pictures. Memory does not grow with their number, but for a few figures of each.

    Args:
        paths: pictures, films, tar shards, and folders of all three, in color.
        options: the defaults of the command line if None.
        progress: called after every original.

    Raises:
        InputError: nothing that can be judged by, or no such folder of results.
        UsageError: no such device.
        WeightsError: weights are missing or damaged.
    """
    options = options or EvaluateOptions()
    folders = [ResultFolder(path) for path in options.results]
    originals = find_originals(paths, options.frames, options.limit)
    done = Evaluation(options, showcase=Showcase(options.count, len(originals), options.show))
    bench = Evaluator(done, folders)
    cases = _cases(originals, folders, done, _counting(progress, paths[0], len(originals)))
    for batch in _of_one_size(cases, options.batch):
        bench.judge(batch)
    if not done.originals:
        raise InputError(f"{paths[0]}: nothing to judge by: {done.left_out[0]}")
    done.warnings += _warnings(done, folders)
    return done


def _cases(
    originals: Sequence[Original],
    folders: Sequence[ResultFolder],
    done: Evaluation,
    count: Callable[[int], None],
) -> Iterator[Sample]:
    """Read one original after another, past those that cannot be judged by."""
    size = done.options.size
    for index, original in enumerate(originals):
        try:
            rgb = original.read()
            unfit = why_unfit(rgb)
            if unfit is None:
                results = tuple(f.read(original, rgb.shape, size) for f in folders)
                truth = in_shape(rgb, size)
                yield Sample(index, original, truth, gray_of(truth), results)
            else:
                done.left_out.append(f"{original.name}: {unfit}")
        except (InputError, OSError) as error:
            done.left_out.append(str(error))
            done.damaged = True
        count(index + 1)


def _of_one_size(cases: Iterator[Sample], most: int) -> Iterator[list[Sample]]:
    """Cases in batches; neighbors of different sizes go into different ones."""
    for _, group in itertools.groupby(cases, key=lambda case: case.truth.shape):
        while batch := list(itertools.islice(group, most)):
            yield batch


def _counting(progress: ProgressCallback | None, source: Path, total: int) -> Callable[[int], None]:
    def count(done: int) -> None:
        if progress is not None:
            progress(Progress(source, "pictures", done, total))

    return count


def _warnings(done: Evaluation, folders: Sequence[ResultFolder]) -> Iterator[str]:
    for folder in folders:
        if folder.rescaled:
            yield f"{folder.folder}: {folder.rescaled} results had another size and were scaled"
    if len(done.originals) <= FRECHET_CHANNELS:
        yield (
            f"of {len(done.originals)} pictures the Fréchet distance says little: it takes more "
            f"than {FRECHET_CHANNELS}"
        )
