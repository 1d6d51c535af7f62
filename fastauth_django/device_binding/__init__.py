"""Device Bound Session Credentials: a session that only the device it started on can renew.

The browser makes a key pair in hardware and signs a challenge with it. From then on it renews the short-lived access
cookie by itself, with a new signature each time. Whoever copies the cookies cannot sign.

A reader of the rest of the app need not open this package. :mod:`.rules` says which tokens still count for a bound
session, :mod:`.protocol` speaks the W3C draft (webappsec-dbsc), :mod:`.sessions` binds and renews, and :mod:`.views`
has the two routes that browsers call by themselves.
"""
