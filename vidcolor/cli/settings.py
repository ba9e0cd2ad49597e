"""Options of commands that configuration files and environment variables can set.

pydantic-settings is not used, because it does not know the options of Typer, and its errors do not
name file and line.
"""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import typer

from vidcolor.cli.groups import DEFAULT_COMMAND
from vidcolor.errors import UsageError
from vidcolor.fileio import join_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vidcolor.option import Option

CONFIG_VARIABLE = "VIDCOLOR_CONFIG"
"""Environment variable: the only configuration file to read; empty for none."""
_COMMAND_LINE_ONLY = ("out", "sheet", "remove")
"""Options without metadata that name the files of one run, or that discard work."""
VARIABLES = {
    CONFIG_VARIABLE: "the only configuration file to read; empty for none",
    "VIDCOLOR_HOME": "directory of downloaded weights",
    "VIDCOLOR_TRACEBACK": "1 to print the traceback of an error",
}
"""Environment variables that are not options."""
_TOML_TYPES: dict[Any, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "an integer"),
    float: ((int, float), "a number"),
    str: ((str,), "text"),
    Path: ((str,), "a path"),
}
"""TOML types of an option, and how messages describe them. Other options are parsed from text."""


@dataclass(frozen=True, slots=True)
class ConfigValue:
    """A value and where it comes from."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Setting:
    """An option of a command."""

    parameter: Any
    """The option of Click."""
    key: str
    """Preferred name on the command line, without dashes."""
    kind: Any
    """Type of the value, or of each item if the option is repeatable."""
    is_shared: bool
    """Whether it may be in `SHARED_TABLE`."""
    is_configurable: bool
    """Whether it may be set in other places than the command line."""

    @property
    def is_list(self) -> bool:
        """Whether the value is a list."""
        return bool(self.parameter.multiple or self.parameter.nargs != 1)

    def read_toml(self, value: Any, folder: Path, origin: str) -> ConfigValue:
        """Check the type of a TOML value; paths are relative to `folder`."""
        kinds, text = self._toml_type()
        items = value if isinstance(value, list) and self.is_list else [value]
        for item in items:
            is_valid = isinstance(item, kinds) and item != ""
            if not is_valid or (isinstance(item, bool) and self.kind is not bool):
                raise UsageError(f"{origin}: {self.key} must be {text}, got {item!r}")
        if self.kind is Path:
            items = [str(join_path(folder, str(Path(item).expanduser()))) for item in items]
        elif self.kind not in _TOML_TYPES:
            items = [str(item) for item in items]
        return self._check(items if self.is_list else items[0], origin)

    def _toml_type(self) -> tuple[tuple[type, ...], str]:
        """Return the TOML types of an item, and how messages describe them."""
        if get_origin(self.kind) is Literal:
            return (str,), f"one of {', '.join(get_args(self.kind))}"
        kinds, text = _TOML_TYPES.get(self.kind, ((str, int, float), "text or a number"))
        if self.kind is str and self.parameter.metavar:
            text += f" such as {self.parameter.metavar!r}"
        return kinds, f"{text}, or a list of these" if self.is_list else text

    def read_variable(self, *names: str) -> ConfigValue | None:
        """Return the value of the first environment variable that is set."""
        for name in names:
            if text := os.environ.get(name):
                separator = os.pathsep if self.kind is Path else None
                value = text.split(separator) if self.is_list else text
                return self._check(value, f"environment variable {name}")
        return None

    def _check(self, value: Any, origin: str) -> ConfigValue:
        try:
            result = self.parameter.process_value(None, value)
        except typer.BadParameter as error:
            message = describe_bad_value(error, self.parameter)
            separator = " " if message.startswith("must ") else ": "
            raise UsageError(f"{origin}: {self.key}{separator}{message}") from None
        return ConfigValue(result if self.kind in (bool, int, float) else value, origin)


def describe_bad_value(error: Any, parameter: Any) -> str:
    """Return the fault of a value that Typer rejects, in the words of other messages."""
    from pydantic import Field, ValidationError

    from vidcolor.schema import describe_fault

    text = str(error.message)
    if isinstance(error.__cause__, ValidationError):
        limits = Field(ge=getattr(parameter, "min", None), le=getattr(parameter, "max", None))
        text = describe_fault(error.__cause__.errors(include_url=False)[0], limits)
    return text.rstrip(".?")


def get_settings(command: Any) -> dict[str, Setting]:
    """Return the options of a command by each of their names."""
    parameters = inspect.signature(command.callback, eval_str=True).parameters
    settings, shared = {}, list(list_shared_options().values())
    for parameter in command.params:
        if parameter.param_type_name != "option" or parameter.name not in parameters:
            continue
        key, *others = [name[2:] for name in parameter.opts if name.startswith("--")]
        kind, info, *_ = (*get_args(parameters[parameter.name].annotation), None)
        metadata = getattr(info, "metadata", None)
        is_configurable = not parameter.required and key not in _COMMAND_LINE_ONLY
        if metadata is not None:
            is_configurable = metadata.in_config
        setting = Setting(parameter, key, _item_type(kind), metadata in shared, is_configurable)
        settings.update(dict.fromkeys((key, *others), setting))
    return settings


def _item_type(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        annotation = get_args(annotation)[0]
    return get_args(annotation)[0] if get_origin(annotation) in (list, tuple) else annotation


def list_shared_options() -> dict[str, Option]:
    """Return the options that have the same meaning in several commands, by all their names."""
    from vidcolor.cli.params import ConsoleOptions
    from vidcolor.options import ColorizeOptions

    return {
        flag[2:]: option
        for model in (ColorizeOptions, ConsoleOptions)
        for name, option in model.options().items()
        if option.in_config
        for flag in option.flags or (model.flag(name),)
    }


def list_variables(name: str, setting: Setting) -> list[str]:
    """Return the environment variables that set an option of a command, the stronger one first."""
    keys = [f"{name}.{setting.key}", setting.key][: 2 if setting.is_shared else 1]
    names = [f"VIDCOLOR_{key}".upper().replace("-", "_").replace(".", "_") for key in keys]
    return names if setting.is_configurable else []


def list_commands(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the name and the command of all commands, such as ``evaluate.film``."""
    for name, command in group.commands.items():
        path = f"{prefix}.{'' if name == DEFAULT_COMMAND else name}".strip(".")
        if hasattr(command, "commands"):
            yield from list_commands(command, path)
        else:
            yield path, command


def list_unknown_variables(group: Any) -> list[str]:
    """Return a message for each environment variable that seems to be misspelled."""
    from vidcolor.schema import suggest

    names = [n for n in os.environ if n.startswith("VIDCOLOR_") and n not in VARIABLES]
    if not names:
        return []
    known = [
        variable
        for name, command in list_commands(group)
        for setting in get_settings(command).values()
        for variable in list_variables(name, setting)
    ]
    return [
        f"environment variable {name} has no effect{suggest(name, known)}"
        for name in names
        if name not in known
    ]
