"""An Airflow operator that runs a genbatch job, for Airflow 2.4 and later.

A run that ends early has lost nothing: the same command goes on where it stopped. So
Airflow may retry whenever a later attempt can do better, and gives up where somebody
has to act first.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess

try:  # Airflow 3.2 and later
    from airflow.sdk import BaseOperator
    from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
except ImportError:
    from airflow.exceptions import AirflowException, AirflowFailException, AirflowSkipException
    from airflow.models.baseoperator import BaseOperator

# Exit codes that a retry can mend, and those that somebody has to.
LATER = {
    1: "the run broke, for example by a full disk",
    5: "the day's quota is used up, or the deadline came",
    130: "the run was stopped",
}
FINAL = {
    2: "there is a mistake in the job file or the input",
    4: "the endpoint refuses every request: key, permission, balance, or it is down",
    6: "max_cost is reached",
    8: "too many rows failed",
}


class GenbatchOperator(BaseOperator):
    """Runs `genbatch run JOB`, and returns the summary's figures of the job, as XCom.

    :param job: path of the job file (templated).
    :param arguments: more flags of `genbatch run` (templated).
    :param api_key_file: a file with the key; without it, the key is in the worker's environment.
    :param max_not_ok: the share of rows that may end without an answer; above it the
        task fails, although the output is complete. 1.0: any.
    """

    template_fields = ("job", "arguments")

    def __init__(self, *, job: str, arguments: list[str] | None = None, api_key_file: str | None = None,
                 max_not_ok: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.job = job
        self.arguments = arguments or []
        self.api_key_file = api_key_file
        self.max_not_ok = max_not_ok
        self._process = None

    def execute(self, context):
        command = ["genbatch", "run", self.job, "--json", *self.arguments]
        if self.api_key_file:
            command += ["--api-key-file", self.api_key_file]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        last = {}
        for line in self._process.stderr:
            record = json.loads(line) if line.startswith("{") else {}
            if record.get("type") == "progress":
                self.log.info("%s of %s rows", record["rows"], record["total"] or "?")  # null: not counted yet
            else:
                self.log.info("%s", line.rstrip())
            if "exit_code" in record:
                last = record
        return self.settle(self._process.wait(), last)

    def settle(self, code: int, last: dict):
        """Does what the exit code calls for; last is the summary or the error."""
        why = last.get("error", "")
        if code in (0, 3):
            job = last["job"]
            not_ok = 1 - job["status"].get("ok", 0) / max(job["rows"], 1)
            if not_ok > self.max_not_ok:
                raise AirflowFailException(f"{not_ok:.1%} of the rows have no answer: {job['status']}")
            return {"output": last["output"], "rows": job["rows"], "status": job["status"], "cost_usd": job["cost_usd"]}
        if code == 7:  # the other process does the work
            raise AirflowSkipException(f"another process runs this job: {why}")
        if code in FINAL:
            raise AirflowFailException(f"{FINAL[code]} (exit code {code}): {why}")
        raise AirflowException(f"{LATER.get(code, 'genbatch ended')} (exit code {code}): {why}")

    def on_kill(self):
        # genbatch sends nothing new, and has 30 seconds for the calls that are under way.
        if self._process and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGTERM)
            self._process.wait()
