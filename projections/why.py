"""Why something happened, from the journal alone: causes up to the request, effects down to the regret."""

import json
import re
from typing import Any

from ..domain.errors import NoSuchModel, NoSuchPosition, NoSuchRequest
from ..domain.reasons import Reason
from ..domain.requests.line import NS_PER_MS
from ..eventstore.reader import Reader
from ..eventstore.records import Record
from .causes import chain
from .consequences import consequences, leavers, regret
from .explanation import Consequence, Effect, Findings, Link, Relation
from .grounds import decisive, evidence_of, ranked, runner_up
from .sentences import render

_REQUEST = re.compile(r"request/(\d+)")


class Explanation(Findings):
    """Why something happened. The fields are the facts; `str()` puts them into words."""

    def __str__(self) -> str:
        return render(self)


def why(reader: Reader, what: int | str) -> Explanation:
    """Why the event at a position happened, why a model moved last, or what became of `request/N` and why.

    Raises NoSuchPosition, NoSuchModel, NoSuchRequest.
    """
    asked = locate(reader, what)
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


def locate(reader: Reader, what: int | str) -> Record:
    """The event that a question is about."""
    if isinstance(what, int) or what.isdecimal():
        found = reader.get(int(what))
        if found is None:
            raise NoSuchPosition(position=what, head=reader.head())
        return found
    request = _REQUEST.fullmatch(what)
    return _of_request(reader, int(request[1])) if request else _of_model(reader, what.removeprefix("model/"))


def _of_request(reader: Reader, request: int) -> Record:
    """The last decision about a request, or its arrival when none has been taken."""
    last: Record | None = None
    for record in reader.read(subject=f"request/{request}"):
        if last is None or record.kind == "decision":
            last = record
    if last is None:
        raise NoSuchRequest(request=request)
    return last


def _of_model(reader: Reader, model: str) -> Record:
    """The last event that moved a model; a name without its provider will do when only one model has it."""
    last = reader.last(f"model/{model}")
    if last is not None:
        return last
    known = [subject.removeprefix("model/") for subject in reader.subjects("model/")]
    same = [name for name in known if name.partition(":")[2] == model]
    found = reader.last(f"model/{same[0]}") if len(same) == 1 else None
    if found is not None:
        return found
    names = ", ".join(same or known)
    remedy = f"known: {names}" if names else "the journal knows no models yet"
    raise NoSuchModel(model=model, remedy=remedy)


def _link(relation: Relation, record: Record) -> Link:
    data: dict[str, Any] = json.loads(record.data)
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
        reason=None if reason is None else Reason.model_validate_json(json.dumps(reason)),
    )


def _effect(asked: Record, consequence: Consequence, record: Record) -> Effect:
    data: dict[str, Any] = json.loads(record.data)
    return Effect(
        consequence=consequence,
        position=record.position,
        at=record.at,
        after_ms=(record.at - asked.at) // NS_PER_MS,
        type=record.type,
        subject=record.subject,
        data=data,
    )
