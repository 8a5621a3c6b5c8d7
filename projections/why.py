"""Why something happened, from the journal alone: causes up to the request, effects down to the regret."""

import json
import re
from typing import Any

from ..domain.errors import NoSuchContext, NoSuchModel, NoSuchPosition, NoSuchRequest
from ..domain.reasons import Reason
from ..domain.requests.line import NS_PER_MS
from ..eventstore.reader import Reader
from ..eventstore.records import Record
from .causes import chain, last_before
from .consequences import consequences, leavers, regret
from .explanation import Consequence, Effect, Findings, Link, Relation
from .fields import fields
from .grounds import decisive, evidence_of, ranked, runner_up
from .sentences import render

_REQUEST = re.compile(r"request/(\d+)")


class Explanation(Findings):
    """Why something happened. The fields are the facts; `str()` puts them into words."""

    def __str__(self) -> str:
        return render(self)


def why(reader: Reader, what: int | str, until: int | None = None) -> Explanation:
    """Why the event at a position happened, why a model moved last, or what became of `request/N` and why;
    of `context/ID`, what was decided about it last.

    `until`: the last position that counts in finding the event; what came of it later is told all the same.
    Raises NoSuchPosition, NoSuchModel, NoSuchRequest, NoSuchContext.
    """
    asked = locate(reader, what, until)
    records = tuple(chain(reader, asked))
    links = tuple(_link(relation, record) for relation, record in records)
    decided = decisive(links)
    plan = next((record for _, record in records if record.type == "EvictionPlanned"), None)
    reason = decided.reason if decided else None
    shortfall: dict[str, int] = decided.data.get("shortfall", {}) if decided else {}
    chosen: tuple[str, ...] = tuple(decided.data.get("victims", ())) if decided else ()
    regrets = (regret(reader, model, (plan or asked).position) for model in leavers(asked, plan))
    return Explanation(
        what=str(what),
        chain=links,
        decided=decided.position if decided else None,
        rule=reason.rule if reason else None,
        rule_version=reason.rule_version if reason else None,
        comparisons=reason.tests if reason else (),
        candidates=ranked(reason, chosen),
        excluded=reason.excluded if reason else (),
        margin=reason.margin if reason else None,
        runner_up=runner_up(reason, chosen, shortfall),
        evidence=evidence_of(reader, decided, reason),
        effects=tuple(_effect(asked, *found) for found in consequences(reader, asked, plan)),
        regrets=tuple(found for found in regrets if found),
    )


def locate(reader: Reader, what: int | str, until: int | None = None) -> Record:
    """The event that a question is about, none later than a position."""
    last = reader.head() if until is None else until
    if isinstance(what, int) or what.isdecimal():
        head = reader.head()
        found = reader.get(int(what)) if int(what) <= head else None
        if found is None:
            raise NoSuchPosition(position=what, head=head)
        return found
    request = _REQUEST.fullmatch(what)
    if request:
        return _of_request(reader, int(request[1]), last)
    if what.startswith("context/"):
        return _of_context(reader, what, last)
    return _of_model(reader, what.removeprefix("model/"), last)


def _of_request(reader: Reader, request: int, until: int) -> Record:
    """The last decision about a request, or its arrival when none has been taken."""
    last: Record | None = None
    for record in reader.read(until=until, subject=f"request/{request}"):
        if last is None or record.kind == "decision":
            last = record
    if last is None:
        raise NoSuchRequest(request=request)
    return last


def _of_context(reader: Reader, subject: str, until: int) -> Record:
    """The last decision about a context, or its opening when none has been taken."""
    last: Record | None = None
    for record in reader.read(until=until, subject=subject):
        if last is None or record.kind == "decision":
            last = record
    if last is None:
        remedy = "`bursar context list` names those that the journal knows"
        raise NoSuchContext(context=subject.removeprefix("context/"), remedy=remedy)
    return last


def _of_model(reader: Reader, model: str, until: int) -> Record:
    """The last event that moved a model; a name without its provider will do when only one model has it."""
    last = last_before(reader, f"model/{model}", until + 1)
    if last is not None:
        return last
    known = [subject.removeprefix("model/") for subject in reader.subjects("model/")]
    same = [name for name in known if name.partition(":")[2] == model]
    found = last_before(reader, f"model/{same[0]}", until + 1) if len(same) == 1 else None
    if found is not None:
        return found
    names = ", ".join(same or known)
    remedy = f"known: {names}" if names else "the journal knows no models yet"
    if model in known or len(same) == 1:
        remedy = "that came later"
    raise NoSuchModel(model=model, remedy=remedy)


def _link(relation: Relation, record: Record) -> Link:
    data: dict[str, Any] = fields(record)
    reason = data.pop("reason", None)
    return Link(
        relation=relation,
        position=record.position,
        at=record.at,
        kind=record.kind,
        type=record.type,
        subject=record.subject,
        actor=record.actor,
        data=data,
        redacted=record.data is None,
        reason=None if reason is None else Reason.model_validate_json(json.dumps(reason)),
    )


def _effect(asked: Record, consequence: Consequence, record: Record) -> Effect:
    data: dict[str, Any] = fields(record)
    return Effect(
        consequence=consequence,
        position=record.position,
        at=record.at,
        after_ms=(record.at - asked.at) // NS_PER_MS,
        type=record.type,
        subject=record.subject,
        data=data,
    )
