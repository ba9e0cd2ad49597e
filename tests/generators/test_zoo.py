"""Networks of others: what upstream's own classes answer, ours answer; files are read safely."""

import functools
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.helpers.published import NUM_KEYS, layout, picture, state_dict
from vidcolor.color.gamut import ab_to_cbcr
from vidcolor.color.lab import lab_to_rgb
from vidcolor.color.ycbcr import MATRICES, rgb_of_ycbcr
from vidcolor.errors import WeightsError
from vidcolor.generators import load_generator
from vidcolor.generators.base import Hints
from vidcolor.generators.model_io import DDCOLOR, DEOLDIFY, ZHANG, gray_of
from vidcolor.generators.store.architectures import built, detect, fitting
from vidcolor.generators.store.checkpoints import folded

# Numbers of upstream's own classes with the weights of `published`: of two sizes, the output at
# six places, and its range. 80 is no multiple of 32: DeOldify's U-Net has a branch for it.
ANSWERS = {
    "eccv16": {
        (64, 64): ([0.575047, 1.310653, 1.259128, 0.204033, 3.790987, 1.088884], 12.589),
        (96, 128): ([1.035641, 2.480573, 1.088742, 0.00624, 3.914587, 1.964057], 30.879),
    },
    "siggraph17": {
        (64, 64): ([-29.65325, 37.490425, -27.480152, 36.330639, 20.780174, -50.189579], 165.34),
        (96, 128): ([-35.616405, 64.20697, -43.658653, 36.441742, -18.259197, -41.364521], 170.6),
    },
    "deoldify-wide": {
        (64, 64): ([0.206495, -0.40708, 0.425202, -0.22994, 0.174982, 0.390336], 1.2096),
        (80, 80): ([0.315264, -0.149853, 0.24875, -0.344042, 0.051025, 0.34294], 1.1913),
    },
    "deoldify-deep": {
        (64, 64): ([-0.075764, -0.106085, 0.835484, -0.040704, 0.282487, 0.630341], 1.5208),
        (80, 80): ([0.529067, -0.212316, -0.420407, -0.17013, 0.320677, 0.147378], 1.547),
    },
    "ddcolor-tiny": {
        (64, 64): ([-0.777655, 0.091429, -1.073596, 0.498847, 0.295157, -1.291764], 3.4096),
        (96, 128): ([0.011637, 0.206429, -1.399034, -0.000473, 0.222066, -1.272684], 3.4234),
    },
    "ddcolor-large": {
        (64, 64): ([0.153637, 0.321453, -1.25613, 0.25167, -0.010561, -1.353757], 3.5121),
        (96, 128): ([0.421256, 0.460228, -1.777758, 0.133826, 0.060065, -1.617646], 3.62),
    },
}
HINTED = [-29.646772, 35.852066, -27.546099, 35.865677, 21.485191, -50.139805]
"""SIGGRAPH17 at 64x64 with five hints."""
HINTS = {
    (8, 25): (-68.47181701660156, -37.04976272583008),
    (23, 39): (76.47832489013672, 6.159339427947998),
    (39, 38): (28.676799774169922, 48.59824752807617),
    (44, 0): (-69.45018768310547, -33.896705627441406),
    (47, 4): (44.78700637817383, -9.854522705078125),
}
"""a*, b* of 3x3 patches by their upper left corner."""
TOLERANCE = 1e-4


def six(answer):
    """The places that `ANSWERS` has the numbers of."""
    _, channels, height, width = answer.shape
    places = [
        (0, 0, 0),
        (1, height // 2, width // 3),
        (0, height - 1, width - 1),
        (1, 5, width - 7),
        (channels - 1, height // 3, width // 2),
        (0, height - 9, 3),
    ]
    return np.array([float(answer[0][place]) for place in places])


def without_hints(x):
    return x.new_zeros(len(x), 2, *x.shape[2:]), torch.zeros_like(x)


@torch.inference_mode()
@pytest.mark.parametrize("name", ANSWERS)
def test_answers_as_upstream_does(name):
    published = state_dict(name)
    assert len(published) == NUM_KEYS[name]
    tensors = folded(published)
    del published  # the largest is 0.9 GB
    kind = detect(tensors)
    assert kind is not None and kind.name == name
    network = built(kind, fitting(kind, tensors, Path("made.pth")))
    for (height, width), (numbers, span) in ANSWERS[name].items():
        x = picture(name, height, width)
        answer = network(x, *without_hints(x)) if kind.accepts_hints else network(x)
        assert float(answer.max() - answer.min()) == pytest.approx(span, rel=2e-3)
        assert np.abs(six(answer) - numbers).max() <= TOLERANCE * span
    if kind.accepts_hints:
        check_hints(network)


def check_hints(network):
    x = picture("siggraph17", 64, 64)
    ab, mask = without_hints(x)
    for (y, x0), color in HINTS.items():
        ab[0, :, y : y + 3, x0 : x0 + 3] = torch.tensor(color).view(2, 1, 1)
        mask[..., y : y + 3, x0 : x0 + 3] = 1
    assert np.abs(six(network(x, ab, mask)) - HINTED).max() <= TOLERANCE * 187


def test_gray_enters_as_upstream_makes_it():
    """Numbers that upstream's own preparation makes of single pixels."""
    for gray, normed in (
        (103, (-0.354054, -0.232493, -0.009237)),
        (174, (0.861803, 1.010504, 1.228235)),
    ):
        entered = DEOLDIFY.enter(torch.full((1, 1, 1, 1), gray / 255)).flatten()
        assert entered.tolist() == pytest.approx(normed, abs=1e-5)
    for lightness, gray in ((52.6184, 0.492307), (40.1855, 0.371296), (54.8096, 0.514239)):
        luma = torch.full((1, 1, 1, 1), lightness)
        entered = DDCOLOR.enter(gray_of(luma, (1, 1))).flatten()
        assert entered.tolist() == pytest.approx([gray] * 3, abs=2e-6)
        assert float(ZHANG.enter(gray_of(luma, (1, 1)))) == pytest.approx(lightness, abs=1e-4)


@pytest.mark.parametrize(
    ("luma", "answer", "final"),
    [
        (138, (51, 116, 127), (91, 156, 166)),
        (69, (132, 115, 71), (86, 69, 24)),
        (52, (87, 65, 192), (53, 31, 158)),
        (160, (76, 222, 146), (67, 212, 136)),
    ],
)
def test_pixels_that_deoldify_composes(luma, answer, final):
    """Its 8-bit Y beside the U, V of what its network answered (OpenCV), and ours in float."""
    mean, std = (
        torch.tensor(v).view(1, 3, 1, 1) for v in (DEOLDIFY.input_mean, DEOLDIFY.input_std)
    )
    gray = torch.full((1, 1, 1, 1), luma / 255)
    said = (torch.tensor(answer).view(1, 3, 1, 1) / 255 - mean) / std
    y, matrix = gray[0, 0].numpy(), MATRICES["bt470bg"]
    cb, cr = ab_to_cbcr(DEOLDIFY.leave(said, gray)[0].numpy(), y, matrix)
    rgb = rgb_of_ycbcr(y, cb, cr, matrix)[0, 0] * 255
    assert np.abs(rgb - final).max() < 1.6


@pytest.mark.parametrize(
    ("lightness", "ab", "final"),
    [
        (60.8521, (21.3847, 2.5615), (185, 133, 143)),
        (31.4209, (23.9564, 9.4104), (112, 58, 60)),
        (60.8822, (13.2757, -27.4015), (0.56906 * 255, 0.55409 * 255, 0.76543 * 255)),
        (79.4676, (-29.0538, 33.9736), (0.64232 * 255, 0.82444 * 255, 0.51758 * 255)),
    ],
    ids=["ddcolor", "ddcolor", "zhang", "zhang"],
)
def test_pixels_that_ddcolor_and_zhang_compose(lightness, ab, final):
    """Their a*, b* mean to us what they mean to OpenCV and to scikit-image.

    There L* is kept, and with it the video's Y' moves by up to 29 of 255; here Y' is kept and L*
    gives way (`ab_to_cbcr`), so results are compared before that.
    """
    rgb = lab_to_rgb(torch.tensor(lightness).view(1, 1, 1, 1), torch.tensor(ab).view(1, 2, 1, 1))
    assert np.abs(rgb.flatten().numpy() * 255 - final).max() < 0.6


def test_size_of_a_wide_picture_is_squeezed_to_a_square():
    luma = torch.rand(1, 1, 90, 160) * 100
    assert gray_of(luma, DDCOLOR.working_size(90, 160)).shape == (1, 1, 512, 512)


def test_chroma_of_a_picture_beside_the_recorded_luma():
    """DeOldify's U and V (BT.601) come out, where the luma leaves room for them.

    It differs from upstream where luma does not: there upstream clips R'G'B' after the fact, which
    changes luma; here the chroma gives way.
    """
    rng = np.random.default_rng(4)
    picture = torch.from_numpy(rng.uniform(0.3, 0.7, (1, 3, 24, 24)).astype(np.float32))
    gray = torch.from_numpy(rng.uniform(0.4, 0.6, (1, 1, 24, 24)).astype(np.float32))
    mean, std = (
        torch.tensor(v).view(1, 3, 1, 1) for v in (DEOLDIFY.input_mean, DEOLDIFY.input_std)
    )
    ab = DEOLDIFY.leave((picture - mean) / std, gray)
    cb, cr = ab_to_cbcr(ab[0].numpy(), gray[0, 0].numpy(), MATRICES["bt470bg"])
    red, green, blue = picture[0].numpy()
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    assert np.abs(cb - (blue - luma) / 1.772).max() < 2e-3
    assert np.abs(cr - (red - luma) / 1.402).max() < 2e-3


def test_what_networks_say_is_bounded():
    wild = torch.tensor([float("nan"), float("inf"), -1e9, 40.0]).view(1, 1, 2, 2)
    ab = DDCOLOR.leave(wild.expand(1, 2, 2, 2), torch.zeros(1, 1, 2, 2))
    assert ab[0, 0].flatten().tolist() == [0.0, 128.0, -128.0, 40.0]


@functools.cache
def eccv16_weights():
    return state_dict("eccv16")


@pytest.fixture(scope="module")
def eccv16(tmp_path_factory):
    path = tmp_path_factory.mktemp("zoo") / "eccv16.pth"
    torch.save(eccv16_weights(), path)
    return path


@pytest.fixture(scope="module")
def siggraph17(tmp_path_factory):
    path = tmp_path_factory.mktemp("zoo") / "siggraph17.pth"
    torch.save(state_dict("siggraph17"), path)
    return path


def test_a_published_file_is_a_generator(eccv16):
    generator = load_generator(str(eccv16), "cpu", "fp32")
    assert (generator.name, generator.native_size) == ("eccv16", 256)
    assert not (generator.accepts_hints or generator.has_confidence or generator.has_vividness)
    said = generator(torch.rand(2, 1, 50, 71) * 100)
    assert said.ab.shape == (2, 2, 25, 36)
    assert bool((said.confidence == 1).all())


def test_one_pixel_is_a_picture(eccv16):
    said = load_generator(str(eccv16), "cpu", "fp32")(torch.full((1, 1, 1, 1), 50.0))
    assert said.ab.shape == (1, 2, 1, 1)


def test_bfloat16_is_near(eccv16):
    luma = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(1)) * 100
    fine, coarse = (load_generator(str(eccv16), "cpu", p)(luma).ab for p in ("fp32", "bf16"))
    assert float((fine - coarse).abs().max()) < 0.05 * float(fine.max() - fine.min())


def test_hints_reach_siggraph17(siggraph17):
    generator = load_generator(str(siggraph17), "cpu", "fp32")
    assert generator.accepts_hints
    luma = torch.full((1, 1, 256, 256), 50.0)
    density = torch.zeros(1, 1, 64, 64)
    density[..., 30:34, 30:34] = 1
    hints = Hints(torch.full((1, 2, 64, 64), 60.0), density)
    changed = (generator(luma, hints).ab - generator(luma).ab).abs().sum(1)[0]
    assert float(changed[60:68, 60:68].mean()) > 10 * float(changed[:16, :16].mean())


@pytest.mark.parametrize(
    "wrap",
    [
        lambda sd: {"params": sd},
        lambda sd: {"model": sd, "opt": {"lr": slice(None, 3)}},
        lambda sd: {"state_dict": {f"module.{k}": v for k, v in sd.items()}, "epoch": 3},
    ],
    ids=["params", "model", "state_dict"],
)
def test_whatever_wraps_a_state_dict(wrap, tmp_path):
    tensors = eccv16_weights()
    path = tmp_path / "any.bin"
    torch.save(wrap(tensors), path)
    assert load_generator(str(path), "cpu", "fp32").native_size == 256


def broken(tensors, how):
    changed = dict(tensors)
    match how:
        case "missing":
            del changed["model5.2.bias"]
        case "extra":
            changed["model9.0.weight"] = torch.zeros(3)
        case "shape":
            changed["model5.2.bias"] = torch.zeros(511)
        case "nan":
            changed["model5.2.bias"] = torch.full((512,), float("nan"))
    return changed


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("missing", "model5.2.bias is missing"),
        ("extra", "model9.0.weight does not belong there"),
        ("shape", "model5.2.bias is (511,), not (512,)"),
        ("nan", "no numbers"),
    ],
)
def test_files_that_do_not_fit(how, said, tmp_path):
    path = tmp_path / "odd.pth"
    torch.save(broken(eccv16_weights(), how), path)
    with pytest.raises(WeightsError, match="ECCV16") as caught:
        load_generator(str(path), "cpu", "fp32")
    assert said in str(caught.value) and "\n" not in str(caught.value)


class Malicious:
    def __reduce__(self):
        return os.system, ("touch /tmp/vidcolor_was_here",)


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    path = tmp_path / "evil.pth"
    for legacy in (True, False):
        torch.save({"model": Malicious()}, path, _use_new_zipfile_serialization=not legacy)
        with pytest.raises(WeightsError, match="wants to run code"):
            load_generator(str(path), "cpu", "fp32")
    assert not Path("/tmp/vidcolor_was_here").exists()


def test_two_odd_names_in_deoldifys_files_do_nothing(tmp_path):
    path = tmp_path / "old.pth"
    opt = {"betas": slice(0.9, 0.99), "lr": functools.partial(dict, lr=1)}
    torch.save({"model": eccv16_weights(), "opt": opt}, path)
    with pytest.raises(WeightsError, match="dict"):  # what partial would call is not let in
        load_generator(str(path), "cpu", "fp32")
    opt["lr"] = functools.partial(slice, 1)
    torch.save({"model": eccv16_weights(), "opt": opt}, path)
    assert load_generator(str(path), "cpu", "fp32").name == "old"


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.999])
def test_cut_short(eccv16, keep, tmp_path):
    data = eccv16.read_bytes()
    path = tmp_path / "cut.pth"
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(WeightsError, match=r"cut\.pth: (empty|damaged)"):
        load_generator(str(path), "cpu", "fp32")


def test_a_page_that_calls_itself_pth(tmp_path):
    path = tmp_path / "ColorizeVideo_gen.pth"
    path.write_text("<!DOCTYPE html><html>Quota exceeded</html>")
    with pytest.raises(WeightsError, match="a web page, not weights"):
        load_generator(str(path), "cpu", "fp32")


def test_weights_of_something_else(tmp_path):
    path = tmp_path / "esrgan.pth"
    torch.save({"params_ema": {"conv_first.weight": torch.zeros(64, 3, 3, 3)}}, path)
    with pytest.raises(WeightsError, match=r"no network that vidcolor knows.*conv_first\.weight"):
        load_generator(str(path), "cpu", "fp32")


@pytest.mark.filterwarnings("ignore::FutureWarning")  # the old norm is what is published
def test_norms_are_folded():
    weight = torch.randn(4, 3, 2, 2)
    u, v = torch.randn(4), torch.randn(12)
    plain = folded({"a.weight_orig": weight, "a.weight_u": u, "a.weight_v": v})
    assert torch.allclose(plain["a.weight"], weight / (u @ weight.reshape(4, 12) @ v))
    layer = torch.nn.utils.weight_norm(torch.nn.Conv2d(3, 4, 2))
    plain = folded({f"a.{k}": t for k, t in layer.state_dict().items()})
    layer(torch.zeros(1, 3, 2, 2))
    assert torch.allclose(plain["a.weight"], layer.weight, atol=1e-6)
    assert set(plain) == {"a.weight", "a.bias"}


def test_layouts_count_what_is_published():
    for name, count in NUM_KEYS.items():
        assert len(layout(name)) == count


def test_a_bit_that_flipped(eccv16, tmp_path):
    data = bytearray(eccv16.read_bytes())
    data[len(data) // 2] ^= 1
    path = tmp_path / "flipped.pth"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="check sums do not fit"):
        load_generator(str(path), "cpu", "fp32")


def test_a_network_of_the_future(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"w": torch.zeros(1)}, path, {"architecture": "eccv36"})
    with pytest.raises(WeightsError, match="called eccv36"):
        load_generator(str(path), "cpu", "fp32")


def test_the_content_counts_not_the_suffix(eccv16, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(eccv16.read_bytes())
    assert load_generator(str(tmp_path / "a.safetensors"), "cpu", "fp32").name == "a"
    (tmp_path / "a.onnx").write_bytes(eccv16.read_bytes())
    with pytest.raises(WeightsError, match=r"a PyTorch checkpoint.*\.pth"):
        load_generator(str(tmp_path / "a.onnx"), "cpu", "fp32")
    (tmp_path / "a.pth").write_bytes(b"\x08\x0a\x12\x07pytorch\x1a")
    with pytest.raises(WeightsError, match=r"an ONNX file.*\.onnx"):
        load_generator(str(tmp_path / "a.pth"), "cpu", "fp32")
