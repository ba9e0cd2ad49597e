"""`vidcolor colorize` at work: what is printed while it goes through its items."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcolor.cli.console import clock
from vidcolor.errors import UsageError
from vidcolor.fileio import check_target, refuse_overwriting
from vidcolor.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.batch.discover import Task
    from vidcolor.batch.runner import BatchSummary, TaskResult
    from vidcolor.cli.console import Console
    from vidcolor.film.pipeline import FilmResult
    from vidcolor.options import ColorizeOptions
    from vidcolor.photo import PhotoResult

_FRAME_SUFFIXES = (".dpx", ".exr")


def color_everything(
    inputs: Sequence[Path],
    job_list: Path | None,
    out: Path | None,
    out_dir: Path | None,
    options: ColorizeOptions,
    reports: Sequence[Path],
    also_read: Sequence[Path],
    console: Console,
) -> int:
    """Color what was named and say what came of it; the exit code.

    Args:
        inputs: as on the command line, like all that follow.
        job_list: names more of them.
        out: where the result goes.
        out_dir: where results go.
        options: with hints as rows.
        reports: to be written.
        also_read: files that hints and references came from.
        console: to say it on.

    Raises:
        VidcolorError: nothing can be done at all.
    """
    from vidcolor.batch.runner import BatchSummary, run_tasks
    from vidcolor.colorizer import Colorizer
    from vidcolor.film.engines.select import films_at_once, open_engine

    _check_reports(reports, inputs, options)
    items = _items(inputs, job_list, out, out_dir, options)
    confidence = (options.confidence,) if options.confidence is not None else ()
    refuse_overwriting(also_read, (*(item.target for item in items), *reports, *confidence))
    _announce(inputs, items, console)
    colorizer = Colorizer.of(options)
    tally, began = BatchSummary(), time.monotonic()
    _count(tally, items, console)

    def started(item: Task) -> None:
        console.event("start", kind=item.kind, source=str(item.source), target=str(item.target))
        if item.kind != "photo":
            console.say(f"{item.source}: a {item.kind}, to {item.target}")

    try:
        with open_engine(options, colorizer) as engine:
            for outcome in run_tasks(
                items,
                options,
                colorizer,
                engine=engine,
                films_at_once=films_at_once(options) if len(items) > 1 else 1,
                started=started,
                progress=console.progress,
            ):
                tally.outcomes.append(outcome)
                _tell(outcome, options, console)
                _count(tally, items, console)
    finally:
        console.end_progress()
    _sum_up(tally, time.monotonic() - began, console)
    _write_reports(reports, tally, options)
    return _exit_code(tally, options)


def _items(
    inputs: Sequence[Path],
    job_list: Path | None,
    out: Path | None,
    out_dir: Path | None,
    options: ColorizeOptions,
) -> list[Task]:
    from vidcolor.batch.discover import check_collisions, discover
    from vidcolor.batch.manifest import read_job_list

    if not inputs and job_list is None:
        raise UsageError(
            "no INPUT: name a film, photo or folder, or a --job-list; see vidcolor colorize --help"
        )
    items = discover(inputs, out, out_dir, options) if inputs else []
    if job_list is not None:
        if out is not None:
            raise UsageError("--out names one file; name outputs in the job list, or use --out-dir")
        items += read_job_list(job_list, out_dir, options)
        check_collisions(items)
    return items


def _exit_code(tally: BatchSummary, options: ColorizeOptions) -> int:
    errors = [o.error for o in tally.outcomes if o.error is not None]
    if len(tally.outcomes) == 1 and errors:
        return errors[0].exit_code
    lost = any(o.damaged and not (o.item.options or options).allow_damaged for o in tally.outcomes)
    return 1 if errors or lost else 0


def _announce(inputs: Sequence[Path], items: Sequence[Task], console: Console) -> None:
    """Say what was found in folders."""
    for path in inputs:
        inside = [i for i in items if path in i.source.parents]
        if not inside:
            continue
        kinds = Counter(i.kind for i in inside)
        found = " and ".join(f"{n} {kind}{'s' * (n != 1)}" for kind, n in sorted(kinds.items()))
        targets = {i.target.parent for i in inside}
        console.say(f"{path}: a folder with {found}, to {Path(os.path.commonpath(targets))}")
        if len(inside) > 1 and all(i.source.suffix.lower() in _FRAME_SUFFIXES for i in inside):
            console.warn(
                "its pictures are colored one by one; if they are the frames of a film, say "
                "--fps 24",
                path,
            )


def _tell(outcome: TaskResult, options: ColorizeOptions, console: Console) -> None:
    """One line for what came of an item, and one for each warning."""
    item, result = outcome.item, outcome.result
    options = item.options or options
    if item.kind != "photo":
        console.end_progress(item.source)
    if outcome.skipped:
        console.event("skipped", source=str(item.source), target=str(item.target))
        console.say(f"{item.target}: done before")
    if outcome.error is not None:
        text, code = str(outcome.error), outcome.error.exit_code
        console.failed(text, source=str(item.source), exit_code=code)
    if result is None:
        return
    for warning in result.warnings:
        console.warn(warning, item.source)
    console.event("done", **_facts(outcome))
    console.say(f"{item.target}: {_summary(outcome)}")
    if result.damaged and not options.allow_damaged:
        console.warn(
            f"is damaged: {item.target} holds what could be read; exit code 1 without "
            "--allow-damaged",
            item.source,
        )


def _summary(outcome: TaskResult) -> str:
    result = outcome.result
    if result is None or outcome.item.kind == "photo":
        return f"done in {clock(result.seconds)}" if result else ""
    frames = f"{result.num_frames} frame{'s' * (result.num_frames != 1)}"
    resumed = getattr(result, "resumed_frames", 0)
    before = f" ({resumed} of them by an earlier run)" if resumed else ""
    return f"{frames}{before} in {clock(result.seconds)}, {_rate(result):.1f} fps"


def _facts(outcome: TaskResult) -> dict[str, Any]:
    result = outcome.result
    if result is None:
        return {}
    return {
        "kind": outcome.item.kind,
        "source": str(result.source),
        "target": str(result.target),
        "frames": result.num_frames,
        "seconds": round(result.seconds, 3),
        "warnings": list(result.warnings),
        "damaged": result.damaged,
        "resumed_frames": getattr(result, "resumed_frames", 0),
        "recipe": result.provenance.recipe,
    }


def _count(tally: BatchSummary, items: Sequence[Task], console: Console) -> None:
    """Move the bar of a run over several films or photographs."""
    done, total = len(tally.outcomes), len(items)
    if total < 2:
        return
    whole = Path(os.path.commonpath([i.source.absolute().parent for i in items]))
    if done == total:
        console.end_progress(whole)
    elif any(item.kind != "photo" for item in items):
        console.progress(Progress(whole, "films", done, total))
    elif done:
        console.progress(Progress(whole, "pictures", done, total))


def _sum_up(tally: BatchSummary, seconds: float, console: Console) -> None:
    done, skipped, failed = (tally.count(w) for w in ("done", "skipped", "failed"))
    damaged = tally.count("damaged")
    console.event(
        "summary",
        done=done,
        skipped=skipped,
        failed=failed,
        damaged=damaged,
        seconds=round(seconds, 3),
    )
    if len(tally.outcomes) > 1:
        for line in _table(tally.outcomes):
            console.say(line)
        lost = f" ({damaged} of them damaged)" if damaged else ""
        console.say(
            f"{done} done{lost}, {skipped} done before, {failed} failed, in {clock(seconds)}"
        )


def _table(outcomes: Sequence[TaskResult]) -> list[str]:
    """What came of each film, and of what failed, in columns."""
    rows = [_row(o) for o in outcomes if o.item.kind != "photo" or o.error is not None]
    if not any(o.item.kind != "photo" for o in outcomes):
        return []
    rows.insert(0, ("", "frames", "time", "speed", "film"))
    widths = [max(len(row[n]) for row in rows) for n in range(4)]
    return [
        f"{row[0]:{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  "
        f"{row[3]:>{widths[3]}}  {row[4]}"
        for row in rows
    ]


def _row(outcome: TaskResult) -> tuple[str, str, str, str, str]:
    item, result = outcome.item, outcome.result
    if result is None:
        state = "done before" if outcome.skipped else "failed"
        return state, "", "", "", str(item.source)
    state = "damaged" if result.damaged else "done"
    speed = f"{_rate(result):.1f} fps"
    return state, str(result.num_frames), clock(result.seconds), speed, str(item.source)


def _rate(result: FilmResult | PhotoResult) -> float:
    """Frames a second that this run colored."""
    made = result.num_frames - getattr(result, "resumed_frames", 0)
    return made / max(result.seconds, 1e-9)


def _check_reports(
    reports: Sequence[Path], sources: Sequence[Path], options: ColorizeOptions
) -> None:
    """Find out before the work, not after it, that a report cannot be written."""
    for path in reports:
        if path.suffix.lower() not in (".json", ".html"):
            raise UsageError(f"{path}: a report is a .json or an .html file")
        check_target(path, sources, options.force)


def _write_reports(reports: Sequence[Path], tally: BatchSummary, options: ColorizeOptions) -> None:
    if not reports:
        return
    from vidcolor.batch.report.schema import records_of
    from vidcolor.batch.report.write import write_report

    records = records_of(tally, options)
    for path in reports:
        write_report(path, records)
