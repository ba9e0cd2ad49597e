"""The bench on which pictures are judged: every row makes its version, each is measured."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidcolor.colorizer import Colorizer
from vidcolor.evaluation.calibration import Reliability
from vidcolor.evaluation.colorize import Colored, Variant, color_grays, proxy_shape
from vidcolor.evaluation.features import FeatureSpace
from vidcolor.evaluation.hint_curve import true_hints
from vidcolor.evaluation.image_metrics import picture_psnr
from vidcolor.evaluation.preprocessing import as_rgb
from vidcolor.evaluation.sample_selection import Panel
from vidcolor.evaluation.scores import FeaturedImage, Row, compare_with

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.color.ycbcr import Plane
    from vidcolor.evaluation.dataset import Original
    from vidcolor.evaluation.results import ResultFolder
    from vidcolor.evaluation.scores import Evaluation
    from vidcolor.media.preview import Rgb


GRAY, ORIGINALS = "gray", "originals"
"""Names of the rows that frame the table."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An original as it is judged, with what others made of it."""

    index: int
    original: Original
    truth: Rgb
    gray: Plane
    results: tuple[Rgb, ...]


class Evaluator:
    """Everything that pictures are judged with, and the rows that their figures go into."""

    def __init__(self, done: Evaluation, folders: Sequence[ResultFolder]) -> None:
        from vidcolor.generators import load_encoder
        from vidcolor.generators.device import choose_device
        from vidcolor.generators.store.weights import ENCODER

        options = done.options
        self._done = done
        self._space = FeatureSpace(load_encoder(), choose_device(options.device))
        done.encoder_digest = ENCODER.sha256
        self._looks: list[Variant] = []
        loaded: dict[str, Colorizer] = {}
        done.rows.append(Row(GRAY, "gray"))
        for name, wanted in options.looks():
            if wanted.model not in loaded:
                loaded[wanted.model] = Colorizer.of(wanted)
            colorizer = loaded[wanted.model]
            facts = {
                "model": wanted.model,
                "sha256": colorizer.digest,
                "vividness": wanted.vividness,
                "saturation": wanted.saturation,
            }
            self._looks.append(Variant(colorizer, wanted.vividness, wanted.saturation))
            name = _free_name(name, done.rows)
            reliability = Reliability() if colorizer.has_confidence else None
            done.rows.append(Row(name, "model", facts, reliability=reliability))
        for folder in folders:
            name = _free_name(folder.folder.resolve().name, done.rows)
            done.rows.append(Row(name, "results", {"folder": str(folder.folder)}))
        done.rows.append(Row(ORIGINALS, "originals"))

    def judge(self, batch: Sequence[Sample]) -> None:
        """Judge pictures of one size by every row."""
        grays = [case.gray for case in batch]
        colored = [color_grays(look, grays) for look in self._looks]
        for n, case in enumerate(batch):
            self._judge_case(case, [pictures[n] for pictures in colored])
        for look, row in zip(self._looks, self._rows("model"), strict=True):
            self._follow_hints(look, row, batch)

    def _rows(self, kind: str) -> list[Row]:
        return [row for row in self._done.rows if row.kind == kind]

    def _judge_case(self, case: Sample, colored: Sequence[Colored]) -> None:
        truth = self._see(case.truth)
        pictures = [self._see(as_rgb(case.gray))]
        pictures += [self._see(rgb) for rgb in (*(c.rgb for c in colored), *case.results)]
        for row, picture in zip(self._done.rows, (*pictures, truth), strict=True):
            row.add(picture, compare_with(truth, picture))
        for row, made in zip(self._rows("model"), colored, strict=True):
            row.seconds.append(made.seconds)
            if row.reliability is not None:
                row.reliability.add(made.color, case.truth)
        self._done.originals.append(case.original)
        self._done.sizes.append((case.truth.shape[1], case.truth.shape[0]))
        self._show(case, [*(p.rgb for p in pictures), case.truth])

    def _see(self, rgb: Rgb) -> FeaturedImage:
        return FeaturedImage(rgb, self._space(rgb))

    def _show(self, case: Sample, pictures: Sequence[Rgb]) -> None:
        """Keep a picture for the sheet, if it is one of those to be seen."""
        if self._done.showcase is None:
            return
        values = [row.scores[-1].psnr for row in self._done.rows]
        judged = values[1] if len(values) > 2 else values[0]
        panels = [Panel(rgb, value) for rgb, value in zip(pictures, values, strict=True)]
        self._done.showcase.offer(case.index, case.original.name, judged - values[0], panels)

    def _follow_hints(self, look: Variant, row: Row, batch: Sequence[Sample]) -> None:
        """PSNR with more and more true hints, of generators that have learned to spread them."""
        counts = self._done.options.hint_counts
        if not counts or not look.colorizer.accepts_hints:
            return
        row.hinted.setdefault(0, []).extend(s.psnr for s in row.scores[-len(batch) :])
        truths, names = [c.truth for c in batch], [c.original.name for c in batch]
        grays = [case.gray for case in batch]
        shape = proxy_shape(look, grays[0])
        for count in sorted(set(counts)):
            hints = true_hints(truths, names, count, shape)
            made = color_grays(look, grays, hints)
            values = [picture_psnr(m.rgb, truth) for m, truth in zip(made, truths, strict=True)]
            row.hinted.setdefault(count, []).extend(values)


def _free_name(name: str, rows: Sequence[Row]) -> str:
    """A row's name, with a number if there is such a row; documents tell rows by their names."""
    taken = {ORIGINALS, *(row.name for row in rows)}
    numbered = (f"{name} ({n})" for n in itertools.count(2))
    return next(n for n in itertools.chain([name], numbered) if n not in taken)
