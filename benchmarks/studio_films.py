"""Measure how long `vidcolor studio` takes from a hint in a film to its new still.

A server is started as a user starts it, with a copy of a film. A hint is added to a frame, and the
still of its shot's new revision is requested at view size, as the page does; every few hints, they
are removed again. Then frames are requested one after another, as when a person scrubs through a
shot: at first they are made, then they come from the cache. All requests are HTTP.

    python benchmarks/studio_films.py [FILM] [--hints 40] [--per-frame 3] [--width 1400]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np

TOKEN = "token-of-the-benchmark"
COLORS = ("#7c3a2d", "#2f5d8a", "#3f7a4a", "#c0a040", "#804080")
REST_SECONDS = 0.5
"""Time for which a person looks at the outline before the click."""
NUM_SCRUBBED = 40
HINT_BAR_MS, STILLS_BAR_PER_S = 500, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    sample = Path(__file__).parent.parent / "samples" / "reel.mkv"
    parser.add_argument("film", nargs="?", type=Path, default=sample)
    parser.add_argument("--hints", type=int, default=40)
    parser.add_argument("--per-frame", type=int, default=3, choices=range(1, 6))
    parser.add_argument("--width", type=int, default=1400)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        film = Path(shutil.copy(options.film, directory))
        process, url = start_server(Path(directory), film)
        try:
            headers = {"Authorization": f"Bearer {TOKEN}", "X-Vidcolor": "1"}
            with httpx.Client(base_url=url, headers=headers, timeout=120) as client:
                measure(client, options)
        finally:
            process.terminate()
            process.wait(30)


def start_server(directory: Path, film: Path) -> tuple[subprocess.Popen, str]:
    command = [sys.executable, "-m", "vidcolor", "studio", "--no-browser", "--json", "--port", "0"]
    command += ["--token", TOKEN, "--data", str(directory / "data"), str(film)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"VIDCOLOR_CONFIG": ""}
    )
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "listening":
            return process, event["url"]
    raise SystemExit("the server did not start")


def measure(client: httpx.Client, options: argparse.Namespace) -> None:
    film = open_film(client)
    path, shot = f"/api/films/{film['id']}", film["shots"][0]
    frame = (shot["boundary"] + shot["end"]) // 2
    started = time.perf_counter()
    get_still(client, path, frame, shot["rev"], options.width)
    print(f"first still: {time.perf_counter() - started:.2f} s")
    rng, times = random.Random(0), {"hint": [], "hint at once": [], "hover": [], "film": []}
    for number in range(options.hints):
        color = COLORS[len(shot["hints"]) % len(COLORS)]
        x, y = round(rng.uniform(0.05, 0.95), 4), round(rng.uniform(0.05, 0.95), 4)
        name = "hint" if number % 2 else "hint at once"
        if number % 2:
            started = time.perf_counter()
            for kind in ("colors", "region"):
                query = {"x": x, "y": y}
                client.get(f"{path}/frames/{frame}/{kind}", params=query).raise_for_status()
            times["hover"].append(time.perf_counter() - started)
            time.sleep(REST_SECONDS)
        started = time.perf_counter()
        film = change(client, film, do="add-hint", frame=frame, x=x, y=y, color=color)
        shot = film["shots"][0]
        get_still(client, path, frame, shot["rev"], options.width)
        times[name].append(time.perf_counter() - started)
        started = time.perf_counter()
        client.get(path).raise_for_status()
        times["film"].append(time.perf_counter() - started)
        if len(shot["hints"]) == options.per_frame:
            for hint in shot["hints"]:
                film = change(client, film, do="remove-hint", id=hint["id"])
            shot = film["shots"][0]
    print(f"{'':14}   p50   p95  milliseconds")
    for name, values in times.items():
        p50, p95 = np.percentile(np.array(values) * 1000, [50, 95])
        bar = f"  (bar {HINT_BAR_MS})" if name.startswith("hint") else ""
        print(f"{name:14} {p50:5.0f} {p95:5.0f}{bar}")
    last = film["shots"][-1]
    frames = range(last["boundary"], min(last["end"], last["boundary"] + NUM_SCRUBBED))
    for name in ("made", "cached"):
        started = time.perf_counter()
        for number in frames:
            get_still(client, path, number, last["rev"], options.width)
        rate = len(frames) / (time.perf_counter() - started)
        bar = f"  (bar {STILLS_BAR_PER_S})" if name == "cached" else ""
        print(f"stills {name}: {rate:.1f} per second{bar}")


def open_film(client: httpx.Client) -> dict:
    """Open the film of the command line, and wait until it is analyzed."""
    film_id = client.get("/api/films").json()["films"][0]["id"]
    answer = client.post(f"/api/films/{film_id}/open")
    answer.raise_for_status()
    started = time.perf_counter()
    while answer.json()["state"] != "ready":
        job = answer.json()["job"]
        if job["state"] in ("failed", "canceled"):
            raise SystemExit(job["error"])
        client.get(f"/api/jobs/{job['id']}", params={"wait": 30})
        answer = client.get(f"/api/films/{film_id}")
    print(f"analysis: {time.perf_counter() - started:.1f} s")
    return answer.json()


def change(client: httpx.Client, film: dict, **values: object) -> dict:
    headers = {"If-Match": str(film["revision"])}
    answer = client.post(f"/api/films/{film['id']}/changes", json=values, headers=headers)
    answer.raise_for_status()
    return answer.json()


def get_still(client: httpx.Client, path: str, frame: int, rev: str, width: int) -> None:
    answer = client.get(f"{path}/frames/{frame}", params={"w": width, "rev": rev})
    answer.raise_for_status()
    assert answer.headers["x-revision"] == rev


if __name__ == "__main__":
    main()
