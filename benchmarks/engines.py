"""Compare the speed of inference engines on this machine: torch, ONNX Runtime, OpenVINO.

    python benchmarks/engines.py [--rounds 3] [--all-onnx] [NAME...]

NAME is ``embedded`` or an architecture (eccv16, siggraph17, deoldify-wide, deoldify-deep,
ddcolor-tiny, ddcolor-large); the default is all. Architectures have random weights, because the
speed does not depend on them. Frames are 16:9 at the native size of the generator. They run as in
films: one frame per thread, as many threads as cores. The engines take turns, so that other load
affects all of them equally. The result is the median of the rounds.

An export takes about a minute, so by default only the embedded generator runs on ONNX Runtime (and
on OpenVINO, if it is installed); with --all-onnx all do.
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
from vidcolor.generators.onnx_export import export_onnx
from vidcolor.generators.predictor import Predictor
from vidcolor.generators.store.architectures import ARCHITECTURES, build_meta_network

ASPECT_RATIO = 16 / 9
TORCH_ENGINES = {"torch fp32": "fp32", "torch bf16": "bf16", "torch.compile": "fp32"}
"""Precision by engine."""
REFERENCE = "torch fp32"
"""Engine with which speed and results are compared."""


def make_generator(name: str, precision: str) -> AdaptedGenerator:
    """Return a generator with random weights, scaled so that activations stay finite."""
    architecture = ARCHITECTURES[name]
    torch.manual_seed(0)
    network = build_meta_network(architecture).to_empty(device="cpu")
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
    return AdaptedGenerator(
        network, architecture.model_io, name, "0" * 64, "cpu", architecture.accepts_hints
    )


def load_torch(name: str, precision: str) -> Any:
    """Return a torch generator."""
    if name == "embedded":
        return load_generator(name, "cpu", precision)
    return make_generator(name, precision)


class OpenVinoNetwork:
    """An ONNX file that is compiled by OpenVINO and callable like a torch module."""

    def __init__(self, path: Path) -> None:
        # One thread per request: `Predictor` runs as many requests as there are cores.
        import openvino

        model = openvino.Core().compile_model(
            str(path), "CPU", {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": "1"}
        )
        self._model = model
        self._create_request = model.create_infer_request

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        request = self._create_request()
        request.infer([x.numpy() for x in inputs])
        return torch.from_numpy(request.get_output_tensor(0).data.copy())


def load_engines(name: str, directory: Path, with_onnx: bool) -> dict[str, Any]:
    """Return the generator on each available engine, by name of the engine."""
    # Each engine needs a generator of its own, because compiling replaces the network.
    engines: dict[str, Any] = {}
    for engine, precision in TORCH_ENGINES.items():
        engines[engine] = load_torch(name, precision)
    compiled = engines["torch.compile"]
    compiled.network = torch.compile(compiled.network)
    if with_onnx:
        path = directory / f"{name}.onnx"
        export_onnx(load_torch(name, "fp32"), path)
        engines["ONNX Runtime"] = load_onnx(path, "cpu")
        try:
            network = OpenVinoNetwork(path)
        except ImportError:
            print("(OpenVINO is not installed)")
        else:
            engines["OpenVINO"] = load_onnx(path, "cpu")
            engines["OpenVINO"].network = network
    return engines


def make_frames(size: int) -> np.ndarray:
    """Return random L* frames, two for each thread, (N, H, W) float32 in [0, 1]."""
    width = round(size * ASPECT_RATIO / 4) * 4
    frames = np.random.default_rng(0).random((2 * torch.get_num_threads(), size, width))
    return frames.astype(np.float32)


def start_predictors(
    name: str, engines: dict[str, Any], frame: np.ndarray
) -> tuple[dict[str, Predictor], dict[str, float]]:
    """Run one frame on each engine; return the engines that work, and the seconds that it took."""
    predictors, first_s = {}, {}
    for engine, generator in engines.items():
        predictor = Predictor(generator)
        start = time.perf_counter()
        try:
            predictor(frame)
        except Exception as error:  # e.g. torch.compile without a compiler
            print(f"{name:14} {engine:14} cannot run: {str(error).splitlines()[0][:60]}")
            predictor.close()
            continue
        first_s[engine] = time.perf_counter() - start
        predictors[engine] = predictor
    return predictors, first_s


def measure(name: str, directory: Path, rounds: int, with_onnx: bool) -> None:
    """Print the rows of one generator."""
    engines = load_engines(name, directory, with_onnx)
    size = engines[REFERENCE].native_size
    frames = make_frames(size)
    with torch.inference_mode():
        predictors, first_s = start_predictors(name, engines, frames[:1])
        results: dict[str, np.ndarray] = {}
        times: dict[str, list[float]] = {engine: [] for engine in predictors}
        for _ in range(rounds):
            for engine, predictor in predictors.items():
                start = time.perf_counter()
                results[engine] = predictor(frames).ab
                times[engine].append((time.perf_counter() - start) / len(frames))
        for predictor in predictors.values():
            predictor.close()
    reference_s, reference = statistics.median(times[REFERENCE]), results[REFERENCE]
    for engine, result in results.items():
        seconds = statistics.median(times[engine])
        error = np.abs(result - reference).max() / max(float(np.ptp(reference)), 1e-9)
        print(
            f"{name:14} {engine:14} {size:5} {1000 * seconds:9.1f} {reference_s / seconds:8.2f}"
            f" {first_s[engine]:8.1f} {error:9.1e}",
            flush=True,
        )


def main() -> None:
    """Measure the generators and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=["embedded", *ARCHITECTURES])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--all-onnx", action="store_true")
    options = parser.parse_args()
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    print(
        f"{'generator':14} {'engine':14} {'size':>5} {'ms/frame':>9} {'speed':>8} {'first s':>8}"
        f" {'error':>9}"
    )
    with tempfile.TemporaryDirectory() as directory:
        for name in options.names:
            with_onnx = options.all_onnx or name == "embedded"
            measure(name, Path(directory), options.rounds, with_onnx)


if __name__ == "__main__":
    sys.exit(main())
