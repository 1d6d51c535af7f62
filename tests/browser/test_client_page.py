"""The code of docs/front-ends/javascript-client.md, run in pages of the project that the quick start makes."""

import json
import sys
from pathlib import Path

import pytest

from tests.browser.npm import run
from tests.browser.quick_start import open_signed_out, quick_start
from tests.documentation.pages import page

pytestmark = pytest.mark.browser

PAGE = page("docs/front-ends/javascript-client.md")
(USE,) = PAGE.take("js", under="Use it")
(WORKER,) = PAGE.take("js", under="Bad days")
(INSTALL,) = PAGE.take("console", under="Get it")

PATHS = f"""
from django.http import HttpResponse, JsonResponse

WORKER = {WORKER.code!r}
urlpatterns += [
    path("api/notes/", lambda request: JsonResponse({{"cookies": len(request.COOKIES)}})),
    path("worker.js", lambda request: HttpResponse(WORKER, content_type="text/javascript")),
]
"""
#: Runs a module, and says what it has answered and what the title was over time.
RUN = """(code) => new Promise((resolve, reject) => {
    const titles = [];
    new MutationObserver(() => titles.push(document.title)).observe(document.querySelector("title"), {childList: true});
    window.onerror = reject;
    window.finish = async (answer) => resolve([titles, answer.status]);
    const script = document.createElement("script");
    script.type = "module";
    script.textContent = `${code}; window.finish(answer);`;
    document.body.append(script);
})"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    with quick_start(tmp_path_factory.mktemp("documentation"), PATHS) as project:
        yield project


@pytest.fixture
def tab(profile, project):
    return open_signed_out(profile, project)


def test_page_signs_in(tab):
    assert tab.run(RUN, USE.code) == [["Sign in", "Notes"], 200]


def test_page_tells_of_a_wrong_password(tab):
    wrong = USE.code.replace("correct horse battery", "wrong")
    assert wrong != USE.code

    assert tab.run(RUN, wrong)[0] == ["Sign in", "The credentials are wrong."]


def test_worker_answers_for_files_and_not_for_the_api(tab):
    tab.run("""async () => {
        const cache = await caches.open("kept");
        for (const path of ["/api/notes/", "/auth/me", "/file"]) await cache.put(path, new Response("kept"));
        await navigator.serviceWorker.register("/worker.js");
        await navigator.serviceWorker.ready;
    }""")
    tab.reload()
    ask = "(paths) => Promise.all(paths.map((path) => fetch(path).then((answer) => answer.text())))"

    notes, me, file = tab.run(ask, ["/api/notes/", "/auth/me", "/file"])

    assert "cookies" in notes
    assert json.loads(me)["code"] == "not_authenticated"
    assert file == "kept"


def test_package_is_made_and_installed(tmp_path):
    pack, install = INSTALL.commands
    (tmp_path / "package.json").write_text('{"private": true}')
    run(
        tmp_path,
        "bash",
        "-ec",
        f"PATH={Path(sys.executable).parent}:$PATH; {pack} && {install} --prefer-offline --no-audit",
    )

    assert (tmp_path / "node_modules/fastauth-django-client/fastauth.js").exists()
    assert "fastauth-django-client" in json.loads((tmp_path / "package.json").read_text())["dependencies"]
