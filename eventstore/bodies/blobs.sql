-- The bodies, as ciphertext. What can read them lies in another file, keys.sql.

CREATE TABLE blob (
  id         INTEGER PRIMARY KEY,
  owner      INTEGER NOT NULL,                               -- subject.owner in keys.sql
  address    BLOB    NOT NULL CHECK (length(address) = 32),  -- HMAC-SHA-256 of the text under the subject's key
  at         INTEGER NOT NULL,                               -- when it was last put, ten minutes more or less; UTC nanoseconds
  size       INTEGER NOT NULL CHECK (size >= 0),             -- of the text, in bytes
  dictionary INTEGER,                                        -- that it was compressed with
  nonce      BLOB    NOT NULL CHECK (length(nonce) = 12),
  body       BLOB    NOT NULL,                               -- AES-256-GCM of a zstd frame; the address is its AAD
  UNIQUE (owner, address)
) STRICT;

-- Of one subject each, since a dictionary is made of its texts, and encrypted as they are.
CREATE TABLE dictionary (
  id    INTEGER PRIMARY KEY,
  owner INTEGER NOT NULL,
  at    INTEGER NOT NULL,                                    -- UTC nanoseconds
  ratio INTEGER NOT NULL,                                    -- bytes of text for a hundred stored, when it was new
  nonce BLOB    NOT NULL CHECK (length(nonce) = 12),
  body  BLOB    NOT NULL
) STRICT;
CREATE INDEX dictionary_owner ON dictionary (owner);
