"""One film, from source to result: plan, render what is not rendered yet, join, tidy up.

All of it happens in a work directory (`film.workdir`), so that whatever ends the work costs no
finished segment: the same request goes on from there.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcolor.colorizer import Colorizer
from vidcolor.concurrency import single_threaded_opencv
from vidcolor.errors import InputError, OutputError, UsageError
from vidcolor.fileio import check_companion, describe_os_error
from vidcolor.film.analysis import FilmAnalysis, analyze_film
from vidcolor.film.confidence import confidence_encoding
from vidcolor.film.engines.local import Engine, LocalEngine
from vidcolor.film.fingerprint import differences, render_fingerprint, source_fingerprint
from vidcolor.film.join import check_mux, join
from vidcolor.film.plan import FilmPlan, default_target, plan_film, refuse_existing
from vidcolor.film.segment import Encoding, Job, Rendered
from vidcolor.film.segment_reader import SegmentReader
from vidcolor.film.segments import split_segments
from vidcolor.film.shot_uncertainty import ShotUncertainty
from vidcolor.film.sources import FilmSource
from vidcolor.film.workdir import WorkDir, remove_stale, work_path
from vidcolor.hints.tracking import HINT_TRACKS_FILE, HintTrackIndex, track_hints
from vidcolor.media.concat import part_encoder
from vidcolor.media.sequence import SEQUENCE_MUXER, ImageSequence
from vidcolor.media.writer import check_rate
from vidcolor.options import ColorizeOptions
from vidcolor.progress import Progress, ProgressCallback
from vidcolor.provenance import Provenance
from vidcolor.recolor import NO_COLOR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vidcolor.film.sources import FrameSource

_TOLD_EVERY_S = 1.0
_planning = threading.Lock()
"""Encoders are tried out one at a time: what FFmpeg says of them goes through one log."""


@dataclass(frozen=True, slots=True)
class FilmResult:
    """What came of a film."""

    source: Path
    target: Path
    num_frames: int
    seconds: float
    """Wall-clock time that it took."""
    warnings: tuple[str, ...]
    damaged: bool
    """True if the source lost frames, or is cut off: the result holds what could be read."""
    provenance: Provenance
    plan: FilmPlan
    doubts: tuple[ShotUncertainty, ...] = ()
    """Every shot, with the regions in it whose color is least certain."""
    resumed_frames: int = 0
    """Frames that an earlier run, which did not come to its end, had colored."""

    @property
    def frames_per_second(self) -> float:
        """Speed at which the frames of this run were colored."""
        return (self.num_frames - self.resumed_frames) / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class FilmRequest:
    """A film, or a sequence, that is to be colored."""

    source: Path
    target: Path
    files: Sequence[Path]
    """What the source consists of; never written to."""
    options: ColorizeOptions
    colorizer: Colorizer
    make_plan: Callable[[], FilmPlan]
    opener: Callable[[FilmPlan], FrameSource]
    engine: Engine
    sequence: ImageSequence | None = None
    """The source, if it is one."""
    progress: ProgressCallback | None = None


@single_threaded_opencv()
def colorize_film(
    source: Path | str,
    target: Path | str | None = None,
    options: ColorizeOptions | None = None,
    *,
    colorizer: Colorizer | None = None,
    engine: Engine | None = None,
    progress: ProgressCallback | None = None,
) -> FilmResult:
    """Color a film: same luma, same time stamps, same sound, subtitles, chapters and tags.

    Where an earlier call with the same arguments did not come to its end, this one goes on from
    what it had finished.

    Args:
        source: any film that FFmpeg reads; it is only ever read.
        target: where the result goes (.mp4, .mov, .mkv, .webm, .mxf, or ``out_%06d.png`` for
            single pictures); beside the source if None.
        options: what is wanted; the defaults of the command line if None.
        colorizer: a loaded generator, to be used again; loaded from the options if None.
        engine: what renders the film's segments; `colorizer`, in this process, if None. The
            options' `workers`, `threads` and `engine` are for whoever makes one: see
            `vidcolor.film.engines.select.engine_of`.
        progress: called after every frame; with an engine, from any thread.

    Raises:
        InputError: the source cannot be read, or has no frame in the wanted time.
        UsageError: the target exists, or the request contradicts itself.
        OutputError: the result cannot be written.
        WeightsError: the generator's weights are missing or damaged.
        BusyError: the same film is being colored by somebody else.
    """
    source, options = Path(source), options or ColorizeOptions()
    if not source.exists():
        raise InputError(f"{source}: no such file")
    path = Path(target) if target else default_target(source, options)
    colorizer = colorizer or Colorizer.of(options)
    colorizer.check(options)

    def opener(plan: FilmPlan) -> FrameSource:
        return FilmSource(source, plan.video, options.gray_from)

    return run(
        FilmRequest(
            source=source,
            target=path,
            files=[source],
            options=options,
            colorizer=colorizer,
            make_plan=lambda: plan_film(source, path, options),
            opener=opener,
            engine=engine or LocalEngine(colorizer),
            progress=progress,
        )
    )


def run(request: FilmRequest) -> FilmResult:
    """Do what is wanted, or what of it has not been done before.

    Raises:
        VidcolorError: as `colorize_film` does.
    """
    work = WorkDir(work_path(request.target, request.options.work_dir))
    remove_stale({request.target.parent, work.path.parent})
    _refuse_existing(request, work)
    with work.claimed():
        try:
            _refuse_existing(request, work)  # somebody may have been quicker
            return _Film(request, work).color()
        except BaseException as error:
            kept = len(work.recorded())
            work.clear_unfinished()
            if not kept:  # nothing is lost with the plan but the time of one look
                work.begin_anew()
            if isinstance(error, OSError):
                place = error.filename or work.path
                raise OutputError(f"{place}: {describe_os_error(error)}") from error
            if kept and isinstance(error, KeyboardInterrupt):
                many = "segment of it is" if kept == 1 else "segments of it are"
                error.add_note(
                    f"{request.source}: {kept} {many} finished; the same command goes on from there"
                )
            raise


def _refuse_existing(request: FilmRequest, work: WorkDir) -> None:
    target = request.target
    if not work.placed(target) and not work.placing(target):
        refuse_existing(target, request.files, request.options.force)


class _Film:
    """A request that is being carried out."""

    def __init__(self, request: FilmRequest, work: WorkDir) -> None:
        self._request, self._work = request, work
        self._options, self._progress = request.options, request.progress
        self._began = time.monotonic()
        self._said: list[str] = []

    def color(self) -> FilmResult:
        request, options, work = self._request, self._options, self._work
        with _planning:
            plan = request.make_plan()
            picture = confidence = None
            if plan.encoder.muxer != SEQUENCE_MUXER:
                part = part_encoder(plan.encoder, plan.output)
                picture = Encoding(plan.encoder, plan.output, part)
            confidence = self._confidence(plan)
        provenance = request.colorizer.provenance(options)
        settings = render_fingerprint(plan.target, options, provenance, picture, confidence)
        plan, pins = self._planned(plan, json.loads(json.dumps(settings)))
        check_rate(plan.encoder, plan.video, plan.pts, plan.target)
        if confidence is not None and options.confidence is not None:
            check_rate(confidence.encoder, plan.video, plan.pts, options.confidence)
        read = request.opener(plan)
        job = Job(plan, read, options, provenance, picture, confidence, request.sequence, pins)
        check_mux(job, self._work)
        done = self._finished(job)
        resumed = sum(s.num_frames for s in job.segments if s.number in done)
        done |= self._render(job, done)
        with self._watched("join", len(plan.pts)) as tell:
            join(job, work, done, tell)
        work.remove()
        return self._result(job, done, resumed)

    def _confidence(self, plan: FilmPlan) -> Encoding | None:
        path = self._options.confidence
        if path is None:
            return None
        if not self._work.placed(path):
            check_companion(path, plan.info.path, plan.target, self._options.force)
        encoder, video = confidence_encoding(plan, path)
        return Encoding(encoder, video, part_encoder(encoder, video))

    # plan

    def _planned(
        self, plan: FilmPlan, settings: dict[str, Any]
    ) -> tuple[FilmPlan, HintTrackIndex | None]:
        """The plan of a film that has been looked through, and its hints; kept, or made now."""
        work, source = self._work, self._request.source
        kept = self._kept(settings)
        facts = source_fingerprint(source)
        if kept is not None and kept["facts"] == facts:
            plan = replace(plan, looked=FilmAnalysis.from_json(kept["looked"]))
        else:
            plan = replace(plan, looked=self._look(plan))
            if kept is not None and not _same_pictures(kept, plan.seen):
                self._begin_anew([f"{source} has changed"])
                kept = None
        if kept is not None:
            self._said += kept["said"]
            work.clear_unfinished()
            pins = kept["pins"]
            return plan, None if pins is None else HintTrackIndex.from_json(pins)
        index, said = self._pinned(plan)
        self._said += said
        segments = split_segments(plan.shots, plan.pts, plan.video.time_base)
        work.write_plan(
            {
                "source": str(source.absolute()),
                "num_segments": len(segments),
                "settings": settings,
                "facts": facts,
                "looked": plan.seen.to_json(),
                "pins": None if index is None else index.to_json(),
                "said": list(said),
            }
        )
        return plan, index

    def _kept(self, settings: dict[str, Any]) -> dict[str, Any] | None:
        """The plan of unfinished work that can be gone on with."""
        work, options, target = self._work, self._options, self._request.target
        kept = work.read_plan()
        if kept is None:
            if options.resume == "only":
                raise UsageError(
                    f"{target}: there is no unfinished work to go on with; leave --resume out"
                )
            work.begin_anew()
            return None
        if options.resume == "never":
            self._begin_anew(["--resume never"])
            return None
        try:
            changed = differences(kept["settings"], settings)
            FilmAnalysis.from_json(kept["looked"])
            if kept["pins"] is not None:
                HintTrackIndex.from_json(kept["pins"]).open(work.path).close()
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, OSError):
            changed = [f"{work.path} is damaged"]
        if changed:
            self._begin_anew(changed)
            return None
        return kept

    def _begin_anew(self, reasons: Sequence[str]) -> None:
        why, target = "; ".join(reasons), self._request.target
        finished = len(self._work.recorded())
        if self._options.resume == "only":
            raise UsageError(
                f"{target}: the unfinished work is not of what is wanted now ({why}); leave "
                "--resume out to begin anew"
            )
        self._work.begin_anew()
        _refuse_existing(self._request, self._work)
        if finished:
            many = "segment is" if finished == 1 else "segments are"
            self._said.append(f"begun anew, {finished} finished {many} not used: {why}")

    def _look(self, plan: FilmPlan) -> FilmAnalysis:
        reader = self._request.opener(plan)(plan.start_s, plan.end_s)
        with self._watched("look", plan.expected_frames) as tell:
            return analyze_film(plan, reader, self._options, tell)

    def _pinned(self, plan: FilmPlan) -> tuple[HintTrackIndex | None, tuple[str, ...]]:
        """What hints and reference make of key frames; see `track_hints`."""
        request, work = self._request, self._work

        def tell(done: int, total: int) -> None:
            if self._progress is not None:
                self._progress(Progress(request.source, "hints", done, total))

        (work.path / HINT_TRACKS_FILE).unlink(missing_ok=True)
        with contextlib.closing(SegmentReader(plan, request.opener(plan))) as source:
            return track_hints(plan, source, request.colorizer, self._options, work.path, tell)

    # segments

    def _finished(self, job: Job) -> dict[int, Rendered]:
        """Segments that an earlier run finished, and that are what they were."""
        work, target = self._work, job.plan.target
        verify = not work.placed(target) and not work.placing(target)
        recorded, done = work.recorded(), dict[int, Rendered]()
        for number in sorted(recorded & {s.number for s in job.segments}):
            rendered = work.record(number, verify)
            if rendered is None:
                self._said.append(f"segment {number} was damaged on the disk and is made anew")
            else:
                done[number] = rendered
        return done

    def _render(self, job: Job, done: dict[int, Rendered]) -> dict[int, Rendered]:
        missing = [s for s in job.segments if s.number not in done]
        frames = {s.number: s.num_frames for s in job.segments if s.number in done}
        turn = threading.Lock()
        with self._watched("color", len(job.plan.pts)) as tell:

            def told(number: int, count: int) -> None:
                with turn:
                    frames[number] = count
                    total = sum(frames.values())
                tell(Progress(self._request.source, "color", total, len(job.plan.pts)))

            if missing:
                self._request.engine.render(job, missing, self._work, told)
        made = {}
        for segment in missing:
            rendered = self._work.record(segment.number, verify=False)
            assert rendered is not None  # the engine adopted it
            made[segment.number] = rendered
        return made

    @contextlib.contextmanager
    def _watched(self, stage: str, total: int | None) -> Iterator[Callable[[Progress], None]]:
        """Have progress told to whoever wants to know, and to the work directory now and then."""
        last, began, first = 0.0, time.time(), None
        about = {"source": str(self._request.source.absolute()), "stage": stage, "began": began}
        self._work.tell({**about, "done": 0, "total": total, "at": began})

        def tell(step: Progress) -> None:
            nonlocal last, first
            if self._progress is not None:
                self._progress(step)
            first = step.done if first is None else first
            now = time.time()
            if now - last >= _TOLD_EVERY_S:
                last = now
                numbers = {"first": first, "done": step.done, "total": step.total, "at": now}
                self._work.tell({**about, **numbers})

        yield tell

    def _result(self, job: Job, done: dict[int, Rendered], resumed: int) -> FilmResult:
        request, plan = self._request, job.plan
        rendered = [done[s.number] for s in job.segments]
        about = dict.fromkeys(text for r in rendered for text in r.warnings)
        believed = [r.found_color for r in rendered if r.found_color is not None]
        if believed and not any(believed):
            about[NO_COLOR] = None
        seen = plan.seen
        warnings = (*plan.warnings, *seen.said, *self._said, *about, *seen.damage.describe())
        return FilmResult(
            source=request.source,
            target=plan.target,
            num_frames=len(plan.pts),
            seconds=time.monotonic() - self._began,
            warnings=warnings,
            damaged=seen.damage.is_damaged,
            provenance=job.provenance,
            plan=plan,
            doubts=tuple(d for r in rendered for d in r.doubts),
            resumed_frames=resumed,
        )


def _same_pictures(kept: dict[str, Any], seen: FilmAnalysis) -> bool:
    """Whether a film whose file has another date shows what it showed."""
    before = FilmAnalysis.from_json(kept["looked"])
    return (
        before.shots.shots == seen.shots.shots
        and list(before.pts) == list(seen.pts)
        and list(before.prints) == list(seen.prints)
    )
