"""Job lists: one row per film, photo or folder, each with its own options.

    input,output,start,end,hints,for
    reels/1931-mill.mov,,,,mill.json,editing
    reels/harbor.mkv,graded/harbor.mp4,1:30,4:10,,

In JSON each row is an object, in a list or in the value of the key ``jobs``. Paths are relative to
the folder of the job list. The options of the command line apply where a row has no value.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from vidcolor.batch.discover import discover, merge_tasks
from vidcolor.batch.task import LeftOut, Task
from vidcolor.errors import UsageError, VidcolorError
from vidcolor.fileio import check_target_url, join_path
from vidcolor.options import ColorizeOptions, Reference
from vidcolor.project.store import is_project_name
from vidcolor.schema import read_rows, suggest

if TYPE_CHECKING:
    from collections.abc import Mapping


def list_columns(model: type[ColorizeOptions] = ColorizeOptions) -> dict[str, str]:
    """Return the columns for options, and the field of the model that each sets.

    A column has the name of a flag, such as ``gray-from`` or ``grey-from``, or of the field.
    """
    columns: dict[str, str] = {}
    for field, option in model.options().items():
        if option.in_job_list:
            flags = [flag.removeprefix("--") for flag in option.flags or ()]
            columns |= dict.fromkeys([*flags, field.replace("_", "-")], field)
    return columns


def read_job_list(
    path: Path,
    out_dir: Path | None,
    options: ColorizeOptions,
    left_out: list[LeftOut] | None = None,
) -> list[Task]:
    """Read the tasks of a job list: CSV if its suffix is ``.csv``, otherwise JSON.

    Where a row has no value, `options` apply. Results of rows without an output are written to
    `out_dir`, or beside each source. `left_out` receives what is left out of folders.

    Raises:
        InputError: the job list cannot be read.
        UsageError: a row is not valid; the message contains the file and the row number.
    """
    numbers = [
        column.replace("-", "_")
        for column, field in list_columns(type(options)).items()
        if {float, Fraction} & _list_types(options, field)
    ]
    example = '{"input": "reel.mov"}'
    rows = read_rows(path, "a job list", "jobs", example, decimal_columns=numbers)
    if not rows:
        columns = ", ".join(("input", "output", *list_columns(type(options))))
        raise UsageError(f"{path}: contains no rows; the columns are {columns}")
    tasks: list[Task] = []
    for number, row in enumerate(rows, 1):
        tasks += _make_tasks(row, f"{path}: row {number}", path.parent, out_dir, options, left_out)
    return merge_tasks(tasks)


def _make_tasks(
    row: Mapping[str, Any],
    location: str,
    folder: Path,
    out_dir: Path | None,
    options: ColorizeOptions,
    left_out: list[LeftOut] | None,
) -> list[Task]:
    """Return the task of a row, or several; `location` is the file and the row for messages."""
    values = {key.strip().lower().replace("_", "-"): value for key, value in row.items()}
    if len(values) < len(row):
        raise UsageError(f"{location}: a column is given twice, in two spellings; remove one")
    source, out = values.pop("input", None), values.pop("output", None)
    if not isinstance(source, str):
        raise UsageError(f"{location}: has no input; add the path of a film, photo or folder")
    columns = list_columns(type(options))
    for key in values:
        if key not in columns:
            known = ["input", "output", *columns]
            raise UsageError(f"{location}: unknown column {key!r}{suggest(key, known)}")
    given = [columns[key] for key in values]
    for field in given:
        if given.count(field) > 1:
            raise UsageError(f"{location}: {options.flag(field)[2:]} is given twice; remove one")
    row_options = options
    try:
        fields = ((columns[key], value) for key, value in values.items())
        converted = {f: _convert(options, f, v, folder) for f, v in fields}
        if "shots" in converted and is_project_name(Path(source)):
            converted["shots"] = values["shots"]  # numbers instead of a shot list
        row_options = options.replace(**converted)
        if out is not None:
            check_target_url(Path(str(out)))
        target = None if out is None else folder / str(out)
        directory = None if target else out_dir
        tasks = discover([join_path(folder, source)], target, directory, row_options, left_out)
    except UsageError as error:
        raise UsageError(f"{location}: {str(error).removeprefix('--')}") from None
    except VidcolorError as error:  # a source that cannot be read must not stop the others
        return [Task("film", folder / source, folder / source, row_options, error=error)]
    return [replace(task, given=tuple(given)) for task in tasks]


def _list_types(options: ColorizeOptions, field: str) -> set[Any]:
    """Return the types that an option may have."""
    annotation = type(options).model_fields[field].annotation
    return {annotation, *get_args(annotation)}


def _convert(options: ColorizeOptions, field: str, value: Any, folder: Path) -> Any:
    """Return a value as on the command line, with a path relative to the job list."""
    kinds = _list_types(options, field)
    if Reference in kinds:
        items = value if isinstance(value, list) else [value]
        return [join_path(folder, str(item)) for item in items]
    if Path in kinds:
        return join_path(folder, str(value))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value  # 0.1 is then exactly 1/10
