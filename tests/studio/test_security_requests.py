"""Requests with foreign paths, names, origins and credentials, sent to a real server."""

from __future__ import annotations

import pytest

from tests.helpers.studio_server import StudioProcess
from tests.studio.raw_http import check_refused, exchange, make_request


def test_honest_request_succeeds(attacked: StudioProcess) -> None:
    assert exchange(attacked, make_request(attacked)).status == 200


TRAVERSALS = [
    "/../pyproject.toml",
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/..%2f..%2f..%2fetc%2fpasswd",
    "/%252e%252e/%252e%252e/etc/passwd",
    "/..%5c..%5cetc%5cpasswd",
    "/..\\..\\etc\\passwd",
    "/....//....//etc/passwd",
    "//etc/passwd",
    "/pages/../app.py",
    "/pages/..%2fapp.py",
    "/pages/%2e%2e/app.py",
    "/pages//app.py",
    "/pages/.git/config",
    "/.env",
    "/css/%00base.css",
    "/css/base.css%00.jpg",
    "/%c0%ae%c0%ae/etc/passwd",
    "/file:///etc/passwd",
    "/static/../settings.py",
    "/js/../../app.py",
    "/api/uploads/../../etc/passwd",
    "/api/uploads/..%2f..%2fetc%2fpasswd",
    "/api/uploads/....%2f%2fetc",
    "/api/photos/..%2f..%2fstudio.db/image",
    "/api/photos/%2e%2e/image",
    "/api/films/..%5c..%5cstudio.db/frames/0",
    "/api/archives/..%2fstudio.db",
    "/api/jobs/'%20OR%201=1--",
    "/api/uploads/'%20OR%20'1'='1",
    "/studio.db",
    "/uploads/",
    "/logs/studio.log",
    "/token",
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_leads_out_of_the_server(attacked: StudioProcess, path: str) -> None:
    check_refused(exchange(attacked, make_request(attacked, path=path)))


FOREIGN_HOSTS = [
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1.evil.example:{port}",
    "localhost.evil.example:{port}",
    "127.0.0.1:{port}.evil.example",
    "127.0.0.1:{port}@evil.example",
    "evil.example#127.0.0.1:{port}",
    "127.0.0.1",
    "127.0.0.1:1",
    "127.0.0.2:{port}",
    "0.0.0.0:{port}",
    "[::ffff:127.0.0.1]:{port}",
    "2130706433:{port}",
    "0x7f.1:{port}",
    "",
    None,
]


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_rebound_names_are_refused(attacked: StudioProcess, host: str | None) -> None:
    value = None if host is None else host.format(port=attacked.port)
    check_refused(
        exchange(attacked, make_request(attacked, headers={"Host": value})),
        (400, 421),
    )


def test_two_host_headers_are_refused(attacked: StudioProcess) -> None:
    data = make_request(attacked).replace(b"\r\n\r\n", b"\r\nHost: evil.example\r\n\r\n")
    check_refused(exchange(attacked, data), (400,))


def test_absolute_address_of_another_host_is_refused(attacked: StudioProcess) -> None:
    check_refused(exchange(attacked, make_request(attacked, path="http://evil.example/api/info")))


FOREIGN_SITES: list[dict[str, str | None]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "https://127.0.0.1:{port}"},
    {"Origin": "http://localhost:{port}.evil.example"},
    {"Origin": "http://evil.example:{port}"},
    {"Origin": "file://"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    {"X-Vidcolor": None},
    {"X-Vidcolor": "0"},
    {"X-Vidcolor": None, "Content-Type": "text/plain"},
    {"X-Vidcolor": None, "Content-Type": "application/x-www-form-urlencoded"},
    {"X-Vidcolor": None, "Content-Type": "multipart/form-data; boundary=x"},
    {"X-Vidcolor": None, "X-HTTP-Method-Override": "GET"},
]


@pytest.mark.parametrize("headers", FOREIGN_SITES, ids=str)
def test_requests_of_other_sites_change_nothing(
    attacked: StudioProcess, headers: dict[str, str | None]
) -> None:
    filled = {k: v and v.format(port=attacked.port) for k, v in headers.items()}
    data = make_request(attacked, "POST", "/api/links", filled, b"{}")
    check_refused(exchange(attacked, data), (403,))


def test_pages_of_other_sites_cannot_read(attacked: StudioProcess) -> None:
    answer = exchange(attacked, make_request(attacked, headers={"Origin": "https://evil.example"}))
    check_refused(answer, (403,))
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT", "PROPFIND", "BREW", "get"])
def test_other_methods_are_refused(attacked: StudioProcess, method: str) -> None:
    headers = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x"}
    answer = exchange(attacked, make_request(attacked, method, headers=headers))
    check_refused(answer)
    assert not [name for name in answer.headers if name.startswith("access-control")]


FORGED: list[dict[str, str | None]] = [
    {"Authorization": None},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer "},
    {"Authorization": "Bearer x"},
    {"Authorization": "Bearer {token}x"},
    {"Authorization": "Bearer {token} {token}"},
    {"Authorization": "Basic {token}"},
    {"Authorization": "Bearer \u00e9\u00e9"},
    {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhcGkifQ."},
    {"Authorization": None, "Cookie": "vidcolor-{port}=forged"},
    {"Authorization": None, "Cookie": "vidcolor-{port}={token}"},
    {"Authorization": None, "Cookie": "vidcolor-{port}='; DROP TABLE sessions--"},
    {"Authorization": None, "Cookie": "=;;;=\u00e9; vidcolor-{port}"},
    {"Authorization": None, "X-Forwarded-For": "127.0.0.1"},
    {"Authorization": None, "X-Forwarded-Host": "127.0.0.1:{port}", "X-Forwarded-User": "root"},
]


@pytest.mark.parametrize("headers", FORGED, ids=str)
def test_forged_credentials_are_refused(
    attacked: StudioProcess, headers: dict[str, str | None]
) -> None:
    filled = {
        k: v and v.format(port=attacked.port, token=attacked.token) for k, v in headers.items()
    }
    check_refused(exchange(attacked, make_request(attacked, headers=filled)), (400, 401, 429))


@pytest.mark.parametrize(
    "path",
    [
        "/open",
        "/open?key=",
        "/open?key=guess",
        "/open?key=%00",
        "/open?key=' OR 1=1--".replace(" ", "%20"),
        "/open?key=" + "A" * 5000,
        "/open?key=a&key=b",
    ],
    ids=lambda path: path[:30],
)
def test_links_cannot_be_guessed(attacked: StudioProcess, path: str) -> None:
    answer = exchange(attacked, make_request(attacked, path=path, headers={"Authorization": None}))
    check_refused(answer)
    assert "set-cookie" not in answer.headers


def test_head_request_does_not_use_up_a_link(attacked: StudioProcess) -> None:
    path = attacked.make_link().removeprefix(attacked.base_url)
    no_token = {"Authorization": None}
    check_refused(exchange(attacked, make_request(attacked, "HEAD", path, no_token)))
    assert exchange(attacked, make_request(attacked, "GET", path, no_token)).status == 303
