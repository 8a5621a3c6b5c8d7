-- The journal, format 2. Only ever added to: a later format may add tables, it never rewrites a row.
-- The triggers are rails, not locks: whoever may write the file can drop them. The hashes are what tells.
-- They are for everybody but the owner, who writes with an authorizer instead (connections.py) and is spared
-- the 2 us a row that a trigger costs.

-- Who this journal is. One row, written once.
CREATE TABLE journal (
  journal_id BLOB    NOT NULL CHECK (length(journal_id) = 16),  -- random; with a position it names an event
  created_at INTEGER NOT NULL,                                  -- UTC nanoseconds
  format     INTEGER NOT NULL                                   -- of the columns below and of the leaf
) STRICT;

-- What happened, in the order of commit.
CREATE TABLE event (
  position    INTEGER PRIMARY KEY,           -- contiguous from 1
  kind        TEXT    NOT NULL CHECK (kind IN ('fact', 'decision')),
  type        TEXT    NOT NULL,
  version     INTEGER NOT NULL,              -- of the type's schema
  subject     TEXT    NOT NULL,              -- category/name, or host
  at          INTEGER NOT NULL,              -- UTC nanoseconds, never decreasing
  cause       INTEGER CHECK (cause < position),
  correlation INTEGER NOT NULL CHECK (correlation <= position),
  actor       TEXT    NOT NULL,
  data        TEXT,                          -- canonical JSON; gone once redacted
  salt        BLOB,                          -- 16 random bytes hashed with the data; gone with it
  data_hash   BLOB,                          -- merkle.data_hash of the two, kept when they go and not before
  leaf        BLOB    NOT NULL CHECK (length(leaf) = 32),  -- merkle.leaf_hash of the columns above
  CHECK ((data IS NULL) = (salt IS NULL) AND (data IS NULL) = (data_hash IS NOT NULL))
) STRICT;
CREATE INDEX event_subject ON event (subject);

-- Roots of the RFC 6962 tree over the leaves, with the perfect subtrees they were folded from.
CREATE TABLE root (
  size     INTEGER PRIMARY KEY,                  -- the tree is over positions 1 to size
  root     BLOB    NOT NULL CHECK (length(root) = 32),
  frontier BLOB    NOT NULL CHECK (length(frontier) % 32 = 0),  -- largest subtree first
  at       INTEGER NOT NULL                      -- UTC nanoseconds
) STRICT;

-- Signed roots: C2SP notes, as they were given out.
CREATE TABLE checkpoint (
  size INTEGER PRIMARY KEY,
  note TEXT    NOT NULL,
  at   INTEGER NOT NULL                          -- UTC nanoseconds
) STRICT;

-- Batches that somebody may send twice.
CREATE TABLE command (
  id          TEXT    PRIMARY KEY,               -- the sender's
  fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 32),  -- sealing.fingerprint of the batch
  first       INTEGER NOT NULL,
  last        INTEGER NOT NULL CHECK (last >= first)
) STRICT, WITHOUT ROWID;

-- Events whose data is gone, and the event that says who wanted it and why.
CREATE TABLE redaction (
  position INTEGER PRIMARY KEY,
  by       INTEGER NOT NULL CHECK (by > position)
) STRICT;

-- Perfect subtrees of 65,536 positions whose rows have been moved to a file.
CREATE TABLE archive (
  segment INTEGER PRIMARY KEY,                   -- contiguous from 0; positions segment * 65536 + 1 and on
  root    BLOB    NOT NULL CHECK (length(root) = 32),
  file    TEXT    NOT NULL,                      -- its name, in the folder beside the journal
  sha256  BLOB    NOT NULL CHECK (length(sha256) = 32)
) STRICT;

-- BEFORE INSERT also stops REPLACE and UPSERT: a row that is next in line has nothing to replace.
CREATE TRIGGER event_insert BEFORE INSERT ON event BEGIN
  SELECT RAISE(ABORT, 'event: the position is not the next one')
    WHERE NEW.position IS NOT (SELECT coalesce(max(position), 0) + 1 FROM event);
  SELECT RAISE(ABORT, 'event: time goes backwards')
    WHERE NEW.at < (SELECT at FROM event ORDER BY position DESC LIMIT 1);
END;
CREATE TRIGGER event_update BEFORE UPDATE ON event
WHEN NEW.data IS NOT NULL OR NOT EXISTS (SELECT 1 FROM redaction WHERE position = OLD.position)
  OR (NEW.position, NEW.kind, NEW.type, NEW.version, NEW.subject, NEW.at, NEW.cause, NEW.correlation, NEW.actor, NEW.leaf)
  IS NOT (OLD.position, OLD.kind, OLD.type, OLD.version, OLD.subject, OLD.at, OLD.cause, OLD.correlation, OLD.actor, OLD.leaf)
  BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;
CREATE TRIGGER event_delete BEFORE DELETE ON event
WHEN NOT EXISTS (SELECT 1 FROM archive WHERE segment = (OLD.position - 1) >> 16)
  BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;

CREATE TRIGGER root_insert BEFORE INSERT ON root BEGIN
  SELECT RAISE(ABORT, 'root: there is one for this size or a later one')
    WHERE EXISTS (SELECT 1 FROM root WHERE size >= NEW.size);
  SELECT RAISE(ABORT, 'root: its size is not that of the journal')
    WHERE NEW.size IS NOT (SELECT max(position) FROM event);
END;
CREATE TRIGGER root_update BEFORE UPDATE ON root
  BEGIN SELECT RAISE(ABORT, 'root is append-only'); END;
CREATE TRIGGER root_delete BEFORE DELETE ON root
  BEGIN SELECT RAISE(ABORT, 'root is append-only'); END;

CREATE TRIGGER checkpoint_insert BEFORE INSERT ON checkpoint WHEN EXISTS (SELECT 1 FROM checkpoint WHERE size >= NEW.size)
  BEGIN SELECT RAISE(ABORT, 'checkpoint: there is one for this size or a later one'); END;
CREATE TRIGGER checkpoint_update BEFORE UPDATE ON checkpoint
  BEGIN SELECT RAISE(ABORT, 'checkpoint is append-only'); END;
CREATE TRIGGER checkpoint_delete BEFORE DELETE ON checkpoint
  BEGIN SELECT RAISE(ABORT, 'checkpoint is append-only'); END;

CREATE TRIGGER command_insert BEFORE INSERT ON command WHEN EXISTS (SELECT 1 FROM command WHERE id = NEW.id)
  BEGIN SELECT RAISE(ABORT, 'command: it has been taken'); END;
CREATE TRIGGER command_update BEFORE UPDATE ON command
  BEGIN SELECT RAISE(ABORT, 'command is append-only'); END;
CREATE TRIGGER command_delete BEFORE DELETE ON command
  BEGIN SELECT RAISE(ABORT, 'command is append-only'); END;

CREATE TRIGGER redaction_insert BEFORE INSERT ON redaction BEGIN
  SELECT RAISE(ABORT, 'redaction: it has been redacted')
    WHERE EXISTS (SELECT 1 FROM redaction WHERE position = NEW.position);
  SELECT RAISE(ABORT, 'redaction needs its event')
    WHERE NOT EXISTS (SELECT 1 FROM event WHERE position = NEW.by AND type = 'EventRedacted');
END;
CREATE TRIGGER redaction_update BEFORE UPDATE ON redaction
  BEGIN SELECT RAISE(ABORT, 'redaction is append-only'); END;
CREATE TRIGGER redaction_delete BEFORE DELETE ON redaction
  BEGIN SELECT RAISE(ABORT, 'redaction is append-only'); END;

CREATE TRIGGER archive_insert BEFORE INSERT ON archive
WHEN NEW.segment IS NOT coalesce((SELECT max(segment) FROM archive), -1) + 1
  OR NOT EXISTS (SELECT 1 FROM event WHERE position > NEW.segment * 65536 + 65536)
  BEGIN SELECT RAISE(ABORT, 'archive: it is not the next segment that is full and followed by another'); END;
CREATE TRIGGER archive_update BEFORE UPDATE ON archive
  BEGIN SELECT RAISE(ABORT, 'archive is append-only'); END;
CREATE TRIGGER archive_delete BEFORE DELETE ON archive
  BEGIN SELECT RAISE(ABORT, 'archive is append-only'); END;

CREATE TRIGGER journal_insert BEFORE INSERT ON journal WHEN EXISTS (SELECT 1 FROM journal)
  BEGIN SELECT RAISE(ABORT, 'journal has its row'); END;
CREATE TRIGGER journal_update BEFORE UPDATE ON journal
  BEGIN SELECT RAISE(ABORT, 'journal is append-only'); END;
CREATE TRIGGER journal_delete BEFORE DELETE ON journal
  BEGIN SELECT RAISE(ABORT, 'journal is append-only'); END;
