"""How much Hypothesis tries; see README.md beside this file."""

import os

from hypothesis import settings

# The same examples on every run: a change that is not at fault does not fail.
settings.register_profile("default", derandomize=True, deadline=None, database=None, print_blob=True)
# New examples on every run, many of them: for a night, or for a rule that has changed.
settings.register_profile("long", derandomize=False, deadline=None, max_examples=5_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
