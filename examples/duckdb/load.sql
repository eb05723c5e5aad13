-- Labels from the output, updated by key: run twice, it changes nothing.
CREATE TABLE IF NOT EXISTS labels (
  id            BIGINT PRIMARY KEY,
  label         VARCHAR,                 -- NULL if status is not ok
  status        VARCHAR NOT NULL,
  error         VARCHAR,
  cost_usd      DECIMAL(18, 12),         -- exact; NULL if the price is unknown
  model_version VARCHAR,
  loaded_at     TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Rows that are as they were keep their loaded_at.
INSERT INTO labels (id, label, status, error, cost_usd, model_version)
SELECT id, label, status, error, cost_usd, model_version
FROM 'out/labels.parquet'
ON CONFLICT (id) DO UPDATE SET
  label = excluded.label, status = excluded.status, error = excluded.error,
  cost_usd = excluded.cost_usd, model_version = excluded.model_version, loaded_at = now()
WHERE (label, status, error, cost_usd, model_version)
  IS DISTINCT FROM (excluded.label, excluded.status, excluded.error, excluded.cost_usd, excluded.model_version);
