"""`bursar prove`."""

import json
from pathlib import Path

import click

from ...eventstore.proof.proving import SCRIPT, Document, prove_extension, script
from ...eventstore.proof.proving import prove as prove_event
from ...eventstore.reader import Reader
from .checkpoint import known, sign
from .options import reading
from .output import emit
from .pipes import write

_DOCUMENT = "proof.json"


@click.command()
@click.argument("position", type=click.IntRange(1), required=False)
@click.option(
    "--consistency",
    "old",
    metavar="SIZE",
    type=click.IntRange(1),
    help="Prove instead that the journal of the first SIZE events was only added to.",
)
@click.option(
    "-o",
    "--output",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Write the proof to this folder with a program that checks it, or to a file *.json alone.",
)
@reading
def prove(position: int | None, old: int | None, output: Path | None, journal: str, as_json: bool) -> None:
    """A proof about the journal, which can be checked without it.

    That the event at a POSITION is in the journal, or that the journal is the continuation of an earlier one:
    some hashes that lead to a signed root, and the event, but nothing else of the journal. The folder can be
    given to anybody who has Python; bursar is not needed to check it.
    """
    if (position is None) == (old is None):
        raise click.UsageError("Give either a POSITION or --consistency SIZE.")
    wanted = position or old or 1
    _sign_for(journal, wanted)
    keys = [key] if (key := known(journal)) is not None else []
    proof = prove_event(journal, wanted, keys) if old is None else prove_extension(journal, wanted, keys)
    if output is not None:
        _write(output, proof)
    if as_json:
        emit(proof)
    else:
        write("\n".join([*_told(proof), *_where(output)]))


def _sign_for(journal: str, position: int) -> None:
    """A checkpoint that is about the position, where there is none and we may make one."""
    with Reader(journal) as reader:
        last = reader.last_checkpoint()
        missing = position <= reader.head() and (last is None or last[0] < position)
    if missing:
        sign(journal)


def _write(output: Path, proof: Document) -> None:
    text = json.dumps(proof, ensure_ascii=False, indent=2) + "\n"
    try:
        if output.suffix == ".json":
            output.write_text(text, "utf-8")
            return
        output.mkdir(parents=True, exist_ok=True)
        (output / _DOCUMENT).write_text(text, "utf-8")
        (output / SCRIPT).write_text(script(), "utf-8")
    except OSError as error:
        raise click.FileError(str(output), error.strerror) from error


def _told(proof: Document) -> list[str]:
    size, hashes = proof["size"], len(proof["path"])
    if "event" in proof:
        event = proof["event"]
        what = (
            f"#{event['position']} {event['type']} on {event['subject']} is in the journal of {size} events"
        )
    else:
        what = f"the journal of {proof['old']['size']} events is the beginning of the one of {size} events"
    return [f"{what}: {hashes} hashes lead to its signed root", f"root  {proof['root']}"]


def _where(output: Path | None) -> list[str]:
    if output is None:
        return ["Add -o FOLDER to have it written down with a program that checks it."]
    if output.suffix == ".json":
        return [f"proof {output}"]
    return [f"check it with: python3 {output / SCRIPT}"]
