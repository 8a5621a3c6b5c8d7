"""What is told of events whose data is gone."""

from pathlib import Path

from bursar.domain.erasure.events import EventRedacted
from bursar.domain.models.events import EffectOutcomeUnknown
from bursar.eventstore.reader import Reader
from bursar.projections.log import line
from bursar.projections.why import why

from .world import World


def test_redacted_events_are_listed_and_explained_without_their_data(tmp_path: Path) -> None:
    world = World.started(tmp_path / "journal.db")
    world.describe("fake:a", 5)
    world.ask("fake:a")
    waiting = world.ask("fake:a", "ada")
    world.record(EffectOutcomeUnknown(model="fake:a", intent=1))
    world.write()
    with Reader(world.path) as reader:
        positions = {
            record.type: record.position
            for record in reader.read(types=["RequestQueued", "EffectOutcomeUnknown"])
        }
        assert len(positions) == 2
        before = {position: str(why(reader, position)) for position in positions.values()}
    for position in positions.values():
        by = world.record(EventRedacted(event=position, because="it named somebody"))
        world.write()
        world.journal.redact(position, by)
    world.close()
    with Reader(world.path) as reader:
        for record in reader.read():
            told, listed = str(why(reader, record.position)), line(record).summary
            assert ("its data has been redacted" in listed) == (record.position in positions.values())
            if record.position in positions.values():
                assert "its data has been redacted" in told
                assert told != before[record.position]
        assert str(why(reader, positions["RequestQueued"])).startswith(f"request/{waiting} had to wait at ")
