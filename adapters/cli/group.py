"""The command group: imports a command when it is called; turns errors into messages and exit codes."""

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

import click

from ...domain.errors import BursarError, JournalCorrupt
from .pipes import hang_up

#: Interrupted from the keyboard.
INTERRUPTED = 130


class Lazy(NamedTuple):
    """A command that has not been imported."""

    #: `package.module:name`.
    path: str
    #: One line for the list of commands; the command's own help begins with it.
    help: str


def _here(module: str, help_text: str) -> Lazy:
    return Lazy(f"{__package__}.{module}:{module}", help_text)


#: The commands that only read.
READING: dict[str, Lazy] = {
    "status": _here("status", "What is in memory and who waits, from the journal."),
    "models": _here("models", "Every model: where it is, what it takes, what it has done."),
    "breaker": _here("breaker", "Whether each provider may be asked, and why; or set it."),
    "context": _here("context", "What of a conversation is sent, and what became of the rest."),
    "log": _here("log", "The events of the journal, newest last."),
    "why": _here("why", "Why something happened: causes, comparisons, effects."),
    "state": _here("state", "The whole state as it was at a position or time."),
    "diff": _here("diff", "What changed in the state between two moments."),
    "replay": _here("replay", "Fold the journal again and compare with the live process."),
    "verify": _here("verify", "Check the tree, and decide every fact again."),
    "checkpoint": _here("checkpoint", "The last signed root of the journal, to be kept elsewhere."),
    "prove": _here("prove", "A proof about the journal, which can be checked without it."),
}
#: Those that copy it elsewhere.
KEEPING: dict[str, Lazy] = {
    "backup": _here("backup", "A checked copy of the journal, made beside who writes it."),
    "archive": _here("archive", "Write full segments of 65,536 events to compressed files."),
    "export": _here("export", "The events as lines of JSON, for other programs."),
    "views": _here("views", "What is kept so that the journal answers sooner, and how far behind."),
    "repair": _here("repair", "Copy what is good of a damaged journal to a new one."),
}
#: Those that write something down, for ever.
WRITING: dict[str, Lazy] = {
    "unload": _here("unload", "Have a running manager unload a model."),
    "forget": _here("forget", "Erase every body of a subject, and write that down."),
    "redact": _here("redact", "Take the data out of an event, and write that down."),
}


class Refused(click.ClickException):
    """An error of ours: there is no such journal, or nothing in it of what was asked for."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        """Say it on standard error."""
        click.echo(f"bursar: {self.message}", err=True)


class Damaged(Refused):
    """The journal does not hold what was written to it."""

    exit_code = 1


class LazyGroup(click.Group):
    """Knows its commands by name and one line of help, and imports the one that is called."""

    def __init__(self, lazy: Mapping[str, Lazy], **settings: Any) -> None:
        super().__init__(**settings)
        self._lazy = dict(lazy)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import it; None when there is no such command."""
        known = self._lazy.get(cmd_name)
        if known is None:
            return None
        module, _, name = known.path.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, known.help) for name, known in self._lazy.items()])

    def make_context(self, *arguments: Any, **settings: Any) -> click.Context:
        """Read the command line; `--help` is answered here already."""
        with _quiet_endings():
            return super().make_context(*arguments, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for; an error of ours is a message, never a traceback."""
        with _quiet_endings():
            try:
                result = super().invoke(ctx)
            except JournalCorrupt as error:
                raise Damaged(str(error)) from error
            except BursarError as error:
                raise Refused(str(error)) from error
            sys.stdout.flush()
            return result


@contextmanager
def _quiet_endings() -> Generator[None]:
    """A reader that has gone away and an interrupt end the program without a word."""
    try:
        yield
    except BrokenPipeError:
        hang_up()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def build(extra: Mapping[str, Lazy] | None = None) -> LazyGroup:
    """The `bursar` command with the commands of this room, and others from elsewhere before them."""
    return LazyGroup(
        {**(extra or {}), **READING, **KEEPING, **WRITING},
        name="bursar",
        help="Decides which language models are in memory, writes down why, and can prove it.",
        epilog="Exit codes: 0 good, 1 a check failed, 2 wrong usage or settings, or no journal.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def run(extra: Mapping[str, Lazy] | None = None) -> None:
    """Read the command line, do what it says, and exit."""
    build(extra).main(prog_name="bursar")
