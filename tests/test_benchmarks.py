"""./scripts/bench: every contender does what its column says, and what is shown is what was measured.

Times are never asserted: they are this machine's.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.databases import PostgreSQL, find
from tests.missing import cannot_run, is_missing, need

need("benchmarks", source="the repository")
from benchmarks import report  # noqa: E402
from benchmarks.contenders import CONTENDERS  # noqa: E402
from benchmarks.servers import SERVERS  # noqa: E402

ROOT = Path(__file__).parent.parent
REFRESHES = 20
QUERIES = {
    ("fastauth", "anonymous"): 0,
    ("fastauth", "refused"): 0,
    ("fastauth", "protected"): 1,
    ("fastauth_bearer", "protected"): 1,
    ("fastauth_stateless", "protected"): 0,
    ("fastauth", "refresh"): 2,
    ("fastauth_bearer", "refresh"): 2,
    ("fastauth", "sign_in"): 3,
    ("fastauth_without_last_login", "sign_in"): 2,
    ("fastauth", "sign_out"): 1,
    ("simplejwt_stateless", "protected"): 0,
    ("bare", "protected"): 0,
}
#: Of how many rows after a sign-in and REFRESHES refreshes.
ROWS = {
    "fastauth": 1,
    "fastauth_bearer": 1,
    "simplejwt": 2 * REFRESHES + 1,
    "simplejwt_plain": 0,
    "dj_rest_auth": 2 * REFRESHES + 1,
}


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """The directory that a quick run on SQLite has written."""
    need("dj_rest_auth", "knox", "psycopg")
    directory = tmp_path_factory.mktemp("bench")
    command = [sys.executable, "-m", "benchmarks", "--quick", "--database", "sqlite", "--output", directory]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (directory / "tables.md").read_text() + "\n"
    return directory


@pytest.fixture(scope="module")
def contenders(written) -> dict:
    return json.loads((written / "results.json").read_text())["databases"]["sqlite"]


@pytest.mark.slow
class TestQuickRun:
    def test_every_contender_does_every_operation_that_it_has(self, contenders):
        for name, kind in CONTENDERS.items():
            operations = contenders[name]["operations"]
            assert list(operations) == kind.operations
            for operation, described in operations.items():
                assert described["status"] in ({401, 403} if operation == "refused" else {200, 204, 205, 302})
            assert {len(operation["rounds"]) for operation in operations.values()} == {2}

    @pytest.mark.parametrize(("name", "operation"), QUERIES)
    def test_queries_are_those_of_the_contract(self, contenders, name, operation):
        assert contenders[name]["operations"][operation]["queries"] == QUERIES[name, operation]

    def test_one_device_leaves_one_row_however_often_it_refreshes(self, contenders):
        assert {name: each["rows"] for name, each in contenders.items() if "rows" in each} == ROWS

    def test_cookies_are_set_by_those_who_deliver_in_cookies(self, contenders):
        setters = {name for name, each in contenders.items() if each["operations"].get("sign_in", {}).get("set_cookie")}

        assert setters == {"fastauth", "fastauth_without_last_login", "dj_rest_auth", "session"}

    def test_tables_and_chart_show_what_was_measured(self, written):
        results = json.loads((written / "results.json").read_text())

        assert (written / "tables.md").read_text() == report.as_markdown(results)
        assert (written / "chart.svg").read_text() == report.as_svg(results)


@pytest.mark.nightly
@pytest.mark.database
def test_contenders_do_the_same_again_with_prepared_statements(tmp_path):
    need("dj_rest_auth", "knox", "psycopg")
    if lack := PostgreSQL.missing():
        cannot_run(lack)
    options = ["--quick", "--database", "postgres", "--operations", "anonymous", "protected"]
    command = [sys.executable, "-m", "benchmarks", *options, "--output", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    contenders = json.loads((tmp_path / "results.json").read_text())["databases"]["postgres"]
    for contender in contenders.values():
        asking = [name for name, operation in contender["operations"].items() if operation["queries"]]
        again = contender.get("prepared", {"operations": {}})["operations"]
        assert list(again) == asking
        assert {name: again[name]["queries"] for name in asking} == {
            name: contender["operations"][name]["queries"] for name in asking
        }
    own = contenders["fastauth"]
    assert own["prepared"]["connection_memory"] > own["connection_memory"] > 0


@pytest.mark.slow
def test_parts_of_a_request_add_up_to_it():
    command = [sys.executable, "-m", "benchmarks.parts", "--requests", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    rows = [(name, int(taken)) for name, taken in re.findall(r"^\| (.+) \| (-?\d+) \|$", done.stdout, re.MULTILINE)]
    refresh = [name for name, _taken in rows].index("**refresh**")
    for (_whole, total), *parts in (rows[:refresh], rows[refresh:]):
        assert len(parts) > 5
        assert abs(total - sum(taken for _part, taken in parts)) <= len(parts)  # each is rounded


@pytest.mark.nightly
def test_every_project_answers_on_every_web_server():
    need("gevent", "granian", source="the extra servers")
    need("dj_rest_auth", "gunicorn", "psycopg_pool", "uvicorn")
    if (reason := PostgreSQL.missing()) or (
        reason := next((each for each in ("nginx", "wrk") if not find(each)), None)
    ):
        is_missing(reason)
    command = [sys.executable, "-m", "benchmarks.servers", "--rounds", "1", "--seconds", "3"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    rows = re.findall(rf"^\| ({'|'.join(SERVERS)}) \|", done.stdout, re.MULTILINE)
    assert len(rows) == len(SERVERS) * (4 + 3)  # Django's sessions have no refresh.


def test_page_and_chart_show_the_run_that_is_kept():
    results = json.loads((ROOT / "benchmarks/results.json").read_text())

    assert report.as_markdown(results) in (ROOT / "docs/performance.md").read_text()
    assert (ROOT / "docs/diagrams/performance.svg").read_text() == report.as_svg(results)


# --- What is shown of a run ----------------------------------------------------------------------------------------


def made_up(**rounds: list[int]) -> dict:
    """Results of contenders that took so many nanoseconds in each round."""
    measured = {
        name: {
            "operations": {
                "refresh": {
                    "queries": 2,
                    "set_cookie": 0,
                    "rounds": taken,
                    "quartiles": [1000, 2000, 3000],
                    "processor": 1500,
                }
            }
        }
        for name, taken in rounds.items()
    }
    return {"date": "1 June 2026", "operations": ["refresh"], "databases": {"sqlite": measured}}


def test_ratio_is_the_median_of_the_rounds():
    """Not the ratio of the medians: a round in which the machine was slow was slow for all."""
    contenders = made_up(fastauth=[100, 900, 50], simplejwt=[200, 1800, 50])["databases"]["sqlite"]

    assert str(report.ratio(contenders, "fastauth", "refresh")) == "0.50"


def test_there_is_no_ratio_to_what_a_contender_does_not_do():
    contenders = made_up(fastauth=[100], simplejwt=[200])["databases"]["sqlite"]

    assert report.ratio(contenders, "fastauth", "refresh") == (0.5, 0.5, 0.5)
    assert report.ratio(contenders, "fastauth", "sign_out") is None


def test_ratio_says_which_of_the_two_prepares_its_statements():
    contenders = made_up(fastauth=[100], simplejwt=[200])["databases"]["sqlite"]
    prepared = made_up(fastauth=[60], simplejwt=[80])["databases"]["sqlite"]
    for name, contender in contenders.items():
        contender["prepared"] = prepared[name]

    ratios = [
        report.ratio(contenders, "fastauth", "refresh", prepared=each)
        for each in [(False, False), (True, False), (True, True)]
    ]

    assert [str(each) for each in ratios] == ["0.50", "0.30", "0.75"]


def test_longest_bar_is_the_slowest_contenders():
    chart = report.as_svg(made_up(fastauth=[100] * 3, simplejwt=[200] * 3, dj_rest_auth=[400] * 3))

    widths = list(map(float, re.findall(r'<rect .*?width="([\d.]+)"', chart)))
    assert len(widths) == 3
    assert [round(width / widths[0]) for width in widths] == [1, 2, 4]
