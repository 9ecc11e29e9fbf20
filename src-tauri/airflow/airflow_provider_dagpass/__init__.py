"""Airflow connections and tokens from the dagpass agent of the person at the keyboard.

``place``    where the agent listens and what it leaves on disk
``client``   the local API over a Unix socket or TCP loopback
``context``  which DAG, task and run asks
``secrets``  the secrets backend: connections that only the agent knows
``auth``     the per-request ``requests`` auth object

Nothing is imported here: a secrets backend is loaded by every ``airflow`` command.
"""

__version__ = "0.1.0"
