"""What can be wrong with bodies and views, which are kept beside a journal."""

from .base import BursarError


class ViewUnusable(BursarError):
    """A view cannot be built or kept; the journal it is of can be read all the same."""

    code = "VIEW_UNUSABLE"
    message = "the view {path} cannot be written ({problem}); mend that, or delete it: it can be built again"


class ViewBehind(BursarError):
    """A view has not got as far as somebody waited for."""

    code = "VIEW_BEHIND"
    message = "the view {view} is at position {position} and did not come to {wanted} within {seconds} s"


class BodiesUnusable(BursarError):
    """A file that bodies or their keys are kept in cannot be read or written."""

    code = "BODIES_UNUSABLE"
    message = "{path} cannot be used for bodies: {problem}"


class BodyKeyUnusable(BursarError):
    """The key that the subjects' keys are wrapped with cannot be had, or is another one."""

    code = "BODY_KEY_UNUSABLE"
    message = "the key for the bodies, {source}, cannot be used: {problem}"


class BodyCorrupt(BursarError):
    """What is kept at the address is not what was put there."""

    code = "BODY_CORRUPT"
    message = "body {address} is damaged: {problem}"


class BodyTooLarge(BursarError):
    """A body has more bytes than are kept as one."""

    code = "BODY_TOO_LARGE"
    message = "the body has {size} bytes, the limit is {limit}; put it in parts"


class NoSuchBody(BursarError):
    """The subject has no body at the address, or has none any more."""

    code = "NO_SUCH_BODY"
    message = "there is no body {address}: it was never put, or its time was over"


class BodyForgotten(NoSuchBody):
    """The subject was forgotten since the body was put."""

    code = "BODY_FORGOTTEN"
    message = "there is no body {address} any more: its subject was forgotten"


class NoSuchSubject(BursarError):
    """Nothing was ever kept of the subject."""

    code = "NO_SUCH_SUBJECT"
    message = "there are no bodies of {subject!r} and never were; give the name as it was put"
