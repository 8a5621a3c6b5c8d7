"""What can be wrong with a pattern."""

from .base import BursarError


class InvalidPattern(BursarError):
    """A pattern cannot be stored as it is."""

    code = "INVALID_PATTERN"
    message = "{field}: {problem} (given: {given})"


class PatternLimitExceeded(BursarError):
    """A pattern is larger than all that may be given up for it."""

    code = "PATTERN_LIMIT_EXCEEDED"
    message = (
        "pattern {pattern} takes {size} bytes, and there is room for {room} of {limit} (patterns.max_size) "
        "even without those that may be given up; remove some, or raise the limit"
    )
