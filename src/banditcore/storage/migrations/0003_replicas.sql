-- How far each stream has been learned; in a shared store whoever folds a stream holds its row.
CREATE TABLE learner (
    stream   INTEGER PRIMARY KEY,
    position INTEGER NOT NULL           -- of the snapshot saved last
);
INSERT INTO learner (stream, position)
SELECT stream, coalesce((SELECT max(position) FROM snapshot WHERE snapshot.stream = stream.stream), 0) FROM stream;

-- Decisions that may still be resolved, counted along with the position.
ALTER TABLE stream ADD COLUMN open INTEGER NOT NULL DEFAULT 0;
UPDATE stream SET open = (
    SELECT count(*) FROM decision d
    WHERE d.stream = stream.stream AND d.id >= stream.expired AND d.grp = 1 AND d.degraded = 0
        AND NOT EXISTS (SELECT 1 FROM resolution r WHERE r.stream = d.stream AND r.decision = d.id)
);
