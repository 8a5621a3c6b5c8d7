-- The journal, format 1. Only ever added to: a later format may add tables, it never rewrites a row.
-- The triggers are rails, not locks: whoever may write the file can drop them. The hashes are what tells.

-- Who this journal is. One row, written once.
CREATE TABLE journal (
  journal_id BLOB    NOT NULL CHECK (length(journal_id) = 16),  -- random; with a position it names an event
  created_at INTEGER NOT NULL,                                  -- UTC nanoseconds
  format     INTEGER NOT NULL                                   -- of the columns below and of the leaf
) STRICT;

-- What happened, in the order of commit.
CREATE TABLE event (
  position        INTEGER PRIMARY KEY,           -- contiguous from 1
  kind            TEXT    NOT NULL CHECK (kind IN ('fact', 'decision')),
  type            TEXT    NOT NULL,
  version         INTEGER NOT NULL,              -- of the type's schema
  subject         TEXT    NOT NULL,              -- category/name, or host
  subject_version INTEGER NOT NULL,              -- contiguous from 1 within the subject
  at              INTEGER NOT NULL,              -- UTC nanoseconds, never decreasing
  cause           INTEGER CHECK (cause < position),
  correlation     INTEGER NOT NULL CHECK (correlation <= position),
  actor           TEXT    NOT NULL,
  data            TEXT    NOT NULL,              -- canonical JSON
  leaf            BLOB    NOT NULL CHECK (length(leaf) = 32),  -- merkle.leaf_hash of the columns above
  UNIQUE (subject, subject_version)
) STRICT;

-- Roots of the RFC 6962 tree over the leaves, with the perfect subtrees they were folded from.
CREATE TABLE root (
  size     INTEGER PRIMARY KEY,                  -- the tree is over positions 1 to size
  root     BLOB    NOT NULL CHECK (length(root) = 32),
  frontier BLOB    NOT NULL CHECK (length(frontier) % 32 = 0),  -- largest subtree first
  at       INTEGER NOT NULL                      -- UTC nanoseconds
) STRICT;

-- BEFORE INSERT also stops REPLACE and UPSERT: a row that is next in line has nothing to replace. The condition
-- looks up two rows, the last one and the last one of the subject; that it is one expression makes it the cheapest
-- guard measured: 1.7 us a row, 1 of them for there being a trigger. The body is for a row that breaks it.
CREATE TRIGGER event_insert BEFORE INSERT ON event
WHEN coalesce(
    (SELECT position + 1 <> NEW.position OR at > NEW.at FROM event ORDER BY position DESC LIMIT 1),
    NEW.position <> 1)
  OR coalesce(
    (SELECT subject_version + 1 <> NEW.subject_version FROM event
       WHERE subject = NEW.subject ORDER BY subject_version DESC LIMIT 1),
    NEW.subject_version <> 1)
BEGIN
  SELECT RAISE(ABORT, 'event: the position is not the next one')
    WHERE NEW.position IS NOT (SELECT coalesce(max(position), 0) + 1 FROM event);
  SELECT RAISE(ABORT, 'event: time goes backwards')
    WHERE NEW.at < (SELECT at FROM event ORDER BY position DESC LIMIT 1);
  SELECT RAISE(ABORT, 'event: the version of the subject is not the next one');
END;
CREATE TRIGGER event_update BEFORE UPDATE ON event
  BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;
CREATE TRIGGER event_delete BEFORE DELETE ON event
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

CREATE TRIGGER journal_insert BEFORE INSERT ON journal WHEN EXISTS (SELECT 1 FROM journal)
  BEGIN SELECT RAISE(ABORT, 'journal has its row'); END;
CREATE TRIGGER journal_update BEFORE UPDATE ON journal
  BEGIN SELECT RAISE(ABORT, 'journal is append-only'); END;
CREATE TRIGGER journal_delete BEFORE DELETE ON journal
  BEGIN SELECT RAISE(ABORT, 'journal is append-only'); END;
