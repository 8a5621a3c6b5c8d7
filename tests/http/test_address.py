"""A base URL is what settings say, checked once, and the only place that requests go to."""

import pytest

from bursar.adapters.http.address import parse_address
from bursar.adapters.http.client import HttpClient

from .servers import OK, answering, asking, within_patience


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("HTTP://Host:80", "http://host"),
        ("https://host:443/api//", "https://host/api"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://bücher.example", "http://xn--bcher-kva.example"),
        ("http://0.0.0.0:11434", "http://0.0.0.0:11434"),
    ],
)
def test_a_base_url_has_one_way_to_be_written(url: str, expected: str) -> None:
    assert HttpClient(url).base_url == expected


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("", "must begin with http:// or https://"),
        ("127.0.0.1:11434", "must begin with http:// or https://"),
        ("ftp://host", "must begin with"),
        ("unix:///run/x", "must begin with"),
        ("file:///etc/passwd", "must begin with"),
        ("http://", "names no host; write it like"),
        ("http:///path", "names no host"),
        ("http://host:port", "is no URL"),
        ("http://host:99999", "is no URL"),
        ("http://[::1", "is no URL"),
        ("http://host?a=b", "leave off what begins with"),
        ("http://host/#x", "leave off what begins with"),
        ("http://host/?", "leave off what begins with"),
        ("http://user@host", "give the key as a setting of its own"),
        ("http://localhost:1@evil", "give the key as a setting of its own"),
        ("http://ho st", "remove it"),
        (" http://host", "remove it"),
        ("http://host\r\nX: y", "remove it"),
        ("http://" + "ü" * 70, "names a host that cannot be"),
        ("http://169.254.169.254", "where no provider can be"),
        ("http://[fe80::1]:80", "where no provider can be"),
        ("http://[::ffff:169.254.169.254]", "where no provider can be"),
        ("http://224.0.0.1", "where no provider can be"),
        ("http://[fd00:ec2::254]", "where no provider can be"),
    ],
)
def test_what_is_no_base_url_is_refused_with_a_remedy(url: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        HttpClient(url)


def test_what_may_be_secret_in_a_url_is_not_repeated() -> None:
    for url in ("http://user:hunter2@host", "http://host?key=hunter2", "http://u:hunter2@host:port"):
        with pytest.raises(ValueError, match="host") as caught:
            HttpClient(url)
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "remedy"),
    [
        ({"Authorization": "Bearer key\n"}, "a line's end that was copied along"),
        ({"Authorization": "Bearer hunter2\r\nX: y"}, "control character"),
        ({"Authorization": "Bearer hunter2 "}, "space around it"),
        ({"Authorization": "Bearer 🔑"}, "beyond Latin-1"),
        ({"X Y": "1"}, "'X Y' cannot be set"),
        ({"": "1"}, "cannot be set"),
        ({"Host": "evil"}, "'Host' cannot be set"),
        ({"transfer-encoding": "chunked"}, "cannot be set"),
        ({"Accept-Encoding": "gzip"}, "cannot be set"),
    ],
)
def test_a_header_that_cannot_be_is_refused_and_its_value_not_repeated(
    headers: dict[str, str], remedy: str
) -> None:
    with pytest.raises(ValueError, match=remedy) as caught:
        HttpClient("http://host", headers=headers)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "query", "target"),
    [
        ("/api/ps", None, "/v0/api/ps"),
        ("/slots", {"model": "a b/c?", "autoload": "false"}, "/v0/slots?model=a%20b%2Fc%3F&autoload=false"),
        ("/models/a%2Fb", None, "/v0/models/a%2Fb"),
        ("/x HTTP/1.1\r\nEvil: 1\r\n\r\n", None, "/v0/x%20HTTP/1.1%0D%0AEvil:%201%0D%0A%0D%0A"),
        ("/ü?#", {"a": "\r\n&b=c"}, "/v0/%C3%BC%3F%23?a=%0D%0A%26b%3Dc"),
    ],
)
def test_a_path_cannot_leave_its_place(path: str, query: dict[str, str] | None, target: str) -> None:
    assert parse_address("http://host/v0/").target(path, query) == target


def test_a_request_is_what_it_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the environment has no say in where it goes."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def test() -> None:
        async with asking(answering(OK), headers={"X-Key": "k"}) as (client, server):
            await client.request("POST", "/a", json={"text": "ü"}, query={"q": "1"})
            await client.request("POST", "/b")
            await client.request("GET", "/c")
            host = server.url.removeprefix("http://")
            same = f"Host: {host}\r\nAccept-Encoding: identity\r\nX-Key: k\r\n"
            body = '{"text":"\\u00fc"}'
            entity = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            assert [request.decode() for request in server.heard] == [
                f"POST /a?q=1 HTTP/1.1\r\n{same}{entity}",
                f"POST /b HTTP/1.1\r\n{same}Content-Length: 0\r\n\r\n",
                f"GET /c HTTP/1.1\r\n{same}\r\n",
            ]

    within_patience(test)


def test_what_json_cannot_say_is_not_sent() -> None:
    with pytest.raises(ValueError, match="JSON"):
        HttpClient("http://host").stream("POST", "/", json={"temperature": float("nan")})
