"""The JavaScript of docs/quickstart.md, in a page of the project that the quick start makes."""

import pytest

from tests.documentation.pages import page
from tests.documentation.playing import QUICK_HASHER, after_quick_start

pytestmark = pytest.mark.browser

BY_HAND, WITH_CLIENT = page("docs/quickstart.md").take("js", under="From a page")
NOTES = """
from django.http import JsonResponse

urlpatterns += [path("api/notes/", lambda request: JsonResponse({"cookies": len(request.COOKIES)}))]
"""
SIGN_UP = """async () => {
    const body = JSON.stringify({username: "ada", email: "ada@example.com", password: "correct horse battery"});
    await fetch("/auth/register", {method: "POST", headers: {"Content-Type": "application/json"}, body});
    return (await fetch("/auth/logout", {method: "POST"})).status;
}"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = after_quick_start(tmp_path_factory.mktemp("documentation") / "mysite")
    project.append(project.settings, QUICK_HASHER)
    project.append(project.urls, NOTES)
    project.runserver()
    yield project
    project.stop()


@pytest.fixture
def tab(profile, project):
    """A page of the project, in a browser whose owner has an account and is signed out."""
    tab = profile.open(f"http://127.0.0.1:{project.port}/admin/login/")
    assert tab.run(SIGN_UP) == 200
    return tab


def test_page_signs_in_by_hand(tab):
    me = tab.run(f"async () => {{ {BY_HAND.code} return me; }}")

    assert me == {"id": 1, "username": "ada", "email": "ada@example.com"}


def test_page_signs_in_with_the_client(tab):
    said, cookies = tab.run(
        """(code) => new Promise((resolve, reject) => {
            const said = [];
            console.log = (words) => said.push(words);
            window.onerror = reject;
            window.finish = async (answer) => resolve([said, (await answer.json()).cookies]);
            const script = document.createElement("script");
            script.type = "module";
            script.textContent = `${code}; window.finish(answer);`;
            document.body.append(script);
        })""",
        WITH_CLIENT.code,
    )

    assert said == ["signed in"]
    assert cookies >= 2
