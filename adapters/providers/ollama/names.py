"""Names of models: one without a tag means `latest`."""


def full_name(name: str) -> str:
    """With its tag: `qwen3` is `qwen3:latest`, and `host:5000/qwen3` is `host:5000/qwen3:latest`."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
