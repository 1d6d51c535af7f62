"""The JavaScript of docs/quickstart.md, in a page of the project that the quick start makes."""

import pytest

from tests.browser.quick_start import open_signed_out, quick_start
from tests.documentation.pages import page

pytestmark = pytest.mark.browser

BY_HAND, WITH_CLIENT = page("docs/quickstart.md").take("js", under="From a page")
NOTES = """
from django.http import JsonResponse

urlpatterns += [path("api/notes/", lambda request: JsonResponse({"cookies": len(request.COOKIES)}))]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    with quick_start(tmp_path_factory.mktemp("documentation"), NOTES) as project:
        yield project


@pytest.fixture
def tab(profile, project):
    return open_signed_out(profile, project)


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
