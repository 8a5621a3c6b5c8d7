"""Where settings were written, and what they are called there."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

#: Name of a setting behind the names of the sections around it.
Key = tuple[str, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def dotted(key: Key) -> str:
    """As TOML would have it: `limits.memory`, `model_sizes."deepseek-r1:14b"`."""
    return ".".join(
        name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=not name.isprintable())
        for name in key
    )


class Origin:
    """Settings that a program passed."""

    def where(self, _key: Key) -> str:
        """Said behind what was given, to be found by; whoever passed it has the traceback."""
        return ""

    def called(self, key: Key) -> str:
        """The path of a setting in an error."""
        return dotted(key)

    def spelled(self, key: Key) -> str:
        """What one would write there to set it."""
        return dotted(key)


@dataclass(frozen=True)
class File(Origin):
    """Settings in a file."""

    name: str
    #: Ours to the file's, where the file has other names.
    names: Mapping[Key, Key] = field(default_factory=dict[Key, Key])

    def where(self, _key: Key) -> str:
        """The file."""
        return f" in {self.name}"

    def called(self, key: Key) -> str:
        """The file's own name."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.names:
                return dotted((*self.names[key[:length]], *key[length:]))
        return dotted(key)


@dataclass(frozen=True)
class Environment(Origin):
    """Settings in variables: `variables` has the one that sets each key."""

    prefix: str
    variables: Mapping[Key, str]

    def where(self, key: Key) -> str:
        """The variable."""
        lengths = range(len(key), 0, -1)
        names = (self.variables[key[:length]] for length in lengths if key[:length] in self.variables)
        return f" from {next(names, 'the environment')}"

    def spelled(self, key: Key) -> str:
        """The name of a variable."""
        return self.prefix + "__".join(key).upper()
