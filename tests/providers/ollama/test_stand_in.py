"""`python -m bursar.testing.provider`: the program, and switches by name."""

import json
import signal
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field

import pytest
from click.testing import CliRunner

from bursar.testing.provider.__main__ import main
from bursar.testing.provider.faults import Faults, Refusal
from bursar.testing.provider.kinds import KINDS
from bursar.testing.provider.switching import BadSwitch, Switch, set_switch, switches_of
from bursar.testing.provider.world import Installed, World


def test_it_listens_says_where_and_ends_cleanly_when_interrupted() -> None:
    command = [sys.executable, "-m", "bursar.testing.provider", "--like", "ollama", "--port", "0"]
    options = [
        "--model",
        "qwen3:8b=5GiB",
        "--load-seconds",
        "0",
        "--fault",
        "no_usage",
        "--switch",
        "version=0.12.11",
    ]
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout and program.stderr
        said = program.stdout.readline()
        assert said.startswith("A stand-in for Ollama at http://127.0.0.1:") and "qwen3:8b" in said
        url = next(word for word in said.split() if word.startswith("http"))
        with urllib.request.urlopen(f"{url}/api/version") as answer:  # noqa: S310 - it is our own
            assert json.load(answer) == {"version": "0.12.11"}
        program.send_signal(signal.SIGINT)
        assert program.wait(30) == 0
        assert program.stderr.read() == ""


def test_every_provider_has_a_stand_in_with_switches_that_are_described() -> None:
    assert list(KINDS) == ["ollama", "lmstudio", "llamacpp", "llamacpp-router", "vllm", "openai"]
    listing = CliRunner().invoke(main, ["--list"]).output
    for name, kind in KINDS.items():
        assert f"--like {name}: {kind.title}" in listing
        assert switches_of(kind.switches)
        assert callable(kind.build(World([Installed("one")]), kind.switches()))
    assert "  unload_ignored (bool)  Unloads are acknowledged and do not happen." in listing


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fault", "nonsense"], "there is no 'nonsense'; there are refusals, hang"),
        (["--switch", "max_queue=many"], "max_queue cannot be 'many': it is int"),
        (["--model", "x=banana"], "is not a size"),
        (["--model", "=5GiB"], "has no name"),
        (["--model", "x=5GiB,colour=red"], "has no colour"),
        (["--model", "x=5GiB,context=0"], "is less than 1"),
        (["--like", "nobody"], "is not one of"),
    ],
)
def test_what_cannot_be_is_refused_with_what_could(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert said in result.output


@dataclass
class _Example:
    #: What it is.
    version: str = "1"
    #: In two
    #: lines.
    count: int | None = None
    flag: bool = False
    names: set[str] = field(default_factory=set[str])
    pair: tuple[int, str] | None = None
    refusals: dict[str, Refusal] = field(default_factory=dict[str, Refusal])


@dataclass
class _More(_Example):
    #: On top.
    more: int = 0


def test_switches_are_listed_with_the_comment_above_each() -> None:
    assert switches_of(_More)[0] == Switch("version", "str", "What it is.")
    assert switches_of(_More)[-1] == Switch("more", "int", "On top.")
    assert switches_of(_Example)[:3] == [
        Switch("version", "str", "What it is."),
        Switch("count", "int | None", "In two lines."),
        Switch("flag", "bool", ""),
    ]


def test_switches_are_set_by_text() -> None:
    example = _Example()
    texts = ("version=0.12.11", "count=7", "flag", "names=a,b", 'pair=[2, "x"]')
    for text in (*texts, 'refusals={"/x": {"status": 503, "body": "busy", "times": 2}}'):
        set_switch(example, text)
    assert example == _Example(
        "0.12.11", 7, True, {"a", "b"}, (2, "x"), {"/x": Refusal(503, "busy", times=2)}
    )
    set_switch(example, "count=null")
    assert example.count is None
    with pytest.raises(BadSwitch, match="there is no 'colour'"):
        set_switch(Faults(), "colour=red")
