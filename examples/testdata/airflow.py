"""Plays Airflow for one task of examples/airflow, as far as the example uses it.

usage: airflow.py VERSION TASK

VERSION, 2 or 3, says where the modules of Airflow are. What became of the task is the
last line of stdout, as JSON: as Airflow has it, an exception leads to a retry, unless it
is a skip or a final failure.
"""

import contextlib
import json
import logging
import pathlib
import signal
import subprocess
import sys
import types


class AirflowException(Exception):
    pass


class AirflowFailException(AirflowException):
    pass


class AirflowSkipException(AirflowException):
    pass


class DAG(contextlib.AbstractContextManager):
    current = None

    def __init__(self, dag_id, **options):
        self.options, self.tasks = options, {}
        DAG.current = self

    def __exit__(self, *_):
        return None


class BaseOperator:
    def __init__(self, *, task_id, **options):
        self.task_id, self.log, self.downstream = task_id, logging.getLogger(task_id), []
        self.options = {**DAG.current.options["default_args"], **options}
        DAG.current.tasks[task_id] = self

    def __rshift__(self, other):
        self.downstream.append(other.task_id)
        return other


class BashOperator(BaseOperator):
    def __init__(self, *, bash_command, **options):
        super().__init__(**options)
        self.bash_command = bash_command

    def execute(self, context):
        done = subprocess.run(["bash", "-c", self.bash_command], stdin=subprocess.DEVNULL, stdout=sys.stderr)
        if done.returncode:
            raise AirflowException(f"exit code {done.returncode}")


def module(name, *members):
    m = types.ModuleType(name)
    for member in members:
        setattr(m, member.__name__, member)
    sys.modules[name] = m


exceptions = AirflowException, AirflowFailException, AirflowSkipException
module("airflow", *([DAG] if sys.argv[1] == "2" else []))
if sys.argv[1] == "2":
    module("airflow.exceptions", *exceptions)
    module("airflow.models.baseoperator", BaseOperator)
    module("airflow.operators.bash", BashOperator)
else:
    module("airflow.sdk", DAG, BaseOperator)
    module("airflow.sdk.exceptions", *exceptions)
    module("airflow.providers.standard.operators.bash", BashOperator)
logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
sys.path.insert(0, ".")  # as Airflow adds the folder of the DAGs
exec(compile(pathlib.Path("label_tickets.py").read_text(), "label_tickets.py", "exec"),
     {"__name__": "label_tickets", "__file__": str(pathlib.Path("label_tickets.py").absolute())})
task = DAG.current.tasks[sys.argv[2]]


def terminate(*_):
    task.on_kill()
    raise AirflowException("task received SIGTERM signal")


signal.signal(signal.SIGTERM, terminate)
result = {"retries": task.options["retries"], "downstream": task.downstream}
try:
    result.update(state="success", xcom=task.execute({}))
except AirflowSkipException as e:
    result.update(state="skipped", why=str(e))
except AirflowFailException as e:
    result.update(state="failed", why=str(e))
except AirflowException as e:
    result.update(state="up_for_retry" if task.options["retries"] else "failed", why=str(e))
print(json.dumps(result))
