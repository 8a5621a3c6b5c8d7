"""The kinds of settings there are: how each is read, and what a section of them is."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainValidator, SecretStr

from .addresses import device, key, provider, url
from .names import agent, file, folder, model, models
from .quantities import Size, Time, Whole, or_none, share, switch

Share = Annotated[float, PlainValidator(share)]
Seconds = Annotated[float, PlainValidator(Time())]
PositiveSeconds = Annotated[float, PlainValidator(Time(least_ms=1))]
Switch = Annotated[bool, PlainValidator(switch)]
Count = Annotated[int, PlainValidator(Whole())]
PositiveCount = Annotated[int, PlainValidator(Whole(1))]
Bytes = Annotated[int, PlainValidator(Size())]
ModelId = Annotated[str, PlainValidator(model)]
ModelIds = Annotated[tuple[str, ...], PlainValidator(models)]
AgentName = Annotated[str, PlainValidator(agent)]
Folder = Annotated[Path | None, PlainValidator(or_none(folder))]
Url = Annotated[str | None, PlainValidator(or_none(url))]
Secret = Annotated[SecretStr | None, PlainValidator(or_none(key))]
ProviderName = Annotated[str, PlainValidator(provider)]
Device = Annotated[str, PlainValidator(device)]
File = Annotated[Path | None, PlainValidator(or_none(file))]


class Section(BaseModel):
    """Settings that belong together; what is not one of them is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
