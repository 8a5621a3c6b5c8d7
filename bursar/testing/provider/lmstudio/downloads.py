"""`/api/v1/models/download`: models are not fetched from anywhere, but their jobs look like it."""

from starlette.responses import JSONResponse, Response

from ..world import GIB, Installed
from . import refusing
from .calls import Call
from .refusing import Refused

_STARTED = "2026-01-05T12:00:00.000Z"
_ENDS = "2026-01-05T12:01:00.000Z"


async def download(call: Call) -> Response:
    """Begin; half of it has come at the first question, all of it at the second."""
    name = call.body.get("model")
    if not isinstance(name, str) or not name:
        raise refusing.missing("model")
    if name in call.studio.world.models:
        return JSONResponse({"status": "already_downloaded"})
    job = f"job_{len(call.studio.downloads) + 1:010x}"
    call.studio.downloads[job] = (name, 0)
    return JSONResponse({"job_id": job, "status": "downloading", **_sizes()})


async def status(call: Call) -> Response:
    """How far a job has come."""
    job = call.params["job"]
    if job not in call.studio.downloads:
        raise Refused(404, "job_not_found", f'Cannot find a download job with id "{job}".')
    name, asked = call.studio.downloads[job]
    call.studio.downloads[job] = (name, asked + 1)
    if asked == 0:
        pace = {"bytes_per_second": GIB // 60, "estimated_completion": _ENDS}
        answer = {"status": "downloading", "downloaded_bytes": GIB // 2, **pace}
    else:
        call.studio.world.models.setdefault(name, Installed(name))
        answer = {"status": "completed", "downloaded_bytes": GIB, "completed_at": _ENDS}
    return JSONResponse({"job_id": job, **answer, **_sizes()})


def _sizes() -> dict[str, object]:
    return {"total_size_bytes": GIB, "started_at": _STARTED}
