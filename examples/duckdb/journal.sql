-- The raw answers, out of the journal: also those of a run that is under way, whose last
-- line may be unfinished (hence ignore_errors). key is the column that `key:` names in
-- job.yaml. A ticket that was changed has an answer for each text; the last seq is the
-- newest. An answer over 1 MiB stands in blobs/, and response is NULL.
CREATE OR REPLACE TABLE answers AS
SELECT key::BIGINT AS id, seq, status, response ->> '$.modelVersion' AS model_version,
       (response -> '$.usageMetadata' ->> '$.totalTokenCount')::BIGINT AS total_tokens, response
FROM read_json('out/labels.parquet.genbatch/results-*.jsonl', format = 'newline_delimited', ignore_errors = true,
               columns = {seq: 'BIGINT', fingerprint: 'VARCHAR', occurrence: 'BIGINT',
                          status: 'VARCHAR', key: 'VARCHAR', response: 'JSON'})
WHERE seq IS NOT NULL                    -- the first line of each file is its header
-- Of several results of a row the last one counts, unless it alone is 'failed'.
QUALIFY row_number() OVER (PARTITION BY fingerprint, occurrence ORDER BY status = 'failed', seq DESC) = 1;

SELECT status, count(*) AS answers, sum(total_tokens) AS tokens FROM answers GROUP BY ALL ORDER BY ALL;
