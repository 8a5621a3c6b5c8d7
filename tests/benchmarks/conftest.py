"""The benchmarks are no part of the package: the checkout is where they are imported from."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
