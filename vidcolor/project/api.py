"""Projects in Python: everything that the commands `vidcolor project` do."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from vidcolor.errors import InputError, UsageError
from vidcolor.fileio import check_target
from vidcolor.options import ColorizeOptions
from vidcolor.project.checks import check_document
from vidcolor.project.describe import count_decisions
from vidcolor.project.document import ProjectDocument, to_detected, to_shot_row
from vidcolor.project.edits import set_detected
from vidcolor.project.history import compare, merge_changes
from vidcolor.project.identity import (
    find_source,
    from_stored_path,
    is_sequence,
    make_source_row,
    read_content,
    to_stored_path,
)
from vidcolor.project.options import FRAME_OPTIONS, make_options, store_options
from vidcolor.project.rendering import ProjectRendering
from vidcolor.project.rows import Change
from vidcolor.project.session import format_now, get_user_name, resolve_path
from vidcolor.project.store import (
    SUFFIX,
    check_project_path,
    lock_project,
    read_project,
    write_project,
)
from vidcolor.project.views import HintList, ReferenceList, ShotSequence
from vidcolor.shots.detector import MERGE_DISTANCE, Shot
from vidcolor.shots.shot_list import ShotList

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from vidcolor.film.analysis import FilmAnalysis
    from vidcolor.progress import ProgressCallback


class Project(ProjectRendering):
    """A film and the decisions of people about it, in the file NAME.vidcolor.json.

    Changes are made in memory; `save` writes them. As a context manager, a project is saved at the
    end of the block, unless an exception is raised.

        with Project.open("reel.vidcolor.json") as project:
            project.shots[11].hints.add("41%", "63%", "#7a4632", evidence="museum no. 1931-7")
    """

    # Opening

    @classmethod
    def new(
        cls,
        source: Path | str,
        path: Path | str | None = None,
        options: ColorizeOptions | None = None,
        *,
        by: str | None = None,
        force: bool = False,
        progress: ProgressCallback | None = None,
    ) -> Self:
        """Analyze a film and make its project file.

        Args:
            source: a film, or the pattern or folder of an image sequence; it is not changed.
            path: the project, NAME.vidcolor.json; None for one beside the source.
            options: options for the whole film. Those of a single run, such as `device`, are not
                stored.
            by: name of the person; None for the user of this process.
            force: replace an existing project.
            progress: called after each analyzed frame.

        Raises:
            InputError: the source cannot be read.
            UsageError: the project exists, or has another suffix.
            OutputError: the project cannot be written.
        """
        from vidcolor.project.cache import analyze_source, save_analysis

        source, options = Path(source), options or ColorizeOptions()
        path = default_project_path(source) if path is None else resolve_path(path)
        check_project_path(path)
        check_target(path, [], force)
        read_content(source)  # reports a missing source in the words of projects
        stored = store_options(options)
        plan, analysis = analyze_source(source, make_options(stored, str(source)), progress)
        row = make_source_row(source, path.parent, plan.video, analysis)
        detected = to_detected(analysis.shots)
        document = ProjectDocument(
            source=row, options=stored, shots=tuple(map(to_shot_row, detected)), detected=detected
        )
        changes: dict[Any, Any] = {
            "source": {name: [None, value] for name, value in row.to_json().items()},
            "options": {name: [None, value] for name, value in stored.items()},
        }
        change = Change(
            revision=1,
            at=format_now(),
            by=by or get_user_name(),
            do="new",
            changes={table: values for table, values in changes.items() if values},
        )
        document = document.replace(history=(change,))
        check_document(str(path), document)
        with lock_project(path):
            write_project(path, document, None, force=force)
        save_analysis(path, row, analysis)
        project = cls.open(path, by=by)
        project.warnings = (*plan.warnings, *analysis.warnings, *analysis.damage.describe())
        return project

    warnings: tuple[str, ...] = ()
    """Warnings about the source, after `new`."""

    @classmethod
    def open(cls, path: Path | str, *, by: str | None = None) -> Self:
        """Open a project file.

        Args:
            path: the file.
            by: name of the person, for the log; None for the user of this process.

        Raises:
            InputError: it cannot be read, or is not JSON.
            UsageError: it is not a project of this version, or a row is invalid.
        """
        path = resolve_path(path)
        return cls(path, read_project(path), by)

    @classmethod
    @contextlib.contextmanager
    def edit(cls, path: Path | str, *, by: str | None = None) -> Iterator[Self]:
        """Lock and open a project, and save it at the end of the block.

        Other processes wait meanwhile, so the block must be short.

        Raises:
            BusyError: another process is changing the project.
            VidcolorError: see `open` and `save`.
        """
        path = resolve_path(path)
        if not path.exists():
            raise InputError(f"{path}: no such file")
        with lock_project(path):
            project = cls.open(path, by=by)
            yield project
            if project.has_unsaved_changes:
                project._write()

    def __enter__(self) -> Self:
        """Return the project."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Save the project, unless an exception was raised."""
        if kind is None:
            self.save()

    # Content

    @property
    def shots(self) -> ShotSequence:
        """The shots, in order; the first one has index 0 and number 1."""
        return ShotSequence(self)

    @property
    def hints(self) -> HintList:
        """All hints."""
        return HintList(self)

    @property
    def references(self) -> ReferenceList:
        """All references."""
        return ReferenceList(self)

    @property
    def options(self) -> ColorizeOptions:
        """The options of the whole film."""
        return make_options(self.document.options, str(self.path))

    @property
    def num_decisions(self) -> int:
        """Number of decisions of people; see `count_decisions`."""
        return count_decisions(self.document)

    def set(self, *, evidence: str | None = None, **values: Any) -> Change | None:
        """Set options of the whole film; None for the default.

        Raises:
            UsageError: an option is invalid, or fixed because frame numbers depend on it.
        """
        for name in values:
            if name in FRAME_OPTIONS:
                raise UsageError(
                    f"{self.path}: {name} is fixed, because all frames depend on it; make another "
                    "project"
                )
        # A value is stored in its plain form, whatever form is given.
        options = {name: value for name, value in values.items() if value is not None}
        checked = make_options(options, str(self.path)).to_json()
        stored = {name: checked[name] for name in options}

        def edit(document: ProjectDocument) -> ProjectDocument:
            kept = {k: v for k, v in document.options.items() if k not in values}
            merged = make_options(kept | stored, str(self.path))
            return document.replace(options=store_options(merged))

        return self.change("set", edit, evidence)

    def diff(
        self, first: int | None = None, last: int | None = None
    ) -> Mapping[str, Mapping[str, Any]]:
        """Return what differs between two revisions, in the form of `Change.changes`.

        Args:
            first: earlier revision; None for the one before `last`.
            last: later revision; None for the current state.
        """
        last = len(self.history) and (self.revision if last is None else last)
        first = last - 1 if first is None else first
        for revision in (first, last):
            if revision:
                self._check_revision(revision)
        return merge_changes(c.changes for c in self.history if first < c.revision <= last)

    def diff_file(self, path: Path | str) -> Mapping[str, Mapping[str, Any]]:
        """Return what differs in another project file, in the form of `Change.changes`."""
        return compare(self.document, read_project(resolve_path(path)).document)

    # Source

    def find_source(self) -> Path:
        """Return the source, also if it was moved together with the project.

        Raises:
            InputError: it is missing, or has other content.
        """
        return find_source(self.document.source, self.folder, self.path)

    def resolve(self, stored_path: str) -> Path:
        """Return the path of a reference."""
        return from_stored_path(stored_path, self.folder)

    def relink(
        self, source: Path | str, *, progress: ProgressCallback | None = None
    ) -> Change | None:
        """Use another file with the same film. Its frames are compared if its content differs.

        Raises:
            InputError: it has other frames, or cannot be read.
        """
        from vidcolor.project.cache import analyze_source, check_frames

        source, row = Path(source), self.document.source
        content = read_content(source)
        kind = "sequence" if is_sequence(source) else "film"
        if (content.size, content.digest) != (row.size, row.digest):
            # Shots are not detected: the list of the project takes their place.
            options = self.options.replace(shots=None)
            _, analysis = analyze_source(source, options, progress)
            check_frames(source, row, analysis)
        new_row = row.replace(
            kind=kind,
            name=source.name or source.resolve().name,
            path=to_stored_path(source, self.folder),
            size=content.size,
            digest=content.digest,
        )
        return self.change("relink", lambda document: document.replace(source=new_row))

    def analyze(self, progress: ProgressCallback | None = None) -> FilmAnalysis:
        """Return timestamps and checksums of the frames, and the corrected shots.

        They are read from the cache directory, or else computed again.

        Raises:
            InputError: the source is missing, or has other frames.
        """
        from vidcolor.project.cache import (
            analyze_source,
            check_frames,
            load_analysis,
            save_analysis,
        )

        source, row = self.find_source(), self.document.source
        analysis = load_analysis(self.path, row)
        if analysis is None:
            _, analysis = analyze_source(source, self.options, progress)
            check_frames(source, row, analysis)
            save_analysis(self.path, row, analysis)
        shots: tuple[Shot, ...] = self.document.spans
        return replace(analysis, shot_list=ShotList(shots, row.num_frames))

    def find_titles(self) -> dict[int, float]:
        """Return the confidence of each shot that is recognized as a title, by its index.

        Shots whose kind a person has set are left out. Nothing is decoded: without the analysis in
        the cache directory, no title is known.
        """
        from vidcolor.film.titles import choose_title_mode
        from vidcolor.project.cache import load_analysis
        from vidcolor.titles.shots import make_title_finder

        analysis = load_analysis(self.path, self.document.source)
        if analysis is None or choose_title_mode(self.options) == "color":
            return {}
        find_title = make_title_finder(analysis.titles)
        titles = ((n, find_title(shot.middle)) for n, shot in enumerate(self.shots))
        return {
            n: title.confidence
            for n, title in titles
            if title is not None and self.document.shots[n].kind is None
        }

    def detect_shots(self, progress: ProgressCallback | None = None) -> Change | None:
        """Detect the shots again. The corrections of people and approved shots are kept."""
        from vidcolor.project.cache import analyze_source, check_frames, save_analysis

        source = self.find_source()
        _, analysis = analyze_source(source, self.options, progress)
        check_frames(source, self.document.source, analysis)
        save_analysis(self.path, self.document.source, analysis)
        return self.change(
            "detect", lambda document: set_detected(document, analysis.shots, MERGE_DISTANCE)
        )

    # Cache

    def clean(self) -> int:
        """Remove the cache directory; return its size in bytes. What is needed is made again."""
        from vidcolor.project.cache import clear_cache

        return clear_cache(self.path)


def default_project_path(source: Path) -> Path:
    """Return NAME.vidcolor.json beside a film, or beside a pattern or folder of images."""
    if source.is_dir():
        source = source.resolve()
        return source.with_name(f"{source.name}{SUFFIX}")
    stem = source.stem.split("%")[0].rstrip("_-. ") or source.resolve().parent.name
    return source.with_name(f"{stem}{SUFFIX}")
