"""This app beside its peers, each in a process of its own and all on one database: ``./scripts/bench``.

``packages`` says how a client of each uses it, ``contenders`` makes a project for each, ``worker`` is the process that
runs one, ``turns`` has the workers take turns, ``report`` makes the table, the JSON and the chart of what they
measured.
"""

#: What is measured, in the order of the table.
OPERATIONS = ["anonymous", "refused", "protected", "refresh", "sign_in", "sign_out"]
