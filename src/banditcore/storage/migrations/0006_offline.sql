-- How imported rewards fared, one row per goal and day (UTC, since the Unix epoch) of what they report.
CREATE TABLE import_count (
    experiment   TEXT NOT NULL,
    goal         TEXT NOT NULL,
    day          INTEGER NOT NULL,
    attributed   INTEGER NOT NULL,
    late         INTEGER NOT NULL,
    unattributed INTEGER NOT NULL,
    conflicts    INTEGER NOT NULL,
    PRIMARY KEY (experiment, goal, day)
) WITHOUT ROWID;

-- Rows of imports that left no reward behind, so that a file which is read again is not counted again. Kept for as
-- long as they are counted at all: until a reward of that day would be late everywhere.
CREATE TABLE import_seen (
    experiment TEXT NOT NULL,
    goal       TEXT NOT NULL,
    day        INTEGER NOT NULL,
    mark       BLOB NOT NULL,           -- hash of the row
    PRIMARY KEY (experiment, goal, day, mark)
) WITHOUT ROWID;

-- Units that were found to be one customer: what is asked for `unit` is decided for `target` from then on.
CREATE TABLE merged (
    experiment TEXT NOT NULL,
    unit       TEXT NOT NULL,
    target     TEXT NOT NULL,
    number     INTEGER NOT NULL,        -- 1, 2, 3.. through the whole store, so that what is new is found
    time       INTEGER NOT NULL,
    PRIMARY KEY (experiment, unit)
) WITHOUT ROWID;
CREATE UNIQUE INDEX merged_in_order ON merged (number);
