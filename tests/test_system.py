"""What differs between operating systems."""

from __future__ import annotations

import gc
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.windows import SHARING_VIOLATION, make_error
from vidcolor import system
from vidcolor.fileio import is_same_file

LONG = "directory/" * 20


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "IS_WINDOWS", True)
    monkeypatch.setattr(system, "IGNORES_CASE", True)


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("reel.mp4", False), ("console.mp4", False), ("COM.mp4", False), (".hidden", False),
        ("nul", True), ("Con.mp4", True), ("aux.color.mkv", True), ("LPT9.png", True),
        ("reel.", True), ("reel ", True), ("a:b.mp4", True), ("what?.png", True),
    ],
)  # fmt: skip
def test_names_that_windows_reserves(name: str, expected: bool) -> None:
    assert system.is_reserved_name(name) == expected


def test_other_systems_reserve_no_names() -> None:
    assert not system.is_reserved_name("nul") or system.IS_WINDOWS


@pytest.mark.usefixtures("windows")
def test_long_paths_get_a_prefix(tmp_path: Path) -> None:
    assert system.extend_path(tmp_path) == tmp_path
    extended = str(system.extend_path(tmp_path / LONG))
    assert extended == f"\\\\?\\{tmp_path / LONG}"
    assert str(system.extend_path(tmp_path / "a" / ".." / LONG)) == extended


@pytest.mark.usefixtures("windows")
def test_case_and_normalization_are_ignored_where_file_systems_do(tmp_path: Path) -> None:
    assert is_same_file(tmp_path / "Caf\u00e9.png", tmp_path / "cafe\u0301.PNG")
    assert not is_same_file(tmp_path / "a.png", tmp_path / "b.png")


class BusyPath(type(Path())):
    """A file that another program has open during the first attempts to rename it."""

    attempts = 0
    winerror = SHARING_VIOLATION

    def replace(self, target: Path) -> Path:
        type(self).attempts += 1
        if self.attempts < 3:
            raise make_error(self.winerror, 13, self)
        return super().replace(target)


def test_rename_is_repeated_while_another_program_has_the_file_open(tmp_path: Path) -> None:
    source = BusyPath(tmp_path / "a")
    source.write_bytes(b"1")
    system.replace_file(source, tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"1"
    assert BusyPath.attempts == 3


def test_missing_permission_is_reported_at_once(tmp_path: Path) -> None:
    class ForbiddenPath(BusyPath):
        attempts = 0
        winerror = 0

    with pytest.raises(PermissionError):
        system.replace_file(ForbiddenPath(tmp_path / "a"), tmp_path / "b")
    assert ForbiddenPath.attempts == 1


def test_read_only_files_and_directories_are_flushed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch(mode=0o444)
    system.fsync_path(path)
    system.fsync_path(tmp_path)


def test_running_processes_are_recognized() -> None:
    assert system.is_process_running(os.getpid())
    assert not system.is_process_running(999_999_999)


def test_exit_codes_are_described() -> None:
    assert system.describe_exit(3) == "with exit code 3"
    assert system.describe_exit(-9).startswith("by SIGKILL (too little memory")
    assert system.describe_exit(-11) == "by SIGSEGV"


def test_process_ends_after_threads_exit_functions_and_output() -> None:
    code = """
import atexit, sys, threading, time
from vidcolor.system import exit_process
sys.modules["torch"] = sys
atexit.register(print, "exit function", end="")
threading.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()
exit_process(3)
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (process.returncode, process.stdout) == (3, "thread\nexit function"), process.stderr


def test_profilers_continue_after_the_exit() -> None:
    code = """
import sys
from vidcolor.system import exit_process
sys.modules["torch"] = sys
sys.setprofile(lambda *_: None)
try:
    exit_process(3)
except SystemExit as end:
    print(end.code)
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.stdout == "3\n", process.stderr


def run_with_heaps(code: str, *, reduce: bool) -> str:
    """Return what a process prints to standard error that uses the C library directly."""
    setup = (
        "import ctypes, sys, threading\n"
        "from vidcolor.system import reduce_heap_fragmentation\n"
        "libc = ctypes.CDLL(None)\n"
        "libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]\n"
    )
    call = "reduce_heap_fragmentation()\n" if reduce else ""
    command = [sys.executable, "-c", setup + call + code]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return process.stderr


needs_glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="heaps of the GNU C library"
)


@needs_glibc
def test_threads_share_two_heaps() -> None:
    code = """
barrier = threading.Barrier(12)
def allocate():
    barrier.wait()
    libc.malloc(1000)
    barrier.wait()
threads = [threading.Thread(target=allocate) for _ in range(12)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.malloc_stats()
"""
    assert run_with_heaps(code, reduce=False).count("Arena ") > 2
    assert run_with_heaps(code, reduce=True).count("Arena ") == 2


@needs_glibc
def test_large_blocks_stay_outside_the_heaps_after_larger_ones_were_freed() -> None:
    code = """
libc.free(libc.malloc(8 << 20))
size = ctypes.c_size_t.from_address(libc.malloc(1 << 20) - ctypes.sizeof(ctypes.c_size_t))
sys.stderr.write("outside" if size.value & 2 else "inside")  # IS_MMAPPED of glibc
"""
    assert run_with_heaps(code, reduce=False) == "inside"
    assert run_with_heaps(code, reduce=True) == "outside"


def test_heaps_of_other_c_libraries_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    system.reduce_heap_fragmentation()


def test_garbage_collection_stays_off_where_it_was_off() -> None:
    gc.disable()
    try:
        with system.paused_garbage_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()
