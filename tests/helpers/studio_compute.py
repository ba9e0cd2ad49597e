"""Tasks that test the compute process, and a compute process that runs in a test itself."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcolor.errors import InputError
from vidcolor.studio.errors import TooLargeError

if TYPE_CHECKING:
    from vidcolor.colorizer import Colorizer
    from vidcolor.studio.compute.state import ComputeState
    from vidcolor.studio.settings import StudioSettings


class BareColorizer:
    """A colorizer without networks, for tasks that do not colorize."""

    class segmentation:  # noqa: N801 - the name of an attribute of colorizers
        pool = None


def load_nothing(settings: StudioSettings) -> Any:
    return BareColorizer()


def load_flat(settings: StudioSettings) -> Colorizer:
    from tests.helpers.flat import flat_colorizer  # it imports torch

    return flat_colorizer()


def note(state: ComputeState, payload: dict[str, Any]) -> str:
    """Append a name to a file, after some time."""
    time.sleep(payload.get("seconds", 0))
    with Path(payload["path"]).open("a") as file:
        file.write(f"{payload['name']}\n")
    return payload["name"]


def wait(state: ComputeState, payload: dict[str, Any]) -> str:
    """Wait for a file, with checkpoints; tell by another file when the wait begins and ends."""
    folder = Path(payload["folder"])
    with (folder / "starts").open("a") as file:
        file.write("start\n")
    try:
        while not (folder / "go").exists():
            state.check_canceled()
            time.sleep(0.01)
    finally:
        (folder / "ended").touch()
    return "went"


def crash(state: ComputeState, payload: dict[str, Any]) -> str:
    """Kill the process, except if a file exists that the first call makes."""
    path = Path(payload["path"])
    if path.exists() and not payload.get("always"):
        return "survived"
    path.touch()
    os.kill(os.getpid(), signal.SIGKILL)
    return "unreachable"


def fail(state: ComputeState, payload: dict[str, Any]) -> None:
    if payload["kind"] == "input":
        raise InputError("mill.jpg: damaged; get a complete copy")
    if payload["kind"] == "api":
        raise TooLargeError("mill.jpg: too large")
    raise KeyError("a secret")


def connect(state: ComputeState, payload: dict[str, Any]) -> str:
    """Open an Internet socket; return the name of the error."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM).connect(("127.0.0.1", payload["port"]))
    except OSError as error:
        return type(error).__name__
    return "connected"


def allocate(state: ComputeState, payload: dict[str, Any]) -> int:
    import numpy as np

    return int(np.ones(payload["bytes"], np.uint8).size)


def get_pid(state: ComputeState, payload: dict[str, Any]) -> tuple[int, int]:
    """Return the ID of the process, and its niceness."""
    return os.getpid(), os.nice(0)


def load_test_tasks() -> dict[str, Any]:
    tasks = (note, wait, crash, fail, connect, allocate, get_pid)
    return {task.__name__: task for task in tasks}


class InlineCompute:
    """Runs tasks in this process, with the interface of `ComputeClient`."""

    def __init__(self, state: ComputeState) -> None:
        from vidcolor.studio.photos.tasks import TASKS

        self.state, self._tasks = state, TASKS
        self.calls: list[tuple[str, int, str | None]] = []

    async def call(
        self, task: str, payload: dict[str, Any], *, priority: int = 0, key: str | None = None
    ) -> Any:
        self.calls.append((task, priority, key))
        return self._tasks[task](self.state, payload)
