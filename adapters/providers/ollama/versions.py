"""What which version of Ollama can do."""

import re
from dataclasses import dataclass

from ....domain.providers.values import Capabilities

_NUMBERS = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")
#: Since when an ability is there.
_SINCE = {"unload": (0, 1, 38), "measure_memory": (0, 1, 38), "embeddings": (0, 3, 0)}
#: Why an ability is not there in any.
_NEVER = {
    "tokenize": "Ollama has no request for it; tokens are estimated, and counted in answers",
    "kv_save": "Ollama has no request for it",
    "sleep": "Ollama has no request for it: a model is in memory or not",
    "progress": "a load says nothing until it is done",
}


@dataclass(frozen=True, slots=True)
class Version:
    """A version as Ollama writes it. One that it does not say, or a build without one, counts as new."""

    text: str = ""

    def since(self, *numbers: int) -> bool:
        """Whether it is at least that one."""
        found = _NUMBERS.match(self.text)
        own = tuple(int(part or 0) for part in found.groups()) if found else ()
        return not any(own) or own >= numbers

    @property
    def takes_schemas(self) -> bool:
        """Whether `format` may be a JSON schema; before, an object there is refused."""
        return self.since(0, 5)

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        able = {name: self.since(*numbers) for name, numbers in _SINCE.items()}
        return Capabilities(load=True, **able)

    @property
    def lacks(self) -> dict[str, str]:
        """Ability that it has not, and why."""
        late = {
            name: f"Ollama has it since {'.'.join(map(str, numbers))}"
            for name, numbers in _SINCE.items()
            if not self.since(*numbers)
        }
        return late | _NEVER
