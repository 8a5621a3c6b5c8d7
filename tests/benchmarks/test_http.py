"""The measurements of the HTTP client, at sizes that say nothing about speed."""

import asyncio

import pytest

from benchmarks.http import main
from benchmarks.http.clients import CLIENTS
from benchmarks.http.main import Sizes, measure, serving, table


def test_every_client_is_measured_and_the_table_has_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "CONCURRENT", (1, 2))
    monkeypatch.setattr(main, "_WARM_UP", 1)
    with serving() as url:
        rows = asyncio.run(measure(url, Sizes(1, 2, 2)))
    assert [(row.kind, row.concurrent, row.client) for row in rows] == [
        (kind, concurrent, client)
        for kind in ("whole", "stream")
        for concurrent in (1, 2)
        for client in CLIENTS
    ]
    assert all(row.cpu_us > 0 and row.per_s > 0 and row.of_httpx > 0 for row in rows)
    assert {row.of_httpx for row in rows if row.client == "httpx"} == {1.0}
    lines = table(rows, 0.5).splitlines()
    assert len(lines) == 1 + len(rows) + 3
    assert "50%" in lines[-1]
