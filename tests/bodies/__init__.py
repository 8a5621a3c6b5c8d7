"""Bodies, tested through files on a real disk."""
