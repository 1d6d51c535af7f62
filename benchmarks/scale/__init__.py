"""The example project on several workers behind nginx, with PostgreSQL and Redis, under load and under misfortune.

``./scripts/scale`` runs it; docs/scaling.md has what it found.
"""
