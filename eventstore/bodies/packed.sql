-- Texts that are packed: sixteen to a block, compressed together. A text lies here or in `blob`, never in both.

CREATE TABLE block (
  id         INTEGER PRIMARY KEY,
  owner      INTEGER NOT NULL,                               -- subject.owner in keys.sql
  at         INTEGER NOT NULL,                               -- when it was packed, UTC nanoseconds
  messages   INTEGER NOT NULL CHECK (messages > 0),
  texts      INTEGER NOT NULL CHECK (texts >= 0),            -- bytes of them
  size       INTEGER NOT NULL CHECK (size >= 0),             -- bytes of them with what parts them
  dictionary INTEGER,                                        -- that it was compressed with
  nonce      BLOB    NOT NULL CHECK (length(nonce) = 12),
  body       BLOB    NOT NULL                                -- AES-256-GCM of a zstd frame
) STRICT;
CREATE INDEX block_owner ON block (owner);
CREATE INDEX block_dictionary ON block (dictionary);

-- Where the text at an address is, if it is in a block.
CREATE TABLE place (
  address BLOB    NOT NULL PRIMARY KEY CHECK (length(address) = 32),
  block   INTEGER NOT NULL,
  at      INTEGER NOT NULL                                   -- when it was last put, as in `blob`
) STRICT, WITHOUT ROWID;

-- Subjects that are packed with a dictionary they have in common. Names do not stand here, as in keys.sql.
CREATE TABLE family (
  owner INTEGER PRIMARY KEY,
  id    BLOB NOT NULL CHECK (length(id) = 16)
) STRICT;
CREATE INDEX family_id ON family (id);

-- Whom a family's dictionary is for, as long as it is used; such a dictionary is its own owner, with keys that
-- are destroyed when one of those goes whose texts it was made of.
ALTER TABLE dictionary ADD COLUMN family BLOB;
CREATE TABLE lesson (
  owner      INTEGER NOT NULL,                               -- whose texts they were
  dictionary INTEGER NOT NULL,
  PRIMARY KEY (owner, dictionary)
) STRICT, WITHOUT ROWID;
CREATE INDEX lesson_dictionary ON lesson (dictionary);
