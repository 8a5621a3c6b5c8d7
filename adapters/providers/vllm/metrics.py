"""How much a server does, by its `/metrics`, which are in the text format of Prometheus."""

import re
from math import isfinite

#: Without labels or with any of them; engines of one server are counted together.
_REQUESTS = re.compile(rb"^vllm:num_requests_(?:running|waiting)(?:\{[^}\n]*\})? ([0-9.e+]+)", re.MULTILINE)


def requests(metrics: bytes) -> int:
    """Requests that run or wait; 0 where it does not say."""
    return round(sum(_number(found) for found in _REQUESTS.findall(metrics)))


def _number(text: bytes) -> float:
    try:
        number = float(text)
    except ValueError:
        return 0
    return number if isfinite(number) else 0
