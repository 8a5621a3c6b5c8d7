"""`python -m bursar.testing.provider`: a stand-in for a provider, to try programs against."""

import asyncio
import signal
import sys
from collections.abc import Iterable

import click

from ...settings.quantities import Refused, Size, Whole
from .faults import Faults
from .kinds import KINDS, Kind
from .serving import Serving
from .switching import BadSwitch, set_switch, switches_of
from .world import Installed, Timing, World

_MODELS = ("qwen3:8b=5GiB,context=40960", "llama3.2:3b=2GiB,context=131072")
_EMBEDDINGS = ("nomic-embed-text=262MiB,context=2048",)
_SECONDS = click.FloatRange(min=0)


@click.command()
@click.option(
    "--like", type=click.Choice(list(KINDS)), default="ollama", show_default=True, help="Which provider."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), help="By default the provider's own; 0 for any.")
@click.option(
    "--model", "models", multiple=True, metavar="NAME=SIZE[,context=N]", help="A model it has; repeat."
)
@click.option(
    "--embedding",
    "embeddings",
    multiple=True,
    metavar="NAME=SIZE[,context=N]",
    help="One for vectors; repeat.",
)
@click.option("--load-seconds", type=_SECONDS, default=2.0, show_default=True, help="How long a load takes.")
@click.option("--unload-seconds", type=_SECONDS, default=0.2, show_default=True, help="And an unload.")
@click.option("--token-seconds", type=_SECONDS, default=0.02, show_default=True, help="And each token.")
@click.option(
    "--fault", "faults", multiple=True, metavar="NAME[=VALUE]", help="Something that is wrong; repeat."
)
@click.option(
    "--switch",
    "switches",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="Something about that provider; repeat.",
)
@click.option("--list", "listed", is_flag=True, help="Show providers, faults and switches, and end.")
def main(
    like: str,
    host: str,
    port: int | None,
    models: tuple[str, ...],
    embeddings: tuple[str, ...],
    load_seconds: float,
    unload_seconds: float,
    token_seconds: float,
    faults: tuple[str, ...],
    switches: tuple[str, ...],
    *,
    listed: bool,
) -> None:
    """A stand-in for a provider of models: real HTTP, and the provider's own quirks, but no models.

    Its models are names with sizes, and their answers are numbered words. Faults are the same for all
    providers, switches are those of one. Values are JSON, or text.
    """
    if listed:
        click.echo(_listing())
        return
    kind = KINDS[like]
    given = bool(models or embeddings)
    world = World(
        [
            *_installed(models if given else _MODELS, embeds=False),
            *_installed(embeddings if given else _EMBEDDINGS, embeds=True),
        ],
        Timing(load=load_seconds, unload=unload_seconds, token=token_seconds),
    )
    own = kind.switches()
    _set(world.faults, "--fault", faults)
    _set(own, "--switch", switches)
    server = Serving(kind.build(world, own), host=host, port=kind.port if port is None else port)
    asyncio.run(_serve(server, kind, world))


async def _serve(server: Serving, kind: Kind, world: World) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        await server.start()
    except OSError as problem:
        click.echo(f"{server.url} cannot be had: {problem.strerror}; choose another --port", err=True)
        sys.exit(1)
    names = ", ".join(world.models)
    click.echo(f"A stand-in for {kind.title} at {server.url} with {names}. Ctrl-C ends it.")
    await ended.wait()
    await server.stop()


def _installed(texts: Iterable[str], *, embeds: bool) -> list[Installed]:
    return [_model(text, embeds=embeds) for text in texts]


def _model(text: str, *, embeds: bool) -> Installed:
    name, _, rest = text.partition("=")
    size, *fields = rest.split(",")
    named = {field.partition("=")[0]: field.partition("=")[2] for field in fields}
    unknown = set(named) - {"context"}
    try:
        if not name or unknown:
            raise Refused(f"has no {', '.join(sorted(unknown)) or 'name'}", "NAME=SIZE[,context=N]")
        return Installed(
            name,
            size=Size()(size),
            context=Whole(1)(named.get("context", "8192")),
            kind="embedding" if embeds else "llm",
        )
    except Refused as refused:
        raise click.BadParameter(f"{text!r} {refused.problem}; allowed: {refused.allowed}") from refused


def _set(target: object, option: str, texts: Iterable[str]) -> None:
    for text in texts:
        try:
            set_switch(target, text)
        except BadSwitch as bad:
            raise click.BadParameter(str(bad), param_hint=option) from bad


def _listing() -> str:
    lines = ["Faults of every provider (--fault):", *_described(Faults)]
    for name, kind in KINDS.items():
        lines += ["", f"--like {name}: {kind.title}, port {kind.port}; its switches (--switch):"]
        lines += _described(kind.switches)
    return "\n".join(lines)


def _described(kind: type) -> list[str]:
    return [f"  {each.name} ({each.type})  {each.text}".rstrip() for each in switches_of(kind)]


if __name__ == "__main__":
    main()
