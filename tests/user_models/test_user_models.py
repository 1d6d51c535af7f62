"""Every route answers people of every user model as it answers those of Django's own: never a 5xx, no wrong 401.

The user model is chosen before Django starts, so each model has a process of its own. Most of the second or so that it
takes is Django's start.
"""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODELS = Path(__file__).with_name("models.py")

pytestmark = pytest.mark.slow


def names_of_user_models():
    """The models that say how somebody signs up. Nothing here can import them: they are of another project."""
    for node in ast.parse(MODELS.read_text()).body:
        if isinstance(node, ast.ClassDef) and any(
            isinstance(each, ast.ClassDef) and each.name == "Meta" and "swappable" in ast.unparse(each)
            for each in node.body
        ):
            yield node.name


@pytest.mark.parametrize("name", list(names_of_user_models()))
def test_everybody_can_sign_up_sign_in_and_out(name):
    # The journey has a database of its own, in memory.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("FASTAUTH_TEST", "PYTEST"))}

    done = subprocess.run(
        [sys.executable, "-m", "tests.user_models.journey", name],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    went = json.loads(done.stdout)
    assert went["said"] == went["expected"], done.stderr
