"""Parameters of commands, derived from the metadata of options.

`expand_options` replaces a parameter whose type is an `OptionsModel` by one parameter for each of
its fields, and a `Console` by its own options. `make_option` makes the parameter of a single field
for commands that need a few of them.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import typer

from vidcolor.cli.completion import complete_device, complete_model, complete_precision
from vidcolor.cli.console import Console
from vidcolor.errors import VidcolorError
from vidcolor.media.containers import list_extensions
from vidcolor.option import Option, OptionsModel
from vidcolor.options import ColorizeOptions, Reference

INPUT_PANEL = "Input"
COLOR_PANEL = "Color"
TIME_PANEL = "Time"
OUTPUT_PANEL = "Output"
EXECUTION_PANEL = "Execution"
LOGGING_PANEL = "Logging"
_PANELS = (
    *(INPUT_PANEL, "Length", "Training", COLOR_PANEL, TIME_PANEL),
    *(OUTPUT_PANEL, EXECUTION_PANEL, LOGGING_PANEL),
)
"""Order of the panels in the help text."""
_COMPLETIONS = {
    "model": complete_model,
    "models": complete_model,
    "device": complete_device,
    "precision": complete_precision,
}
"""Functions that complete the value of a field in the shell."""


class RunFiles(OptionsModel):
    """The job list and the outputs of a run of colorize or recolor."""

    # fmt: off
    job_list: Annotated[Path | None, Option(
        group=INPUT_PANEL, metavar="FILE", in_config=False,
        help="CSV or JSON file with one row per film, photo or folder: input, output and options."
        )] = None
    out: Annotated[Path | None, Option(
        group=OUTPUT_PANEL, flags=("--out", "-o"), in_config=False,
        help=f"Output file: {' '.join(list_extensions())}, a photo, or out_%06d.png for numbered "
        "frames. Default: NAME.color.EXT beside the source.")] = None
    out_dir: Annotated[Path | None, Option(
        group=OUTPUT_PANEL, metavar="DIR",
        help="Output directory; the structure of input folders is kept.")] = None
    reports: Annotated[tuple[Path, ...], Option(
        group=OUTPUT_PANEL, flags=("--report",), metavar="FILE", in_config=False,
        help="Also write a report of the run as .json or .html; repeatable.")] = ()
    dry_run: Annotated[bool, Option(
        group=OUTPUT_PANEL, in_config=False,
        help="For projects: print which shots would be rendered, and why; write nothing.")] = False
    # fmt: on


class ConsoleOptions(OptionsModel):
    """Options of the console; see `Console`."""

    # fmt: off
    quiet: Annotated[bool, Option(
        group=LOGGING_PANEL, flags=("--quiet", "-q"), in_config=False,
        help="Print only warnings and errors.")] = False
    verbose: Annotated[bool, Option(
        group=LOGGING_PANEL, flags=("--verbose", "-v"), in_config=False,
        help="Also print debug messages, warnings of libraries and tracebacks.")] = False
    json_lines: Annotated[bool, Option(
        group=LOGGING_PANEL, flags=("--json",), in_config=False,
        help="Print one JSON object per line on standard output.")] = False
    log_file: Annotated[Path | None, Option(
        group=LOGGING_PANEL, metavar="FILE",
        help="Append all messages with time stamps to this file.")] = None
    progress_url: Annotated[str | None, Option(
        group=LOGGING_PANEL, metavar="URL",
        help="Send the events of --json to this HTTP URL too, as POST requests; a failure of the "
        "endpoint does not stop the run.")] = None
    # fmt: on


def make_option(name: str, model: type[OptionsModel] = ColorizeOptions) -> Any:
    """Return the Typer option of a field."""
    option, kind = model.options()[name], _parameter_type(model, name)
    flags = option.flags or (f"--{name.replace('_', '-')}",)
    if kind is bool:
        # A value of a configuration file needs a flag that resets it.
        flags = (f"{flags[0]}/--no{flags[0][1:]}" if option.in_config else flags[0], *flags[1:])
    limits: dict[str, Any] = {}
    if kind in (int, float):
        limits = {"min": option.ge, "max": option.le}
    info = typer.Option(
        *flags,
        metavar=option.metavar,
        help=option.help.replace("[", "\\["),  # not markup of Rich
        parser=option.parse,
        autocompletion=_COMPLETIONS.get(name),
        rich_help_panel=option.group,
        show_default=kind is not bool,
        **limits,
    )
    info.metadata = option
    return info


def _parameter_type(model: type[OptionsModel], name: str) -> Any:
    """Return the type of a field on the command line."""
    annotation = model.model_fields[name].annotation
    kinds = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    kind = Path if Path in kinds else kinds[0]
    if get_origin(kind) is not tuple:
        return kind
    item = get_args(kind)[0]
    if get_origin(item) is Annotated:
        item = get_args(item)[0]
    if item is Reference:
        return list[Path]  # so that the shell completes file names; the model parses PATH@TIME
    return list[str] if get_origin(item) else list[item]  # type: ignore[valid-type]


@dataclass(frozen=True)
class Fields:
    """Annotation of a parameter for `expand_options`: which fields become parameters."""

    only: tuple[str, ...] = ()
    """Names of the fields; empty for all."""
    omit: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Default values that differ from those of the model."""


def expand_options(command: Callable[..., None]) -> Callable[..., None]:
    """Replace the parameters of type `OptionsModel` and `Console` by one for each option.

    The command receives validated options, and a console that prints as requested.
    """
    signature = inspect.signature(command, eval_str=True)
    makers: dict[str, tuple[Callable[..., object], list[str]]] = {}
    own, expanded = [], []
    has_context = "context" in signature.parameters
    if not has_context:
        kind = inspect.Parameter.KEYWORD_ONLY
        own.append(inspect.Parameter("context", kind, annotation=typer.Context))
    for parameter in signature.parameters.values():
        kind, *metadata = get_args(parameter.annotation) or (parameter.annotation,)
        if not (isinstance(kind, type) and issubclass(kind, OptionsModel | Console)):
            own.append(parameter)
            continue
        model: type[OptionsModel] = ConsoleOptions if issubclass(kind, Console) else kind
        new = _make_parameters(model, *metadata)
        makers[parameter.name] = kind, [p.name for p in new]
        expanded += new

    @functools.wraps(command)
    def run(**values: Any) -> None:
        given = {key: v for key, v in values.items() if key != "context" and v not in (None, False)}
        context = values["context"] if has_context else values.pop("context")
        with contextlib.ExitStack() as stack, _named_origins(context):
            # The console is made first: the log also receives the errors of other options.
            for name in sorted(makers, key=lambda name: makers[name][0] is not Console):
                make, fields = makers[name]
                values[name] = made = make(**{key: values.pop(key) for key in fields})
                if isinstance(made, Console):
                    stack.enter_context(made.open_log(given))
                    stack.enter_context(made.open_events())
            command(**values)

    parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in sorted(own + expanded, key=_panel_index)]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


@contextlib.contextmanager
def _named_origins(context: typer.Context) -> Iterator[None]:
    """Add the files and variables that set the options to errors about these options."""
    try:
        yield
    except VidcolorError as error:
        # See `vidcolor.cli.configuration.CommandDefaults`, which is above this module.
        if describe := getattr(context.default_map, "describe_origins", None):
            error.args = (f"{error}{describe(context, str(error))}",)
        raise


def list_given(context: typer.Context) -> list[str]:
    """Return the names of the parameters that the command line sets."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return [name for name, source in sources.items() if source and source.name == "COMMANDLINE"]


def _panel_index(parameter: inspect.Parameter) -> int:
    panels = [getattr(item, "rich_help_panel", None) for item in get_args(parameter.annotation)]
    return max((_PANELS.index(panel) for panel in panels if panel in _PANELS), default=-1)


def _make_parameters(
    model: type[OptionsModel], selection: Fields = Fields()
) -> list[inspect.Parameter]:
    names = [
        name
        for name, option in model.options().items()
        if option.flags is not None
        and name not in selection.omit
        and (not selection.only or name in selection.only)
    ]
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=selection.defaults.get(name, model.model_fields[name].default),
            annotation=Annotated[_parameter_type(model, name) | None, make_option(name, model)],
        )
        for name in names
    ]


Inputs = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="INPUT",
        help="Films, photos, folders, quoted patterns ('reels/*.mov') or numbered frames "
        "(scan_%06d.dpx).",
        show_default=False,
    ),
]


# Options of the model that other commands share
Device = Annotated[str, make_option("device")]
Force = Annotated[bool, make_option("force")]
ModelSize = Annotated[int | None, make_option("size")]
Out = Annotated[Path | None, make_option("out", RunFiles)]
Precision = Annotated[str, make_option("precision")]
ShotList = Annotated[
    Path | None,
    typer.Option(
        "--shots",
        metavar="FILE",
        help="Shot list written by `vidcolor shots`, or an EDL. Default: shots are detected.",
        rich_help_panel=TIME_PANEL,
    ),
]
WorkDirectory = Annotated[Path | None, make_option("work_dir")]
