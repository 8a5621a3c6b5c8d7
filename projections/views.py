"""The views that a manager keeps of its journal."""

from ..eventstore.views.index import INDEX
from ..eventstore.views.projection import Projection

VIEWS: tuple[Projection, ...] = (INDEX,)
