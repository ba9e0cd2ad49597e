"""The selection of an engine, and the resources of its workers."""

from __future__ import annotations

import os
import sys

import pytest

from vidcolor.errors import UsageError
from vidcolor.film.engines.base import WorkerResources
from vidcolor.film.engines.local import LocalEngine
from vidcolor.film.engines.pool import WorkerPool
from vidcolor.film.engines.select import (
    list_worker_resources,
    max_concurrent_films,
    open_engine,
)
from vidcolor.options import ColorizeOptions


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [WorkerResources("auto", 2)]),
        ({"workers": 3}, [WorkerResources("auto", 1)] * 3),
        ({"workers": 2, "threads": 1, "device": "cpu"},
         [WorkerResources("cpu", 1, (5,)), WorkerResources("cpu", 1, (7,))]),
        ({"workers": 2, "threads": 2}, [WorkerResources("auto", 2, (5, 7))] * 2),
    ],
)  # fmt: skip
def test_cores_are_divided_among_workers(monkeypatch, options, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5, 7})
    assert list_worker_resources(ColorizeOptions(**options)) == expected


def test_one_worker_without_thread_limit_renders_in_this_process(flat):
    with open_engine(ColorizeOptions(workers=1), flat) as engine:
        assert isinstance(engine, LocalEngine)


@pytest.mark.parametrize("options", [{"workers": 2}, {"threads": 1}])
def test_several_workers_or_a_thread_limit_use_processes(flat, options):
    with open_engine(ColorizeOptions(**options), flat) as engine:
        assert isinstance(engine, WorkerPool)


@pytest.mark.parametrize(("workers", "expected"), [(1, 1), (3, 3), (9, 4)])
def test_number_of_films_in_progress_is_limited(workers, expected):
    assert max_concurrent_films(ColorizeOptions(workers=workers)) == expected


def test_missing_ray_is_reported(flat, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    options = ColorizeOptions(engine="ray", ray_address="127.0.0.1:1")
    with (
        pytest.raises(UsageError, match=r"pip install 'vidcolor\[ray\]'"),
        open_engine(options, flat),
    ):
        pass
