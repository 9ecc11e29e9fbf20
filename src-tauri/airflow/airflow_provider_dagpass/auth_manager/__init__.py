"""The shared deployment's side: Ping's tokens and groups in place of Airflow's own passwords.

``settings``   the section ``[dagpass_auth]``, and what is wrong with it
``rolefile``   ``airflow-roles.json``: which group is which Airflow role
``groups``     the groups claim in every shape Ping sends it
``claims``     what is asked of a token besides its signature
``issuer``     Ping's discovery document and keys
``kept``       what Ping publishes, kept and renewed beside
``reference``  tokens that only Ping can read (RFC 7662)
``once``       assertions that count once
``order``      whose groups count: the newest token's
``ping``       one assertion in, one person with roles out
``accounts``   that person in FAB's tables
``door``       the routes in front of the auth manager's own
``mixin``      all of it over any auth manager
``fab``        the same, ready: ``PingFabAuthManager``
``web``        the web login by FAB's OAuth

Needs the extra ``[fab]``. Nothing outside this folder imports it: the laptop has neither FAB nor
keys to check.
"""
