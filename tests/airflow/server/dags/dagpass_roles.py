"""A DAG to be read or triggered by people with different roles. Nothing runs it here."""

from airflow.sdk import DAG, task

with DAG("dagpass_roles", schedule=None):

    @task
    def nothing() -> None:
        """The tests stop at the run's row."""

    nothing()
