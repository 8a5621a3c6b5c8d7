"""What callers give beside names and messages: checked before anything is asked for. Raises ValueError."""

from collections.abc import Sequence


def require_one_of(name: str, given: object, choices: Sequence[str]) -> None:
    """One of several words, or None."""
    if given is not None and given not in choices:
        raise ValueError(f"{name} is {given!r:.40}; write one of {', '.join(choices)}")


def require_whole(least: int, **given: object) -> None:
    """Whole numbers, each at least so great, or None."""
    for name, value in given.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise ValueError(f"{name} is {value!r:.40}; write a whole number from {least} on")


def require_ordinals(ordinals: Sequence[int] | None) -> None:
    """Numbers of messages, one at least, or None."""
    if ordinals is None:
        return
    if not ordinals:
        raise ValueError("ordinals is empty; name the messages that are wanted")
    for ordinal in ordinals:
        require_whole(0, ordinal=ordinal)


def require_importance(importance: float | None) -> None:
    """A share from 0 to 1, or None."""
    if importance is not None and not 0 <= importance <= 1:
        raise ValueError(f"importance is {importance!r:.40}; write a number from 0 to 1")
