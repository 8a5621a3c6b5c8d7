"""What the machine saw a load take, beside what its provider says: who reports too little is noticed.

One load may coincide with something else that takes memory; so only several in a row count, and of these the
one in the middle.
"""

from ..copying import replace
from ..draft import Draft
from ..providers.names import provider_of
from ..reasons import Comparisons, Reason
from ..state import State
from .calibration import Calibration
from .events import MemoryMeasured, UnderreportingNoticed
from .machine import RESIDENT, ModelState
from .sizes import corrected, measured
from .state import Model
from .values import RAM

#: More than was reported by more than this share of it, in per-mille, is suspicious,
SUSPICIOUS_PER_MILLE = 150
#: if it is so many bytes at least: what else a machine does in the time of a load is less.
SUSPICIOUS_BYTES = 64 << 20
#: So many loads in a row.
TIMES = 3
#: A load takes no more than so many times what is known of the model; the rest is somebody else's. Without a
#: bound a browser that opens meanwhile could make a model too large to be ever loaded, and measured, again.
MOST_TIMES = 3


def is_suspicious(reported: int, seen: int) -> bool:
    """Whether a load took much more than its provider says."""
    return reported > 0 and seen - reported > max(SUSPICIOUS_BYTES, reported * SUSPICIOUS_PER_MILLE // 1000)


def sensed(state: State, body: MemoryMeasured) -> State:
    """Suspect, or trust again; where the provider does not measure, what was sensed is counted."""
    model = state.models[body.model]
    if not body.reported:
        settled = model.state in RESIDENT and model.state is not ModelState.SLEEPING
        memory = {device: _plausible(model, device, size) for device, size in body.sensed.items()}
        return measured(state, body.model, memory, body.provenance) if settled else state
    reported = sum(corrected(state, model, body.reported).values())
    seen = sum(body.sensed.values())
    suspicion: tuple[int, ...] = ()
    if is_suspicious(reported, seen):
        before = state.calibration.suspicion.get(body.engine, ())
        suspicion = (*before, (seen - reported) * 1000 // reported)[-TIMES:]
    return _with(state, suspicion={**state.calibration.suspicion, body.engine: suspicion})


def _plausible(model: Model, device: str, sensed_bytes: int) -> int:
    """What of the bytes that were sensed is the model's."""
    described = model.description
    if described is None or not described.weights_bytes:
        return sensed_bytes
    return min(_with_mapped(model, device, sensed_bytes), MOST_TIMES * described.estimate_bytes)


def _with_mapped(model: Model, device: str, sensed_bytes: int) -> int:
    """Weights that are mapped from their file into main memory are not in use in the eyes of the machine.

    Less than the weights was sensed: they come on top, as far as they were expected. An estimate alone proves
    nothing: the keys and values in it may be a bound that is five times too high.
    """
    described = model.description
    if described is None or not (device == described.device == RAM):
        return sensed_bytes
    if sensed_bytes >= described.weights_bytes:
        return sensed_bytes
    return max(sensed_bytes, min(described.weights_bytes + sensed_bytes, described.estimate_bytes))


def notice(draft: Draft, fact: MemoryMeasured) -> None:
    """Correct a provider from here on that reported too little several times in a row."""
    suspicion = draft.state.calibration.suspicion.get(fact.engine, ())
    tests = Comparisons()
    if not suspicion or not tests.hold("loads in a row", len(suspicion), ">=", TIMES):
        return
    for n, missing in enumerate(suspicion, 1):
        tests.hold(f"per_mille more than reported {n}", missing, ">=", SUSPICIOUS_PER_MILLE)
    middle = sorted(suspicion)[len(suspicion) // 2]
    added = draft.state.calibration.added.get(fact.engine, 0)
    draft.conclude(
        UnderreportingNoticed(
            provider=provider_of(fact.model),
            model=fact.model,
            engine=fact.engine,
            added_per_mille=(1000 + added) * (1000 + middle) // 1000 - 1000,
            reason=Reason(rule="memory.underreported", tests=tests.tests),
        )
    )


def underreported(state: State, body: UnderreportingNoticed) -> State:
    """From here on its figures are corrected, those of the models in memory as well."""
    calibration = state.calibration
    state = _with(
        state,
        suspicion={**calibration.suspicion, body.engine: ()},
        added={**calibration.added, body.engine: body.added_per_mille},
    )
    for model in state.resident():
        known = model.description is not None and model.description.engine == body.engine
        if known and model.state is not ModelState.SLEEPING and model.residency and model.residency.memory:
            reported = model.residency
            state = measured(state, model.name, reported.memory, reported.provenance, again=True)
    return state


def _with(state: State, **changes: dict[str, tuple[int, ...]] | dict[str, int]) -> State:
    calibration: Calibration = replace(state.calibration, **changes)  # type: ignore[arg-type]  # names are checked by `replace` itself
    return replace(state, calibration=calibration)
