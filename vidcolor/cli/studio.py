"""`vidcolor studio`: colorize photos and films in a browser."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from vidcolor.cli import params
from vidcolor.cli.console import Console
from vidcolor.errors import UsageError
from vidcolor.option import Option, OptionsModel
from vidcolor.options import ColorizeOptions

if TYPE_CHECKING:
    from vidcolor.studio.links import Entrance
    from vidcolor.studio.settings import StudioSettings

_REQUIRED_MODULES = ("fastapi", "uvicorn", "prometheus_client", "limits")
_SERVER_PANEL = "Execution"


class StudioOptions(OptionsModel):
    """Options of the server."""

    # fmt: off
    browser: Annotated[bool, Option(
        group=_SERVER_PANEL, help="Open the link in the browser of this machine.")] = True
    port: Annotated[int, Option(
        group=_SERVER_PANEL, ge=0, le=65535, help="Port; 0 for any free one.")] = 8765
    host: Annotated[str, Option(
        group=_SERVER_PANEL, metavar="ADDRESS",
        help="Address to listen on. Other addresses than loopback require --token or --proxy."
        )] = "127.0.0.1"
    token: Annotated[str | None, Option(
        group=_SERVER_PANEL, metavar="TEXT",
        help="Token of scripts, at least 16 characters; VIDCOLOR_STUDIO_TOKEN hides it from the "
        "list of processes. Default: a random one, kept in --data.")] = None
    proxy: Annotated[str | None, Option(
        group=_SERVER_PANEL, metavar="URL",
        help="Address under which a reverse proxy publishes the studio: "
        "https://studio.example.org.")] = None
    keep_minutes: Annotated[float, Option(
        group=_SERVER_PANEL, gt=0, metavar="MINUTES",
        help="Delete uploads this long after the last visit. Files named on the command line are "
        "never deleted.")] = 60
    workers: Annotated[int, Option(
        group=_SERVER_PANEL, ge=1, help="Photos and films that are rendered at a time.")] = 1
    data: Annotated[Path | None, Option(
        group=_SERVER_PANEL, metavar="DIR",
        help="Directory of uploads, results and the list of jobs. Default: the directory of the "
        "user for application data.")] = None
    # fmt: on


@params.expand_options
def studio(
    server: StudioOptions,
    options: Annotated[
        ColorizeOptions, params.Fields(only=("model", "device", "engine", "ray_address"))
    ],
    console: Console,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE",
            help="Films, photos, folders, projects or numbered frames (scan_%06d.dpx) to show. "
            "They are never changed or deleted.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Colorize photos and films in a browser: point at a color that is wrong.

    The command prints a link and opens it. A link opens one browser, once.
    Uploaded files are deleted when they are not needed any more. Ctrl-C stops
    the studio; films that are being rendered continue at the next start.

    [bold]Examples[/bold]

      vidcolor studio
      vidcolor studio reel.mov
      vidcolor studio album/ --port 8080 --no-browser
      vidcolor studio --host 0.0.0.0 --token "$(openssl rand -hex 16)"
      vidcolor studio --proxy https://studio.example.org --workers 4
    """
    check_modules()
    check_address(server)
    from vidcolor.studio.discovery import DiscoveryProcess
    from vidcolor.studio.links import make_entrance
    from vidcolor.studio.locking import bind_socket, locked_data_dir

    settings = make_settings(server, options, files or [])
    with (
        locked_data_dir(settings.data_dir),
        bind_socket(settings.host, settings.port) as listener,
        DiscoveryProcess(settings.files) as search,
    ):
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        if not files:  # the first request waits while the libraries are loaded
            announce(make_entrance(settings), console, open_browser=server.browser)
        # The libraries are loaded while the files are searched.
        from vidcolor.studio.server import run_server

        found = search.wait()
        for warning in found.warnings:
            console.warn(warning)
        if files:
            announce(make_entrance(settings), console, open_browser=server.browser)
        run_server(settings, listener, found.sources, print_log=console.verbose)
    console.event("stopped")
    console.info("stopped")


def check_modules() -> None:
    """Check that the libraries of the server are installed.

    Raises:
        UsageError: one is missing.
    """
    if any(importlib.util.find_spec(name) is None for name in _REQUIRED_MODULES):
        raise UsageError("the studio needs more libraries: pip install 'vidcolor[studio]'")


def check_address(server: StudioOptions) -> None:
    """Check that strangers cannot reach the server without a token or a reverse proxy.

    Raises:
        UsageError: they could, or the options contradict each other.
    """
    from vidcolor.studio.security.hosts import is_loopback
    from vidcolor.studio.settings import MIN_TOKEN_LENGTH

    if server.token is not None:
        if len(server.token) < MIN_TOKEN_LENGTH:
            raise UsageError(f"--token: needs at least {MIN_TOKEN_LENGTH} characters")
        if not server.token.isascii() or not server.token.isprintable() or " " in server.token:
            raise UsageError("--token: use letters, digits and punctuation of ASCII")
    if server.proxy is not None:
        parts = urlsplit(server.proxy)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"--proxy: {server.proxy}: write a URL: https://studio.example.org")
        if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
            raise UsageError(
                f"--proxy: {server.proxy}: the studio needs a host name of its own, without a path"
            )
    if not is_loopback(server.host) and server.token is None and server.proxy is None:
        raise UsageError(
            f"--host {server.host}: other machines could reach the studio; add --token, or --proxy "
            "with the address of a reverse proxy"
        )


def make_settings(
    server: StudioOptions, options: ColorizeOptions, files: list[Path]
) -> StudioSettings:
    """Return the settings of the server."""
    from vidcolor.studio.settings import StudioSettings, default_data_dir

    return StudioSettings(
        data_dir=(server.data or default_data_dir()).absolute(),
        files=tuple(files),
        host=server.host,
        port=server.port,
        token=server.token,
        proxy=server.proxy,
        model=options.model,
        device=options.device,
        engine=options.engine,
        ray_address=options.ray_address,
        workers=server.workers,
        keep_minutes=server.keep_minutes,
    )


def announce(entrance: Entrance, console: Console, *, open_browser: bool) -> None:
    """Print the link, and open it."""
    console.event("listening", url=entrance.url, link=entrance.link, token=entrance.token)
    console.info(f"vidcolor studio: {entrance.link}")
    console.info("The link opens one browser, once. Ctrl-C stops the studio.")
    if open_browser:  # a browser for the terminal would block the server
        thread = threading.Thread(target=_open_browser, args=(entrance.link, console), daemon=True)
        thread.start()


def _open_browser(link: str, console: Console) -> None:
    import webbrowser

    if not webbrowser.open(link):
        console.warn("no browser was found; open the link yourself")
