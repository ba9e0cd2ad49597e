"""`vidcolor colorize`: add color to films, photos, folders and image sequences."""

from __future__ import annotations

from dataclasses import replace

import typer

from vidcolor.cli import params
from vidcolor.cli.batch import BatchRequest, run_batch
from vidcolor.cli.console import Console
from vidcolor.cli.parsers import parse_encoder_options, parse_reference_options
from vidcolor.hints.io import load_hints
from vidcolor.options import ColorizeOptions


def colorize(
    context: typer.Context,
    inputs: params.Inputs = None,
    job_list: params.JobList = None,
    gray_from: params.GraySource = "luma",
    allow_damaged: params.AllowDamaged = False,
    model: params.Model = "embedded",
    size: params.ModelSize = None,
    vividness: params.Vividness = None,
    saturation: params.Saturation = 1.0,
    hints: params.HintFile = None,
    reference: params.Reference = None,
    mark: params.Mark = False,
    per_frame: params.PerFrame = False,
    shots: params.ShotList = None,
    start: params.StartTime = None,
    end: params.EndTime = None,
    fps: params.FrameRate = None,
    out: params.Out = None,
    out_dir: params.OutDir = None,
    purpose: params.PurposeOption = "delivery",
    encoder: params.Encoder = None,
    encoder_option: params.EncoderOptions = None,
    pix_fmt: params.PixelFormat = None,
    luma_range: params.LumaRange = "keep",
    quality: params.Quality = None,
    confidence: params.ConfidenceFile = None,
    report: params.Reports = None,
    force: params.Force = False,
    device: params.Device = "auto",
    precision: params.Precision = "auto",
    batch: params.BatchSize = 8,
    workers: params.Workers = None,
    threads: params.Threads = None,
    engine: params.Engine = "local",
    ray_address: params.RayAddress = None,
    work_dir: params.WorkDirectory = None,
    resume: params.ResumeMode = "auto",
    quiet: params.Quiet = False,
    json_lines: params.JsonLines = False,
) -> None:
    """Colorize black-and-white films, photos, folders and film scans.

    The luma is unchanged bit for bit. Audio, subtitles, chapters and time
    stamps are copied. A neural network predicts the color; the metadata of
    the result states this. Existing files are kept unless --force is given.

    [bold]Examples[/bold]

      vidcolor colorize reel.mov
      vidcolor colorize reel.mkv --for editing --out-dir graded/
      vidcolor colorize tape.mpg --for archive -o master.mkv
      vidcolor colorize album/ --out-dir album-color/
      vidcolor colorize scan_%06d.dpx --fps 18 -o reel.mov --for editing
      vidcolor colorize mill.jpg --hints hints.json
      vidcolor colorize reel.mov --reference painted.png@1:12.5
      vidcolor colorize reel.mov --shots shots.csv --hints hints.json
      vidcolor colorize --job-list jobs.csv --out-dir graded/ --workers 2

    To resume an interrupted run, repeat the command. [bold]vidcolor jobs[/bold]
    lists unfinished films.

    [bold]hints.json[/bold]: the color is #rrggbb, a CSS name or neutral;
    positions are in pixels or percent.

      \\[{"x": 812, "y": 430, "color": "#3b5f8a", "radius": 12},
       {"x": "50%", "y": "12%", "color": "skyblue", "time": 72.5}]
    """
    options = ColorizeOptions(
        start=start, end=end, gray_from=gray_from, shots=shots, fps=fps, range=luma_range,
        allow_damaged=allow_damaged, model=model, size=size, vividness=vividness,
        saturation=saturation, hints=hints, per_frame=per_frame, mark=mark, purpose=purpose,
        encoder=encoder, pix_fmt=pix_fmt, quality=quality, confidence=confidence, force=force,
        device=device, precision=precision, batch=batch, work_dir=work_dir, resume=resume,
        workers=workers, threads=threads, engine=engine, ray_address=ray_address,
        encoder_options=parse_encoder_options(encoder_option),
        **parse_reference_options(reference),
    )  # fmt: skip
    read_files = options.input_files()
    options = replace(options, hints=load_hints(options) or None)  # a pipe can be read only once
    request = BatchRequest(inputs or [], job_list, out, out_dir, options, report or [], read_files)
    console = Console(quiet=quiet, json_lines=json_lines)
    raise typer.Exit(run_batch(request, console, context.obj))
