"""What agents of a kind attend to, whatever they are asked."""

from typing import Final, NamedTuple

from .words import terms


class Profile(NamedTuple):
    """Adds to the scores of turns; it never takes any away."""

    name: str
    #: Words that such an agent attends to; compared by their stems.
    attends_to: tuple[str, ...] = ()
    #: By role, from 0 to 1: whose turns count for more.
    roles: tuple[tuple[str, float], ...] = ()

    def terms(self) -> tuple[str, ...]:
        """The stems, each once, in order."""
        return tuple(dict.fromkeys(term for word in self.attends_to for term in terms(word)))


def _profile(name: str, attends_to: str, **roles: float) -> Profile:
    return Profile(name, tuple(attends_to.split()), tuple(roles.items()))


#: By name. `general` attends to nothing in particular.
PROFILES: Final = {
    profile.name: profile
    for profile in (
        Profile("general"),
        _profile(
            "coding",
            "bug build class code commit compile crash deploy error exception fail file fix function import "
            "line method module package patch path refactor return stack test traceback type version",
            tool=0.5,
        ),
        _profile(
            "research",
            "analysis article author cite claim conclusion data evidence experiment figure finding "
            "hypothesis method paper publish reference result review sample source study theory",
        ),
        _profile(
            "support",
            "account address cancel charge complaint customer deliver error invoice issue order password "
            "payment problem refund replace request reservation return ship solve subscription ticket",
            user=0.5,
        ),
        _profile(
            "data",
            "aggregate average chart column count csv database dataset field filter group index join mean "
            "metric null percent query row schema select sql sum table total value",
            tool=0.5,
        ),
        _profile(
            "writing",
            "audience chapter character draft edit paragraph plot publish revise rewrite scene sentence "
            "story style title tone word",
        ),
        _profile(
            "planning",
            "agree assign block budget deadline decide decision deliver depend due estimate goal meeting "
            "milestone next owner plan priority risk schedule step task",
        ),
    )
}
