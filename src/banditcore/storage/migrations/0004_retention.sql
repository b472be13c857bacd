-- What retention has deleted: how many events, and the position of the snapshot that the log now begins with.
ALTER TABLE stream ADD COLUMN base INTEGER NOT NULL DEFAULT 0;
ALTER TABLE stream ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;

-- Request ids go with the decisions that answered them.
CREATE INDEX request_by_decision ON request (stream, first);

-- What deleted decisions add to reports. The goal '' stands for all of them, whatever they could earn.
CREATE TABLE carried_unit (
    stream    INTEGER NOT NULL,
    goal      TEXT NOT NULL,
    grp       INTEGER NOT NULL,
    unit      TEXT NOT NULL,
    decisions INTEGER NOT NULL,
    outcome   REAL NOT NULL,            -- largest for binary goals, sum for values
    PRIMARY KEY (stream, goal, grp, unit)
) WITHOUT ROWID;

CREATE TABLE carried_arm (              -- POLICY only
    stream    INTEGER NOT NULL,
    goal      TEXT NOT NULL,
    arm       INTEGER NOT NULL,
    decisions INTEGER NOT NULL,
    outcome   REAL NOT NULL,            -- sum
    PRIMARY KEY (stream, goal, arm)
) WITHOUT ROWID;
