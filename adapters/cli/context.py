"""`bursar context`."""

import click

from ...domain.contexts.events import MessagesWanted
from ...domain.contexts.machine import ContextState
from ...domain.contexts.spans import length, ordinals, spans_of
from ...domain.contexts.values import Spans
from ...domain.errors import MemoryOptimizationFailed, NoSuchContext
from ...eventstore.reader import Reader
from ...projections.contexts import messages
from ...projections.fields import fields
from ...projections.figures import columns, count, size
from ...projections.log import line
from ...projections.windows import ContextView, MessageRow, context_view, context_views
from .options import MOMENT, position_of, reading
from .output import emit, table
from .owning import owner_of
from .pipes import write
from .texts import Texts

_HEADING = ("#", "ROLE", "TOKENS", "SIZE", "WHAT BECAME OF IT", "TEXT")
_NUMBERS = ("#", "TOKENS", "SIZE")
#: What is left out first where the terminal is narrow.
_OPTIONAL = ("SIZE", "TOKENS")
_LISTED = ("CONTEXT", "MODEL", "AGENT", "STATE", "SENT", "OF", "TOKENS", "LIMIT")
#: Characters of a text in a table.
_EXCERPT = 72


@click.group()
def context() -> None:
    """What of a conversation is sent, and what became of the rest.

    Messages are numbered from 0 in the order in which they came. Those that were left out are kept, and can
    be put back until their context is forgotten (`bursar forget context/ID`).
    """


@context.command("list")
@reading
def list_(journal: str, as_json: bool) -> None:
    """Every context that the journal knows."""
    with Reader(journal) as reader:
        views = context_views(reader)
    if as_json:
        emit([_head(view) for view in views])
    elif views:
        numbers = ("SENT", "OF", "TOKENS", "LIMIT")
        table(_LISTED, map(_listed, views), right=numbers, optional=("AGENT", "LIMIT", "OF"))
    else:
        write("The journal knows no contexts yet.")


@context.command(epilog=MOMENT)
@click.argument("name", metavar="ID")
@click.option("--at", default="head", metavar="POSITION|TIME", show_default=True, help="The moment.")
@click.option("--left-out", is_flag=True, help="Only what is not sent.")
@click.option("--full", is_flag=True, help="Whole texts, and not their beginnings.")
@reading
def show(name: str, at: str, left_out: bool, full: bool, journal: str, as_json: bool) -> None:
    """The messages of a context: which are sent, which are not, and by which decision."""
    with Reader(journal) as reader:
        view = context_view(reader, name, position_of(reader, at))
    rows = [row for row in view.messages if not (left_out and row.where == "sent")]
    with Texts(journal, name) as texts:
        if as_json:
            emit(_head(view) | {"messages": [_document(row, texts) for row in rows]})
            return
        write(_told(view))
        if full:
            write("\n\n".join(_whole(row, texts) for row in rows))
        elif rows:
            table(_HEADING, [_cells(row, texts) for row in rows], right=_NUMBERS, optional=_OPTIONAL)
    if texts.problem:
        write(f"Texts cannot be shown: {texts.problem}")


@context.command(epilog=MOMENT)
@click.argument("name", metavar="ID")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B", default="head")
@reading
def diff(name: str, before: str, after: str, journal: str, as_json: bool) -> None:
    """What came into the window of a context and what left it between two moments.

    A and B are positions or times; B is now when it is not given.
    """
    with Reader(journal) as reader:
        positions = sorted((position_of(reader, before), position_of(reader, after)))
        earlier, later = (context_view(reader, name, position) for position in positions)
    sent = set(ordinals(earlier.window)), set(ordinals(later.window))
    gone = [later.messages[ordinal] for ordinal in sorted(sent[0] - sent[1])]
    come = [later.messages[ordinal] for ordinal in sorted(sent[1] - sent[0])]
    with Texts(journal, name) as texts:
        if as_json:
            sides = {"left": gone, "came": come}
            documents = {side: [_document(row, texts) for row in rows] for side, rows in sides.items()}
            tokens = {"before_tokens": earlier.tokens, "after_tokens": later.tokens}
            emit({"context": name, "from": positions[0], "to": positions[1], **tokens, **documents})
            return
        write(f"{name}: {earlier.tokens} → {later.tokens} tokens (#{positions[0]} to #{positions[1]})")
        rows = [("left", row) for row in gone] + [("came", row) for row in come]
        if rows:
            cells = [(sign, *_cells(row, texts)) for sign, row in rows]
            table(("", *_HEADING), cells, right=_NUMBERS, optional=_OPTIONAL)
        else:
            write("The same messages are sent.")


@context.command()
@click.argument("name", metavar="ID")
@click.argument("numbers", metavar="[MESSAGE]...", nargs=-1, type=click.IntRange(min=0))
@click.option("--to", "to", metavar="POSITION|TIME", help="The messages that were sent then.")
@reading
def restore(name: str, numbers: tuple[int, ...], to: str | None, journal: str, as_json: bool) -> None:
    """Put messages back that were left out: those given, those sent at a moment, or all.

    The rules still hold: a tool call comes with its results, and no more comes back than the window takes.
    """
    if numbers and to is not None:
        raise click.UsageError("Give numbers of messages or --to, not both.")
    with Reader(journal) as reader:
        view = context_view(reader, name)
        if view.state is ContextState.FORGOTTEN:
            raise NoSuchContext(context=name, remedy="it was forgotten, and its texts are gone for ever")
        wanted = _wanted(reader, view, numbers, to)
    if not wanted:
        write(f"Nothing is left out of {name}.")
        return
    with owner_of(journal) as owner:
        position = owner.record(MessagesWanted(context=name, wanted=wanted))
        decided = list(owner.reader.read(after=position, limit=1))
    if not decided or decided[0].cause != position:
        raise MemoryOptimizationFailed(context=name, what="restore", cause="nothing was decided")
    if decided[0].type == "OptimizationRefused":
        values = fields(decided[0])["values"]
        cause = values.get("cause") or ", ".join(f"{key} {value}" for key, value in values.items())
        raise MemoryOptimizationFailed(context=name, what="restore", cause=cause)
    told = line(decided[0])
    if as_json:
        emit({"position": position, "decided": told._asdict()})
    else:
        write(f"#{told.position} {told.summary}")


def _wanted(reader: Reader, view: ContextView, numbers: tuple[int, ...], to: str | None) -> Spans:
    """What is to come back; what is sent already is no part of it."""
    sent = set(ordinals(view.window))
    if to is not None:
        then = context_view(reader, view.context, position_of(reader, to))
        numbers = tuple(ordinals(then.window))
    elif not numbers:
        numbers = tuple(row.ordinal for row in view.messages if not row.summary)
    unknown = [number for number in numbers if number >= len(view.messages)]
    if unknown:
        raise click.UsageError(
            f"There is no message {unknown[0]}: {view.context} has {count(len(view.messages), 'message')}, "
            "numbered from 0."
        )
    return spans_of(sorted(set(numbers) - sent))


def _head(view: ContextView) -> dict[str, object]:
    return {
        "context": view.context,
        "model": view.model,
        "agent": view.agent,
        "state": view.state.value,
        "position": view.position,
        "sent_messages": length(view.window),
        "all_messages": len(view.messages),
        "sent_tokens": view.tokens,
        "limit_tokens": view.limit_tokens,
    }


def _listed(view: ContextView) -> tuple[str, ...]:
    sent, every = str(length(view.window)), str(len(view.messages))
    tokens, limit = str(view.tokens), str(view.limit_tokens)
    return view.context, view.model, view.agent, view.state.value, sent, every, tokens, limit


def _told(view: ContextView) -> str:
    left = [row for row in view.messages if row.where in ("left out", "summed up")]
    pairs = [
        ("context", f"{view.context} ({view.state.value}, as of #{view.position})"),
        ("model", view.model),
        ("sent", f"{count(length(view.window), 'message')}, {view.tokens} of {view.limit_tokens} tokens"),
        ("left out", f"{count(len(left), 'message')}, {sum(row.tokens for row in left)} tokens"),
        ("window", messages([list(span) for span in view.window])),
    ]
    return "\n".join(columns(pairs)) + "\n"


def _document(row: MessageRow, texts: Texts) -> dict[str, object]:
    message = texts.message(row)
    text = None if message is None else message.content
    return {**row.model_dump(mode="json"), "text": text}


def _cells(row: MessageRow, texts: Texts) -> tuple[str, ...]:
    return (
        str(row.ordinal),
        _role(row),
        str(row.tokens),
        size(row.size),
        _fate(row),
        texts.excerpt(row, _EXCERPT),
    )


def _whole(row: MessageRow, texts: Texts) -> str:
    return f"[{row.ordinal}] {_role(row)}, {row.tokens} tokens, {_fate(row)}\n{texts.whole(row)}"


def _role(row: MessageRow) -> str:
    """Who speaks."""
    role = "summary" if row.summary else row.role
    return f"{role} (pinned)" if row.pinned else role


def _fate(row: MessageRow) -> str:
    """What became of a message, and which decision did it."""
    by = "" if row.decided is None else f" (#{row.decided})"
    match row.where:
        case "summed up":
            return f"in summary {row.stands_in}{by}"
        case "left out":
            score = "" if row.score is None else f", score {row.score / 1_000_000:.3f}"
            return f"left out{score}{by}"
        case where:
            return f"{where}{by}"
