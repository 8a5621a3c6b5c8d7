"""Words that say what kind of sentence they stand in. English; elsewhere they are simply not met."""

from typing import Final

#: Who says it tells of himself: what only he can tell.
FIRST_PERSON: Final[frozenset[str]] = frozenset(
    """i i'm i've i'd i'll me my mine myself we we're we've we'd we'll us our ours""".split()  # noqa: SIM905 - as a list it would be a page
)
#: Told to the other: encouragement, advice and praise come without the first person.
SECOND_PERSON: Final[frozenset[str]] = frozenset(
    """you you're you've you'd you'll your yours yourself""".split()  # noqa: SIM905 - as above
)
#: A sentence that opens so answers politely, and seldom says more.
PHATIC: Final[frozenset[str]] = frozenset(
    """absolutely agreed agree amazing aw awesome aww bye cheers congrats congratulations cool definitely
    exactly fantastic glad good goodbye great ha haha hello hey hi indeed lol nice no oh ok okay perfect
    please right sorry sounds sure sweet thank thanks totally true welcome well wonderful wow yeah yep yes
    yup""".split()  # noqa: SIM905 - as above
)
#: When something was or will be.
TIME: Final[frozenset[str]] = frozenset(
    """ago afternoon april august autumn birthday daily december evening fall february friday january july
    june last march midnight monday month monthly months morning next noon november october recently
    saturday september since soon spring summer sunday thursday today tomorrow tonight tuesday until
    wednesday week weekend weekends weekly weeks winter year yearly years yesterday""".split()  # noqa: SIM905 - as above
)
