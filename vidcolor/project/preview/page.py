"""The preview as one HTML page with embedded images, without scripts."""

from __future__ import annotations

import base64
import io
from collections import Counter
from typing import TYPE_CHECKING

from vidcolor.project.preview.sheet import describe_still

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vidcolor.imaging.types import Rgb
    from vidcolor.project.api import Project
    from vidcolor.project.preview.shots import PreviewShot

_JPEG_QUALITY = 85


def render_page(project: Project, shots: Iterable[PreviewShot]) -> Iterator[str]:
    """Yield the page in parts; a shot is made when its part is written."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("vidcolor.project.preview"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"data_uri": _encode, "caption": describe_still}
    return environment.get_template("preview.html.j2").generate(
        name=project.path.name,
        revision=project.revision,
        source=project.document.source,
        states=Counter(shot.state for shot in project.shots),
        num_shots=len(project.shots),
        shots=shots,
    )


def _encode(rgb: Rgb) -> str:
    """Return an (H, W, 3) uint8 image as the URI of a JPEG file without chroma subsampling."""
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(rgb).save(data, format="JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()
