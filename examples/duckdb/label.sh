#!/usr/bin/env bash
# Labels the tickets of a DuckDB database. Run it as often as you like: only new and
# changed tickets are asked.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
database=${1:-tickets.duckdb}

# --yes: the tickets of today need not begin with those of yesterday, as genbatch asks of
# a pipe by itself. max_cost in job.yaml is the guard.
duckdb "$database" -f export.sql | genbatch run job.yaml --yes
codes=("${PIPESTATUS[@]}")

# Both ends of the pipe count. If the database failed, genbatch saw too few rows.
if [ "${codes[0]}" -ne 0 ]; then
  echo "label.sh: duckdb failed (exit code ${codes[0]}); nothing is loaded" >&2
  exit 1
fi
case ${codes[1]} in
0 | 3) ;; # The output is complete. 3: some rows are not ok, and load.sql keeps their status.
*) exit "${codes[1]}" ;; # Nothing is lost. 5: run it again tomorrow.
esac

duckdb "$database" -f load.sql
