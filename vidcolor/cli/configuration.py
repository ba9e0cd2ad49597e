"""Values of options from configuration files and from the environment.

From the strongest to the weakest: the command line; the variables ``VIDCOLOR_COLORIZE_DEVICE`` and
``VIDCOLOR_DEVICE``; the tables ``[colorize]`` and ``[defaults]`` of the file of the project; those
of the file of the user. Click receives the values as its `default_map`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcolor.cli.groups import DEFAULT_COMMAND
from vidcolor.cli.settings import (
    CONFIG_VARIABLE,
    ConfigValue,
    Setting,
    get_settings,
    list_shared_options,
    list_variables,
)
from vidcolor.errors import InputError, UsageError, VidcolorError

FILE_NAME = "vidcolor.toml"
SHARED_TABLE = "defaults"
"""Table of the options that have the same meaning in several commands."""


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
        except UnicodeDecodeError:
            raise UsageError(f"{path}: not valid TOML: save the file as UTF-8") from None
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}: not valid TOML: {error}") from None

    def get_table(self, name: str) -> dict[str, Any]:
        """Return a table such as ``evaluate.film``; {} if the file does not have it."""
        table: Any = self.tables
        for part in filter(None, name.split(".")):
            table = table.get(part, {}) if isinstance(table, dict) else {}
        return table if isinstance(table, dict) else {}

    def locate(self, table: str, key: str) -> str:
        """Return file and line of a key, or only the file if the line is not found."""
        current, wanted = "", f"{table}.{key}".strip(".")
        for number, line in enumerate(self.text.splitlines(), 1):
            name = re.sub(r"[\s\"'\[\]]", "", re.split("[=#]", line)[0])
            if line.lstrip().startswith("["):
                current = name
            elif name:
                name = f"{current}.{name}".strip(".")
            if name == wanted:
                return f"{self.path}, line {number}"
        return str(self.path)

    def check_keys(self, program: Any) -> None:
        """Check that every table belongs to a command, and every key to one of its options.

        Raises:
            UsageError: a table or key is unknown, or allowed on the command line only.
        """
        for name, table in self.tables.items():
            tables = [SHARED_TABLE, *program.commands]
            if not isinstance(table, dict):
                place = self.locate("", name)
                if name in tables:
                    raise UsageError(f"{place}: {name} must be a table; write [{name}]")
                raise UsageError(
                    f"{place}: {name!r} is not in the table of a command, such as "
                    f"[{SHARED_TABLE}] or [colorize]"
                )
            self._check_name("", name, tables)
            if name != SHARED_TABLE:
                self._check_table(name, program.commands[name])
        for key in self.get_table(SHARED_TABLE):
            self._check_name(SHARED_TABLE, key, [*list_shared_options()])

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
            hint = suggest(name.lower(), known)
            raise UsageError(f"{self.locate(table, key)}: unknown {kind} {key!r}{place}{hint}")

    def find_values(self, name: str, settings: dict[str, Setting]) -> dict[str, ConfigValue]:
        """Return the values for a command by parameter; those of its own table are stronger.

        Args:
            name: command, with a dot instead of a space: ``evaluate.film``.
            settings: options of the command.

        Raises:
            UsageError: a value is invalid; the message names the line.
        """
        values: dict[str, ConfigValue] = {}
        keys: dict[tuple[str, str], str] = {}
        for table in (SHARED_TABLE, name):
            for key, value in self.get_table(table).items():
                setting = settings.get(key.replace("_", "-"))
                if setting and (setting.is_shared or table == name):
                    origin, parameter = self.locate(table, key), setting.parameter.name
                    if keys.setdefault((table, parameter), key) != key:
                        other = keys[table, parameter]
                        raise UsageError(f"{origin}: {key!r} is the same option as {other!r}")
                    values[parameter] = setting.read_toml(value, self.path.parent, origin)
        return values


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
        if exists(folder / FILE_NAME):
            return folder / FILE_NAME
        is_home = str(folder) == os.path.expanduser("~")  # noqa: PTH111  # without HOME, Path fails
        if is_home or os.path.exists(folder / ".git"):  # noqa: PTH110  # see `exists`
            break
    return None


def exists(path: Path) -> bool:
    """Return whether a file exists; false if its folder may not be read, as in some containers.

    A broken link and a directory exist, so that reading them is reported as an error.
    """
    return os.path.lexists(path)  # Path.exists raises a PermissionError


def list_files() -> list[Path]:
    """Return the paths of the configuration files to read, the weaker first."""
    return [
        path
        for kind, path in list_paths().items()
        if path is not None and (exists(path) or kind == CONFIG_VARIABLE)
    ]


def read_files() -> list[ConfigFile]:
    """Read the configuration files, the weaker first."""
    return [ConfigFile.read(path) for path in list_files()]


def find_values(command: Any, name: str, files: list[ConfigFile]) -> dict[str, ConfigValue]:
    """Return the configured values of a command by parameter; see `ConfigFile.find_values`."""
    settings = get_settings(command)
    values: dict[str, ConfigValue] = {}
    for file in files:
        values |= file.find_values(name, settings)
    for setting in settings.values():
        if value := setting.read_variable(*list_variables(name, setting)):
            values[setting.parameter.name] = value
    return values


class DefaultMap(dict[str, Any]):
    """The `default_map` of a group. The values of a command are looked up when it starts.

    Args:
        group: the program, or a group of commands.
        files: configuration files, the weaker first.
        name: name of the group; empty for the program.
        ignore_errors: whether a command has no values if one of them is invalid.
    """

    def __init__(
        self, group: Any, files: list[ConfigFile], name: str = "", ignore_errors: bool = False
    ) -> None:
        super().__init__()
        self._group, self._files, self._name = group, files, name
        self._ignore_errors = ignore_errors

    def get(self, name: str, default: Any = None) -> Any:
        """Return the values of a command by parameter, or the map of a subgroup."""
        command = self._group.commands.get(name or DEFAULT_COMMAND)
        path = f"{self._name}.{name}".strip(".")
        if command is None:
            return default
        if hasattr(command, "commands"):
            return DefaultMap(command, self._files, path, self._ignore_errors)
        try:
            values = find_values(command, path, self._files)
        except UsageError:
            if not self._ignore_errors:
                raise
            values = {}
        return CommandDefaults(values)


class CommandDefaults(dict[str, Any]):
    """The configured values of a command by parameter, and where each comes from."""

    def __init__(self, values: dict[str, ConfigValue]) -> None:
        super().__init__({key: item.value for key, item in values.items()})
        self._values = values

    def describe_origins(self, context: Any, message: str) -> str:
        """Return the origin of each configured option that a message names, or its value."""
        origins = []
        for parameter in context.command.params:
            source = context.get_parameter_source(parameter.name)
            item = self._values.get(parameter.name)
            if item is not None and source is not None and source.name == "DEFAULT_MAP":
                words = [*parameter.opts, *([item.value] if isinstance(item.value, str) else [])]
                if any(re.search(rf"(?<![\w-]){re.escape(w)}(?![\w-])", message) for w in words):
                    origins.append(f"{parameter.opts[0]} is set by {item.origin}")
        return f" ({'; '.join(origins)})" if origins else ""


def make_default_map(group: Any, ignore_errors: bool = False) -> DefaultMap:
    """Read the configuration files and return the `default_map` of the program.

    Args:
        group: the program.
        ignore_errors: whether invalid files and values are ignored instead.

    Raises:
        InputError: a file cannot be read.
        UsageError: a file is not valid.
    """
    try:
        files = read_files()
        for file in files:
            file.check_keys(group)
    except VidcolorError:
        if not ignore_errors:
            raise
        files = []
    return DefaultMap(group, files, ignore_errors=ignore_errors)
