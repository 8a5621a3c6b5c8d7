"""The commands that need a manager; those that only read are in `adapters/cli`."""

from .adapters.cli.group import Lazy

MANAGING = {"demo": Lazy("bursar.demo.command:demo", "Show the main job end to end on a real engine.")}
