"""One video filter of FFmpeg that is applied to single frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from av.filter import Graph

if TYPE_CHECKING:
    import av


class FrameFilter:
    """Applies a filter that returns one frame for each frame.

    Timestamps, flags and side data are kept. Whether planes are copied depends on the filter.
    """

    def __init__(self, name: str) -> None:
        """Prepare for frames of any size and pixel format. `name` is that of the filter."""
        self._name = name
        self._graph: Graph | None = None
        self._key: tuple[int, int, str, str] | None = None

    def apply(self, frame: av.VideoFrame, arguments: str) -> av.VideoFrame:
        """Return the filtered frame."""
        key = frame.width, frame.height, frame.format.name, arguments
        if self._graph is None or key != self._key:
            self._key, self._graph = key, self._build(frame, arguments)
        self._graph.vpush(frame)
        return self._graph.vpull()

    def _build(self, frame: av.VideoFrame, arguments: str) -> Graph:
        graph = Graph()
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        applied, sink = graph.add(self._name, arguments), graph.add("buffersink")
        source.link_to(applied)
        applied.link_to(sink)
        graph.configure()
        return graph
