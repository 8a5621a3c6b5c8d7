"""Writes the pages that are told by the code itself; a test checks that they are what the code tells today.

python docs/generate.py        write them
"""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import get_args

import click
from transitions.extensions import GraphMachine

from bursar.adapters.cli.group import build
from bursar.commands import MANAGING
from bursar.domain import errors
from bursar.domain.contexts import events as context_events
from bursar.domain.contexts import growth as growth_events
from bursar.domain.contexts import keeping as keeping_events
from bursar.domain.contexts import machine as contexts
from bursar.domain.contexts import relief as relief_events
from bursar.domain.contexts.machine import ContextState
from bursar.domain.counting import events as counting_events
from bursar.domain.erasure import events as erasure_events
from bursar.domain.errors import BursarError
from bursar.domain.events import Body
from bursar.domain.host import events as host_events
from bursar.domain.models import events as model_events
from bursar.domain.models.machine import EDGES, ModelState
from bursar.domain.patterns import events as pattern_events
from bursar.domain.providers import events as provider_events
from bursar.domain.requests import events as request_events
from bursar.domain.resilience import events as resilience_events
from bursar.domain.resilience import machine as breakers
from bursar.domain.resilience.machine import BreakerState
from bursar.settings import kinds, sections

FOLDER = Path(__file__).parent


def pages() -> dict[str, str]:
    """Every generated page, by file name."""
    return {
        "events.md": events_page(),
        "errors.md": errors_page(),
        "settings.md": settings_page(),
        "commands.md": commands_page(),
        "model-states.md": states_page(),
        "breaker-states.md": breakers_page(),
        "context-states.md": contexts_page(),
    }


def events_page() -> str:
    """One heading for every type of event."""
    lines = [
        "# Events",
        "",
        "What the journal holds. A *fact* came from outside; a *decision* was concluded from the state and",
        "one fact, and carries its `reason`: the rule, every comparison, candidates, exclusions and margin.",
        "*Durable* events are on the disk before they are acknowledged; the others follow within 250 ms.",
    ]
    rooms = (
        ("Manager", host_events),
        ("Models", model_events),
        ("Requests", request_events),
        ("Providers", provider_events),
        ("Breakers, retries and fallbacks", resilience_events),
        ("Contexts", context_events),
        ("Contexts: windows that grow", growth_events),
        ("Contexts: packing, and their end", keeping_events),
        ("Agents and memory given back", relief_events),
        ("Counting", counting_events),
        ("Patterns", pattern_events),
        ("Erasure", erasure_events),
    )
    for title, module in rooms:
        lines += ["", f"## {title}"]
        for body in module.EVENTS:
            lines += ["", f"### {body.name}", "", *_event(body)]
    return "\n".join(lines) + "\n"


def _event(body: type[Body]) -> Iterator[str]:
    durable = ", durable" if body.durable else ""
    yield f"*{body.kind}, version {body.version}{durable}.* {_first(body)}"
    notes = _notes(body)
    fields = [name for name in body.model_fields if name != "reason"]
    if fields:
        yield ""
        yield from (_field(name, notes.get(name, "")) for name in fields)


def errors_page() -> str:
    """One heading for every code."""
    lines = [
        "# Errors",
        "",
        "Every error has a stable `code`; what its message names are attributes of it.",
        "",
    ]
    lines += (inspect.getdoc(errors) or "").split("\n\n")[1].splitlines()
    for kind in _classes(errors, BursarError):
        lines += ["", f"## {kind.code}", "", f"`{kind.__name__}`: {_first(kind)}", "", f"> {kind.message}"]
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """One heading for every key."""
    lines = [
        "# Settings",
        "",
        "Defaults, then `bursar.toml` in the working directory, then the environment, then arguments; the",
        "later wins. In the environment, `limits.memory` is `BURSAR_LIMITS__MEMORY`. Sizes are `14 GB`,",
        "`14 GiB` or bytes; times `5m`, `1h30m`, `250ms` or seconds. What is not a setting is refused.",
    ]
    for path, note, default in _settings(sections.Sections(), ""):
        lines += ["", f"## {path}", "", f"Default: `{default}`. {note}".rstrip()]
    return "\n".join(lines) + "\n"


def _settings(section: kinds.Section, prefix: str) -> Iterator[tuple[str, str, object]]:
    lineage = [kind for kind in reversed(type(section).__mro__) if issubclass(kind, kinds.Section)]
    notes = {name: note for kind in lineage for name, note in _notes(kind).items()}
    for name, field in type(section).model_fields.items():
        default = getattr(section, name)
        if isinstance(default, kinds.Section):
            yield from _settings(default, f"{prefix}{name}.")
            continue
        yield f"{prefix}{name}", notes.get(name, ""), default
        held = get_args(field.annotation)[-1:]
        if held and isinstance(held[0], type) and issubclass(held[0], kinds.Section):
            yield from _settings(held[0](), f"{prefix}{name}.<name>.")


def commands_page() -> str:
    """The help of every command."""
    group = build(MANAGING)
    context = click.Context(group, info_name="bursar", terminal_width=100, **group.context_settings)
    lines = [
        "# Commands",
        "",
        "Exit codes: 0 good, 1 a check failed, 2 wrong usage or settings.",
        "",
        "## bursar",
    ]
    lines += ["", *_indented(group.get_help(context))]
    for name in sorted(group.list_commands(context)):
        command = group.get_command(context, name)
        if command is not None:
            inner = click.Context(command, info_name=name, parent=context, terminal_width=100)
            lines += ["", f"## bursar {name}", "", *_indented(command.get_help(inner))]
            if isinstance(command, click.Group):
                lines += _inner_commands(command, inner)
    return "\n".join(lines) + "\n"


def _inner_commands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        inner = click.Context(group.commands[name], info_name=name, parent=context, terminal_width=100)
        yield from ("", f"### bursar {context.info_name} {name}", "")
        yield from _indented(group.commands[name].get_help(inner))


def states_page() -> str:
    """The machine of a model, drawn by the library it is declared with."""
    edges = [
        (source.value, edge["dest"].value, edge["trigger"]) for edge in EDGES for source in edge["source"]
    ]
    phrases = _notes(ModelState)
    lines = ["# The states of a model", "", "Each arrow is the event of that name.", ""]
    lines += _drawing([state.value for state in ModelState], edges)
    lines += ["", *(f"- **{state.value}**: {phrases[state.name]}" for state in ModelState)]
    return "\n".join(lines) + "\n"


def contexts_page() -> str:
    """That of a context, without what leads to its end from everywhere."""
    ends = (ContextState.CLOSED, ContextState.FORGOTTEN)
    edges = [
        (source.value, into.value, name)
        for (source, name), into in contexts.TABLE.items()
        if into not in ends and source is not into
    ]
    phrases = _notes(ContextState)
    lines = [
        "# The states of a context",
        "",
        "Each arrow is the event of that name. Not drawn: from every state, `ContextClosed` and",
        "`ContextRetired` lead to `closed`, and `ContextForgotten` to `forgotten`.",
        "",
        *_drawing([state.value for state in ContextState if state not in ends], edges),
        "",
    ]
    lines += [f"- **{state.value}**: {phrases[state.name]}" for state in ContextState]
    return "\n".join(lines) + "\n"


def breakers_page() -> str:
    """That of a breaker: what the rules do is drawn, what operators may do is told."""
    ruled = [state for state in BreakerState if state not in breakers.BY_HAND]
    edges = [
        (source.value, into.value, into.value)
        for (source, _name), into in breakers.TABLE.items()
        if source in ruled and into in ruled and source is not into
    ]
    by_hand = ", ".join(f"`{state}`" for state in breakers.BY_HAND)
    lines = [
        "# The states of a breaker",
        "",
        "Each arrow is a `BreakerChanged`; that from `open` to `closed` is an operator's. Not drawn:",
        f"`bursar breaker PROVIDER --set STATE` leads from every state to {by_hand} and",
        "`closed`, and `breaker.mode` to `metrics_only` (by `shadow`) and `disabled` (by `off`).",
        "What moves it when: [How bursar decides](decisions.md).",
        "",
        *_drawing([state.value for state in ruled], edges),
        "",
    ]
    phrases = _notes(BreakerState)
    lines += [f"- **{state.value}**: {phrases[state.name]}" for state in BreakerState]
    return "\n".join(lines) + "\n"


def _drawing(states: list[str], edges: list[tuple[str, str, str]]) -> Iterator[str]:
    """A diagram by the library; an edge is where from, where to, and its name."""
    machine = GraphMachine(
        states=states,
        transitions=[{"trigger": name, "source": source, "dest": dest} for source, dest, name in edges],
        initial=states[0],
        auto_transitions=False,
        graph_engine="mermaid",
    )
    yield "```mermaid"
    for line in machine.get_combined_graph().source.splitlines():
        # Without the colours: they would show one of the states as the present one.
        if not re.match(r"\s*(classDef|Class|$)", line):
            yield line.rstrip()
    yield "```"


def _field(name: str, note: str) -> str:
    return f"- `{name}`: {note}" if note else f"- `{name}`"


def _indented(text: str) -> Iterator[str]:
    return (f"    {line}".rstrip() for line in text.splitlines())


def _first(kind: type) -> str:
    return (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")


def _classes(module: ModuleType, base: type[BursarError]) -> list[type[BursarError]]:
    return [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, base) and kind.__module__.startswith(module.__name__)
    ]


def _notes(kind: type) -> dict[str, str]:
    """The `#:` comments above the names that a class assigns."""
    source = inspect.getsource(kind)
    lines = source.splitlines()
    found: dict[str, str] = {}
    for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined] # it is the class
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name):
                found[target.id] = " ".join(_comment_above(lines, node.lineno - 1))
    return {name: note for name, note in found.items() if note}


def _comment_above(lines: list[str], index: int) -> list[str]:
    comment: list[str] = []
    while index > 0 and (match := re.match(r"\s*#:? ?(.*)", lines[index - 1])):
        comment.insert(0, match[1])
        index -= 1
    return comment


def write(say: Callable[[str], None] = print) -> None:
    """Write every page whose text has changed."""
    for name, text in pages().items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            say(f"wrote {path.name}")


if __name__ == "__main__":
    write()
