"""What computes a generator fastest on this machine: torch in its ways, ONNX Runtime, OpenVINO.

    python benchmarks/engines.py [--rounds 3] [--all-onnx] [NAME...]

NAME is ``embedded`` or an architecture (eccv16, siggraph17, deoldify-wide, deoldify-deep,
ddcolor-tiny, ddcolor-large), by default all. Weights of others are made up: speed does not depend
on them. Frames are 16:9 at each generator's own size, run as films run them: one frame a thread,
as many threads as cores. Engines take turns, so that what else the machine does hits all alike;
the median of the rounds counts.

Exporting takes a minute each, so by default only the embedded one runs on ONNX Runtime (and on
OpenVINO where it is installed); with --all-onnx all do.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vidcolor.generators import load_generator
from vidcolor.generators.adapter import AdaptedGenerator
from vidcolor.generators.onnx import load_onnx
from vidcolor.generators.onnx_export import export
from vidcolor.generators.predictor import Predictor
from vidcolor.generators.store.architectures import ARCHITECTURES, empty

ASPECT = 16 / 9
TORCH = ("torch fp32", "torch bf16", "torch.compile")


def made_up(name: str, precision: str) -> AdaptedGenerator:
    """A generator of an architecture, with weights that keep values in range."""
    kind = ARCHITECTURES[name]
    torch.manual_seed(0)
    network = empty(kind).to_empty(device="cpu")
    for key, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            tensor.zero_()
        elif tensor.ndim > 1:
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5)
        else:
            tensor.fill_(1.0 if key.endswith(("weight", "var")) else 0.0)
    network.eval().requires_grad_(False)
    if precision == "bf16":
        network.lower_precision(torch.bfloat16)
    network.to(memory_format=torch.channels_last)
    return AdaptedGenerator(network, kind.convention, name, "0" * 64, "cpu", kind.accepts_hints)


def loaded(name: str, precision: str) -> Any:
    """A generator as torch computes it."""
    if name == "embedded":
        return load_generator(name, "cpu", precision)
    return made_up(name, precision)


class OpenVino:
    """An ONNX file compiled by OpenVINO, called like a network."""

    def __init__(self, path: Path) -> None:
        import openvino

        model = openvino.Core().compile_model(
            str(path), "CPU", {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": "1"}
        )
        self._model = model
        self._requests = model.create_infer_request

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        request = self._requests()
        request.infer([x.numpy() for x in inputs])
        return torch.from_numpy(request.get_output_tensor(0).data.copy())


def engines(name: str, folder: Path, with_onnx: bool) -> dict[str, Any]:
    """All that can compute it here."""
    found: dict[str, Any] = {}
    for label, precision in zip(TORCH, ("fp32", "bf16", "fp32"), strict=True):
        found[label] = loaded(name, precision)
    compiled = found["torch.compile"]
    compiled.network = torch.compile(compiled.network)
    if with_onnx:
        path = folder / f"{name}.onnx"
        export(loaded(name, "fp32"), path)
        found["ONNX Runtime"] = load_onnx(path, "cpu")
        try:
            network = OpenVino(path)
        except ImportError:
            print("(OpenVINO is not installed)")
        else:
            found["OpenVINO"] = load_onnx(path, "cpu")
            found["OpenVINO"].network = network
    return found


def measure(name: str, folder: Path, rounds: int, with_onnx: bool) -> None:
    """One generator's rows of the table."""
    found = engines(name, folder, with_onnx)
    size = next(iter(found.values())).native_size
    width = round(size * ASPECT / 4) * 4
    frames = np.random.default_rng(0).random((2 * torch.get_num_threads(), size, width))
    frames = frames.astype(np.float32)
    answers, spent, first = {}, {label: [] for label in found}, {}
    with torch.inference_mode():
        runners = {label: Predictor(generator) for label, generator in found.items()}
        for label in list(runners):
            began = time.perf_counter()
            try:
                runners[label](frames[:1])
            except Exception as error:  # torch.compile without a compiler, for one
                print(f"{name:14} {label:14} cannot run here: {str(error).splitlines()[0][:60]}")
                runners.pop(label).close()
                continue
            first[label] = time.perf_counter() - began
        for _ in range(rounds):
            for label, run in runners.items():
                began = time.perf_counter()
                answers[label] = run(frames).ab
                spent[label].append((time.perf_counter() - began) / len(frames))
        for run in runners.values():
            run.close()
    base, truth = statistics.median(spent["torch fp32"]), answers["torch fp32"]
    for label in answers:
        took = statistics.median(spent[label])
        off = np.abs(answers[label] - truth).max() / max(float(np.ptp(truth)), 1e-9)
        print(
            f"{name:14} {label:14} {size:5} {1000 * took:9.1f} {base / took:8.2f}"
            f" {first[label]:8.1f} {off:9.1e}",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=["embedded", *ARCHITECTURES])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--all-onnx", action="store_true")
    wanted = parser.parse_args()
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    print(
        f"{'generator':14} {'engine':14} {'size':>5} {'ms/frame':>9} {'speed':>8} {'first s':>8}"
        f" {'off':>9}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted.names:
            measure(name, Path(folder), wanted.rounds, wanted.all_onnx or name == "embedded")


if __name__ == "__main__":
    sys.exit(main())
