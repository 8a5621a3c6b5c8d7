"""The base of every error of ours."""

from typing import ClassVar


class BursarError(Exception):
    """Base of every error of ours; `code` is stable, `values` are what the message names."""

    code: ClassVar[str] = "SYSTEM_ERROR"
    message: ClassVar[str] = "{detail}"

    def __init__(self, **values: object) -> None:
        super().__init__(self.message.format(**values))
        self.values = values

    def __getattr__(self, name: str) -> object:
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None
