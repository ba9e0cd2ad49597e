"""Writing of films as numbered image files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.ycbcr import Coding, recode
from vidcolor.media.frames import read_chroma, read_luma
from vidcolor.media.sequence import format_frame_path
from vidcolor.media.stills.formats import STILL_SUFFIXES
from vidcolor.media.stills.registry import read_still, write_still
from vidcolor.media.stills.types import Still, StillMetadata
from vidcolor.watermark import draw_watermark

if TYPE_CHECKING:
    from pathlib import Path

    import av

    from vidcolor.imaging.types import FloatArray
    from vidcolor.media.encode import EncoderPlan
    from vidcolor.media.probe import VideoInfo
    from vidcolor.media.sequence import ImageSequence
    from vidcolor.options import ColorizeOptions
    from vidcolor.provenance import Provenance


class SequenceWriter:
    """Writes frames as numbered image files. Each file is published when it is complete."""

    def __init__(
        self,
        pattern: Path,
        plan: EncoderPlan,
        video: VideoInfo,
        provenance: Provenance,
        source: ImageSequence | None,
        options: ColorizeOptions,
        first: int = 0,
    ) -> None:
        """Prepare to write the images.

        The extension of `pattern` sets the format. The plan has a 4:4:4 pixel format. Numbers, luma
        and metadata are those of `source`. If it is None, the source is a film: numbers start at 1,
        and `first` is the index of the first frame. The options `gray_from`, `mark` and `quality`
        are used.
        """
        self._pattern, self._plan, self._video = pattern, plan, video
        self._provenance, self._source, self._options = provenance, source, options
        self._count = first
        self.warnings: dict[str, None] = {}
        """Warnings about single images, each once."""

    def write(self, frame: av.VideoFrame, pts: int, duration: int) -> None:
        """Write one frame in the plan's pixel format as an image.

        `pts` is its offset from the first number of a sequence. Images have no duration.
        """
        self._count += 1
        cb, cr = read_chroma(frame, self._plan.layout, self._video.coding.full_range)
        if self._source is None:
            path = format_frame_path(self._pattern, self._count)
            still = self._make_still(frame, path, pts)
        else:
            number = self._source.first_number + pts
            path = format_frame_path(self._pattern, number)
            still = self._read_source_still(self._source.files[number], cb, cr)
        warnings = write_still(
            path, still, cb, cr, provenance=self._provenance, quality=self._options.quality
        )
        self.warnings.update(dict.fromkeys(warnings))

    def finish(self) -> None:
        """Do nothing: `write` has published every image."""

    def _read_source_still(self, source: Path, cb: FloatArray, cr: FloatArray) -> Still:
        """Read the source's image again with its metadata, and draw the watermark on request."""
        still = read_still(source, self._options.gray_from, allow_damaged=True)
        if not self._options.mark:
            return still
        luma = draw_watermark(still.luma, cb, cr, still.coding, still.matrix)
        # The watermark changes luma, so the compressed luma of a JPEG cannot be copied.
        return replace(still, luma=luma, jpeg_data=None)

    def _make_still(self, frame: av.VideoFrame, path: Path, pts: int) -> Still:
        """Convert a frame of a film to a full-range image of the same bit depth."""
        layout, timecode = self._plan.layout, self._video.timecode_at(pts)
        still_format = STILL_SUFFIXES[path.suffix.lower()]
        # The plan has named what the format cannot store.
        stores_aspect = "pixel_aspect" in still_format.stores
        metadata = StillMetadata(
            pixel_aspect=self._video.sample_aspect_ratio if stores_aspect else None,
            timecode=None if timecode is None else str(timecode),
            reel=self._video.reel,
            frame_rate=self._video.rate,
        )
        coding = Coding(layout.bits, self._video.coding.full_range)
        luma = read_luma(frame, layout, self._video.matrix)
        luma = recode(luma, coding, replace(coding, full_range=True))
        return Still(
            path=path,
            luma=np.ascontiguousarray(luma),
            bits=layout.bits,
            matrix=self._video.matrix,
            tint="gray",
            format=still_format.name,
            metadata=metadata,
        )
