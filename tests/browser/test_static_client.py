"""A page of a project whose static files WhiteNoise serves: its import of the client works."""

import pytest

from tests.factories import PASSWORD
from tests.integration.project import Project
from tests.missing import need

pytestmark = pytest.mark.browser

#: A view that redirects to wherever it is told, and one of another host that notes the token and lets every page call.
REDIRECTS = """
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.views.decorators.csrf import csrf_exempt

seen = []


@csrf_exempt
def away(request):
    response = HttpResponseRedirect(request.GET["to"])
    response.status_code = 307
    return response


@csrf_exempt
def there(request):
    if request.method == "POST":
        seen.append(request.headers.get("X-CSRFToken"))
    allow = {"Origin": request.headers["Origin"], "Headers": "x-csrftoken", "Credentials": "true"}
    return HttpResponse(headers={f"Access-Control-Allow-{name}": value for name, value in allow.items()})


urlpatterns += [path("away", away), path("there", there), path("seen", lambda request: JsonResponse(seen, safe=False))]
"""


@pytest.fixture
def server(certificate, tmp_path):
    need("whitenoise")
    project = Project(tmp_path / "project").follow("quickstart.md").follow("integrations/static-client.md")
    project.configure("ALLOWED_HOSTS = ['app.example.test', 'elsewhere.example.test']").write(
        "mysite/urls.py", REDIRECTS
    )
    project.manage("collectstatic", "--no-input", "--ignore", "admin", "--ignore", "rest_framework")
    server = project.serve("migrate", users={"ada": PASSWORD}, certificate=certificate)
    yield server
    server.stop()


def test_the_page_signs_in_with_the_client(profile, server):
    tab = profile.open(f"{server.origin('app.example.test')}/")

    user = tab.run("(data) => auth.signIn(data)", {"username": "ada", "password": PASSWORD})

    assert user["username"] == "ada"
    assert {cookie.name for cookie in profile.cookies()} == {"access_token", "refresh_token"}


def test_no_redirect_takes_the_csrf_token_to_another_origin(profile, server):
    """Of all headers a browser takes only Authorization back when a redirect leads away."""
    home, elsewhere = server.origin("app.example.test"), server.origin("elsewhere.example.test")
    tab = profile.open(f"{home}/")
    tab.run("() => { document.cookie = 'csrftoken=' + 'a'.repeat(32) }")
    post = """([path, careless]) => (careless ? fetch : auth.fetch)(path, {
      method: "POST", headers: careless ? { "X-CSRFToken": "careless" } : {}, credentials: "include",
    }).then(({ status }) => status, ({ name }) => name)"""

    careless = tab.run(post, [f"/away?to={elsewhere}/there", True])
    away = tab.run(post, [f"/away?to={elsewhere}/there", False])
    home_again = tab.run(post, ["/away?to=/there", False])

    assert (careless, away, home_again) == (200, "TypeError", 200)
    assert tab.run("() => fetch('/seen').then((answer) => answer.json())") == ["careless", "a" * 32]
