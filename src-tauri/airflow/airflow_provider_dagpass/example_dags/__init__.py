"""A DAG for each way to a token. Copy one, and change the names at its top.

Written for Airflow 3; on 2.11 it is ``from airflow import DAG`` and ``from airflow.decorators import task``.
"""
