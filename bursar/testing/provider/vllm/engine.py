"""The engine: awake, asleep, half awake, dead."""

from collections.abc import Callable

from ..openai.refusing import Refused
from ..world import Installed, Instance, World
from . import refusing
from .switches import Switches

#: What sleep takes out of memory, and a wake-up brings back.
PARTS = ("weights", "kv_cache")


class Engine:
    """One model, in memory from the beginning. A request kills it while it sleeps (vLLM's issue 14311)."""

    def __init__(self, world: World, model: Installed, switches: Switches) -> None:
        self._world, self._switches = world, switches
        self.model = model
        #: Parts that are in memory.
        self.awake = set(PARTS)
        #: Level of the last sleep: after the second the weights are to be read again.
        self.level = 0
        self.weights_good = True
        #: Commands that were answered and not carried out, and how often that may still be seen.
        self._pending: list[Callable[[], None]] = []
        self._lag = 0
        self._begin()

    @property
    def dead(self) -> bool:
        """Whether it is gone, and its server with nothing behind it."""
        return self.model.name not in self._world.instances

    @property
    def sleeping(self) -> bool:
        """Whether any part of it is out of memory."""
        return len(self.awake) < len(PARTS)

    def is_sleeping(self) -> bool:
        """As it is reported: a command shows only after a while."""
        before = self.sleeping
        if self._pending and self._lag > 0:
            self._lag -= 1
            return before
        self._carry_out()
        return self.sleeping

    def instance(self) -> Instance:
        """For a request that needs the model. Raises `Refused`, and dies, when it sleeps or is about to."""
        if self.dead:
            raise self._dead()
        if self.sleeping or self._pending:
            self._world.violations.append("a request was sent while the engine slept")
            self.die()
            raise self._dead()
        if not self.weights_good:
            self._world.violations.append("a request was sent to weights that were never read again")
        return self._world.instances[self.model.name]

    async def sleep(self, level: int, mode: str) -> None:
        """Go to sleep; what is running is aborted, waited for or kept, by `mode`."""
        if not self._switches.sleep_mode:
            raise refusing.no_sleep(old=self._switches.old)
        chosen = mode if self._switches.modes else "abort"
        while chosen == "wait" and self._busy():
            await self._world.changes()
        self._later(lambda: self._sleep(level, keep=chosen == "keep"))

    def wake(self, tags: list[str]) -> None:
        """Bring parts back into memory, all by default."""
        self._later(lambda: self._wake(tags or list(PARTS)))

    def reload_weights(self) -> None:
        """Read the weights again, into the memory that they have."""
        self._carry_out()
        if "weights" not in self.awake:
            self.die()
            raise self._dead()
        self.weights_good = True

    def die(self) -> None:
        """It is gone, and with it whatever it answered."""
        self._world.forget_all()

    def _later(self, command: Callable[[], None]) -> None:
        self._carry_out()
        self._pending.append(command)
        self._lag = self._switches.lag
        if not self._lag:
            self._carry_out()

    def _carry_out(self) -> None:
        while self._pending:
            self._pending.pop(0)()

    def _sleep(self, level: int, *, keep: bool) -> None:
        if busy := self._busy():
            self._world.violations.append(f"{self.model.name} was put to sleep while it answered {busy}")
        if keep:
            self._world.may_answer.clear()
        else:
            # Another object in its place: whoever it answered is cut off.
            self._begin()
        self.awake.clear()
        self.level, self.weights_good = level, level == 1
        instance = self._world.instances[self.model.name]
        instance.asleep, instance.memory = True, 0
        self._world.changed()

    def _wake(self, tags: list[str]) -> None:
        self.awake |= set(tags) & set(PARTS)
        if not self.sleeping:
            instance = self._world.instances[self.model.name]
            instance.asleep, instance.memory = False, self._switches.reserved
            self._world.may_answer.set()
        self._world.changed()

    def _begin(self) -> None:
        name = self.model.name
        self._world.instances[name] = Instance(
            name, self.model, self.model.context, memory=self._switches.reserved
        )

    def _busy(self) -> int:
        instance = self._world.instances.get(self.model.name)
        return instance.busy if instance else 0

    def _dead(self) -> Refused:
        return refusing.engine_dead(old=self._switches.old)
