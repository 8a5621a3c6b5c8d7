"""What a pattern is to its user."""

import re
from dataclasses import asdict, dataclass, field

from ..contexts.reading import id_problem
from ..domain.errors import InvalidPattern
from ..domain.patterns.events import PatternKind
from ..domain.patterns.state import Pattern as Kept

#: `{{` and `}}` stand for braces, `{word}` for a value; any other brace is just that.
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class PatternRow:
    """What is known of a pattern without its text. Times in UTC nanoseconds."""

    name: str
    sort: PatternKind
    #: Bytes of its text.
    size: int
    #: 0 to 1.
    importance: float
    agent: str
    uses: int
    stored_at: int
    used_at: int


@dataclass(frozen=True, slots=True)
class Pattern(PatternRow):
    """A pattern and its text."""

    text: str = field(repr=False)

    @property
    def placeholders(self) -> tuple[str, ...]:
        """What stands in the text as `{word}`, each once, in order."""
        found = (match[1] for match in _PLACEHOLDER.finditer(self.text))
        return tuple(dict.fromkeys(word for word in found if word))

    def fill(self, **values: object) -> str:
        """The text with a value in the place of every `{word}`, and `{{` and `}}` as braces.

        Nothing but words is looked up, and what is put in is not looked at again: a value is text, whatever
        is written in it. Raises ValueError for a word without a value, and for a value without its word.
        """
        wanted = self.placeholders
        missing = [word for word in wanted if word not in values]
        unknown = [word for word in values if word not in wanted]
        if missing or unknown:
            problem = f"no value for {', '.join(missing)}" if missing else f"no {', '.join(unknown)} in it"
            raise ValueError(f"pattern {self.name} cannot be filled in: {problem}")
        return _PLACEHOLDER.sub(lambda match: str(values[match[1]]) if match[1] else match[0][0], self.text)


def row(kept: Kept, uses: int) -> PatternRow:
    """What users see of one that was used so often since that was recorded."""
    return PatternRow(
        name=kept.name,
        sort=kept.sort,
        size=kept.size,
        importance=kept.importance / 1000,
        agent=kept.agent,
        uses=kept.uses + uses,
        stored_at=kept.stored_at,
        used_at=kept.used_at,
    )


def with_text(found: PatternRow, text: str) -> Pattern:
    """A pattern that was read."""
    return Pattern(**asdict(found), text=text)


def checked_name(name: object) -> str:
    """The name of a pattern, which obeys the rules for those of contexts. Raises InvalidPattern."""
    if not isinstance(name, str):
        raise InvalidPattern(field="name", problem="it is no text", given=type(name).__name__)
    problem = id_problem(name)
    if problem is not None:
        raise InvalidPattern(field="name", problem=problem, given=f"{name[:40]!a}")
    return name


def encoded(text: object) -> bytes:
    """The text in UTF-8. Raises InvalidPattern, in which nothing of it is repeated."""
    if not isinstance(text, str):
        raise InvalidPattern(field="text", problem="is not text", given=type(text).__name__)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        problem = f"cannot be written in UTF-8 at character {error.start}"
        raise InvalidPattern(field="text", problem=problem, given=f"{len(text)} characters") from None


def per_mille(importance: object) -> int:
    """An importance as the rules have it. Raises InvalidPattern."""
    if isinstance(importance, bool) or not isinstance(importance, int | float) or not 0 <= importance <= 1:
        raise InvalidPattern(
            field="importance", problem="is not a number from 0 to 1", given=repr(importance)
        )
    return round(importance * 1000)
