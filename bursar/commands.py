"""The commands that know providers and settings; those that only read a journal are in `adapters/cli`."""

from .adapters.cli.group import Lazy

MANAGING = {
    "demo": Lazy("bursar.demo.command:demo", "Show the main job end to end on a real engine."),
    "doctor": Lazy(
        "bursar.doctor.command:doctor", "What is reachable, how fast, and what it lacks; and what to do."
    ),
}
