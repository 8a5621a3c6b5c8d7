"""What users set, and where from: defaults, `bursar.toml`, the environment, arguments; the later wins.

    settings     `Settings`: `load`, `changed`, `domain`
    sections     the settings there are, their defaults and bounds
    servers      those of the providers
    resilience   those of breakers, retries and recovery
    contexts     those of conversations, patterns and agents
    kinds        the kinds of settings
    quantities   how numbers, sizes, times, shares and switches are written
    names        how models, folders and files are named
    addresses    how providers are named, reached and opened
    together     what is possible alone and not together
    refusal      what is said of a setting that cannot be
    origin       where settings were written, and what they are called there
    known        which settings there are, will be, and may have been meant
    files        TOML, and JSON as the documents have it
    documents    their names and units in ours
    variables    which variables are settings
    environment  reading them

Every layer is checked by itself, so that a mistake is reported where it was made even if a later layer would
have hidden it.
"""

from .settings import Settings

__all__ = ["Settings"]
