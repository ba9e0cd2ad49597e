"""Settings of a studio server."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MIB = 1 << 20
GIB = 1 << 30
CHUNK_BYTES = 4 * MIB
"""Maximum size of one part of an upload, in bytes."""
MIN_TOKEN_LENGTH = 16
"""Minimum number of characters of a token that is chosen by a person."""
WILDCARD_HOSTS = ("0.0.0.0", "::")
"""Addresses that mean all addresses of the machine."""


class StudioSettings(BaseModel):
    """How a server listens, what it accepts and how long it keeps it."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    data_dir: Path
    """Directory of the database, of uploads and of results of uploads."""
    files: tuple[Path, ...] = ()
    """Photos and films that were named on the command line. They are never changed or deleted."""
    host: str = "127.0.0.1"
    """Address on which the server listens."""
    port: int = Field(default=8765, ge=0, le=65535)
    """Port; 0 for any free port."""
    token: str | None = None
    """Token of API clients; None for a random one. Required on other addresses than loopback."""
    proxy: str | None = None
    """External address of a reverse proxy, such as https://studio.example.org."""
    model: str = "embedded"
    """Generator; see `Colorizer.load`."""
    device: str = "auto"
    """Device of the generator."""
    engine: Literal["local", "ray"] = "local"
    """Engine that renders films."""
    ray_address: str | None = None
    """Address of the Ray cluster; None for a local one."""
    workers: int = Field(default=1, ge=1)
    """Number of jobs that run at a time."""
    keep_minutes: float = Field(default=60, gt=0)
    """Time after the last visit, in minutes, after which uploads are deleted."""
    keep_downloaded_minutes: float = Field(default=5, ge=0)
    """The same for photos whose result was downloaded, so that a failed download can be repeated
    and a photo that is still being worked on stays."""
    max_queue: int = Field(default=200, ge=1)
    """Maximum number of jobs that wait or run; more are refused with status 503."""
    max_photo_bytes: int = Field(default=200 * MIB, ge=1)
    """Maximum size of an uploaded photo, in bytes."""
    max_film_bytes: int = Field(default=20 * GIB, ge=1)
    """Maximum size of an uploaded film, in bytes."""
    max_pixels: int = Field(default=200_000_000, ge=1)
    """Maximum number of pixels of an uploaded photo."""
    max_frame_pixels: int = Field(default=40_000_000, ge=1)
    """Maximum number of pixels of a frame of an uploaded film. Rendering holds dozens of frames in
    memory, so it is lower than that of photos; a frame of 8K video has 33 million pixels."""
    max_seconds: float = Field(default=4 * 3600, gt=0)
    """Maximum duration of an uploaded film, in seconds."""
    max_uploads: int = Field(default=500, ge=1)
    """Maximum number of uploaded files that a client may have at a time."""
    max_disk_bytes: int = Field(default=50 * GIB, ge=1)
    """Maximum total size of uploads and their results, in bytes."""
    min_free_bytes: int = Field(default=256 * MIB, ge=0)
    """Free space of the disk that uploads leave to everything else, in bytes."""
    requests_per_minute: int = Field(default=3000, ge=1)
    """Maximum number of requests of one client in a minute."""
    max_connections: int = Field(default=512, ge=1)
    """Maximum number of open connections; further ones are closed at once."""
    header_seconds: float = Field(default=15, gt=0)
    """Time in which a connection must send the headers of a request, in seconds."""
    body_seconds: float = Field(default=20, gt=0)
    """Maximum time between two parts of a body, in seconds."""

    @property
    def database_path(self) -> Path:
        """Path of the SQLite database."""
        return self.data_dir / "studio.db"

    @property
    def uploads_dir(self) -> Path:
        """Directory that contains one directory for each upload."""
        return self.data_dir / "uploads"

    @property
    def base_url(self) -> str:
        """URL at which browsers find the server, without a slash at the end."""
        if self.proxy is not None:
            return self.proxy.rstrip("/")
        host = "127.0.0.1" if self.host in WILDCARD_HOSTS else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the server by HTTPS, through a reverse proxy."""
        return self.base_url.startswith("https:")

    @property
    def cookie_name(self) -> str:
        """Name of the session cookie. It has the port, because cookies do not belong to ports."""
        return "__Host-vidcolor" if self.is_https else f"vidcolor-{self.port}"

    def expires_at(self, visited: float, downloaded: float | None = None) -> float:
        """Return the time after which an upload is deleted.

        Args:
            visited: time of the last visit.
            downloaded: time when its result was downloaded; None if it was not, or if it has
                changed since.
        """
        expires = visited + 60 * self.keep_minutes
        if downloaded is None:
            return expires
        return min(expires, max(visited, downloaded) + 60 * self.keep_downloaded_minutes)


def default_data_dir() -> Path:
    """Return the directory of the user in which the studio keeps its data."""
    from platformdirs import user_data_path

    return user_data_path("vidcolor", appauthor=False) / "studio"
