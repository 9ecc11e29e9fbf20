"""Airflow hooks. Nothing is imported here: each one needs a provider of its own."""
