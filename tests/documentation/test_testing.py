"""docs/testing.md: the tests that it shows pass in a project, and fail where nobody is signed in."""

import pytest

from tests.documentation.pages import page

pytestmark = pytest.mark.slow

[TEST_CASE] = page("docs/testing.md").take("python", under="Testing your project")
[PYTEST] = page("docs/testing.md").take("python", under="With pytest")
NOTES = """
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView


class Notes(APIView):
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response([])


urlpatterns += [path("api/notes/", Notes.as_view())]
"""


@pytest.fixture
def project(make_project):
    project = make_project()
    project.append(project.urls, NOTES)
    return project


def test_test_case_of_the_page_passes_only_for_who_is_signed_in(project):
    tests = project.directory / "mysite/tests.py"

    tests.write_text(TEST_CASE.code)
    project.run("python manage.py test")
    tests.write_text(TEST_CASE.code.replace("        force_sign_in", "        # force_sign_in"))

    with pytest.raises(AssertionError, match="401 != 200"):
        project.run("python manage.py test")


def test_pytest_test_of_the_page_passes(project):
    tests = project.directory / "test_devices.py"
    tests.write_text(PYTEST.code)
    # By name where the plugin's entry point is not installed, as for a checkout on the path.
    plugin = "" if entry_point_is_installed() else "-p pytest_fastauth_django"

    said = project.run(f"python -m pytest -q --ds=mysite.settings {plugin} test_devices.py")

    assert "1 passed" in said


def entry_point_is_installed():
    from importlib.metadata import entry_points

    return any(point.value == "pytest_fastauth_django" for point in entry_points(group="pytest11"))
