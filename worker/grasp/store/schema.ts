/**
 * Bounds a connection's page cache to 8 MiB. Another page comes from the system's cache of the file: with 32 MiB questions and
 * writes took as long, and the process was 20 MiB larger.
 */
export const PAGE_CACHE = "PRAGMA cache_size = -8192;";

/**
 * The tables of the database. Ids and keys are kept as bytes: half the size of hex. A row's number is never used again, because an
 * answer that is being sent names rows. A commit is not on the disk yet: `GroupCommit` writes the log to it before it acknowledges. A tag that is one of its event's references has the event's steps (R51).
 */
export const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA journal_size_limit = 67108864;
  PRAGMA busy_timeout = 0;
  ${PAGE_CACHE}
  CREATE TABLE IF NOT EXISTS event (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    pubkey BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    identifier TEXT,
    expires_at INTEGER,
    json TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS event_by_time ON event (created_at DESC, id);
  CREATE INDEX IF NOT EXISTS event_by_kind ON event (kind, created_at DESC, id);
  CREATE INDEX IF NOT EXISTS event_by_author ON event (pubkey, created_at DESC, id);
  CREATE INDEX IF NOT EXISTS event_by_author_and_kind ON event (pubkey, kind, created_at DESC, id);
  CREATE INDEX IF NOT EXISTS event_by_identifier ON event (kind, identifier) WHERE identifier IS NOT NULL;
  CREATE INDEX IF NOT EXISTS event_by_expiry ON event (expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE IF NOT EXISTS tag (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    event INTEGER NOT NULL REFERENCES event (row) ON DELETE CASCADE,
    steps INTEGER,
    PRIMARY KEY (name, value, created_at DESC, event)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS tag_by_event ON tag (event);
  CREATE TABLE IF NOT EXISTS remembered (
    id BLOB PRIMARY KEY,
    what TEXT NOT NULL,
    until INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS remembered_by_time ON remembered (until) WHERE until IS NOT NULL;
  CREATE TABLE IF NOT EXISTS held (
    id BLOB PRIMARY KEY,
    repository TEXT NOT NULL,
    steps INTEGER NOT NULL,
    until INTEGER NOT NULL,
    json TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS held_by_repository ON held (repository);
  CREATE INDEX IF NOT EXISTS held_by_author ON held (json_extract(json, '$.pubkey'));
  CREATE TABLE IF NOT EXISTS held_set (
    repository TEXT PRIMARY KEY,
    identifier TEXT NOT NULL,
    members TEXT NOT NULL,
    until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS held_set_by_identifier ON held_set (identifier);
  CREATE TABLE IF NOT EXISTS deleted_address (
    address TEXT PRIMARY KEY,
    until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS vanished (
    pubkey BLOB PRIMARY KEY,
    until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS ended_state (
    owner BLOB NOT NULL,
    identifier TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (owner, identifier)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS ban (
    target TEXT PRIMARY KEY
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS backup (
    owner BLOB NOT NULL,
    identifier TEXT NOT NULL,
    at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    json TEXT NOT NULL,
    UNIQUE (owner, identifier, at)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS backup_by_time ON backup (at);
  CREATE TABLE IF NOT EXISTS journal (
    key TEXT PRIMARY KEY,
    entry TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS intent (
    id INTEGER PRIMARY KEY,
    plan TEXT NOT NULL
  ) STRICT;
  PRAGMA foreign_keys = ON;
`;
