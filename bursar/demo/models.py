"""The demo's models: real ones, small, of four sizes."""

from collections.abc import Callable
from pathlib import Path

from ..testing.gguf import write_model

#: Name to (embedding, blocks): half a megabyte to seventy, and quick enough for two cores.
SHAPES = {"tiny": (64, 2), "small": (384, 2), "medium": (512, 3), "large": (768, 3)}


#: Their ids, smallest first.
MODELS = tuple(f"llama:{name}" for name in SHAPES)


def make_models(folder: Path, progress: Callable[[str], None]) -> None:
    """Write the models that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, (embedding, blocks)) in enumerate(SHAPES.items()):
        path = folder / f"{name}.gguf"
        if not path.exists():
            progress(f"writing {path.name}")
            write_model(path, embedding=embedding, blocks=blocks, seed=seed, name=name)
