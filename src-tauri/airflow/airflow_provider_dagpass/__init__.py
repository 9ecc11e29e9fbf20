"""Airflow connections and tokens from the dagpass agent of the person at the keyboard.

``place``            where the agent listens and what it leaves on disk
``client``           the local API over a Unix socket or TCP loopback
``aio``              the same from an event loop, which never waits
``context``          which DAG, task and run asks
``secrets``          the secrets backend: connections that only the agent knows
``plugin``           the listener's way into Airflow; ``listener`` tells the agent which task runs
``auth``             the per-request ``requests`` auth object
``tokens``           a token for code that owns its client
``masking``          tokens made known to Airflow's masker
``hooks``            the connection type ``dagpass_http``
``suppliers``        tokens as Databricks and Kafka ask for them
``keyring_backend``  the token of ``airflowctl``
``commands``         `airflow dagpass …`
``auth_options``     the section `[dagpass_auth]` as Airflow lists it
``auth_manager``     the shared deployment's side, which nothing else imports

Nothing is imported here: a secrets backend is loaded by every ``airflow`` command.
"""

__version__ = "0.1.0"
