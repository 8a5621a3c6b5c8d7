"""The measurements of the journal, at sizes that say nothing about speed: every figure is computed."""

import asyncio
import json
from collections import Counter
from contextlib import closing
from math import isfinite
from pathlib import Path

import pytest

from benchmarks.journal import appending, pacing, reading, workload
from benchmarks.journal.figures import Figure, Report, alternate, beside, limited, ratio, table, to_json
from benchmarks.journal.loops import loops, run
from benchmarks.journal.main import Sizes, measure
from benchmarks.journal.projection import BOARD, Board
from bursar.domain.events import Event
from bursar.domain.registry import decode, encode
from bursar.eventstore.reader import Reader
from bursar.projections.history import events, fold

TINY = Sizes(1, 100, 0.02, 100, 200, 1_000, 500, 1)


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    """The third round was slow for both: it counts like any other."""
    rounds = {"one": [8.0, 9.0, 1.0], "other": [10.0, 10.0, 1.0]}
    assert ratio(rounds, "one", "other") == 0.9


def test_the_variants_take_turns() -> None:
    said: list[str] = []

    def variant(name: str) -> float:
        said.append(name)
        return float(len(said))

    rounds = alternate(2, {"a": lambda: variant("a"), "b": lambda: variant("b")})
    assert said == ["a", "b", "a", "b"]
    assert rounds == {"a": [1.0, 3.0], "b": [2.0, 4.0]}


@pytest.mark.parametrize(
    ("figure", "met", "goal_met"),
    [
        (Figure("rate", 7, 10, "ev/s", 0.7, must=0.7, goal=0.85), True, False),
        (Figure("rate", 6, 10, "ev/s", 0.6, must=0.7, goal=0.85), False, False),
        (Figure("rate", 9, 10, "ev/s", 0.9, must=0.7, goal=0.85), True, True),
        (Figure("rate", 9, 10, "ev/s", 0.9), None, None),
        (limited("wait", 900, 1000, "us"), True, None),
        (limited("wait", 1100, 1000, "us"), False, None),
        (limited("wait", 1100, 1000, "us", judged=False), None, None),
    ],
)
def test_a_figure_says_whether_it_is_good_enough(
    figure: Figure, met: bool | None, goal_met: bool | None
) -> None:
    assert (figure.met, figure.goal_met) == (met, goal_met)


def test_the_table_has_a_line_for_each_figure_and_a_verdict() -> None:
    rounds = {"ours": [70.0], "theirs": [100.0]}
    report = Report(
        (beside("append", rounds, "ours", "theirs", "ev/s", must=0.8), limited("wait", 500, 1000, "us")),
        ("measured twice",),
        0.031,
    )
    heading, append, wait, note, verdict = table(report).splitlines()
    assert heading.split() == ["measure", "bursar", "peer", "or", "limit", "ratio", "must", "goal", "met"]
    assert append.split() == ["append", "70", "ev/s", "100", "ev/s", "0.70", "≥", "0.8", "NO"]
    assert wait.split() == ["wait", "500", "us", "1,000", "us", "0.50", "≤", "1", "yes"]
    assert note == "* measured twice"
    assert verdict == "musts: 1 of 2 met; goals: 0 of 0; other programs took 3% of the processors meanwhile"


def test_the_histories_fold_and_are_what_encoding_gives() -> None:
    """Their texts are filled in: twice through all the models, so that no blank is filled only once."""
    drafts = list(workload.history(11 + 2 * 8 * 14))
    assert len({draft.type for draft in drafts[11:]}) == len(workload.TYPES) == 10
    history = [
        Event(position, draft.at, draft.cause, draft.correlation, draft.actor, body)
        for position, draft in enumerate(drafts, 1)
        for body in (decode(draft.type, draft.version, draft.data),)
    ]
    state = fold(history)
    assert state.totals.completed == 2 * state.totals.loads == 2 * 2 * 8
    assert not state.requests
    for event, draft in zip(history, drafts, strict=True):
        assert encode(event.body) == draft.data
        assert event.body.subject(event.position) == draft.subject


@pytest.mark.parametrize("build", workload.BODIES)
def test_a_body_takes_about_500_bytes(build: workload.Builder) -> None:
    assert 450 < len(encode(build(1))) < 550


@pytest.mark.parametrize("name", loops())
@pytest.mark.parametrize("bodies", [appending.Ended, appending.Various, appending.Built])
def test_clients_append_under_every_loop(name: str, bodies: type[appending.Bodies]) -> None:
    assert appending.journaled(10, 50, loops()[name], bodies) > 0


def test_pacing_gives_percentiles_in_order() -> None:
    turn = run(pacing.paced(pacing.Nothing(), 0.02, 10), asyncio.new_event_loop)
    assert 0 < turn.p50 <= turn.p99 <= turn.p999
    assert turn.stall > 0


def test_the_board_folds_to_the_same_in_two_ways_and_counts_everything() -> None:
    length = 11 + 8 * 14
    with reading.long_journal(length) as path:
        assert len(reading.measure_replay(path, 1, length)) == 1
        board = Board()
        with closing(Reader(path)) as reader:
            BOARD.fold(board, reader)
            types = Counter(event.body.name for event in events(reader))
    assert board.readings == types["MetricsSampled"] == 8
    assert board.ended == {"completed": 16, "failed": 0, "cancelled": 8}
    assert sum(row.loads for row in board.rows.values()) == types["ModelLoaded"]


def test_eventsourcing_comes_to_what_we_come_to(tmp_path: Path) -> None:
    pytest.importorskip("eventsourcing")
    from benchmarks.journal.beside import PEERS, theirs
    from benchmarks.journal.subject import Tally, fields

    wanted = Tally()
    for said in fields(5):
        wanted.add(said["used_bytes"], said["prompt_tokens"], said["note"])
    for name, open_peer in PEERS.items():
        with closing(open_peer(tmp_path / f"{name}.db", True)) as peer:
            subject = peer.begin()
            peer.save(subject, fields(5)[:2])
            peer.save(subject, fields(5)[2:])
            assert peer.rebuild(subject) == wanted
            assert peer.replay() == {subject: wanted}
        assert theirs(name, 10, size=5, normal=False) > 0


def test_a_run_measures_everything_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("eventsourcing")
    report = measure(TINY)
    figures = json.loads(to_json(report))["figures"]
    assert len(figures) == len({figure["measure"] for figure in figures})
    assert all(isfinite(figure["ratio"]) and figure["ratio"] > 0 for figure in figures)
    assert [figure["must"] for figure in figures if figure["must"] is not None] == [
        *(0.7, 0.6),  # appending: 1 and 100 clients
        *(6, 1.0, 1.0),  # p99.9 of its p50, and of a millisecond; stalls of 5
        *(3, 3, 10, 8, 6),  # beside eventsourcing
        *(0.45, 0.33, 50, 1.0),  # replay, verify, opening, the log
    ]
    assert 0 <= report.others < 1
    assert "appending" in capsys.readouterr().err
