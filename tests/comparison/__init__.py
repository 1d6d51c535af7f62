"""This app beside its peers, each run with its real package: ``python -m tests.comparison --write``.

``peers`` holds a project for each, set up as strictly as its documentation allows, and how a client uses it;
``questions`` asks all of them the same. The answers are kept in ``docs/comparison.md``, with versions and date. Needs
``pip install dj-rest-auth "django-allauth[headless,mfa,socialaccount]" django-rest-knox`` beside this package.
"""
