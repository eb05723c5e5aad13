-- The raw answers, out of the journal: also those of a run that is under way, whose last
-- line may be unfinished (hence ignore_errors). key is the column that `key:` names in
-- job.yaml. A ticket that was changed has an answer for each text; the last seq is the
-- newest. An answer over 1 MiB stands in blobs/, and response is NULL.
--
-- With rows_per_call, tickets share an answer. It has a line of its own, without a seq, which the
-- lines of these tickets name; part is the id of the ticket's own part of it. Its tokens are
-- divided, so that they add up to those of the call.
CREATE OR REPLACE TABLE answers AS
WITH lines AS (
    FROM read_json('out/labels.parquet.genbatch/results-*.jsonl', format = 'newline_delimited', ignore_errors = true,
                   columns = {seq: 'BIGINT', fingerprint: 'VARCHAR', occurrence: 'BIGINT', status: 'VARCHAR', key: 'VARCHAR',
                              spent: 'STRUCT(share STRUCT("row" BIGINT, "of" BIGINT))[]',
                              part: 'VARCHAR', answer: 'VARCHAR', response: 'JSON'})
), shared AS (                           -- once, if several files have it
    SELECT answer, any_value(response) AS whole FROM lines WHERE seq IS NULL AND answer IS NOT NULL GROUP BY answer
), results AS (
    SELECT key, seq, status, part, coalesce(response, whole) AS raw, raw ->> '$.candidates[0].content.parts[0].text' AS said,
           (raw -> '$.usageMetadata' ->> '$.totalTokenCount')::BIGINT AS tokens,
           coalesce(spent[-1].share."row", 0) AS share_row, coalesce(spent[-1].share."of", 1) AS share_of
    FROM lines LEFT JOIN shared USING (answer)
    WHERE seq IS NOT NULL                -- the first line of each file is its header
    -- Of several results of a row the last one counts, unless it alone is 'failed'.
    QUALIFY row_number() OVER (PARTITION BY fingerprint, occurrence ORDER BY status = 'failed', seq DESC) = 1
)
SELECT key::BIGINT AS id, seq, status, raw ->> '$.modelVersion' AS model_version,
       tokens * (share_row + 1) // share_of - tokens * share_row // share_of AS total_tokens,
       part, if(part IS NULL, said, list_filter(from_json(said, '[{"id":"VARCHAR","answer":"VARCHAR"}]'), lambda a: a.id = part)[1].answer) AS text,
       raw AS response
FROM results;

SELECT status, count(*) AS answers, sum(total_tokens)::BIGINT AS tokens FROM answers GROUP BY ALL ORDER BY ALL;
