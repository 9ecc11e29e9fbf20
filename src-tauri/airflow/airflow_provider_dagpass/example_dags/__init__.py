"""A DAG for each way to a token. Copy one, and change the names at its top.

They load on Airflow 3.3 and 2.11; those that use its operator are empty without the http provider.
"""
