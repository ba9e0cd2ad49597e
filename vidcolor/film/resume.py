"""The saved plan of an interrupted run, and its comparison with the current request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vidcolor.film.analysis import FilmAnalysis
from vidcolor.film.fingerprint import describe_differences
from vidcolor.hints.tracks import HintTrackIndex

if TYPE_CHECKING:
    from vidcolor.film.workdir import WorkDir
    from vidcolor.options import Resume


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """The plan that a work directory stores before rendering. Its segments follow this plan."""

    source: str
    """Absolute path of the source, for `vidcolor status`."""
    num_segments: int
    fingerprint: dict[str, Any]
    """See `film.fingerprint.compute_render_fingerprint`."""
    source_fingerprint: dict[str, Any]
    """See `film.fingerprint.compute_source_fingerprint`."""
    analysis: FilmAnalysis
    hint_tracks: HintTrackIndex | None
    """Hints tracked to the key frames; None if there are none."""
    hint_warnings: tuple[str, ...]
    """Warnings of hint tracking."""

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        return {
            "source": self.source,
            "num_segments": self.num_segments,
            "fingerprint": self.fingerprint,
            "source_fingerprint": self.source_fingerprint,
            "analysis": self.analysis.to_json(),
            "hint_tracks": None if self.hint_tracks is None else self.hint_tracks.to_json(),
            "hint_warnings": list(self.hint_warnings),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> SavedPlan:
        """Read the object that `to_json` returned.

        Raises:
            ValueError, KeyError, TypeError, IndexError, AttributeError: the object is malformed.
        """
        hint_tracks = values["hint_tracks"]
        return cls(
            source=values["source"],
            num_segments=values["num_segments"],
            fingerprint=values["fingerprint"],
            source_fingerprint=values["source_fingerprint"],
            analysis=FilmAnalysis.from_json(values["analysis"]),
            hint_tracks=None if hint_tracks is None else HintTrackIndex.from_json(hint_tracks),
            hint_warnings=tuple(values["hint_warnings"]),
        )


def find_saved_plan(
    work: WorkDir, fingerprint: dict[str, Any], resume: Resume
) -> tuple[SavedPlan | None, list[str]]:
    """Read the saved plan of a work directory.

    Args:
        work: the locked work directory.
        fingerprint: fingerprint of the current request, as JSON values.
        resume: see `ColorizeOptions.resume`.

    Returns:
        (plan, []) if the request can use the saved plan; (None, reasons) if it cannot;
        (None, []) if there is no saved plan.
    """
    values = work.read_plan()
    if values is None:
        return None, []
    if resume == "never":
        return None, ["--resume never"]
    try:
        differences = describe_differences(values["fingerprint"], fingerprint)
        saved = SavedPlan.from_json(values)
        if saved.hint_tracks is not None:
            # Opening the hint tracks checks that their file exists.
            saved.hint_tracks.open(work.path).close()
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OSError):
        return None, [f"{work.path} is damaged"]
    return (None, differences) if differences else (saved, [])
