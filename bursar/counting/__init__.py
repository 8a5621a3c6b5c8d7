"""How many tokens a message has, by the best means there is for its model."""

from .counted import Counted, Provenance
from .counter import Counter

__all__ = ["Counted", "Counter", "Provenance"]
