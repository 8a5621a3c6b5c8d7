"""Turning requests away, with what the error's message names."""

from ..draft import Draft
from ..providers.names import provider_of
from ..reasons import Comparisons, Reason
from ..requests.events import RequestRejected
from ..requests.state import Request
from .admission import Infeasible
from .lapse import pause_ms
from .ledger import MODELS_OF, is_count
from .state import Model


def reject(draft: Draft, request: Request, code: str, values: dict[str, str], reason: Reason) -> None:
    """Turn a request away."""
    draft.conclude(
        RequestRejected(
            request=request.position, model=request.model, code=code, values=values, reason=reason
        )
    )


def load_failure(code: str, model: str, cause: str) -> dict[str, str]:
    """What the error of a load that failed with this code names."""
    values = {"model": model, "cause": cause}
    match code:
        case "OUT_OF_MEMORY":
            return {**values, "phase": "load"}
        case "INVALID_MODEL_ID":
            return {"model": model, "problem": cause}
        case "UNSUPPORTED":
            return {"model": model, "provider": provider_of(model), "what": cause}
        case _ if code.startswith("PROVIDER_"):
            return {**values, "provider": provider_of(model)}
        case _:
            return values


def reject_failed(draft: Draft, request: Request, model: Model) -> None:
    """Its model could not be loaded a moment ago."""
    tests = Comparisons()
    remaining_ms = pause_ms(model.retry_at, draft.state.at)
    tests.hold("cool_down_ms", remaining_ms, ">", 0)
    cause = f"{model.failure} (failure {model.failures} in a row; to be tried again in {remaining_ms} ms)"
    reject(
        draft,
        request,
        "MODEL_LOAD_FAILED",
        {"model": model.name, "cause": cause, "retry_after_ms": str(remaining_ms)},
        Reason(rule="queue.cool_down", tests=tests.tests),
    )


def reject_infeasible(draft: Draft, request: Request, model: str, verdict: Infeasible) -> None:
    """Its model can never fit."""
    resource = verdict.resource
    other = draft.state.host.other.get(resource, 0)
    values = {
        "model": model,
        "need": str(verdict.need),
        "unit": "" if is_count(resource) else " bytes",
        "resource": _named(resource),
        "ceiling": str(verdict.ceiling),
        "note": f" while other processes use {other} bytes" if other else "",
    }
    code = "RESOURCE_LIMIT_EXCEEDED"
    if verdict.pinned:
        code = "ALL_MODELS_PINNED"
        values["pinned"] = ", ".join(verdict.pinned)
    reject(draft, request, code, values, verdict.reason)


def _named(resource: str) -> str:
    """As a sentence has it."""
    provider = resource.removeprefix(MODELS_OF)
    return resource if provider == resource else f"the models that {provider} holds at once"
