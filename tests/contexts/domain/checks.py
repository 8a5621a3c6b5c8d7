"""What must hold of a window, written down without a line of the product's own structure rules."""

from bursar.domain.contexts.entries import every
from bursar.domain.contexts.spans import ordinals
from bursar.domain.contexts.state import Context
from bursar.domain.contexts.values import Entry


def broken(before: Context, after: Context) -> list[str]:
    """What a step that made a window smaller or larger broke in it."""
    return [*standing(after), *_left(before, after)]


def standing(context: Context) -> list[str]:
    """What is broken in a window, whatever was there before."""
    known = list(every(context.entries))
    sent = list(ordinals(context.window))
    there = frozenset(sent)
    found: list[str] = []
    if len(there) != len(sent):
        found.append("a message is sent twice")
    own = [number for number in sent if not known[number].summary]
    if own != sorted(own):
        found.append("the order was not kept")
    for number, entry in enumerate(known):
        if entry.answers is not None and (number in there) != (entry.answers in there):
            found.append(f"{number} and its call {entry.answers} are torn apart")
        if entry.lost and number in there:
            found.append(f"{number} is lost, and is sent")
    found += _first(known, sent)
    tokens = sum(known[number].tokens for number in sent)
    size = sum(known[number].size for number in sent)
    if (tokens, size) != (context.tokens, context.size):
        found.append("tokens and bytes are not those of the window")
    if context.fixed_tokens != sum(known[number].tokens for number in sent if _stays(known[number])):
        found.append("the fixed tokens are not those of the window")
    return found


def _first(known: list[Entry], sent: list[int]) -> list[str]:
    """The first that is neither the system's nor pinned, if the user said something before it."""
    pinned = {_head(known, number): None for number in sent if known[number].pinned}
    free = (
        number for number in sent if known[number].role != "system" and _head(known, number) not in pinned
    )
    first = next(free, None)
    if first is None or known[first].role == "user":
        return []
    # A user's message may come before it that is pinned.
    if any(known[number].role == "user" for number in sent[: sent.index(first)]):
        return []
    earlier = [number for number in range(first) if known[number].role == "user"]
    if any(not known[number].summary and not known[number].lost for number in earlier):
        return [f"{first} comes first and is not the user's"]
    return []


def _left(before: Context, after: Context) -> list[str]:
    """What may not leave and did."""
    known = list(every(before.entries))
    sent, there = list(ordinals(before.window)), frozenset(ordinals(after.window))
    users = [place for place, number in enumerate(sent) if _is_users(known[number])]
    stays = [number for number in sent if _stays(known[number])]
    since = users[-2] if len(users) > 1 else 0
    stays += [number for number in sent[since:] if known[number].calls > known[number].answered]
    if before.genre == "agent":
        stays += [sent[place] for place in users[-1:]] + sent[-1:]
    else:
        stays += sent[users[-1] :] if users else []
    return [f"{number} may not leave" for number in stays if number not in there]


def _stays(entry: Entry) -> bool:
    return entry.role == "system" or entry.pinned


def _is_users(entry: Entry) -> bool:
    return entry.role == "user" and not entry.summary


def _head(known: list[Entry], number: int) -> int:
    answers = known[number].answers
    return number if answers is None else answers
