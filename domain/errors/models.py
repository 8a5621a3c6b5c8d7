"""What can be wrong with a model."""

from .base import BursarError


class InvalidModelId(BursarError):
    """The id names no model that any configured provider has."""

    code = "INVALID_MODEL_ID"
    message = "{model!r} is not a model bursar can find: {problem}"


class ResourceLimitExceeded(BursarError):
    """The model can never fit: even with everything evictable gone there is too little."""

    code = "RESOURCE_LIMIT_EXCEEDED"
    message = (
        "{model} needs {need}{unit} of {resource}, but at most {ceiling}{unit} could ever be freed{note}. "
        "Raise the limit, or choose a smaller model or context."
    )


class AllModelsPinned(ResourceLimitExceeded):
    """Room could be made, but every model in the way is pinned."""

    code = "ALL_MODELS_PINNED"
    message = (
        "{model} needs {need}{unit} of {resource}, and only {ceiling}{unit} can be had beside the pinned "
        "models ({pinned}){note}. Unpin one of them."
    )


class ModelLoadFailed(BursarError):
    """The provider could not load the model."""

    code = "MODEL_LOAD_FAILED"
    message = "{model} could not be loaded: {cause}"


class ModelUnloadFailed(BursarError):
    """The provider could not unload the model; it is still in memory."""

    code = "MODEL_UNLOAD_FAILED"
    message = "{model} could not be unloaded: {cause}"


class ModelVanished(BursarError):
    """The model disappeared while it served the request."""

    code = "MODEL_LOST"
    message = "{model} disappeared while it was serving the request: {cause}. Ask again to load it."
