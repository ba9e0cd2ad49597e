"""`vidcolor models`: list, download, import, export and verify models."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidcolor.cli.completion import complete_model
from vidcolor.cli.console import Console, format_table
from vidcolor.cli.params import COLOR_PANEL, OUTPUT_PANEL, Force, ModelSize, expand_options
from vidcolor.errors import UsageError, VidcolorError
from vidcolor.progress import Progress

if TYPE_CHECKING:
    from vidcolor.generators.store.registry import ModelInfo, RegistryEntry

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="List, download, import, export and verify colorization models.",
)


def _model_argument(metavar: str, help: str) -> Any:
    return typer.Argument(
        metavar=metavar, autocompletion=complete_model, help=help, show_default=False
    )


Name = Annotated[str, _model_argument("NAME", "Model name, as in `vidcolor models list`.")]
_NON_COMMERCIAL = "NON-COMMERCIAL USE ONLY"
"""Warning for models whose license forbids commercial use."""


@app.command("list")
@expand_options
def list_models(console: Console) -> None:
    """List all models: purpose, size, license, and whether they are installed.

    All models colorize films, photos and film scans with unchanged luma and
    temporally stable color. docs/models.md compares them.

    [bold]Examples[/bold]

      vidcolor models list
      vidcolor models pull ddcolor-tiny
      vidcolor colorize reel.mov --model ddcolor-tiny
    """
    from vidcolor.generators.store import registry

    details = _describe_embedded()
    console.event("model", **details)
    size = _format_size(Path(details["path"]).stat().st_size)
    rows = [
        ("name", "for", "size", "license", "weights"),
        (details["name"], details["task"], size, details["license"], "built in"),
    ]
    for model in registry.list_models():
        console.event("model", **_describe_model(model))
        license = model.license if model.commercial else f"{model.license}, {_NON_COMMERCIAL}"
        task = model.entry.task if model.entry else "imported"
        state = "installed" if model.path else "not installed"
        rows.append((model.name, task, _format_size(model.bytes), license, state))
    for line in format_table(rows):
        console.info(line)
    console.info(
        f"cache directory: {registry.cache_dir()}; set {registry.CACHE_VARIABLE} to change it"
    )


@app.command()
@expand_options
def show(name: Name, console: Console) -> None:
    """Show the details of a model: license, sources, digest, installed file."""
    from vidcolor.generators.store.registry import EMBEDDED_MODEL, find_model

    details = _describe_embedded() if name == EMBEDDED_MODEL else _describe_model(find_model(name))
    console.event("model", **details)
    if details["commercial"] is False:
        console.warn(_NON_COMMERCIAL, name)
    rows = [
        (key.replace("_", " "), str(value))
        for key, value in details.items()
        if key != "sources" and value not in (None, "")
    ]
    for source in details.get("sources", ()):
        rows.append(("source", source["url"]))
        rows.append(("", f"published SHA-256: {source['sha256'] or 'not published'}"))
    for key, text in rows:
        console.info(f"{key:16}{text}")


@app.command()
@expand_options
def pull(
    console: Console,
    names: Annotated[
        list[str],
        _model_argument("NAME…", "Model names, as in `vidcolor models list`."),
    ],
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Download installed weights again.")
    ] = False,
) -> None:
    """Download the weights of models from their authors or from mirrors.

    An interrupted download is resumed by the same command. The file is installed
    after its size and digest are verified. HTTPS_PROXY and NO_PROXY set a proxy.

    [bold]Examples[/bold]

      vidcolor models pull deoldify-video
      VIDCOLOR_HOME=/scratch/vidcolor vidcolor models pull ddcolor siggraph17
    """
    from vidcolor.generators.store.registry import EMBEDDED_MODEL, load_registry

    entries = load_registry()
    for name in names:
        if name == EMBEDDED_MODEL:
            console.info(f"{name}: built in; no download needed")
            continue
        if name not in entries:
            raise UsageError(
                f"unknown model {name!r}; choose from {', '.join(entries)}, or use `vidcolor models"
                " import FILE` for your own weights"
            )
        _pull_model(console, entries[name], force)


def _pull_model(console: Console, entry: RegistryEntry, force: bool) -> None:
    from vidcolor.generators.store import download
    from vidcolor.generators.store.registry import read_record

    name = entry.name
    if not entry.commercial:
        console.warn(f"{_NON_COMMERCIAL} ({entry.license})", name)
    label = Path(name)

    def report(done: int, total: int | None) -> None:
        console.progress(Progress(label, "download", done, total))

    try:
        path = download.pull_weights(entry, report, force=force)
    except KeyboardInterrupt as interrupt:
        interrupt.add_note("the partial download is kept; run the same command again to resume")
        raise
    finally:
        console.end_progress(label)
    record = read_record(path)
    is_verified = record is not None and record.digest_verified
    console.event("pulled", name=name, path=str(path), digest_verified=is_verified)
    console.info(f"{name}: {path} ({_format_size(path.stat().st_size)}, {entry.license})")
    if record is not None and not is_verified:
        console.warn(
            "not verified, because no digest of this file is published; its SHA-256 is"
            f" {record.sha256}",
            name,
        )


@app.command("import")
@expand_options
def import_model(
    console: Console,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Weights file: .pth .pt .bin .ckpt .safetensors .caffemodel .onnx.",
            show_default=False,
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(help="Model name. Default: name of the architecture, or of the file."),
    ] = None,
    license: Annotated[
        str,
        typer.Option("--license", "--licence", help="License of the weights, for `models show`."),
    ] = "",
    non_commercial: Annotated[
        bool,
        typer.Option(
            "--non-commercial", help="The license forbids commercial use: mark the model."
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Replace an installed model of this name.")
    ] = False,
    bins: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Color bins of a Caffe model. Default: pts_in_hull.npy beside the model.",
        ),
    ] = None,
) -> None:
    """Import a weights file: detect its architecture, validate it, make it safe.

    Checkpoints of ECCV16, SIGGRAPH17, DeOldify and DDColor, published or
    fine-tuned, and the Caffe model of ECCV16 are converted to safetensors. Code
    in them is never run. ONNX files are copied, with their sidecar file
    NAME.onnx.toml if there is one.

    [bold]Examples[/bold]

      vidcolor models import ColorizeVideo_gen.pth --name my-deoldify
      vidcolor models import facefusion/ddcolor.onnx --license Apache-2.0
      vidcolor models import colorization_release_v2.caffemodel --bins pts_in_hull.npy
    """
    from vidcolor.generators.importer import import_weights
    from vidcolor.generators.store.registry import read_record

    path = import_weights(file, name, license, not non_commercial, force, bins)
    record = read_record(path)
    assert record is not None
    console.event("imported", name=path.stem, path=str(path), architecture=record.architecture)
    size = _format_size(record.bytes)
    console.info(f"{path.stem}: {path} ({record.architecture}, {size}, SHA-256 {record.sha256})")


@app.command()
@expand_options
def export(
    console: Console,
    name: Annotated[
        str,
        _model_argument("MODEL", "Model, as for --model of `vidcolor colorize`."),
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT.onnx", help="ONNX file to write.", show_default=False)
    ],
    vividness: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Vividness, fixed in the file; for models that support it.",
            rich_help_panel=COLOR_PANEL,
        ),
    ] = None,
    size: ModelSize = None,
    fixed: Annotated[
        bool,
        typer.Option(
            "--fixed",
            help="Export for square images of the model input size only.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
    force: Force = False,
) -> None:
    """Export a model as an ONNX file and compare its results with torch.

    ONNX Runtime is faster than torch on CPUs without bfloat16 instructions. The
    file describes its own input and output format, so it needs no sidecar file.

    [bold]Examples[/bold]

      vidcolor models export embedded embedded.onnx
      vidcolor colorize reel.mov --model embedded.onnx
    """
    from vidcolor.fileio import check_target
    from vidcolor.generators import load_generator
    from vidcolor.generators.onnx_export import export_onnx

    if out.suffix != ".onnx":
        raise UsageError(f"{out}: must end in .onnx")
    check_target(out, [Path(name)], force)
    generator = load_generator(name, "cpu", "fp32", size)
    if vividness is not None and not generator.has_vividness:
        raise UsageError(f"model {name!r} does not support --vividness; omit it")
    console.info(f"{name}: exporting; this can take a minute")
    result = export_onnx(generator, out, vividness, fixed)
    console.event("exported", path=str(out), difference=result.difference)
    console.info(
        f"{out}: {_format_size(out.stat().st_size)}; maximum difference from torch:"
        f" {result.difference:.0e} of the range"
    )


@app.command()
@expand_options
def verify(
    console: Console,
    names: Annotated[
        list[str] | None,
        _model_argument("[NAME…]", "Model names. Default: all installed."),
    ] = None,
) -> None:
    """Verify installed weights: compare their digests and load them.

    The exit code is 1 if any file is damaged or cannot be used.
    """
    from vidcolor.generators.store.registry import EMBEDDED_MODEL, list_installed

    num_failed = 0
    for name in names or [EMBEDDED_MODEL, *list_installed()]:
        try:
            _verify_model(console, name)
        except VidcolorError as error:
            num_failed += 1
            console.error(str(error))
    if num_failed:
        raise typer.Exit(1)


def _verify_model(console: Console, name: str) -> None:
    from vidcolor.fileio import sha256_file
    from vidcolor.generators.onnx import load_onnx
    from vidcolor.generators.store.registry import EMBEDDED_MODEL, read_record
    from vidcolor.generators.store.weights import read_weights, resolve_path

    path = resolve_path(name)
    record = read_record(path)
    digest = sha256_file(path)
    if path.suffix == ".onnx":
        load_onnx(path, "cpu")
    else:
        read_weights(name)
    state = "ok"
    if name != EMBEDDED_MODEL and record is None:
        state = "readable, but its digest is unknown"
    elif record is not None and not record.digest_verified:
        state = "ok (digest recorded at installation)"
    console.event("verified", name=name, path=str(path), sha256=digest, state=state)
    console.info(f"{name}: {state}; SHA-256 {digest}")


@app.command("path")
@expand_options
def print_path(name: Name, console: Console) -> None:
    """Print the path of a model's weights file, for use in scripts."""
    from vidcolor.generators.store.weights import resolve_path

    path = str(resolve_path(name))
    console.result([path], {"path": path})


def _format_size(size: int | None) -> str:
    """Format a number of bytes in megabytes of 10^6 bytes; ``?`` if it is unknown."""
    return "?" if size is None else f"{size / 1e6:.0f} MB"


def _describe_embedded() -> dict[str, Any]:
    """Return the details of the embedded model, for JSON and `vidcolor models show`."""
    from vidcolor.generators.store.registry import EMBEDDED_MODEL
    from vidcolor.generators.store.weights import PACKAGED_WEIGHTS, find_packaged_file

    embedded = PACKAGED_WEIGHTS[EMBEDDED_MODEL]
    return {
        "name": embedded.name,
        "title": "vidcolor",
        "task": "films, with hints",
        "style": "vivid but calm; made for films",
        "license": embedded.license,
        "commercial": True,
        "path": str(find_packaged_file(embedded.file)),
        "sha256": embedded.sha256,
        "card": str(find_packaged_file(embedded.card)),
    }


def _describe_model(model: ModelInfo) -> dict[str, Any]:
    """Return the details of a registry or cache model, for JSON and `vidcolor models show`."""
    entry, record = model.entry, model.record
    details: dict[str, Any] = {"name": model.name}
    if entry:
        details |= {"title": entry.title, "task": entry.task, "style": entry.style}
    details |= {
        "architecture": record.architecture if record else entry.architecture if entry else "",
        **{"license": model.license, "commercial": model.commercial},
        **{"note": entry.note if entry else "", "project": entry.project if entry else ""},
        **{"bytes": model.bytes, "path": str(model.path) if model.path else None},
        "sha256": record.sha256 if record else None,
        "origin": record.origin if record else None,
    }
    if entry:
        details["sources"] = [dataclasses.asdict(source) for source in entry.sources]
    return details
