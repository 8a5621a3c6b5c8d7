"""What is said of a setting that cannot be: where it stands, what is wrong, what is allowed."""

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from ..domain.errors import SettingsInvalid
from .addresses import shown as shown_url
from .known import general, known, nearest, planned, tables
from .origin import Key, Origin
from .quantities import Refused
from .sections import Sections

_SHOWN_LENGTH_MAX = 80


def checked(values: Mapping[str, Any], origin: Origin) -> dict[str, Any]:
    """Settings from one place, in plain units; what was not given there is not there."""
    try:
        sections = Sections.model_validate(values)
    except ValidationError as error:
        raise refusal(error, origin) from None
    return sections.model_dump(exclude_unset=True)


def refusal(error: ValidationError, origin: Origin) -> SettingsInvalid:
    """The first thing that is wrong, in our words."""
    first = error.errors(include_url=False)[0]
    key = tuple(str(name) for name in first["loc"] if name != "[key]")
    given: object = first["input"]
    context = first.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, Refused):
        return invalid(key, cause.problem, given, f"Write {cause.allowed}.", origin)
    match first["type"]:
        case "extra_forbidden":
            return unknown(key, given, origin, known())
        case "literal_error":
            return invalid(key, "is none of the choices", given, f"Write {context['expected']}.", origin)
        case "model_type" | "dict_type":
            example = ', such as {"deepseek-r1:14b": …}' if key in tables() else ""
            return invalid(key, "is not a table", given, f"Write a table{example}.", origin)
        case _:
            return invalid(key, first["msg"], given, "Names of settings are text.", origin)


def unknown(key: Key, given: object, origin: Origin, keys: Collection[Key]) -> SettingsInvalid:
    """There is no such setting, or not yet; `keys` are those it may have been meant for."""
    if key in keys:
        problem = "is another name of a setting that is given, too"
        return invalid(key, problem, given, "Leave one of them out.", origin)
    feature = planned(key)
    if feature:
        problem = f"is for what bursar cannot do yet: {feature}"
        return invalid(key, problem, given, "Leave it out until a later version can.", origin)
    meant = nearest(key, keys)
    if meant:
        return invalid(key, "is not a setting", given, f"Did you mean {origin.spelled(meant)}?", origin)
    above = general(key)[:-1]
    beside = ", ".join(sorted(other[-1] for other in keys if other[:-1] == above))
    remedy = f"There are {beside}." if beside else "Leave it out."
    return invalid(key, "is not a setting", given, remedy, origin)


def invalid(key: Key, problem: str, given: object, remedy: str, origin: Origin) -> SettingsInvalid:
    """The error itself."""
    shown = _given(key, given) + origin.where(key)
    return SettingsInvalid(path=origin.called(key), problem=problem, given=shown, remedy=remedy)


def _given(key: Key, given: object) -> str:
    """What was given, unless it may be the key of a provider: in its place, misspelt, or beside it."""
    setting = general(key)
    if setting[0] != "providers" or given is None:
        return _shown(given)
    if setting[-1] == "url" and setting in known():
        return shown_url(given)[:_SHOWN_LENGTH_MAX]
    holds_others = any(other[: len(setting)] == setting != other for other in known())
    if setting[-1] == "key" or holds_others or setting not in known():
        return f"something not shown here, as it may be a key ({type(given).__name__})"
    return _shown(given)


def _shown(value: object) -> str:
    """A value as one short line."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        # A number of thousands of digits, or tables within tables without end.
        return "something huge"
    return text if len(text) <= _SHOWN_LENGTH_MAX else f"{text[: _SHOWN_LENGTH_MAX - 1]}…"
