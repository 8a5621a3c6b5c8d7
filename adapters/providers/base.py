"""What every adapter of a provider begins with: it can do nothing but what it says it can."""

from collections.abc import Sequence
from typing import Never

from ...domain.errors import Unsupported
from ...domain.models.values import Residency
from ...domain.ports import LostListener


class ProviderBase:
    """Refuses the abilities that not every provider has; adapters override those that theirs has."""

    def __init__(self, name: str) -> None:
        #: Our name for the provider: the prefix of its models' ids.
        self.name = name
        self.lost: LostListener = lambda model, cause: None

    async def start(self, lost: LostListener) -> None:
        """From now on `lost` hears of models that vanish."""
        self.lost = lost

    async def tokenize(self, model: str, text: str) -> tuple[int, ...]:
        """Refuse."""
        self.refuse("count the tokens of a text")

    def model_file(self, model: str) -> str | None:
        """None that is known of."""
        return None

    async def embed(self, model: str, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        """Refuse."""
        self.refuse("make embeddings")

    async def sleep(self, model: str) -> Residency:
        """Refuse."""
        self.refuse("put a model to sleep")

    async def wake(self, model: str) -> Residency:
        """Refuse."""
        self.refuse("wake a model")

    async def save_kv(self, model: str, name: str, *, slot: int = 0) -> int:
        """Refuse."""
        self.refuse("save keys and values")

    async def restore_kv(self, model: str, name: str, *, slot: int = 0) -> int:
        """Refuse."""
        self.refuse("restore keys and values")

    def memory(self) -> dict[str, int]:
        """No processes of its own."""
        return {}

    def refuse(self, what: str) -> Never:
        """Raise `Unsupported`."""
        raise Unsupported(provider=self.name, what=what)
