"""What a protected GET, a refresh and ``clear_auth_sessions`` cost while the table of sessions grows, on PostgreSQL.

``python -m benchmarks.growth`` runs it; docs/scaling.md has what it found.
"""
