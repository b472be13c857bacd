-- One file of experiments, the log of what happened to them, and snapshots of what was learned.
-- Times are microseconds since the Unix epoch; vectors are little-endian float64.

CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE experiment (
    name        TEXT PRIMARY KEY,
    status      TEXT NOT NULL,          -- running, paused, archived
    version     INTEGER NOT NULL,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL
) WITHOUT ROWID;

-- Every definition that was ever in force; decisions name the one they were made under.
CREATE TABLE experiment_version (
    experiment TEXT NOT NULL REFERENCES experiment (name),
    version    INTEGER NOT NULL,
    stream     INTEGER NOT NULL,
    spec       TEXT NOT NULL,           -- JSON of ExperimentSpec
    arms       TEXT NOT NULL,           -- JSON list of variant keys by arm, with those no longer offered
    time       INTEGER NOT NULL,
    PRIMARY KEY (experiment, version)
) WITHOUT ROWID;

-- One stream per experiment and model epoch; its events are numbered 1, 2, 3.. across the four tables below.
CREATE TABLE stream (
    stream     INTEGER PRIMARY KEY,
    experiment TEXT NOT NULL,
    position   INTEGER NOT NULL,        -- of the last event
    expired    BLOB NOT NULL            -- ids below have had their window closed
);

CREATE TABLE decision (
    stream         INTEGER NOT NULL,
    id             BLOB NOT NULL,       -- rises with time, so inserts append and windows are ranges
    position       INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    unit           TEXT NOT NULL,
    grp            INTEGER NOT NULL,    -- 1 POLICY, 2 HOLDOUT
    arm            INTEGER NOT NULL,
    model_position INTEGER NOT NULL,
    degraded       INTEGER NOT NULL,
    time           INTEGER NOT NULL,
    context        BLOB NOT NULL,
    propensities   BLOB NOT NULL,
    eligible       BLOB,                -- one byte an arm; NULL: every variant of the version
    PRIMARY KEY (stream, id)
) WITHOUT ROWID;

-- Idempotency of Decide: the first answer of a request id is `count` decisions from `first` on.
CREATE TABLE request (
    id     TEXT PRIMARY KEY,
    stream INTEGER NOT NULL,
    first  BLOB NOT NULL,
    count  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE exposure (
    stream   INTEGER NOT NULL,
    decision BLOB NOT NULL,
    position INTEGER NOT NULL,
    time     INTEGER NOT NULL,
    PRIMARY KEY (stream, decision)
) WITHOUT ROWID;

CREATE TABLE reward (
    stream   INTEGER NOT NULL,
    decision BLOB NOT NULL,
    goal     TEXT NOT NULL,
    key      TEXT NOT NULL,
    position INTEGER NOT NULL,
    value    REAL NOT NULL,
    late     INTEGER NOT NULL,          -- 1: came after the window; kept, never counted
    time     INTEGER NOT NULL,
    PRIMARY KEY (stream, decision, goal, key)
) WITHOUT ROWID;

-- What the learner folds, and all it folds: one row per POLICY decision, by its reward or at window close.
CREATE TABLE resolution (
    stream   INTEGER NOT NULL,
    position INTEGER NOT NULL,
    decision BLOB NOT NULL,
    kind     INTEGER NOT NULL,          -- 1 reward, 2 expiry
    value    REAL NOT NULL,
    time     INTEGER NOT NULL,
    PRIMARY KEY (stream, position)
) WITHOUT ROWID;
CREATE UNIQUE INDEX resolution_once ON resolution (stream, decision);

CREATE TABLE snapshot (
    stream   INTEGER NOT NULL,
    position INTEGER NOT NULL,
    version  INTEGER NOT NULL,          -- of the experiment's definition, for number of arms and parameters
    state    BLOB NOT NULL,             -- npz without pickles
    digest   BLOB NOT NULL,             -- BLAKE2b over names, types, shapes and bytes of the arrays
    PRIMARY KEY (stream, position)
) WITHOUT ROWID;
