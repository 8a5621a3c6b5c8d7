"""The journal: one append-only SQLite file that every fact and every decision is written to. See README.md.

Nothing is imported here, so that a reader pays for `bursar.eventstore.reader` and nothing else.
"""
