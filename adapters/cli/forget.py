"""`bursar forget`."""

import click

from ...domain.contexts.keeping import ContextForgotten
from ...domain.contexts.machine import ContextState
from ...domain.erasure.events import SubjectForgotten
from ...domain.errors import NoSuchContext, NoSuchSubject
from ...eventstore.bodies.store import BodyStore, Forgotten
from ...projections.figures import count, size
from ...projections.history import to_event
from ...projections.windows import context_view
from .output import emit
from .owning import Owner, confirm, owner_of, writing
from .pipes import write


@click.command()
@click.argument("subject")
@click.option("--reason", metavar="TEXT", help="Why, for the record; name nobody in it.")
@click.option("--basis", metavar="TEXT", help="The legal ground, for the record.")
@click.option(
    "--keyring",
    is_flag=True,
    envvar="BURSAR_BODY_KEYRING",
    show_envvar=True,
    help="The key for the bodies is in the system's keyring.",
)
@writing
def forget(
    subject: str,
    reason: str | None,
    basis: str | None,
    keyring: bool,
    journal: str,
    yes: bool,
    as_json: bool,
) -> None:
    """Erase every body of a subject, and write that down.

    Destroys the keys of all that was kept of SUBJECT (a conversation is context/ID; otherwise a user, a
    project, a key's fingerprint: whatever it was put under), deletes it, and records SubjectForgotten,
    without the name. Every proof of the journal still verifies. A second call completes one that was
    interrupted, and otherwise does nothing.
    """
    with owner_of(journal) as owner:
        if not BodyStore.exists(journal):
            raise NoSuchSubject(subject=subject)
        confirm(f"Erase every body of {subject!r}? Nobody can bring them back.", yes=yes)
        with BodyStore.open(journal, keyring=keyring) as bodies:
            # Erased first and recorded then: the record never claims what has not been done. After a kill in
            # between it is known nevertheless what is left to do, for the keys' own file says so from the
            # commit on that destroyed them; whoever forgets the subject again does it.
            gone = bodies.forget(subject)
            position = gone.recorded
            if position is None:
                position = _recorded(owner, gone, reason, basis)
                bodies.recorded(subject, position)
            _close_context(owner, subject)
    _tell(gone, position, as_json)


def _recorded(owner: Owner, gone: Forgotten, reason: str | None, basis: str | None) -> int:
    """The position of the event, which a call that was interrupted may have written."""
    fact = SubjectForgotten(
        forgotten=gone.id,
        destroyed_at=gone.at,
        bodies=gone.bodies,
        stored_bytes=gone.bytes,
        because=reason,
        basis=basis,
    )
    last = owner.reader.last(fact.subject(0))
    if last is not None:
        told = to_event(last).body
        if isinstance(told, SubjectForgotten) and told.destroyed_at == gone.at:
            return last.position
    return owner.record(fact)


def _close_context(owner: Owner, subject: str) -> None:
    """A conversation whose texts are gone is over; its history stays."""
    context = subject.removeprefix("context/")
    if context == subject:
        return
    try:
        state = context_view(owner.reader, context).state
    except NoSuchContext:
        return
    if state is not ContextState.FORGOTTEN:
        owner.record(ContextForgotten(context=context))


def _tell(gone: Forgotten, position: int, as_json: bool) -> None:
    if as_json:
        emit(
            {
                "subject": f"subject/{gone.id}",
                "bodies": gone.bodies,
                "stored_bytes": gone.bytes,
                "position": position,
                "again": gone.recorded is not None,
            }
        )
        return
    what = "was forgotten before" if gone.recorded is not None else "is forgotten"
    write(f"subject/{gone.id} {what} (#{position}): {count(gone.bodies, 'text')}, {size(gone.bytes)}")
