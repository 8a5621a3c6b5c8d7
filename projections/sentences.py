"""Explanations in words. Rendered from the fields each time: what is never stored cannot drift from them."""

import shlex
from collections.abc import Iterator

from ..domain.reasons import Comparison
from .explanation import Delayed, Effect, Evidence, Findings, Link, Ranked, Regret, Relation
from .figures import amounts, columns, count, is_count, listed, moment, size, span
from .headlines import headline
from .log import summary

#: Resources of the memory ledger are compared under these names, in bytes or numbers of models.
_OF_RESOURCE = ("free ", "uncommitted ", "ceiling less pinned ", "ceiling ", "need ")
#: How a score of each policy reads.
_SCORES = {
    "eviction.hybrid": "its absence costs {} of loading an hour",
    "eviction.lru": "last used {}",
    "eviction.lfu": "requested {} times",
    "eviction.priority": "priority {}",
}
_MARGINS = {
    "eviction.hybrid": "would have cost {} of loading an hour more",
    "eviction.lru": "was last used {} later",
    "eviction.lfu": "had been requested {} times more often",
    "eviction.priority": "has a priority that is higher by {}",
}
#: Messages that are named before the others are counted.
_NAMED = 8
_RELATIONS: dict[Relation, str] = {
    "asked": "",
    "outcome_of": "outcome of",
    "follows_from": "follows from",
    "drained_by": "once nobody held it, after",
    "planned_by": "planned by",
    "requested_by": "asked for by",
    "queued_by": "had waited since",
    "behind": "waits behind",
    "granted_by": "was served by",
    "wished_by": "wished for by",
}


def render(findings: Findings) -> str:
    """As paragraphs: what and why, what was compared, who could have been chosen, what came of it."""
    paragraphs = (
        [headline(findings)],
        list(_comparisons(findings)),
        list(_candidates(findings)),
        list(_left_out(findings)),
        list(_evidence(findings)),
        list(_effects(findings)),
        list(_chain(findings)),
    )
    return "\n\n".join("\n".join(paragraph) for paragraph in paragraphs if paragraph)


def _comparisons(findings: Findings) -> Iterator[str]:
    if findings.rule is None:
        return
    rule = f"{findings.rule} (version {findings.rule_version})"
    if not findings.comparisons:
        yield f"Decided in #{findings.decided} by the rule {rule}, which compares nothing."
        return
    yield f"Compared in #{findings.decided} by the rule {rule}:"
    yield from columns([_comparison(test) for test in findings.comparisons], indent=2)


def _comparison(test: Comparison) -> tuple[str, ...]:
    left, right = _operand(test.what, test.left), _operand(test.what, test.right)
    return test.what, f"{left} {test.op} {right}", "yes" if test.holds else "no"


def _operand(what: str, value: int | str) -> str:
    """A compared value with its unit, which the name of the comparison tells."""
    if isinstance(value, str):
        return value
    if any(word.endswith("_ms") for word in what.split()):
        return span(value)
    prefix = next((prefix for prefix in _OF_RESOURCE if what.startswith(prefix)), None)
    if prefix is None or is_count(what.removeprefix(prefix)):
        return str(value)
    return size(value)


def _candidates(findings: Findings) -> Iterator[str]:
    if findings.rule is not None and findings.rule.startswith("patterns."):
        yield from _patterns(findings)
        return
    if findings.candidates:
        yield "Who could leave, whoever would be missed least first:"
        yield from (f"  {_candidate(findings, candidate)}" for candidate in findings.candidates)
    if findings.excluded:
        names = [f"{excluded.model} ({excluded.because})" for excluded in findings.excluded]
        yield f"Could not leave: {', '.join(names)}."
    if findings.margin is not None:
        yield _margin(findings)
    elif findings.candidates:
        yield "No other choice was found that frees enough."


def _candidate(findings: Findings, candidate: Ranked) -> str:
    figures = candidate.figures
    short = any(candidate.frees.get(resource, 0) < size for resource, size in findings.shortfall.items())
    parts = [
        _SCORES.get(findings.rule or "", "score {}").format(_score(findings.rule, candidate.score[0])),
        f"frees {amounts(candidate.frees)}{', too little alone' if short else ''}",
        f"loads in {span(figures['load_ms'])}",
        f"idle for {span(figures['idle_ms'])}",
        f"{count(figures['requests'], 'request')} so far, {figures['requests_per_day']} a day expected",
    ]
    if figures["leases"]:
        parts.append(f"held by {count(figures['leases'], 'request')}")
    return f"{candidate.rank}. {candidate.model}{' (chosen)' if candidate.chosen else ''}: {'; '.join(parts)}"


def _patterns(findings: Findings) -> Iterator[str]:
    """Who was given up, in what order; and who was not although he would have been."""
    if findings.candidates:
        yield "Who went, in this order:"
    for candidate in findings.candidates:
        figures = candidate.figures
        uses = count(figures["uses"], "use")
        importance = f"importance {figures['importance_per_mille'] / 1000:g}"
        unused = f"unused for {span(figures['unused_ms'])}"
        parts = (size(candidate.frees["text"]), uses, unused, importance)
        yield f"  {candidate.rank}. {candidate.model}: {', '.join(parts)}"
    if findings.excluded:
        names = ", ".join(excluded.model for excluded in findings.excluded)
        yield f"Important, and spared although they would have gone before the last of these: {names}."


def _left_out(findings: Findings) -> Iterator[str]:
    """What a context was pruned of, and with which scores."""
    if findings.asked.type != "ContextPruned" or findings.asked.redacted:
        return
    data = findings.asked.data
    numbers = (number for first, last in data["dropped"] for number in range(first, last + 1))
    scored = sorted(zip(data["dropped_scores"], numbers, strict=True))
    yield "Left out, with the scores they had, the lowest first:"
    named = [f"message {number} ({score / 1_000_000:.3f})" for score, number in scored[:_NAMED]]
    more = [f"{len(scored) - _NAMED} more"] if len(scored) > _NAMED else []
    yield f"  {listed([*named, *more])}"
    context = shlex.quote(data["context"])
    yield f"Put them back with: bursar context restore {context} --to {findings.asked.position - 1}"


def _margin(findings: Findings) -> str:
    margin = findings.margin or 0
    phrase = _MARGINS.get(findings.rule or "", "is worse by {}")
    unit = span(margin // 1_000_000) if findings.rule == "eviction.lru" else _score(findings.rule, margin)
    who = listed(findings.runner_up)
    return f"The next best choice{f', {who},' if who else ''} {phrase.format(unit)}."


def _score(rule: str | None, score: int) -> str:
    match rule:
        case "eviction.hybrid":
            return span(score // 1000) if score >= 1000 or not score else f"{score} µs"
        case "eviction.lru":
            return moment(score)
        case _:
            return str(score)


def _evidence(findings: Findings) -> Iterator[str]:
    if findings.evidence:
        yield "Decided on:"
        yield from columns([_piece(evidence) for evidence in findings.evidence], indent=2)


def _piece(evidence: Evidence) -> tuple[str, ...]:
    who = f" by {evidence.actor}" if evidence.actor != "bursar" else ""
    text = summary(evidence.type, evidence.data)
    return f"{evidence.what} #{evidence.position}{who}", f"{span(evidence.age_ms)} old", text


def _effects(findings: Findings) -> Iterator[str]:
    if findings.effects:
        yield "What followed:"
        yield from columns([_effect(effect) for effect in findings.effects], indent=2)
    yield from map(_regret, findings.regrets)


def _effect(effect: Effect) -> tuple[str, ...]:
    text = f"{effect.type} {effect.subject}: {summary(effect.type, effect.data)}"
    return f"+{span(effect.after_ms)}", f"#{effect.position}", text


def _regret(regret: Regret) -> str:
    if regret.reloaded is None:
        return f"Nobody has wanted {regret.model} since it left."
    back = f"{regret.model} was wanted again {span(regret.away_ms or 0)} after it had left"
    if regret.load_ms is None:
        return f"{back} (#{regret.reloaded}), and has not come back yet."
    return f"{back} (#{regret.reloaded}): loading it took {span(regret.load_ms)}{_delay(regret.delayed)}."


def _delay(delayed: tuple[Delayed, ...]) -> str:
    waits = [f"request/{request.request} by {span(request.waited_ms)}" for request in delayed]
    return f", which delayed {listed(waits)}" if waits else ", and nobody waited for that"


def _chain(findings: Findings) -> Iterator[str]:
    if len(findings.chain) > 1:
        yield "How it came about, backwards:"
        yield from columns([_step(link) for link in findings.chain], indent=2)


def _step(link: Link) -> tuple[str, ...]:
    data = {**link.data, "reason": link.reason.model_dump()} if link.reason else link.data
    relation = _RELATIONS[link.relation]
    text = f"{link.type} {link.subject}: {summary(link.type, data)}"
    return f"#{link.position}", moment(link.at), f"← {relation} {text}" if relation else text
