"""The journal, tested through files on a real disk and, where it matters, by other processes."""
