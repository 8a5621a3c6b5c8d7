"""What a row says, in the words of today."""

import json

from ..domain.upcasting import Data, upcast
from ..eventstore.records import Record


def fields(record: Record) -> Data:
    """The fields of an event as its type has them now; none of one whose data was redacted."""
    return {} if record.data is None else upcast(record.type, record.version, json.loads(record.data))
