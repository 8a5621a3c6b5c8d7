"""What the reading commands print, in words and as JSON."""

import json
from pathlib import Path

from bursar.eventstore.reader import Reader
from bursar.projections.history import digest, state_to_json
from bursar.projections.replay import state_at
from bursar.projections.why import Explanation

from .calling import bursar, inside, on_terminal


def test_status_says_what_is_where(journal: Path) -> None:
    ran = bursar("status", "--journal", journal)
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert lines[0].startswith(f"journal     {journal}: 47 events, ")
    assert lines[1:4] == [
        "last event  2026-10-01T12:04:52.400Z",
        "manager     none is running",
        "requests    0 running, 0 waiting",
    ]
    assert lines[5].split() == ["MODEL", "STATE", "SINCE", "LEASES", "WAITING", "MEMORY"]
    assert lines[7].split() == ["fake:new", "absent", "2026-10-01T12:04:47.400Z", "0", "0", "-"]


def test_status_as_json_is_one_document(journal: Path) -> None:
    document = json.loads(bursar("status", "--json", f"--journal={journal}").stdout)
    assert document["position"] == 47
    assert [model["state"] for model in document["models"]] == ["ready", "absent", "ready"]


def test_status_is_the_same_by_way_of_click(journal: Path) -> None:
    assert inside("status", journal=journal).stdout == bursar("status", "--journal", journal).stdout


def test_models_are_a_table(journal: Path) -> None:
    ran = bursar("models", "--journal", journal)
    assert (ran.returncode, ran.stderr) == (0, "")
    heading, busy, *_ = ran.stdout.splitlines()
    assert heading.split()[:5] == ["MODEL", "STATE", "SINCE", "MEMORY", "FROM"]
    assert busy.startswith("fake:busy  ready   2026-10-01T12:01:09.000Z  5 GiB ram  measured (rss)")
    rows = json.loads(inside("models", "--json", journal=journal).stdout)
    assert {row["model"]: row["counts"]["loads"] for row in rows} == {
        "fake:busy": 1,
        "fake:new": 1,
        "fake:rare": 2,
    }


def test_log_has_a_line_for_every_event(journal: Path) -> None:
    lines = bursar("log", "--journal", journal).stdout.splitlines()
    assert len(lines) == 47
    assert lines[25] == (
        "    26  2026-10-01T12:01:42.000Z  RequestArrived       request/26: chat with fake:new, for ada"
    )


def test_log_can_be_narrowed(journal: Path) -> None:
    def positions(*options: object) -> list[int]:
        lines = inside("log", *options, "--json", journal=journal).stdout.splitlines()
        return [json.loads(line)["position"] for line in lines]

    assert positions("--type", "ModelLoaded", "--type", "ModelUnloaded") == [11, 17, 31, 33, 42, 44]
    assert positions("--subject", "request/26") == [26, 30, 34, 35]
    assert positions("--since", 46) == [46, 47]
    assert positions("--since", "2026-10-01T12:04:52.400Z") == [46, 47]
    assert positions("--at", "2026-10-01T12:00:00Z", "--limit", 2) == [9, 10]
    assert positions("--after", 3, "--limit", 2) == [4, 5]
    assert positions("--limit", 2) == [46, 47]


def test_log_as_json_has_the_whole_event(journal: Path) -> None:
    document = json.loads(inside("log", "--json", "--since", 47, journal=journal).stdout)
    assert document["type"] == "StateDigested"
    assert set(document["data"]) == {"digest"}
    assert len(document["leaf"]) == 64


def test_why_explains_an_eviction(journal: Path) -> None:
    ran = bursar("why", 31, "--journal", journal)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith(
        "fake:rare was unloaded at 2026-10-01T12:01:42.200Z (#31): room had to be made"
    )
    assert "The next best choice, fake:busy, " in ran.stdout
    document = inside("why", 31, "--json", journal=journal).stdout
    explanation = Explanation.model_validate_json(document)
    assert str(explanation) + "\n" == ran.stdout


def test_why_takes_models_and_requests(journal: Path) -> None:
    assert inside("why", "fake:rare", journal=journal).stdout.startswith("fake:rare was loaded ")
    assert inside("why", "request/26", journal=journal).stdout.startswith("request/26 got fake:new ")


def test_state_is_the_one_of_that_moment(journal: Path) -> None:
    with Reader(journal) as reader:
        then, now = (json.loads(state_to_json(state_at(reader, position))) for position in (13, 47))
    assert json.loads(bursar("state", "--at", 13, "--json", "--journal", journal).stdout) == then
    by_time = inside("state", "--at", "2026-10-01T12:00:05", "--json", journal=journal)
    assert json.loads(by_time.stdout) == then
    assert json.loads(inside("state", "--json", journal=journal).stdout) == now
    lines = inside("state", "--at", 13, journal=journal).stdout.splitlines()
    assert lines[0].split() == ["position", "13"]
    assert any(line.startswith('models["fake:rare"].state ') and line.endswith(' "ready"') for line in lines)


def test_diff_tells_what_changed_forwards_and_backwards(journal: Path) -> None:
    lines = bursar("diff", 28, 29, "--journal", journal).stdout.splitlines()
    assert lines[1].split() == ['models["fake:rare"].state', '"draining"', "→", '"unloading"']
    document = json.loads(inside("diff", 29, 28, "--json", journal=journal).stdout)
    assert (document["from"], document["to"]) == (29, 28)
    assert {"path": "totals.evictions", "before": 1, "after": 0} in document["changes"]
    assert inside("diff", 29, 29, journal=journal).stdout == "Nothing is different.\n"


def test_replay_compares_with_the_live_process(journal: Path) -> None:
    ran = bursar("replay", "--journal", journal)
    assert ran.returncode == 0
    assert ran.stdout == "replayed 47 events: equal to the live state at 2 recorded digests.\n"
    with Reader(journal) as reader:
        expected = digest(state_at(reader, 20))
    document = json.loads(inside("replay", "--to", 20, "--json", journal=journal).stdout)
    assert document == {
        "position": 20,
        "digest": expected,
        "equal": True,
        "compared": 0,
        "difference": None,
    }


def test_verify_checks_the_tree_and_the_decisions(journal: Path) -> None:
    ran = bursar("verify", "--journal", journal)
    assert (ran.returncode, ran.stderr) == (0, "")
    tree, decisions = ran.stdout.splitlines()
    assert tree.startswith("tree: 47 events as written, root ")
    assert decisions == "decisions: 27 facts decided again, 20 decisions, all as recorded"
    document = json.loads(inside("verify", "--json", journal=journal).stdout)
    assert (document["ok"], document["tree"]["size"], document["decisions"]["facts"]) == (True, 47, 27)


def test_a_pipe_gets_no_escape_codes_and_a_terminal_gets_colours_unless_it_wants_none(journal: Path) -> None:
    arguments = ("replay", "--journal", journal)
    assert "\x1b" not in inside("replay", journal=journal).stdout
    assert "\x1b[32m" in on_terminal(*arguments)
    assert "\x1b[32m" not in on_terminal(*arguments, NO_COLOR="1")


def test_a_terminal_gets_tables_with_times_relative_to_now(journal: Path) -> None:
    for arguments in (("status",), ("models",), ("log", "--limit", 30)):
        text = on_terminal(*arguments, "--journal", journal)
        assert "fake:rare" in text
        assert " ago" in text or "now" in text
