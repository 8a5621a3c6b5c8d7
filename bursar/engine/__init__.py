"""The engine: takes facts, lets the kernel decide, writes, and only then acts."""
