"""Measure how long `vidcolor studio` takes from a click on a photo to its new picture.

A server is started as a user starts it, and a photo of 12 megapixels is uploaded to it. A hover
asks for the likely colors of a place and for the region that a hint would cover. A click adds a
hint and requests the picture of the new revision at view size, as the page does: after the pointer
has rested on the place, or at once. All requests are HTTP.

    python benchmarks/studio_clicks.py [PHOTO] [--clicks 60] [--width 1400]
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

TOKEN = "token-of-the-benchmark"
PIXELS = (4000, 3000)
COLORS = ("#7c3a2d", "#2f5d8a", "#3f7a4a")
MAX_HINTS = 4
REST_SECONDS = 0.5
"""Time for which a person looks at the outline before the click."""
BARS_MS = {"click": (250, 400), "click at once": (250, 400), "hover": (150, 150)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    sample = Path(__file__).parent.parent / "samples" / "photo.jpg"
    parser.add_argument("photo", nargs="?", type=Path, default=sample)
    parser.add_argument("--clicks", type=int, default=60)
    parser.add_argument("--width", type=int, default=1400)
    parser.add_argument("--colors", type=int, default=len(COLORS), choices=range(1, 4))
    parser.add_argument("--format", default="jpeg", choices=("jpeg", "webp"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        process, url = start_server(Path(directory))
        try:
            headers = {"Authorization": f"Bearer {TOKEN}", "X-Vidcolor": "1"}
            with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
                measure(client, options)
        finally:
            process.terminate()
            process.wait(30)


def start_server(directory: Path) -> tuple[subprocess.Popen, str]:
    command = [sys.executable, "-m", "vidcolor", "studio", "--no-browser", "--json", "--port", "0"]
    command += ["--token", TOKEN, "--data", str(directory / "data")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"VIDCOLOR_CONFIG": ""}
    )
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "listening":
            return process, event["url"]
    raise SystemExit("the server did not start")


def enlarge(path: Path) -> bytes:
    """Return a photo of 12 megapixels with some grain, as a JPEG file."""
    with Image.open(path) as image:
        gray = image.convert("L")
    size = PIXELS if gray.width >= gray.height else PIXELS[::-1]
    codes = np.asarray(gray.resize(size, Image.Resampling.BICUBIC), np.float32)
    codes += np.random.default_rng(0).normal(0, 3, codes.shape)
    file = io.BytesIO()
    Image.fromarray(np.clip(codes, 0, 255).astype(np.uint8)).save(file, "jpeg", quality=92)
    return file.getvalue()


def measure(client: httpx.Client, options: argparse.Namespace) -> None:
    answer = client.post(
        "/api/photos", params={"name": "benchmark.jpg"}, content=enlarge(options.photo)
    )
    answer.raise_for_status()
    photo, job = answer.json()["photo"]["id"], answer.json()["job"]["id"]
    while client.get(f"/api/jobs/{job}", params={"wait": 30}).json()["state"] != "done":
        pass
    path, rng = f"/api/photos/{photo}", random.Random(0)
    opened = time.perf_counter()
    state = client.get(path).json()
    get_picture(client, path, state["revision"], options)
    print(f"open: {time.perf_counter() - opened:.2f} s")
    client.get(f"{path}/colors", params={"x": 0.5, "y": 0.5}).raise_for_status()
    times = {"click": [], "click at once": [], "slider": [], "hover": []}
    for number in range(options.clicks):
        change = make_click(options, rng)
        name = "click at once"
        if number % 2:
            name = "click"
            times["hover"].append(hover(client, path, change))
            time.sleep(REST_SECONDS)
        started = time.perf_counter()
        state = make_change(client, path, state, change)
        get_picture(client, path, state["revision"], options)
        times[name].append(time.perf_counter() - started)
        if number % 4 == 0:
            change = {"do": "set", "saturation": round(rng.uniform(0.7, 1.4), 3)}
            started = time.perf_counter()
            state = make_change(client, path, state, change)
            get_picture(client, path, state["revision"], options)
            times["slider"].append(time.perf_counter() - started)
        if len(state["hints"]) >= MAX_HINTS:
            state = make_change(client, path, state, {"do": "reset"})
    for name, values in times.items():
        report(name, values)


def make_click(options: argparse.Namespace, rng: random.Random) -> dict:
    x, y = (round(rng.uniform(0.05, 0.95), 4) for _ in range(2))
    return {"do": "add-hint", "x": x, "y": y, "color": rng.choice(COLORS[: options.colors])}


def make_change(client: httpx.Client, path: str, state: dict, change: dict) -> dict:
    headers = {"If-Match": str(state["revision"])}
    answer = client.post(f"{path}/changes", json=change, headers=headers)
    answer.raise_for_status()
    return answer.json()


def get_picture(
    client: httpx.Client, path: str, revision: int, options: argparse.Namespace
) -> None:
    params = {"w": options.width, "rev": revision, "format": options.format}
    answer = client.get(f"{path}/image", params=params)
    answer.raise_for_status()
    assert "immutable" in answer.headers["cache-control"]


def hover(client: httpx.Client, path: str, change: dict) -> float:
    """Ask for colors and region at once, as the page does."""
    place = {"x": change["x"], "y": change["y"]}
    queries = ("colors", place), ("region", place | {"color": change["color"]})
    started = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        for answer in pool.map(lambda q: client.get(f"{path}/{q[0]}", params=q[1]), queries):
            answer.raise_for_status()
    return time.perf_counter() - started


def report(name: str, seconds: list[float]) -> None:
    p50, p95 = (1000 * np.percentile(seconds, q) for q in (50, 95))
    line = f"{name}: p50 {p50:.0f} ms, p95 {p95:.0f} ms ({len(seconds)} times)"
    if name in BARS_MS:
        bars = BARS_MS[name]
        outcome = "met" if p50 <= bars[0] and p95 <= bars[1] else "missed"
        line += f"; bars {bars[0]} and {bars[1]} ms: {outcome}"
    print(line)


if __name__ == "__main__":
    main()
