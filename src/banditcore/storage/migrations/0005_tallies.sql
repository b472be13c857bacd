-- What reports read, added up from the log: each decision counts once, as soon as its outcome is final. `experiment` is
-- the number of the experiment's first stream; the goal '' counts all decisions at once, whatever they earn.

CREATE TABLE tally (
    stream  INTEGER NOT NULL,
    goal    TEXT NOT NULL,
    counted BLOB NOT NULL,              -- ids below it have been counted
    PRIMARY KEY (stream, goal)
) WITHOUT ROWID;

-- Decisions that came to the log after their neighbours had been counted.
CREATE TABLE straggler (
    stream INTEGER NOT NULL,
    goal   TEXT NOT NULL,
    id     BLOB NOT NULL,
    PRIMARY KEY (stream, goal, id)
) WITHOUT ROWID;

CREATE TABLE unit_outcome (
    experiment INTEGER NOT NULL,
    goal       TEXT NOT NULL,
    unit       TEXT NOT NULL,
    epoch      INTEGER NOT NULL,
    grp        INTEGER NOT NULL,
    y          REAL NOT NULL,           -- 0 or 1 for binary goals, sum for values, numerator of ratios
    d          REAL NOT NULL,           -- denominator of ratios
    first      TEXT NOT NULL,           -- of the goal '', which has all units: hexadecimal id of the first decision, if
                                        -- there was a choice in it
    traits     TEXT NOT NULL,           -- of the goal '': JSON of audiences and covariates at the first decision of all
    PRIMARY KEY (experiment, goal, unit, epoch)
) WITHOUT ROWID;

CREATE TABLE moment (
    experiment INTEGER NOT NULL,
    goal       TEXT NOT NULL,
    epoch      INTEGER NOT NULL,
    audience   TEXT NOT NULL,           -- '': all units
    trait      TEXT NOT NULL,
    grp        INTEGER NOT NULL,
    n          INTEGER NOT NULL,
    converted  INTEGER NOT NULL,
    y REAL NOT NULL, yy REAL NOT NULL, raw REAL NOT NULL, raw_raw REAL NOT NULL,
    d REAL NOT NULL, dd REAL NOT NULL, yd REAL NOT NULL,
    x REAL NOT NULL, xx REAL NOT NULL, xy REAL NOT NULL, xd REAL NOT NULL,
    m REAL NOT NULL, my REAL NOT NULL, md REAL NOT NULL,
    PRIMARY KEY (experiment, goal, epoch, audience, trait, grp)
) WITHOUT ROWID;

CREATE TABLE arm_outcome (              -- POLICY only
    stream    INTEGER NOT NULL,
    goal      TEXT NOT NULL,
    arm       INTEGER NOT NULL,
    decisions INTEGER NOT NULL,
    outcome   REAL NOT NULL,
    PRIMARY KEY (stream, goal, arm)
) WITHOUT ROWID;

CREATE TABLE day_outcome (
    experiment INTEGER NOT NULL,
    goal       TEXT NOT NULL,
    epoch      INTEGER NOT NULL,
    day        INTEGER NOT NULL,        -- since the Unix epoch; of the goal '' 0: new units, whenever they came
    grp        INTEGER NOT NULL,
    sums       BLOB NOT NULL,           -- 256 little-endian float64: one sum for each bucket that units are hashed into
    PRIMARY KEY (experiment, goal, epoch, day, grp)
) WITHOUT ROWID;

CREATE TABLE traffic (
    experiment INTEGER NOT NULL,
    start      INTEGER NOT NULL,        -- microseconds since the Unix epoch
    width      INTEGER NOT NULL,        -- microseconds
    audience   TEXT NOT NULL,
    trait      TEXT NOT NULL,
    grp        INTEGER NOT NULL,
    variant    TEXT NOT NULL,
    decisions  INTEGER NOT NULL,
    PRIMARY KEY (experiment, start, width, audience, trait, grp, variant)
) WITHOUT ROWID;

CREATE TABLE off_policy (
    stream INTEGER NOT NULL,
    goal   TEXT NOT NULL,
    state  BLOB NOT NULL,               -- npz without pickles
    digest BLOB NOT NULL,
    PRIMARY KEY (stream, goal)
) WITHOUT ROWID;

-- What was seen, said and done; nothing here is ever changed.

CREATE TABLE look (
    experiment      INTEGER NOT NULL,
    goal            TEXT NOT NULL,
    time            INTEGER NOT NULL,
    estimate        REAL, low REAL, high REAL, information REAL,
    off_policy      REAL, off_policy_low REAL, off_policy_high REAL,
    PRIMARY KEY (experiment, goal, time)
) WITHOUT ROWID;

CREATE TABLE verdict (
    experiment  INTEGER NOT NULL,
    goal        TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    time        INTEGER NOT NULL,
    estimate REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL, information REAL NOT NULL,
    PRIMARY KEY (experiment, goal)
) WITHOUT ROWID;

CREATE TABLE alarm (
    experiment INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    time       INTEGER NOT NULL,
    message    TEXT NOT NULL,
    resumed    INTEGER,                 -- when its owner resumed the experiment that it had frozen
    PRIMARY KEY (experiment, kind, subject)
) WITHOUT ROWID;

-- What retention has deleted was carried until now, and is the beginning of the tallies.

INSERT INTO unit_outcome (experiment, goal, unit, epoch, grp, y, d, first, traits)
SELECT f.first, c.goal, c.unit, 1, c.grp,
    CASE WHEN EXISTS (SELECT 1 FROM experiment_version v WHERE v.experiment = s.experiment
        AND v.spec LIKE '%{"name":"' || c.goal || '","kind":"binary"%') THEN max(c.outcome) ELSE sum(c.outcome) END,
    0, '', ''
FROM carried_unit c JOIN stream s ON s.stream = c.stream
    JOIN (SELECT experiment, min(stream) AS first FROM stream GROUP BY experiment) f ON f.experiment = s.experiment
GROUP BY f.first, s.experiment, c.goal, c.unit, c.grp;

INSERT INTO moment (experiment, goal, epoch, audience, trait, grp, n, converted, y, yy, raw, raw_raw,
    d, dd, yd, x, xx, xy, xd, m, my, md)
SELECT u.experiment, u.goal, 1, '', '', u.grp, count(*), count(CASE WHEN u.y <> 0 THEN 1 END),
    sum(u.y), sum(u.y * u.y), sum(u.y), sum(u.y * u.y),
    (SELECT sum(c.decisions) FROM carried_unit c JOIN stream s ON s.stream = c.stream
        WHERE c.goal = u.goal AND c.grp = u.grp AND s.experiment =
            (SELECT a.experiment FROM stream a WHERE a.stream = u.experiment)),
    0, 0, 0, 0, 0, 0, 0, 0, 0
FROM unit_outcome u GROUP BY u.experiment, u.goal, u.grp;

INSERT INTO arm_outcome (stream, goal, arm, decisions, outcome)
SELECT stream, goal, arm, decisions, outcome FROM carried_arm;

DROP TABLE carried_unit;
DROP TABLE carried_arm;
