"""Option types that several commands share.

Each alias is an ``Annotated`` type with a Typer option, so that the option has the same name, type,
help text and help panel in every command. The command function sets the default value.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from vidcolor.cli.completion import complete_device, complete_model, complete_precision
from vidcolor.cli.parsers import parse_frame_rate, parse_time
from vidcolor.options import (
    MAX_SATURATION,
    MAX_WORKERS,
    EngineName,
    GrayFrom,
    Purpose,
    Range,
    Resume,
)

INPUT_PANEL = "Input"
COLOR_PANEL = "Color"
TIME_PANEL = "Time"
OUTPUT_PANEL = "Output"
EXECUTION_PANEL = "Execution"
LOGGING_PANEL = "Logging"

# Input

Inputs = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="INPUT",
        help="Films, photos, folders, quoted patterns ('reels/*.mov') or numbered frames "
        "(scan_%06d.dpx).",
        show_default=False,
    ),
]
JobList = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="CSV or JSON file with one row per film, photo or folder: input, output and options.",
        rich_help_panel=INPUT_PANEL,
    ),
]
GraySource = Annotated[
    GrayFrom,
    typer.Option(
        "--gray-from",
        "--grey-from",
        help="Source of the luma: the luma plane, one color channel, or the lightest channel of "
        "each pixel.",
        rich_help_panel=INPUT_PANEL,
    ),
]
AllowDamaged = Annotated[
    bool,
    typer.Option(
        "--allow-damaged",
        help="Exit with code 0 even if the source is truncated or partly unreadable.",
        rich_help_panel=INPUT_PANEL,
    ),
]

# Color

Model = Annotated[
    str,
    typer.Option(
        autocompletion=complete_model,
        help="Model: a name from `vidcolor models list`, a weights file (.safetensors .pth .onnx), "
        "or several joined with + to average their predictions.",
        rich_help_panel=COLOR_PANEL,
    ),
]
ModelSize = Annotated[
    int | None,
    typer.Option(
        "--size",
        min=1,
        metavar="PIXELS",
        help="Short side of the model input in pixels. Default: set by the model.",
        rich_help_panel=COLOR_PANEL,
    ),
]
Vividness = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="Vividness of the predicted colors: 0 is muted, 1 is vivid. Default: set by the "
        "model.",
        rich_help_panel=COLOR_PANEL,
    ),
]
Saturation = Annotated[
    float,
    typer.Option(
        min=0,
        max=MAX_SATURATION,
        help="Chroma gain: 0 is gray, 1 leaves the predicted color unchanged.",
        rich_help_panel=COLOR_PANEL,
    ),
]
Trust = Annotated[
    float,
    typer.Option(
        min=0,
        max=1,
        help="Weight of the original color: 0 ignores it, 1 keeps it where it is plausible.",
        rich_help_panel=COLOR_PANEL,
    ),
]
HintFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="JSON or CSV file of color hints: x, y, color, radius, and for a film time or frame.",
        rich_help_panel=COLOR_PANEL,
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(
        metavar="PATH[@TIME]",
        help="Image whose colors are copied where it matches the source; elsewhere its palette is "
        "used. In a film it applies to the shot at TIME. Default: to every shot that it matches.",
        rich_help_panel=COLOR_PANEL,
    ),
]
Mark = Annotated[
    bool,
    typer.Option(
        "--mark",
        help="Draw a small palette icon in the bottom left corner; this changes the luma there.",
        rich_help_panel=COLOR_PANEL,
    ),
]
PerFrame = Annotated[
    bool,
    typer.Option(
        "--per-frame",
        help="Colorize every frame independently, for comparisons; the result flickers.",
        rich_help_panel=COLOR_PANEL,
    ),
]

# Time

ShotList = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Shot list written by `vidcolor shots`. Default: shots are detected.",
        rich_help_panel=TIME_PANEL,
    ),
]
StartTime = Annotated[
    Fraction | None,
    typer.Option(
        parser=parse_time,
        metavar="TIME",
        help="Start time: 90.5 (seconds) or 1:30.5.",
        rich_help_panel=TIME_PANEL,
    ),
]
EndTime = Annotated[
    Fraction | None,
    typer.Option(
        parser=parse_time,
        metavar="TIME",
        help="End time: 120 (seconds) or 2:00.",
        rich_help_panel=TIME_PANEL,
    ),
]
FrameRate = Annotated[
    Fraction | None,
    typer.Option(
        parser=parse_frame_rate,
        metavar="RATE",
        help="Frame rate of numbered frames: 24, 23.976 or 24000/1001. A folder is then read as "
        "one image sequence.",
        rich_help_panel=TIME_PANEL,
    ),
]

# Output

Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        help="Output file: .mp4 .mov .mkv .webm .mxf, a photo, or out_%06d.png for numbered "
        "frames. Default: NAME.color.EXT beside the source.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
OutDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Output directory; the structure of input folders is kept.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
PurposeOption = Annotated[
    Purpose,
    typer.Option(
        "--for",
        help="Output format of films: delivery is H.264, editing is ProRes 422 HQ in .mov, "
        "archive is lossless FFV1 in .mkv.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
Encoder = Annotated[
    str | None,
    typer.Option(
        help="Video encoder: libx264, libx265, libsvtav1, ffv1, prores_ks, dnxhd, h264_nvenc ... "
        "Default: chosen by --for.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
EncoderOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--encoder-option",
        metavar="KEY=VALUE",
        help="Option of the encoder, for example crf=18; repeatable.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
PixelFormat = Annotated[
    str | None,
    typer.Option(
        "--pix-fmt",
        help="Pixel format of the encoder, for example yuv420p10le; fewer bits than in the "
        "source round the luma.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
LumaRange = Annotated[
    Range,
    typer.Option(
        "--range",
        help="Luma range of the output film: keep that of the source, or convert it to limited or "
        "full range.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
Quality = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=100,
        help="Quality of JPEG and lossy WebP output, 1 to 100. Default: keep the luma coding of a "
        "JPEG source.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
ConfidenceFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Also write the confidence of the model as a grayscale film or image.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
Reports = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="Also write a report of the run as .json or .html; repeatable.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force", "-f", help="Overwrite existing output files.", rich_help_panel=OUTPUT_PANEL
    ),
]

# Execution

Device = Annotated[
    str,
    typer.Option(
        autocompletion=complete_device,
        help="Compute device: auto, cpu, cuda, cuda:1 or mps. ONNX models also accept tensorrt, "
        "directml and coreml.",
        rich_help_panel=EXECUTION_PANEL,
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        autocompletion=complete_precision,
        help="Floating-point precision: auto, fp32 or bf16.",
        rich_help_panel=EXECUTION_PANEL,
    ),
]
BatchSize = Annotated[
    int,
    typer.Option(
        "--batch",
        min=1,
        max=64,
        help="Images per forward pass; it changes speed and memory use, not the result.",
        rich_help_panel=EXECUTION_PANEL,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MAX_WORKERS,
        help="Processes that render film segments in parallel. Default: one per GPU, or 1 "
        "without a GPU.",
        rich_help_panel=EXECUTION_PANEL,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="CPU cores per worker. Default: an equal share of all cores.",
        rich_help_panel=EXECUTION_PANEL,
    ),
]
Engine = Annotated[
    EngineName,
    typer.Option(
        help="Where film segments are rendered: local is this machine, ray is a Ray cluster (pip "
        "install vidcolor\\[ray]).",
        rich_help_panel=EXECUTION_PANEL,
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Address of the Ray cluster: auto, HOST:6379 or ray://HOST:10001.",
        rich_help_panel=EXECUTION_PANEL,
    ),
]
WorkDirectory = Annotated[
    Path | None,
    typer.Option(
        "--work-dir",
        metavar="DIR",
        help="Directory for unfinished films; it needs as much space as the results. Default: "
        "NAME.vidcolor beside each result.",
        rich_help_panel=EXECUTION_PANEL,
    ),
]
ResumeMode = Annotated[
    Resume,
    typer.Option(
        "--resume",
        help="Use of unfinished work: auto resumes it if source and options match, only fails "
        "without it, never starts over.",
        rich_help_panel=EXECUTION_PANEL,
    ),
]

# Logging

Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Print only warnings and errors.", rich_help_panel=LOGGING_PANEL
    ),
]
JsonLines = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one JSON object per line on standard output.",
        rich_help_panel=LOGGING_PANEL,
    ),
]
