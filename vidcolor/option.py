"""Models of options whose fields carry their own metadata: flags, help, limits and uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from annotated_types import Ge, GroupedMetadata, Gt, Le
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from vidcolor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


TaskKind = Literal["film", "photo", "sequence"]


@dataclass(frozen=True, kw_only=True)
class Option(GroupedMetadata):
    """Everything about an option besides its name, type and default."""

    help: str
    group: str
    """Group of the option in the help text."""
    flags: tuple[str, ...] | None = ()
    """Flags on the command line, the preferred one first. Empty for the name of the field; None for
    an option that the command line sets in another way."""
    metavar: str | None = None
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    parse: Callable[[str], Any] | None = None
    """Converts text to a value, for types other than text, numbers, paths and choices. It raises
    a ValueError that states what to write."""
    tasks: tuple[TaskKind, ...] = get_args(TaskKind)
    """Kinds of tasks that the option has an effect on."""
    in_fingerprint: bool = True
    """Whether the result depends on the value."""
    in_job_list: bool = True
    """Whether a row of a job list may set it."""
    in_config: bool = True
    """Whether a configuration file or the environment may set it. Options of one film may not."""

    def __iter__(self) -> Iterator[object]:
        """Yield the constraints for pydantic."""
        yield Field(description=self.help)
        limits = ((Ge, self.ge), (Gt, self.gt), (Le, self.le))
        yield from (kind(value) for kind, value in limits if value is not None)
        if self.parse is not None:
            parse = self.parse
            yield BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


class OptionsModel(BaseModel):
    """Base of models whose fields have an `Option`. Invalid values raise `UsageError`."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    if not TYPE_CHECKING:  # a type checker derives the arguments from the fields

        def __init__(self, **values: Any) -> None:
            try:
                super().__init__(**values)
            except ValidationError as error:
                from vidcolor.schema import describe_error

                message = describe_error(error, type(self), type(self).flag)
                fault = error.errors()[0]
                if fault["type"] == "value_error" and fault["loc"]:
                    message = f"{self.flag(str(fault['loc'][0]))}: {message}"
                raise UsageError(f"{self._error_prefix(values)}{message}") from None

    @classmethod
    def _error_prefix(cls, values: Mapping[str, Any]) -> str:
        """Return the start of error messages."""
        return ""

    @classmethod
    def options(cls) -> dict[str, Option]:
        """Return the `Option` of each field that has one."""
        return {
            name: item
            for name, field in cls.model_fields.items()
            for item in field.metadata
            if isinstance(item, Option)
        }

    @classmethod
    def flag(cls, field: str) -> str:
        """Return the preferred flag of a field, for example ``--for`` of ``purpose``."""
        option = cls.options().get(field)
        return option.flags[0] if option and option.flags else f"--{field.replace('_', '-')}"

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other values of some fields.

        Raises:
            UsageError: the values are invalid.
        """
        values = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self)(**(values | changes))

    __replace__ = replace  # for copy.replace

    def to_json(self) -> dict[str, Any]:
        """Return all fields as plain values."""
        return {name: _plain(value) for name, value in self}


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction | Path):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, OptionsModel):
        return value.to_json()
    return value
