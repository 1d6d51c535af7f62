"""Messages in the reader's language, and catalogues that miss nothing."""

import gettext
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import django
import pytest
from django.utils import translation
from django.utils.functional import Promise
from rest_framework.exceptions import APIException

import fastauth_django
from fastauth_django import exceptions
from fastauth_django.models import AuthSession
from tests.documentation.pages import page
from tests.needs import is_missing

PACKAGE = Path(fastauth_django.__file__).parent
LANGUAGES = ["de", "es", "fr", "ja", "zh_Hans"]
COMMANDS = page("docs/languages.md").take("console", under="Translating")[0].commands
[MIDDLEWARE] = page("docs/languages.md").take("python", under="Languages")
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[a-z]|\{\w*\}")


def catalogue(path):
    """The translations of a compiled catalogue: of a plural each form, with the number of the form."""
    with path.open("rb") as file:
        messages = dict(gettext.GNUTranslations(file)._catalog)
    messages.pop("")
    return messages


def compiled(language, package=PACKAGE):
    return catalogue(package / f"locale/{language}/LC_MESSAGES/django.mo")


# --- Over HTTP -----------------------------------------------------------------------------------------------------


@pytest.fixture
def multilingual(settings):
    """What docs/languages.md adds to a project."""
    installed = list(settings.MIDDLEWARE)
    exec(MIDDLEWARE.code, {"MIDDLEWARE": installed})  # noqa: S102
    settings.MIDDLEWARE = installed
    yield
    translation.deactivate()  # the middleware leaves the language of its last request


@pytest.mark.parametrize(
    ("language", "detail"),
    [
        ("de", "Die Anmeldedaten sind falsch."),
        ("de-AT,de;q=0.9,en;q=0.5", "Die Anmeldedaten sind falsch."),
        ("fr", "Les identifiants sont incorrects."),
        ("es-MX", "Las credenciales son incorrectas."),
        ("ja", "認証情報が正しくありません。"),
        ("zh-Hans", "登录凭据不正确。"),
        ("zh-CN", "登录凭据不正确。"),
        ("en", "The credentials are wrong."),
        ("pl", "The credentials are wrong."),
    ],
)
def test_refused_sign_in_is_told_in_the_language_asked_for(multilingual, browser, account, language, detail):
    wrong = {**account.credentials, "password": "a guess"}

    response = browser.post("/auth/login", wrong, format="json", HTTP_ACCEPT_LANGUAGE=language)

    assert (response.status_code, response.json()) == (401, {"detail": detail, "code": "invalid_credentials"})
    assert "Accept-Language" in response.headers["Vary"]


def test_message_of_a_sign_out_is_told_in_the_language_asked_for(multilingual, signed_in):
    response = signed_in.post("/auth/logout", HTTP_ACCEPT_LANGUAGE="de")

    assert response.json() == {"message": "Abgemeldet"}


def test_stale_cookie_is_explained_in_the_language_asked_for(multilingual, browser, db):
    browser.set_cookie("access_token", "garbage")

    response = browser.get("/auth/me", HTTP_ACCEPT_LANGUAGE="fr")

    assert response.json() == {"detail": "Le jeton n\u2019est pas valide.", "code": "token_invalid"}
    assert 'error_description="token_invalid"' in response.headers["WWW-Authenticate"]


# --- What is translated --------------------------------------------------------------------------------------------


def test_every_refusal_has_a_message_that_can_be_translated():
    untranslatable = [
        name
        for name, exception in vars(exceptions).items()
        if isinstance(exception, type)
        and issubclass(exception, APIException)
        and exception.__module__ == exceptions.__name__
        and not isinstance(exception.default_detail, Promise)
    ]

    assert untranslatable == []


def test_every_field_and_reason_of_the_admin_can_be_translated():
    fields = [field for field in AuthSession._meta.concrete_fields if field.editable]
    labels = {field.name: field._verbose_name for field in fields}
    labels |= {reason.value: reason._label_ for reason in AuthSession.RevokedReason}

    assert [name for name, label in labels.items() if not isinstance(label, Promise)] == []


# --- The catalogues ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def renewed(tmp_path_factory):
    """A copy of the package whose catalogues were made anew by the commands of docs/languages.md."""
    if shutil.which("xgettext") is None or shutil.which("msgfmt") is None:
        is_missing("GNU gettext")
    assert COMMANDS[0] == f"cd {PACKAGE.name}"
    package = tmp_path_factory.mktemp("translating") / PACKAGE.name
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("*.mo", "__pycache__"))
    # The settings of this suite are not in the copy, and a translator has none.
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    for command in COMMANDS[1:]:
        done = subprocess.run(
            [sys.executable, *command.split()[1:]], cwd=package, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    return package


def test_five_languages_are_there():
    assert sorted(path.name for path in (PACKAGE / "locale").iterdir()) == LANGUAGES


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_makemessages_finds_nothing_new(renewed, language):
    name = f"locale/{language}/LC_MESSAGES/django.po"
    before, after = (
        re.sub(r'"POT-Creation-Date: .*\n', "", (package / name).read_text()) for package in (PACKAGE, renewed)
    )

    assert after == before
    assert "fuzzy" not in after


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_compiled_catalogue_is_of_today(renewed, language):
    assert compiled(language) == compiled(language, renewed)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_translated(language):
    """A compiled catalogue has no entry for a message without a translation."""
    text = (PACKAGE / f"locale/{language}/LC_MESSAGES/django.po").read_text()
    wanted = {"".join(re.findall('"(.*)"', msgid)) for msgid in re.findall(r"^msgid ((?:\".*\"\n)+)", text, re.M)} - {
        ""
    }

    assert len(wanted) > 40
    assert {msgid[0] if isinstance(msgid, tuple) else msgid for msgid in compiled(language)} == wanted


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_of_a_translation_are_those_of_the_message(language):
    wrong = {
        msgid: translation
        for msgid, translation in compiled(language).items()
        if sorted(PLACEHOLDER.findall(translation))
        != sorted(PLACEHOLDER.findall(msgid[0] if isinstance(msgid, tuple) else msgid))
    }

    assert wrong == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_that_django_has_are_translated_as_django_does(language):
    """All catalogues of a project become one: another word here would change Django's own pages."""
    of_django = {}
    for path in Path(django.__file__).parent.glob(f"**/locale/{language}/LC_MESSAGES/django.mo"):
        of_django |= catalogue(path)
    own = compiled(language)
    common = own.keys() & of_django.keys()

    assert {"user", "session", "IP address"} <= common
    assert {msgid: own[msgid] for msgid in common} == {msgid: of_django[msgid] for msgid in common}
