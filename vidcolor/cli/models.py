"""`vidcolor models`: generators of others, by name."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidcolor.cli.console import Console
from vidcolor.errors import UsageError, VidcolorError
from vidcolor.progress import Progress

if TYPE_CHECKING:
    from vidcolor.generators.store.registry import ModelInfo

models = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="Other people's generators: what there is, fetching, importing, exporting.",
)

_NAME = typer.Argument(metavar="NAME", help="As `vidcolor models list` has it.", show_default=False)
_JSON = typer.Option("--json", help="One JSON object a line.")
_NOT_COMMERCIAL = "NON-COMMERCIAL USE ONLY"


@models.command("list")
def list_models(json_lines: Annotated[bool, _JSON] = False) -> None:
    """List generators: what they are for, how large, under which license, and whether here.

    Any of them colors films, photos and scans: luma stays exact and color steady
    whoever predicts it. docs/models.md helps to choose.

    [bold]Examples[/bold]

      vidcolor models list
      vidcolor models pull ddcolor-tiny
      vidcolor colorize reel.mov --model ddcolor-tiny
    """
    from vidcolor.generators.store.registry import PACKAGED, cache_dir, list_models

    console = Console(json_lines=json_lines)
    rows = [(PACKAGED, "films, with hints", _megabytes(_packaged_size()), "Apache-2.0", "built in")]
    console.event("model", **_packaged_facts())
    for row in list_models():
        console.event("model", **_facts(row))
        license = row.license if row.commercial else f"{row.license}, {_NOT_COMMERCIAL}"
        task = row.entry.task if row.entry else "imported"
        where = "here" if row.path else "to be pulled"
        rows.append((row.name, task, _megabytes(row.bytes), license, where))
    head = ("name", "for", "size", "license", "weights")
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row_of_words in (head, *rows):
        cells = (f"{w:<{n}}" for w, n in zip(row_of_words, widths, strict=True))
        console.say("  ".join(cells).rstrip())
    console.say(f"weights are kept in {cache_dir()} (VIDCOLOR_HOME moves them)")


@models.command()
def show(
    name: Annotated[str, _NAME],
    json_lines: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False,
) -> None:
    """Say all that is known of one generator: license, source, digest, where it is."""
    from vidcolor.generators.store.registry import PACKAGED, find_model

    console = Console(json_lines=json_lines)
    facts = _packaged_facts() if name == PACKAGED else _facts(find_model(name))
    console.event("model", **facts)
    if facts["commercial"] is False:
        console.warn(_NOT_COMMERCIAL, name)
    for key, value in facts.items():
        if key == "sources":
            for source in value:
                stated = source["sha256"] or "none is stated"
                console.say(f"{'source':14}{source['url']}")
                console.say(f"{'':14}SHA-256, as others state it: {stated}")
        elif value not in (None, ""):
            console.say(f"{key.replace('_', ' '):14}{value}")


@models.command()
def pull(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME…", help="As `vidcolor models list` has them.", show_default=False
        ),
    ],
    force: Annotated[bool, typer.Option("--force", "-f", help="Fetch again what is here.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings and errors.")] = False,
    json_lines: Annotated[bool, _JSON] = False,
) -> None:
    """Fetch a generator's weights from where their authors, or mirrors, publish them.

    An interrupted download goes on where it stopped; a file gets its name only when
    size and digest are right. Proxies are found in HTTPS_PROXY and NO_PROXY.

    [bold]Examples[/bold]

      vidcolor models pull deoldify-video
      VIDCOLOR_HOME=/scratch/vidcolor vidcolor models pull ddcolor siggraph17
    """
    from vidcolor.generators.store.download import pull as fetch
    from vidcolor.generators.store.registry import PACKAGED, record_of, registry_entries

    console = Console(quiet=quiet, json_lines=json_lines)
    entries = registry_entries()
    for name in names:
        if name == PACKAGED:
            console.say(f"{name}: comes with vidcolor; there is nothing to fetch")
            continue
        if name not in entries:
            raise UsageError(
                f"{name!r} is no model that can be fetched: choose from {', '.join(entries)};"
                " `vidcolor models import FILE` takes files of your own"
            )
        entry = entries[name]
        if not entry.commercial:
            console.warn(f"{_NOT_COMMERCIAL} ({entry.license})", name)
        label = Path(name)
        try:
            path = fetch(entry, partial(_report, console, label), force=force)
        except KeyboardInterrupt as stop:
            stop.add_note("what has come is kept, and the same command goes on from there")
            raise
        finally:
            console.end_progress(label)
        record = record_of(path)
        stated = record is not None and record.stated
        console.event("pulled", name=name, path=str(path), digest_was_stated=stated)
        console.say(f"{name}: {path} ({_megabytes(path.stat().st_size)}, {entry.license})")
        if not stated and record is not None:
            console.warn(
                f"nobody states a digest of this file, so it could not be checked; it is"
                f" {record.sha256}",
                name,
            )


def _report(console: Console, label: Path, done: int, total: int | None) -> None:
    console.progress(Progress(label, "fetch", done, total))


@models.command("import")
def import_model(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help=".pth .pt .bin .ckpt .safetensors .onnx", show_default=False
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(help="What to call it. Default: its architecture's name, or the file's."),
    ] = None,
    license: Annotated[str, typer.Option(help="Of the weights, for `models show`.")] = "",
    non_commercial: Annotated[
        bool, typer.Option("--non-commercial", help="Say loudly that its license forbids trade.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Replace what has that name.")
    ] = False,
    json_lines: Annotated[bool, _JSON] = False,
) -> None:
    """Take a weights file of your own: found out, checked key by key, and made safe.

    A checkpoint of ECCV16, SIGGRAPH17, DeOldify or DDColor, as published or
    fine-tuned, becomes safetensors; no code in it is run. An ONNX file is copied,
    with the NAME.onnx.toml that describes it if vidcolor cannot tell.

    [bold]Examples[/bold]

      vidcolor models import ColorizeVideo_gen.pth --name deoldify-mine
      vidcolor models import facefusion/ddcolor.onnx --license Apache-2.0
    """
    from vidcolor.generators.store.importer import import_weights
    from vidcolor.generators.store.registry import record_of

    console = Console(json_lines=json_lines)
    path = import_weights(file, name, license, not non_commercial, force)
    record = record_of(path)
    assert record is not None
    console.event("imported", name=path.stem, path=str(path), architecture=record.architecture)
    size = _megabytes(record.bytes)
    console.say(f"{path.stem}: {record.architecture}, {size}, SHA-256 {record.sha256}, in {path}")


@models.command()
def export(
    name: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="As --model of `vidcolor colorize`.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The file.", show_default=False)],
    vividness: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Written into the file, for embedded and its like."),
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=1, metavar="PIXELS", help="As for `vidcolor colorize`.")
    ] = None,
    fixed: Annotated[
        bool, typer.Option("--fixed", help="Take squares of that size only, for TensorRT and such.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace an existing file.")] = False,
    json_lines: Annotated[bool, _JSON] = False,
) -> None:
    """Write a generator as an ONNX file, and check that ONNX Runtime answers as torch does.

    On processors without bfloat16 instructions ONNX Runtime is the faster of the
    two. What it takes and gives stands in the file, so it needs no sidecar here.

    [bold]Examples[/bold]

      vidcolor models export embedded embedded.onnx
      vidcolor colorize reel.mov --model embedded.onnx
    """
    from vidcolor.fileio import check_target
    from vidcolor.generators import load_generator
    from vidcolor.generators.onnx_export import export as write

    console = Console(json_lines=json_lines)
    if out.suffix != ".onnx":
        raise UsageError(f"{out}: must end in .onnx")
    check_target(out, [Path(name)], force)
    generator = load_generator(name, "cpu", "fp32", size)
    if vividness is not None and not generator.has_vividness:
        raise UsageError(f"model {name!r} has one vividness only: leave --vividness out")
    console.say(f"{name}: tracing it, which can take a minute")
    done = write(generator, out, vividness, fixed)
    console.event("exported", path=str(out), difference=done.difference)
    console.say(
        f"{out}: {_megabytes(out.stat().st_size)}; differs from torch by {done.difference:.0e} of"
        " the range at most"
    )


@models.command()
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME…]", help="Default: all that are here.", show_default=False),
    ] = None,
    json_lines: Annotated[bool, _JSON] = False,
) -> None:
    """Read weights that are here again, and hold their digests against those that they came with.

    Exit code 1 if any is damaged or cannot be used.
    """
    from vidcolor.digests import sha256_file
    from vidcolor.generators.onnx import load_onnx
    from vidcolor.generators.store.registry import PACKAGED, installed, record_of
    from vidcolor.generators.store.weights import path_of, read_weights

    console = Console(json_lines=json_lines)
    bad = 0
    for name in names or [PACKAGED, *installed()]:
        path = path_of(name)
        record = record_of(path)
        state = "good"
        try:
            digest = sha256_file(path)
            if path.suffix == ".onnx":
                load_onnx(path, "cpu")
            else:
                read_weights(name)
        except VidcolorError as error:
            bad += 1
            console.failed(str(error))
            continue
        if name != PACKAGED and record is None:
            state = "can be read; nothing is known of its digest"
        elif record is not None and not record.stated:
            state = "good, by the digest that it came with"
        console.event("verified", name=name, path=str(path), sha256=digest, state=state)
        console.say(f"{name}: {state}; SHA-256 {digest}")
    if bad:
        raise typer.Exit(1)


@models.command("path")
def path_of_model(name: Annotated[str, _NAME]) -> None:
    """Print where a generator's weights are, for scripts."""
    from vidcolor.generators.store.weights import path_of

    typer.echo(path_of(name))


def _megabytes(size: int | None) -> str:
    return "?" if size is None else f"{size / 1e6:.0f} MB"


def _packaged_size() -> int:
    from vidcolor.generators.store.registry import PACKAGED
    from vidcolor.generators.store.weights import path_of

    return path_of(PACKAGED).stat().st_size


def _packaged_facts() -> dict[str, Any]:
    from vidcolor.generators.store.weights import PACKAGED as PACKAGES
    from vidcolor.generators.store.weights import packaged_file

    own = PACKAGES["embedded"]
    return {
        "name": own.name,
        "title": "vidcolor's own",
        "task": "films, with hints",
        "license": own.license,
        "commercial": True,
        "path": str(packaged_file(own.file)),
        "sha256": own.sha256,
        "card": str(packaged_file(own.card)),
    }


def _facts(row: ModelInfo) -> dict[str, Any]:
    """What scripts and `show` get."""
    entry, record = row.entry, row.record
    facts: dict[str, Any] = {"name": row.name}
    if entry is not None:
        facts |= {"title": entry.title, "task": entry.task, "look": entry.look}
    facts |= {
        "architecture": record.architecture if record else entry.architecture if entry else "",
        "license": row.license,
        "commercial": row.commercial,
        "note": entry.note if entry else "",
        "project": entry.project if entry else "",
        "bytes": row.bytes,
        "path": str(row.path) if row.path else None,
        "sha256": record.sha256 if record else None,
        "origin": record.origin if record else None,
    }
    if entry is not None:
        facts["sources"] = [dataclasses.asdict(source) for source in entry.sources]
    return facts
