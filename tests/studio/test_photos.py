"""Photos: decisions, pictures, results and archives."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.helpers.flat import flat_colorizer
from tests.helpers.studio_photos import Photos, encode, make_scene
from vidcolor.colorizer import Colorizer
from vidcolor.errors import InputError
from vidcolor.media.stills import types as still_types
from vidcolor.photo import colorize_photo
from vidcolor.studio.compute.client import (
    PRIORITY_BACKGROUND,
    PRIORITY_CLICK,
    PRIORITY_VIEW,
)
from vidcolor.studio.compute.errors import ComputeError
from vidcolor.studio.compute.outlines import trace_outline
from vidcolor.studio.compute.state import ComputeState
from vidcolor.studio.errors import ApiError
from vidcolor.studio.photos.decisions import SetOptions
from vidcolor.studio.photos.prepared import HintValue, PhotoDecisions, PreparedPhoto
from vidcolor.studio.photos.regions import describe_colors, find_region
from vidcolor.studio.photos.service import PhotoService
from vidcolor.studio.photos.views import compose_view
from vidcolor.studio.settings import StudioSettings

SAMPLES = Path(__file__).parents[2] / "samples"
RED, BLUE = "#b02010", "#1030b0"


@pytest.fixture
def photos(studio_app):
    yield Photos(studio_app)
    still_types.limit_pixels(still_types.MAX_PIXELS)


# Decisions


def test_changes_make_revisions_that_can_be_undone_and_redone(photos):
    photo = photos.upload("mill.png", encode(make_scene()))
    added = photos.change(photo, "add-hint", 0, x=0.2, y=0.3, color=RED).json()
    assert added["revision"] == 1 and added["can_undo"] and not added["can_redo"]
    hint = added["hints"][0]
    assert (hint["x"], hint["y"], hint["color"]) == (0.2, 0.3, RED)
    moved = photos.change(photo, "move-hint", 1, id=hint["id"], x=0.5, y=0.6).json()
    changed = photos.change(photo, "set-hint", 2, id=hint["id"], radius=0.05).json()
    assert changed["hints"] == [{**hint, "x": 0.5, "y": 0.6, "radius": 0.05}]
    undone = photos.change(photo, "undo", 3).json()
    assert undone["hints"] == moved["hints"] and undone["revision"] == 4 and undone["can_redo"]
    undone = photos.change(photo, "undo", 4).json()
    assert undone["hints"] == added["hints"]
    redone = photos.change(photo, "redo", 5).json()
    assert redone["hints"] == moved["hints"] and redone["can_redo"]
    # A new change ends what can be redone.
    removed = photos.change(photo, "remove-hint", 6, id=hint["id"]).json()
    assert removed["hints"] == [] and not removed["can_redo"]
    assert photos.change(photo, "redo").status_code == 400
    again = photos.change(photo, "add-hint", x=0.1, y=0.1, color="keep").json()
    assert again["hints"][0]["id"] != hint["id"]


def test_decisions_survive_a_restart_of_the_server(photos):
    photo = photos.upload("mill.png", encode(make_scene()))
    photos.change(photo, "set", vividness=0.8, saturation=1.4)
    before = photos.change(photo, "add-hints", hints=[{"x": 0.1, "y": 0.1, "color": "neutral"}])
    services = photos.app.services
    service = PhotoService(
        services.settings, services.database, services.events, services.jobs, services.compute
    )
    row = service.get(photo, photos.app.client_id)
    assert service.describe(row) == before.json()
    assert (row.revision, before.json()["vividness"], before.json()["saturation"]) == (2, 0.8, 1.4)


def test_a_change_of_another_revision_is_refused_with_the_current_photo(photos):
    photo = photos.upload("mill.png", encode(make_scene()))
    photos.change(photo, "set", 0, saturation=0.5)
    answer = photos.change(photo, "set", 0, saturation=2)
    assert answer.status_code == 409 and answer.json()["code"] == "conflict"
    assert answer.json()["current"]["saturation"] == 0.5
    assert photos.get(photo).json()["revision"] == 1


def test_a_change_must_name_its_revision(photos):
    photo = photos.upload("mill.png", encode(make_scene()))
    change = {"do": "set", "saturation": 2}
    answer = photos.app.post(f"/api/photos/{photo}/changes", json=change)
    assert (answer.status_code, answer.json()["error"]) == (400, "If-Match: Field required")
    for revision in ("-1", "x", "9" * 30):
        assert photos.change(photo, "set", revision, saturation=2).status_code == 400
    assert photos.get(photo).json()["revision"] == 0


def test_one_of_two_changes_of_the_same_revision_wins(photos):
    photo = photos.upload("mill.png", encode(make_scene()))
    row, client = photos.service.table.get(photo), photos.app.client_id

    def change(number):
        values = {"do": "set", "saturation": number / 10}
        try:
            photos.service.change(photo, client, row.revision, SetOptions.model_validate(values))
        except ApiError as error:
            return error.status
        return 200

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(change, range(2, 10)))
    assert statuses == [200, *[409] * 7]
    assert photos.get(photo).json()["revision"] == 1


def test_photos_are_listed_while_others_are_deleted(photos):
    client = photos.app.client_id
    ids = [photos.upload(f"{n}.png", encode(make_scene(60 + n))) for n in range(30)]
    with ThreadPoolExecutor(4) as pool:
        deleted = pool.submit(lambda: [photos.service.delete(i, "test") for i in ids])
        while not deleted.done():
            list(pool.map(lambda _: photos.service.list(client), range(3)))
        deleted.result()
    assert photos.service.list(client) == []


def test_photos_that_are_gone_are_no_errors_for_a_page(photos, monkeypatch):
    ids = [photos.upload(f"{n}.png", encode(make_scene(60 + n))) for n in range(3)]
    photos.service.delete(ids[0], "test")
    listed = photos.app.get("/api/photos", params={"id": ids[:2]}).json()
    assert [photo["id"] for photo in listed] == [ids[1]]

    async def delete_first(*_, **__):
        photos.service.delete(ids[1], "test")
        raise InputError("no such file")

    monkeypatch.setattr(photos.compute, "call", delete_first)
    assert photos.get(ids[1], "/image").status_code == 404


def test_requests_of_two_pages_do_not_replace_each_other(photos, monkeypatch):
    photo = photos.upload("mill.png", encode(make_scene()))
    keys = []

    async def call(task, payload, *, priority, key=None):
        keys.extend([key] if key and key.startswith(("image", "colors", "region", "sugg")) else [])
        raise ComputeError("not here")

    monkeypatch.setattr(photos.compute, "call", call)
    paths = [("/image", {"w": 320}), ("/colors", {"x": 0.2, "y": 0.3}), ("/suggestions", {}),
             ("/region", {"x": 0.2, "y": 0.3})]  # fmt: skip
    for saturation in (1, 2):
        photos.change(photo, "set", saturation=saturation)
        for path, query in paths:
            assert photos.get(photo, path, **query).status_code == 503
    # Those without a key neither replace others nor share their run.
    assert len(keys) == len(set(keys)) == 4


def test_a_change_without_an_effect_makes_no_revision(photos):
    photo = photos.upload("mill.png", encode(make_scene()))
    assert photos.change(photo, "set", saturation=1).json()["revision"] == 0
    assert photos.change(photo, "reset").json()["can_undo"] is False


@pytest.mark.parametrize(
    "change",
    [
        {"do": "add-hint", "x": 1.5, "y": 0, "color": RED},
        {"do": "add-hint", "x": 0.5, "y": 0, "color": "rgb(1,2,3)"},
        {"do": "add-hint", "x": 0.5, "y": 0, "color": RED, "radius": 0},
        {"do": "move-hint", "id": 7, "x": 0, "y": 0},
        {"do": "set", "saturation": 9},
        {"do": "undo"},
        {"do": "explode"},
    ],
)
def test_an_invalid_change_is_refused_on_one_line(photos, change):
    photo = photos.upload("mill.png", encode(make_scene()))
    headers = {"If-Match": "0"}
    answer = photos.app.post(f"/api/photos/{photo}/changes", json=change, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"] and "\n" not in answer.json()["error"]


def test_an_uploaded_photo_belongs_to_its_client(photos, tmp_path):
    photo = photos.upload("mill.png", encode(make_scene()))
    path = tmp_path / "print.png"
    path.write_bytes(encode(make_scene()))
    shared = photos.service.add(path, path.name, "api", False, 1, "")
    assert photos.service.add(path, path.name, "api", False, 1, "") == shared
    assert [row["id"] for row in photos.service.list("another")] == [shared]
    other = {"Authorization": f"Bearer {photos.app.token}", "Cookie": ""}
    assert photos.app.get(f"/api/photos/{photo}", headers=other).status_code == 404
    assert photos.app.get(f"/api/photos/{shared}", headers=other).status_code == 200


# Pictures


def test_only_a_picture_of_the_current_revision_may_be_kept(photos):
    photo = photos.upload("mill.png", encode(make_scene(600, 900)))
    photos.change(photo, "set", saturation=1.2)
    answer = photos.get(photo, "/image", w=300, rev=1)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"] == "image/jpeg"
    for query in ({"rev": 0}, {"rev": 2}, {}):
        answer = photos.get(photo, "/image", w=300, **query)
        assert answer.headers["cache-control"] == "no-store"
    assert photos.image(photo, w=300).shape == (200, 300, 3)
    assert photos.image(photo, w=0, format="webp").shape == (600, 900, 3)
    assert photos.image(photo, w=5000).shape == (600, 900, 3)


def test_what_a_person_waits_for_is_urgent(photos):
    photo = photos.upload("mill.png", encode(make_scene(600, 900)))
    for query in ({"w": 1400}, {"w": 1400, "view": "gray"}, {"w": 320}, {"w": 0}):
        photos.get(photo, "/image", **query)
    photos.run_jobs()
    photos.get(photo, "/image", w=320)
    images = [priority for task, priority, _ in photos.compute.calls if task == "photo-image"]
    background = PRIORITY_BACKGROUND
    assert images == [PRIORITY_CLICK, PRIORITY_VIEW, background, background, PRIORITY_VIEW]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_place_of_a_turned_photo_is_where_it_is_displayed(tmp_path, orientation):
    scene = make_scene(240, 360)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    path.write_bytes(encode(scene, exif=exif))
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    colorizer = flat_colorizer((0.0, 0.0))
    state = ComputeState(StudioSettings(data_dir=tmp_path), lambda _: colorizer)
    photo = PreparedPhoto(path, colorizer, state.get_threads)
    assert np.array_equal(compose_view(photo, PhotoDecisions(), "gray")[..., 0], upright)
    rows, columns = np.nonzero(upright == 220)
    y, x = (rows.mean() + 0.5) / upright.shape[0], (columns.mean() + 0.5) / upright.shape[1]
    hint = HintValue(x, y, RED, 0.06)
    rgb = compose_view(photo, PhotoDecisions((hint,)), "color").astype(int)
    red = rgb[..., 0] - rgb[..., 2]
    at = int(y * upright.shape[0]), int(x * upright.shape[1])
    assert red[at] > 30
    rows, columns = np.nonzero(red > 30)
    assert abs(rows.mean() - at[0]) < 12 and abs(columns.mean() - at[1]) < 12
    # The outline and the eyedropper agree with the picture.
    mask = find_region(photo, PhotoDecisions(), hint)
    rows, columns = np.nonzero(mask > 0.5)
    center = (rows.mean() + 0.5) / mask.shape[0], (columns.mean() + 0.5) / mask.shape[1]
    assert center == pytest.approx((y, x), abs=0.05)
    corners = np.concatenate(trace_outline(mask))
    assert np.ptp(corners, axis=0).max() < 0.6
    assert corners.mean(axis=0) == pytest.approx((x, y), abs=0.08)
    current = describe_colors(photo, PhotoDecisions((hint,)), x, y)["current"]
    assert [int(current[i : i + 2], 16) for i in (1, 3, 5)] == list(rgb[at])


def test_an_outline_has_holes():
    mask = np.zeros((80, 120), np.float32)
    mask[10:70, 20:100] = 1
    mask[30:50, 50:70] = 0
    outer, inner = trace_outline(mask)
    for polygon, box in ((outer, (20, 10, 100, 70)), (inner, (50, 30, 70, 50))):
        xs, ys = zip(*polygon, strict=True)
        found = (min(xs) * 120, min(ys) * 80, max(xs) * 120, max(ys) * 80)
        assert found == pytest.approx(box, abs=0.6)
    (whole,) = trace_outline(np.ones((80, 120), np.float32))
    expected = np.array([(0, 0), (0, 1), (1, 1), (1, 0)])
    assert np.array(whole) == pytest.approx(expected, abs=0.001)


@pytest.fixture(scope="module")
def embedded():
    return Colorizer.load()


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_a_view_shows_what_the_file_will_be(tmp_path, embedded, suffix):
    with Image.open(SAMPLES / "photo.jpg") as image:
        gray = np.asarray(image.convert("L").resize((1280, 1600), Image.Resampling.BICUBIC))
    path = tmp_path / f"photo{suffix}"
    if suffix == ".tif":  # 16 bits
        Image.fromarray((gray.astype(np.uint16) * 257).astype("<u2")).save(path)
    else:
        Image.fromarray(gray).save(path, quality=92)
    state = ComputeState(StudioSettings(data_dir=tmp_path), lambda _: embedded)
    photo = PreparedPhoto(path, embedded, state.get_threads)
    hints = (HintValue(0.3, 0.4, RED), HintValue(0.7, 0.7, BLUE), HintValue(0.5, 0.1, "keep"))
    decisions = PhotoDecisions(hints, vividness=0.8, saturation=1.2)
    view = compose_view(photo, decisions, "color", 1000)
    assert view.shape == (1000, 800, 3)
    target = tmp_path / "result.png"
    colorize_photo(path, target, decisions.to_options(), colorizer=embedded)
    with Image.open(target) as image:
        result = np.asarray(image.convert("RGB").resize((800, 1000), Image.Resampling.BOX))
    difference = np.abs(view.astype(int) - result)
    assert difference.mean() < 1.0
    assert np.percentile(difference, 99) < 8
    # Without decisions the picture is another one, so the comparison means something.
    plain = compose_view(photo, PhotoDecisions(), "color", 1000).astype(int)
    assert np.abs(plain - result).mean() > 3
    colors = describe_colors(photo, PhotoDecisions(), 0.5, 0.5)["colors"]
    shares = [color["share"] for color in colors]
    assert colors and shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1


def test_the_confidence_is_white_where_the_color_is_certain(photos):
    photo = photos.upload("mill.png", encode(make_scene()))
    rgb = photos.image(photo, view="confidence")
    assert abs(rgb.astype(int) - 128).max() <= 2  # the flat generator has 0.5 everywhere
