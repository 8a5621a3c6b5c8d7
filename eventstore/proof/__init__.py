"""Is it what was written? Roots, signed notes, proofs, and the check of all of it."""
