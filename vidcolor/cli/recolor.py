"""`vidcolor recolor`: restore the color of films and photos that have faded or have a cast."""

from __future__ import annotations

import typer

from vidcolor.cli import params
from vidcolor.cli.batch import BatchRequest, run_batch
from vidcolor.cli.console import Console
from vidcolor.cli.parsers import parse_encoder_options
from vidcolor.options import ColorizeOptions


def recolor(
    context: typer.Context,
    inputs: params.Inputs = None,
    job_list: params.JobList = None,
    allow_damaged: params.AllowDamaged = False,
    trust: params.Trust = 0.7,
    model: params.Model = "embedded",
    size: params.ModelSize = None,
    vividness: params.Vividness = None,
    saturation: params.Saturation = 1.0,
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
    """Restore the color of faded or badly lit color films and photos.

    Use it for prints that have turned pink, tapes with weak color, and scenes
    with a color cast. The luma is unchanged bit for bit. The color cast is
    removed shot by shot. The plausible part of the original color then guides
    the prediction of the model. Options other than --trust work as in
    [bold]vidcolor colorize[/bold].

    [bold]Examples[/bold]

      vidcolor recolor eastman-1962.mov --for editing
      vidcolor recolor slides/ --out-dir slides-restored/ --trust 0.9
      vidcolor recolor club.mp4 --trust 0.4 --start 1:30 --end 2:00
    """
    options = ColorizeOptions(
        start=start, end=end, shots=shots, fps=fps, range=luma_range, allow_damaged=allow_damaged,
        model=model, size=size, trust=trust, vividness=vividness, saturation=saturation,
        per_frame=per_frame, mark=mark, purpose=purpose, encoder=encoder, pix_fmt=pix_fmt,
        encoder_options=parse_encoder_options(encoder_option), quality=quality,
        confidence=confidence, force=force, device=device, precision=precision, batch=batch,
        work_dir=work_dir, resume=resume, workers=workers, threads=threads, engine=engine,
        ray_address=ray_address,
    )  # fmt: skip
    request = BatchRequest(
        inputs or [], job_list, out, out_dir, options, report or [], options.input_files()
    )
    console = Console(quiet=quiet, json_lines=json_lines)
    raise typer.Exit(run_batch(request, console, context.obj))
