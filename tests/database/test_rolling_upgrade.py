"""Version 0.1.0 and this one on one database, as during a deployment that replaces its processes one by one."""

import io
import random
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.database.processes import HERE, app_on, migrated_postgres, query
from tests.factories import sign_up_data
from tests.missing import cannot_run
from tests.rotation.people import Person

pytestmark = [pytest.mark.slow, pytest.mark.database]

OLD = "7328b159746b7f58bc7d09de0de8c298e19d4fff"  # 0.1.0, before the rotation knew what had arrived
PEOPLE = 12
ROUNDS = 10


@pytest.fixture
def old_version(tmp_path) -> Path:
    """The code of version 0.1.0, from this repository's history."""
    git = ["git", "-C", str(HERE)]
    try:
        known = subprocess.run([*git, "rev-parse", "--verify", f"{OLD}^{{commit}}"], capture_output=True)
        if known.returncode != 0:
            cannot_run("the history of this repository is not here")
        archive = subprocess.run([*git, "archive", OLD], check=True, capture_output=True).stdout
    except FileNotFoundError:
        cannot_run("git is missing")
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(tmp_path, filter="data")
    where = [sys.executable, "-c", "import fastauth_django; print(fastauth_django.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert found.startswith(str(tmp_path)), found
    return tmp_path


def two_tabs(person: Person, ports: list[int]) -> Iterator[Person]:
    """Two tabs that share the jar of ``person``."""
    for port in ports:
        tab = Person(port)
        tab.jar = person.jar
        yield tab


def live(person: Person, ports: list[int], seed: int) -> Counter[int]:
    """What the answers were while somebody used the site, each request by whichever process came first."""
    chance = random.Random(seed)  # noqa: S311
    answers: Counter[int] = Counter()
    with ThreadPoolExecutor(2) as tabs:
        for _round in range(ROUNDS):
            racing = [tabs.submit(tab.refresh) for tab in two_tabs(person, chance.choices(ports, k=2))]
            answers.update(each.result() for each in racing)
            for _request in range(2):
                person.port = chance.choice(ports)
                answers[person.request("GET", "/private")] += 1
    return answers


def test_old_and_new_processes_beside_each_other_sign_nobody_out(old_version):
    with migrated_postgres() as database, app_on(database, old_version) as old:
        people = [Person(old) for _person in range(PEOPLE)]
        for number, person in enumerate(people):
            assert person.request("POST", "/auth/register", sign_up_data(f"person{number}")) == 201
        assert sum((live(person, [old], 0) for person in people[:2]), Counter()).keys() == {200}

        def everybody(ports: list[int]) -> Counter[int]:
            with ThreadPoolExecutor(PEOPLE) as pool:
                lives = [pool.submit(partial(live, person, ports, seed)) for seed, person in enumerate(people)]
                return sum((each.result() for each in lives), Counter())

        # The upgrade, and a person who signs in while both are there.
        with app_on(database) as new:
            late = Person(new)
            assert late.request("POST", "/auth/register", sign_up_data("late")) == 201
            people.append(late)
            assert everybody([old, new]).keys() == {200}
            assert everybody([new]).keys() == {200}
            assert everybody([old, new]).keys() == {200}
        # And the rollback.
        assert everybody([old]).keys() == {200}
        ended = query(
            database,
            "SELECT revoked_reason FROM fastauth_django_authsession WHERE revoked_at IS NOT NULL",
            database="fastauth",
        )
        assert ended == []
        [[by_new]] = query(
            database,
            "SELECT count(*) FROM fastauth_django_authsession WHERE successor IS NOT NULL",
            database="fastauth",
        )
        assert by_new == PEOPLE + 1
