"""Values of options from configuration files and from the environment.

From the strongest to the weakest: the command line; the variables ``VIDCOLOR_COLORIZE_DEVICE`` and
``VIDCOLOR_DEVICE``; the tables ``[colorize]`` and ``[defaults]`` of the file of the project; those
of the file of the user. Click receives the values as its `default_map`.
"""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

import typer

from vidcolor.cli.groups import DEFAULT_COMMAND
from vidcolor.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vidcolor.option import Option

FILE_NAME = "vidcolor.toml"
CONFIG_VARIABLE = "VIDCOLOR_CONFIG"
"""Environment variable: the only configuration file to read; empty for none."""
SHARED_TABLE = "defaults"
"""Table of the options that have the same meaning in several commands."""
_COMMAND_LINE_ONLY = ("out", "remove")
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
        kinds, text = _TOML_TYPES.get(self.kind, ((str, int, float), "text or a number"))
        items = value if isinstance(value, list) and self.is_list else [value]
        for item in items:
            if not isinstance(item, kinds) or (isinstance(item, bool) and self.kind is not bool):
                raise UsageError(f"{origin}: {self.key} must be {text}, got {item!r}")
        if self.kind is Path:
            items = [str(folder / Path(item).expanduser()) for item in items]
        elif self.kind not in _TOML_TYPES:
            items = [str(item) for item in items]
        return self._check(items if self.is_list else items[0], origin)

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
            self.parameter.process_value(None, value)
        except typer.BadParameter as error:
            message = simplify_message(error.message)
            text = f" {message}, got {value!r}" if message.startswith("must") else f": {message}"
            raise UsageError(f"{origin}: {self.key}{text}") from None
        return ConfigValue(value, origin)


def simplify_message(text: str) -> str:
    """Reword messages of pydantic, which are meant for programmers."""
    return text.replace("Value error, ", "").replace("Input should be", "must be").rstrip(".?")


def get_settings(command: Any) -> dict[str, Setting]:
    """Return the options of a command by each of their names."""
    parameters = inspect.signature(command.callback, eval_str=True).parameters
    settings, shared = {}, list(_list_shared_options().values())
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


@dataclass(frozen=True)
class ConfigFile:
    """A configuration file."""

    path: Path
    text: str
    tables: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> ConfigFile:
        """Read a file.

        Raises:
            InputError: the file cannot be read.
            UsageError: the file is not valid TOML.
        """
        import tomllib

        try:
            text = path.read_text(encoding="utf-8-sig")
            return cls(path, text, tomllib.loads(text))
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None
        except ValueError as error:  # also a UnicodeDecodeError
            raise UsageError(f"{path}: not valid TOML: {error}") from None

    def get_table(self, name: str) -> dict[str, Any]:
        """Return a table such as ``evaluate.film``; {} if the file does not have it."""
        table: Any = self.tables
        for part in filter(None, name.split(".")):
            table = table.get(part, {}) if isinstance(table, dict) else {}
        return table if isinstance(table, dict) else {}

    def locate(self, table: str, key: str) -> str:
        """Return file and line of a key, or only the file if the line is not found."""
        current = ""
        for number, line in enumerate(self.text.splitlines(), 1):
            word = line.partition("#")[0].strip()
            current = word.strip("[] ") if word.startswith("[") else current
            is_key = current == table and word.partition("=")[0].strip(" \"'") == key
            if is_key or (word.startswith("[") and current == f"{table}.{key}".strip(".")):
                return f"{self.path}, line {number}"
        return str(self.path)

    def check_keys(self, program: Any) -> None:
        """Check that every table belongs to a command, and every key to one of its options.

        Raises:
            UsageError: a table or key is unknown, or allowed on the command line only.
        """
        for name, table in self.tables.items():
            if not isinstance(table, dict):
                raise UsageError(
                    f"{self.locate('', name)}: {name!r} is not in the table of a command, such as "
                    f"[{SHARED_TABLE}] or [colorize]"
                )
            self._check_name("", name, [SHARED_TABLE, *program.commands])
            if name != SHARED_TABLE:
                self._check_table(name, program.commands[name])
        for key in self.get_table(SHARED_TABLE):
            self._check_name(SHARED_TABLE, key, [*_list_shared_options()])

    def _check_table(self, name: str, command: Any) -> None:
        commands = getattr(command, "commands", {DEFAULT_COMMAND: command})
        settings = get_settings(commands[DEFAULT_COMMAND]) if DEFAULT_COMMAND in commands else {}
        known = [key for key, setting in settings.items() if setting.is_configurable]
        for key, value in self.get_table(name).items():
            setting = settings.get(key.replace("_", "-"))
            if isinstance(value, dict) and key in commands and key != DEFAULT_COMMAND:
                self._check_table(f"{name}.{key}", commands[key])
            elif setting is None:
                subcommands = [key for key in commands if key != DEFAULT_COMMAND]
                self._check_name(name, key, known + subcommands)
            elif not setting.is_configurable:
                place = self.locate(name, key)
                raise UsageError(f"{place}: {key!r} is allowed on the command line only")

    def _check_name(self, table: str, key: str, known: list[str]) -> None:
        from vidcolor.schema import suggest

        if (name := key.replace("_", "-")) not in known:
            kind, place = ("key", f" in [{table}]") if table else ("table", "")
            hint = suggest(name, known)
            raise UsageError(f"{self.locate(table, key)}: unknown {kind} {key!r}{place}{hint}")

    def find_values(self, name: str, settings: dict[str, Setting]) -> dict[str, ConfigValue]:
        """Return the values for a command by parameter; those of its own table are stronger.

        Args:
            name: command, with a dot instead of a space: ``evaluate.film``.
            settings: options of the command.

        Raises:
            UsageError: a value is invalid; the message names the line.
        """
        values = {}
        for table in (SHARED_TABLE, name):
            for key, value in self.get_table(table).items():
                setting = settings.get(key.replace("_", "-"))
                if setting and (setting.is_shared or table == name):
                    item = setting.read_toml(value, self.path.parent, self.locate(table, key))
                    values[setting.parameter.name] = item
        return values


def _list_shared_options() -> dict[str, Option]:
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


def list_paths() -> dict[str, Path | None]:
    """Return the path of each kind of configuration file, the weaker first; None if there is none.

    The file of the project is searched in the current folder and its parents, up to the home folder
    or the root of a git repository.
    """
    if (path := os.environ.get(CONFIG_VARIABLE)) is not None:
        return {CONFIG_VARIABLE: Path(path) if path else None}
    return {"user": user_directory() / FILE_NAME, "project": _find_project_file()}


def user_directory() -> Path:
    """Return the directory of the user's configuration file."""
    import platformdirs

    return platformdirs.user_config_path("vidcolor", appauthor=False)


def _find_project_file() -> Path | None:
    try:
        folders = [Path.cwd(), *Path.cwd().parents]
    except OSError:  # the current folder was removed
        return None
    for folder in folders:
        if is_file(folder / FILE_NAME):
            return folder / FILE_NAME
        is_home = str(folder) == os.path.expanduser("~")  # noqa: PTH111  # without HOME, Path fails
        if is_home or os.path.exists(folder / ".git"):  # noqa: PTH110  # see `is_file`
            break
    return None


def is_file(path: Path) -> bool:
    """Return whether a file exists; false if its folder may not be read, as in some containers."""
    return os.path.isfile(path)  # noqa: PTH113  # Path.is_file raises a PermissionError


def read_files() -> list[ConfigFile]:
    """Read the configuration files that exist, the weaker first."""
    return [
        ConfigFile.read(path)
        for kind, path in list_paths().items()
        if path is not None and (is_file(path) or kind == CONFIG_VARIABLE)
    ]


def find_values(command: Any, name: str, files: list[ConfigFile]) -> dict[str, ConfigValue]:
    """Return the configured values of a command by parameter; see `ConfigFile.find_values`."""
    settings = get_settings(command)
    values: dict[str, ConfigValue] = {}
    for file in files:
        values |= file.find_values(name, settings)
    for setting in settings.values():
        if value := setting.read_variable(*_list_variables(name, setting)):
            values[setting.parameter.name] = value
    return values


def _list_variables(name: str, setting: Setting) -> list[str]:
    """Return the environment variables that set an option of a command, the stronger one first."""
    keys = (
        [f"{name}.{setting.key}", setting.key] if setting.is_shared else [f"{name}.{setting.key}"]
    )
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
        for variable in _list_variables(name, setting)
    ]
    return [
        f"environment variable {name} has no effect{suggest(name, known)}"
        for name in names
        if name not in known
    ]


class DefaultMap(dict[str, Any]):
    """The `default_map` of a group. The values of a command are looked up when it starts."""

    def __init__(self, group: Any, files: list[ConfigFile], name: str = "") -> None:
        super().__init__()
        self._group, self._files, self._name = group, files, name

    def get(self, name: str, default: Any = None) -> Any:
        """Return the values of a command by parameter, or the map of a subgroup."""
        command = self._group.commands.get(name or DEFAULT_COMMAND)
        path = f"{self._name}.{name}".strip(".")
        if command is None:
            return default
        if hasattr(command, "commands"):
            return DefaultMap(command, self._files, path)
        values = find_values(command, path, self._files)
        return {key: item.value for key, item in values.items()}


def make_default_map(group: Any) -> DefaultMap:
    """Read the configuration files and return the `default_map` of the program.

    Raises:
        InputError: a file cannot be read.
        UsageError: a file is not valid.
    """
    files = read_files()
    for file in files:
        file.check_keys(group)
    return DefaultMap(group, files)
