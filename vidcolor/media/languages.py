"""Language codes: MOV knows only those that QuickTime numbers, in its own spelling."""

from __future__ import annotations

_QUICKTIME_SPELLING = {
    "bod": "tib", "cym": "wel", "cze": "ces", "deu": "ger", "ell": "gre", "eus": "baq",
    "fre": "fra", "hrv": "hr ", "hye": "arm", "isl": "ice", "kat": "geo", "mkd": "mac",
    "msa": "may", "mya": "bur", "nld": "dut", "ron": "rum", "slo": "slk", "sqi": "alb",
    "swe": "sve", "zho": "chi",
}  # fmt: skip
"""ISO 639-2 code that FFmpeg's table of QuickTime languages does not list -> the one it does."""


def language_for(code: str, muxer: str) -> str:
    """The spelling of a language code that a container keeps."""
    return _QUICKTIME_SPELLING.get(code, code) if muxer == "mov" else code
