"""What the commands of `vidcolor project` print."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vidcolor.cli.console import format_table
from vidcolor.errors import InputError
from vidcolor.timecode import format_frames, format_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vidcolor.cli.console import Console
    from vidcolor.project.api import Project
    from vidcolor.project.approvals import ShotState
    from vidcolor.project.rows import Change, Changes
    from vidcolor.project.views import ProjectShot

_STATES: tuple[ShotState, ...] = ("open", "changed", "approved")


def print_change(console: Console, project: Project, change: Change | None) -> None:
    """Print one recorded change, or that there is none."""
    from vidcolor.project.describe import summarize_changes

    if change is None:
        console.event("unchanged", project=str(project.path), revision=project.revision)
        console.info(f"{project.path}: nothing to change")
        return
    console.event("change", project=str(project.path), **change.to_json())
    summary = summarize_changes(change.changes)
    console.info(f"{project.path}: revision {change.revision}: {change.do}: {summary}")


def print_reverted(console: Console, project: Project, change: Change, target: Change) -> None:
    """Print a change that takes back or repeats another one."""
    from vidcolor.project.describe import summarize_changes

    console.event("change", project=str(project.path), **change.to_json())
    summary = summarize_changes(change.changes)
    console.info(
        f"{project.path}: revision {change.revision}: {change.do} of revision {target.revision} "
        f"({target.do}): {summary}"
    )


def print_summary(console: Console, project: Project) -> None:
    """Print the source, the options, and the numbers of shots, hints and decisions."""
    from vidcolor.project.describe import format_value

    values = summarize(project)
    source = values["source"]
    found = source["found"] or f"missing, was {source['path']}"
    rate = f", {source['rate']} fps" if source["rate"] else ""
    states = ", ".join(f"{count} {state}" for state, count in values["states"].items() if count)
    corrected = values["corrections"]
    rows = {
        "source": f"{found}: {format_frames(source['num_frames'])}, "
        f"{source['width']}×{source['height']}{rate}",
        "options": ", ".join(f"{k} {format_value(v)}" for k, v in values["options"].items())
        or "defaults",
        "shots": f"{values['shots']} ({states})"
        + (f", {corrected} corrected boundaries" if corrected else ""),
        "hints": str(values["hints"]),
        "references": str(values["references"]),
        "decisions": f"{values['decisions']} by people",
        "revision": f"{values['revision']}, {values['changed_at']} by {values['changed_by']}",
    }
    console.result([f"{name:12}{value}" for name, value in rows.items()], values)


def summarize(project: Project) -> dict[str, Any]:
    """Return the values of a project for JSON."""
    from vidcolor.project.describe import find_corrections

    document = project.document
    row = document.source
    try:
        found: str | None = str(project.find_source())
        problem = None
    except InputError as error:
        found, problem = None, str(error)
    states = [shot.state for shot in project.shots]
    last = project.history[-1]
    return {
        "project": str(project.path),
        "revision": last.revision,
        "changed_at": last.at,
        "changed_by": last.by,
        "source": {**row.to_json(), "rate": row.rate, "found": found, "problem": problem},
        "options": dict(document.options),
        "shots": len(project.shots),
        "states": {state: states.count(state) for state in _STATES},
        "corrections": len(find_corrections(document)),
        "hints": len(project.hints),
        "references": len(project.references),
        "decisions": project.num_decisions,
    }


def print_shots(console: Console, project: Project, shots: Iterable[ProjectShot]) -> None:
    """Print one line or JSON event for each shot."""
    rows: list[Sequence[str]] = [
        ("shot", "start", "frames", "begins with", "state", "hints", "refs", "decisions")
    ]
    titles = project.find_titles()
    for shot in shots:
        values = describe_shot(project, shot, titles)
        console.event("shot", **values)
        rows.append(_make_shot_row(values))
    for line in format_table(rows, right_aligned=(0, 1, 2, 5, 6)):
        console.info(line)


def describe_shot(
    project: Project, shot: ProjectShot, titles: Mapping[int, float]
) -> dict[str, Any]:
    """Return the values of a shot for JSON. The start is in seconds; None if it is unknown.

    `titles` are those of `Project.find_titles`.
    """
    from vidcolor.project.options import SHOT_OPTIONS

    row, source = shot.row, project.document.source
    origin = project.options.start or Fraction(0)
    start = None if source.rate is None else float(origin + shot.first / Fraction(source.rate))
    return {
        "shot": shot.number,
        "first_frame": shot.first,
        "last_frame": shot.end - 1,
        "start": None if start is None else round(start, 3),
        "transition": row.transition,
        "mixed_frames": row.mixed_frames,
        "kind": row.kind,
        "recognized_title": titles.get(shot.index),
        "state": shot.state,
        "approved": None if row.approved is None else row.approved.to_json(),
        "options": {k: v for k in SHOT_OPTIONS if (v := getattr(row, k)) is not None},
        "note": row.note,
        "evidence": row.evidence,
        "hints": [hint.to_json() for hint in shot.hints],
        "references": [reference.to_json() for reference in shot.references],
    }


def _make_shot_row(values: dict[str, Any]) -> tuple[str, ...]:
    mixed = f" {values['mixed_frames']}" if values["mixed_frames"] else ""
    texts = [f"{name} {value:g}" for name, value in values["options"].items()]
    texts += [values["kind"]] if values["kind"] else []
    texts += ["recognized as a title"] if values["recognized_title"] is not None else []
    texts += [values["note"]] if values["note"] else []
    return (
        str(values["shot"]),
        "" if values["start"] is None else format_time(values["start"]),
        f"{values['first_frame']}-{values['last_frame']}",
        f"{values['transition']}{mixed}",
        values["state"],
        str(len(values["hints"]) or ""),
        str(len(values["references"]) or ""),
        "; ".join(texts),
    )


def print_shot_details(console: Console, project: Project, shots: Sequence[ProjectShot]) -> None:
    """Print everything about some shots: one JSON event each, or several lines."""
    titles = project.find_titles()
    for shot in shots:
        values = describe_shot(project, shot, titles)
        console.event("shot", **values)
        names = ("start", "frames", "begins with", "state", "hints", "references", "decisions")
        cells = dict(zip(names, _make_shot_row(values)[1:], strict=True))
        if values["approved"]:
            cells["state"] += f" by {values['approved']['by']}"
        console.info(f"shot {values['shot']}")
        rows = [(name, cells[name]) for name in ("frames", "begins with", "state", "decisions")]
        rows += [("evidence", values["evidence"] or "")]
        rows += [(f"hint {h['id']}", _describe_hint(h)) for h in values["hints"]]
        rows += [(f"reference {r['id']}", _describe_reference(r)) for r in values["references"]]
        for name, text in rows:
            if text:
                console.info(f"  {name:14}{text}")


def _describe_hint(row: dict[str, Any]) -> str:
    return _join_person(
        f"frame {row['frame']}: {row['color']} at {row['x']},{row['y']}"
        + (f" radius {row['radius']}" if "radius" in row else ""),
        row,
    )


def _describe_reference(row: dict[str, Any]) -> str:
    return _join_person(f"frame {row['frame']}: {row['path']}", row)


def _join_person(text: str, row: dict[str, Any]) -> str:
    person = f" ({row['by']}, {row['at']})" if "by" in row and "at" in row else ""
    evidence = f", evidence: {row['evidence']}" if "evidence" in row else ""
    return f"{text}{evidence}{person}"


def print_log(console: Console, changes: Iterable[Change]) -> None:
    """Print one line or JSON event for each change."""
    from vidcolor.project.describe import find_evidence, summarize_changes

    rows = []
    for change in changes:
        console.event("change", **change.to_json())
        text = summarize_changes(change.changes)
        if target := change.undoes or change.redoes:
            text = f"revision {target}: {text}"
        evidence = find_evidence(change)
        text += f" (evidence: {evidence})" if evidence else ""
        rows.append((str(change.revision), change.at, change.by, change.do, text))
    for line in format_table(rows, right_aligned=(0,)) if rows else []:
        console.info(line)


def print_differences(console: Console, changes: Changes) -> None:
    """Print one line for each changed row, or one JSON object."""
    from vidcolor.project.describe import describe_changes

    lines = describe_changes(changes) or ["no difference"]
    console.result(lines, {"changes": changes})
