"""django-axes works beside this app unchanged.

Its app, middleware and backend have to be in the settings before Django starts, so its tests run in a process of their
own: ``tests/integration/axes_scenario.py`` with ``tests/integration/axes_settings.py``.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import need

ROOT = Path(__file__).parent.parent
SETTINGS = "tests.integration.axes_settings"


@pytest.mark.slow
def test_django_axes_works_beside_this_app_unchanged():
    need("axes")
    # Neither the database nor the arguments of this run are the other one's.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("FASTAUTH_TEST", "PYTEST"))
    }

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/integration/axes_scenario.py", f"--ds={SETTINGS}", "--no-cov", "-q"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
