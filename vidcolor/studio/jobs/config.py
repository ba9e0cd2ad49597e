"""What a worker process receives from the server when it starts."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from vidcolor.studio.settings import StudioSettings


class WorkerConfig(BaseModel):
    """The first line on the standard input of a worker. Later lines are commands."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    settings: StudioSettings
    """Settings of the server, without its token."""
    database: Path
    """File of the database."""
    kinds: str
    """Table of the kinds of jobs, as "module:name"."""
    is_reserve: bool = False
    """Whether the worker only runs jobs while films occupy all other workers."""
