"""Every error has a code of its own, says its values, and what can be done about it."""

import pytest

from bursar.domain import errors
from bursar.domain.errors import BursarError, ModelLoadFailed, QueueFull

ERRORS = [
    error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, BursarError)
]


def test_codes_are_unique() -> None:
    """A special case may keep the code of what it is a case of."""
    own = [error.code for error in ERRORS if "code" in vars(error)]
    assert len(set(own)) == len(own)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_is_drawn_in_the_tree_with_its_code(error: type[BursarError]) -> None:
    assert errors.__doc__
    assert any(
        line.split()[-2:] == [error.__name__, error.code] for line in errors.__doc__.splitlines() if line
    )


def test_an_error_carries_the_values_that_its_message_names() -> None:
    error = QueueFull(waiting=3, limit=2)
    assert str(error) == "3 requests wait already, the limit is 2. Try again later."
    assert (error.waiting, error.limit) == (3, 2)
    assert error.values == {"waiting": 3, "limit": 2}


def test_an_error_has_no_other_values() -> None:
    with pytest.raises(AttributeError):
        _ = ModelLoadFailed(model="a", cause="b").size
