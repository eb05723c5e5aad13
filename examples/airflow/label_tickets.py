"""Labels tickets.csv daily, and loads the labels."""

from datetime import datetime, timedelta
from pathlib import Path

from genbatch_operator import GenbatchOperator

try:  # Airflow 3
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG
    from airflow.operators.bash import BashOperator

HERE = Path(__file__).parent

with DAG(
    "label_tickets",
    start_date=datetime(2026, 11, 1),
    schedule="0 6 * * *",
    catchup=False,
    max_active_runs=1,  # one process a job; see exit code 7
    default_args={
        # The day's quota comes back within a day: 24 hourly retries reach that.
        "retries": 24,
        "retry_delay": timedelta(hours=1),
    },
):
    # Sends nothing. Its log says what the run will cost.
    plan = BashOperator(task_id="plan", bash_command=f"genbatch plan {HERE}/job.yaml", retries=0)

    label = GenbatchOperator(
        task_id="label",
        job=f"{HERE}/job.yaml",
        arguments=["--deadline", "5h"],
        api_key_file="/run/secrets/gemini.key",
        max_not_ok=0.05,
    )

    # Proves that the output has every row, as it was written.
    verify = BashOperator(task_id="verify", bash_command=f"genbatch verify {HERE}/job.yaml", retries=0)

    plan >> label >> verify
