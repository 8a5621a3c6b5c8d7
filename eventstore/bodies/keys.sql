-- The keys of the bodies in blobs.sql, each wrapped by a key that does not lie in this file.

-- One row, written once.
CREATE TABLE store (
  made_at   INTEGER NOT NULL,                               -- UTC nanoseconds
  wrapped_by TEXT   NOT NULL,                               -- where the wrapping key comes from
  index_key BLOB    NOT NULL                                -- wrapped; turns names of subjects into ids
) STRICT;

-- Who has bodies. Names do not stand here: an id is their HMAC under the index key.
CREATE TABLE subject (
  owner   INTEGER PRIMARY KEY,                              -- random, what the rows of blobs.sql go by
  id      BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
  keys    BLOB    NOT NULL,                                 -- wrapped: 32 bytes for the data, 32 for addresses
  made_at INTEGER NOT NULL                                  -- UTC nanoseconds
) STRICT;

-- Whose keys were destroyed: written in the transaction that destroys them, so that what has to follow is
-- not forgotten with them.
CREATE TABLE forgotten (
  owner    INTEGER PRIMARY KEY,
  id       BLOB    NOT NULL CHECK (length(id) = 16),
  at       INTEGER NOT NULL,                                -- UTC nanoseconds
  bodies   INTEGER NOT NULL,
  bytes    INTEGER NOT NULL,                                -- of them, as they were stored
  swept    INTEGER NOT NULL DEFAULT 0 CHECK (swept IN (0, 1)),  -- whether their rows are gone, too
  recorded INTEGER                                          -- position of the event that says so
) STRICT;
CREATE INDEX forgotten_id ON forgotten (id);
