"""The journal beside the best that could be done and the best that others do, all in one run."""
