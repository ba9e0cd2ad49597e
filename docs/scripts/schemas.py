"""Writes docs/schemas/*.json, the JSON Schemas of files of vidcolor. Run it with `make schemas`.

The version in ``$id`` rises when a file that was valid before becomes invalid.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

sys.path.insert(0, str(Path(__file__).parents[2]))

import typer.main
from pydantic import TypeAdapter

from vidcolor.batch.manifest import list_columns
from vidcolor.batch.report.schema import Report
from vidcolor.cli import app
from vidcolor.cli.settings import Setting, get_settings, list_commands
from vidcolor.evaluation.report import EvaluationReport, FilmReport, HintReport
from vidcolor.film.resume import FORMAT_VERSION, SavedPlan
from vidcolor.film.workdir import ProgressRecord, SegmentResult
from vidcolor.hints.io import COLOR_ALIAS, HintRow
from vidcolor.options import ColorizeOptions
from vidcolor.project.document import VERSION, ProjectFile
from vidcolor.project.options import PROJECT_OPTIONS
from vidcolor.schema import STORED
from vidcolor.shots.shot_list import ShotRow
from vidcolor.training.report import LogRow

STORED["use_attribute_docstrings"] = True

DIRECTORY = Path(__file__).parents[1] / "schemas"
MODELS: dict[str, tuple[type, int, str, str]] = {
    "report": (Report, 1, "Report", "The file that `--report FILE.json` writes."),
    "evaluation": (
        EvaluationReport,
        1,
        "Evaluation",
        "The file of `vidcolor evaluate -o FILE.json`.",
    ),
    "film-evaluation": (
        FilmReport,
        1,
        "Evaluation of a film",
        "The file of `vidcolor evaluate film -o FILE.json`.",
    ),
    "hint-evaluation": (
        HintReport,
        1,
        "Evaluation of hints in a film",
        "The file of `vidcolor evaluate hints -o FILE.json`.",
    ),
    "training-log": (
        LogRow,
        1,
        "Line of a training log",
        "Each line of the file log.jsonl of a training run.",
    ),
    "project": (
        ProjectFile,
        VERSION,
        "Project",
        "The file of `vidcolor project`. Fields that it does not name are kept.",
    ),
    "plan": (SavedPlan, FORMAT_VERSION, "Plan", "The file plan.json of a work directory."),
    "segment": (
        SegmentResult,
        FORMAT_VERSION,
        "Segment",
        "The file done.json of each finished segment in a work directory.",
    ),
    "progress": (
        ProgressRecord,
        FORMAT_VERSION,
        "Progress",
        "The file progress.json of a work directory.",
    ),
}
"""Files that programs write: model, version, title and description, by file name."""
_WITHOUT_DEFAULTS = ("evaluation", "film-evaluation", "project", "training-log")
"""Files that omit fields with their default value."""

_CONSTRAINTS = ("type", "items", "enum", "minimum", "maximum", "exclusiveMinimum")


def main() -> None:
    """Write all schemas, and delete those of files that no longer exist."""
    schemas = make_schemas()
    for path in DIRECTORY.glob("*.json"):
        if path.stem not in schemas:
            path.unlink()
    for name, schema in schemas.items():
        text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        (DIRECTORY / f"{name}.json").write_text(text, encoding="utf-8", newline="\n")


def make_schemas() -> dict[str, dict[str, Any]]:
    """Return all schemas by file name without suffix."""
    schemas = {}
    for name, (model, *texts) in MODELS.items():
        schema = TypeAdapter(model).json_schema(mode="serialization")
        for part in (schema, *schema.get("$defs", {}).values()):
            if name in _WITHOUT_DEFAULTS and "required" in part:
                fields = part["properties"]
                part["required"] = [k for k in part["required"] if "default" not in fields[k]]
        if name == "project":
            schema["properties"]["options"] |= _make_project_options()
        schemas[name] = _finish(name, schema, *texts)
    tables = {
        "hints": (make_hint_row(), "hints", "Hint file", "The file of `--hints` in JSON."),
        "shot-list": (
            _make_row(ShotRow),
            "shots",
            "Shot list",
            "The file of `vidcolor shots FILM -o FILE.json` and `--shots`.",
        ),
        "job-list": (make_job_row(), "jobs", "Job list", "The file of `--job-list` in JSON."),
    }
    for name, (row, key, *texts) in tables.items():
        definitions = row.pop("$defs", {})
        rows = {"type": "array", "items": row, "minItems": 1}
        table = {
            "$defs": definitions | {"rows": rows},
            "anyOf": [
                {"$ref": "#/$defs/rows"},
                {
                    "type": "object",
                    "properties": {"version": {"const": 1}, key: {"$ref": "#/$defs/rows"}},
                    "required": [key],
                },
            ],
        }
        schemas[name] = _finish(name, table, 1, *texts)
    text = "The file vidcolor.toml, with the options of each command in a table of its name."
    schemas["config"] = _finish("config", make_config(), 1, "Configuration file", text)
    return schemas


def _finish(
    name: str, schema: dict[str, Any], version: int, title: str, description: str
) -> dict[str, Any]:
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:vidcolor:schema:{name}:{version}",
        "title": title,
        "description": description,
    }
    return head | {key: _simplify(value) for key, value in schema.items() if key not in head}


def _simplify(value: Any) -> Any:
    """Remove titles that repeat the names of fields, and refuse unknown keys everywhere."""
    if isinstance(value, list):
        return [_simplify(item) for item in value]
    if not isinstance(value, dict):
        return value
    simple = {k: _simplify(v) for k, v in value.items() if k != "title" or not isinstance(v, str)}
    if value.get("format") == "fraction":
        simple["description"] = f"{value.get('description', '')} A fraction such as 1/25.".strip()
        del simple["format"]
    keeps_unknown = value.get("additionalProperties") is True
    if "properties" in value and "version" not in value["properties"] and not keeps_unknown:
        simple["additionalProperties"] = False
    return simple


def _make_row(model: type) -> dict[str, Any]:
    return TypeAdapter(model).json_schema(mode="validation")


def make_hint_row() -> dict[str, Any]:
    """Return the schema of a hint, which may have the British key of its color."""
    row = _make_row(HintRow)
    row["properties"][COLOR_ALIAS] = row["properties"]["color"]
    row["required"] = ["x", "y"]
    row["oneOf"] = [{"required": ["color"]}, {"required": [COLOR_ALIAS]}]
    return row


def make_job_row() -> dict[str, Any]:
    """Return the schema of a row of a job list; its keys are the columns."""
    options = _make_row(ColorizeOptions)
    path = {"type": "string"}
    columns = {
        "input": path | {"description": "Film, photo, folder or pattern."},
        "output": path | {"description": "Path of the result."},
    }
    for column, field in list_columns().items():
        values = options["properties"][field]
        kinds = [
            {key: value for key, value in kind.items() if key in _CONSTRAINTS}
            for kind in values.get("anyOf", [values])
            if "$ref" not in kind.get("items", {})
        ]
        if field == "encoder_options":
            kinds = [
                {"type": "string", "description": "KEY=VALUE; spaces between several."},
                {"type": "object"},
            ]
        columns[column] = {"description": values["description"], "anyOf": kinds}
    return {
        "type": "object",
        "properties": columns,
        "required": ["input"],
        "additionalProperties": False,
    }


def _make_project_options() -> dict[str, Any]:
    """Return the schema of the options of a project, in the form in which it stores them."""
    options = TypeAdapter(ColorizeOptions).json_schema(mode="serialization")["properties"]
    return {
        "properties": {name: options[name] for name in PROJECT_OPTIONS},
        "additionalProperties": False,
    }


def make_config() -> dict[str, Any]:
    """Return the schema of the configuration file; its tables are commands, its keys options."""

    def make_table() -> dict[str, Any]:
        return {"type": "object", "properties": {}, "additionalProperties": False}

    tables, shared = make_table(), make_table()
    tables["properties"]["defaults"] = shared
    for name, command in list_commands(typer.main.get_command(app)):
        table = tables
        for part in name.split("."):
            table = table["properties"].setdefault(part, make_table())
        for key, setting in get_settings(command).items():
            if setting.is_configurable:
                values = _make_setting(setting)
                table["properties"][key] = values
                if setting.is_shared:
                    shared["properties"].setdefault(key, values)
    return tables


def _make_setting(setting: Setting) -> dict[str, Any]:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", Path: "string"}
    kind: dict[str, Any] = {"type": kinds.get(setting.kind, ["string", "number"])}
    if get_origin(setting.kind) is Literal:
        kind = {"enum": list(get_args(setting.kind))}
    values = {"anyOf": [kind, {"type": "array", "items": kind}]} if setting.is_list else kind
    return {"description": setting.parameter.help or "", **values}


if __name__ == "__main__":
    main()
