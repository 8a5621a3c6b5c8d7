"""Settings in variables: `BURSAR_LIMITS__MEMORY="14 GB"`, lists and tables as JSON."""

import os
from collections.abc import Mapping
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from .known import general, known, tables
from .origin import Environment, Key
from .refusal import checked, invalid, unknown
from .sections import Sections
from .variables import DELIMITER, PREFIX


class _Variables(Sections, BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=DELIMITER, env_ignore_empty=True
    )


class _Source(EnvSettingsSource):
    """pydantic-settings' reading of the environment."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """What is not JSON is left as text, to be refused with the name of its variable."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except (ValueError, RecursionError):
            return value


def read_environment(variables: Mapping[Key, str]) -> dict[str, Any]:
    """What the variables set, in plain units. Raises `SettingsInvalid` for one that sets nothing."""
    origin = Environment(PREFIX, variables)
    for key, name in variables.items():
        # pydantic-settings overlooks most of what it does not know.
        # Agents have the names that others gave them; providers have small letters only.
        if len(key) > 1 and (key[:1] in tables() or key[0] == "agents"):
            problem = "cannot be set alone: names of variables do not tell small letters from capitals"
            remedy = f"""Set the table: {origin.spelled(key[:1])}='{{"{key[1]}": …}}'."""
            raise invalid(key, problem, os.environ[name], remedy, origin)
        if general(key) not in known():
            raise unknown(key, os.environ[name], origin, known())
    return checked(_Source(_Variables)(), origin)
