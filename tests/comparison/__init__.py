r"""This app beside its peers, each run with its real package: ``python -m tests.comparison --write``.

``peers`` holds a project for each, set up as strictly as its documentation allows, ``device`` is a client of one, and
``questions`` asks all of them the same. How a client signs in, refreshes and signs out stands in
``benchmarks/packages.py`` for those that the benchmarks measure, too. The answers are kept in ``docs/comparison.md``,
with versions and date. Needs beside this package::

    pip install "dj-rest-auth[with-mfa]" "django-allauth[headless,mfa,socialaccount]" "django-jwt-allauth[mfa,social]" \
        django-rest-knox "drf-auth-kit[all]" "pyotp < 2.11" "sreekarnv-fastauth[standard,oauth,webauthn,email]"
"""
