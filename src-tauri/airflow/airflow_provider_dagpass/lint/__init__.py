"""What leaks, or could: tokens in XCom, connections in logs, static secrets that dagpass can replace.

`dagpass airflow doctor` runs this package in Airflow's own interpreter. It reads and never writes, and
of a secret it tells where it is and how long, never what.
"""
