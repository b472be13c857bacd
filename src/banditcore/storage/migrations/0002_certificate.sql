-- How far a logged vector may be from the rule it stands for, as the policy states it: 0 for closed forms.
ALTER TABLE decision ADD COLUMN certificate REAL NOT NULL DEFAULT 0;

-- The states of policies have another format; whatever was learned is folded from the log again.
DELETE FROM snapshot;
