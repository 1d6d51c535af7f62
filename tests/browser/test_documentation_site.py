"""The documentation as a reader has it: built, on a large and a small screen, and searched."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.accessibility import axe, findings
from tests.documentation.pages import ROOT
from tests.missing import need

pytestmark = pytest.mark.browser

#: What people type, and the pages that answer it. One of them has to be among the first three hits.
QUERIES = {
    "401": "troubleshooting http",
    "403": "troubleshooting http",
    "429": "troubleshooting http",
    "cookie not set": "troubleshooting",
    "cookie is not set": "troubleshooting",
    "csrf failed": "troubleshooting http how-it-works",
    "works in curl": "troubleshooting",
    "signed out": "signed-out troubleshooting",
    "logged out": "signed-out migrating/from-django-sessions",
    "token_not_valid": "migrating/from-simplejwt-bearer migrating/from-simplejwt-cookies",
    "install": "quickstart",
    "quick start": "quickstart",
    "login": "http python migrating/from-django-sessions",
    "refresh": "http how-it-works signed-out",
    "refresh token reuse": "signed-out how-it-works",
    "rotation": "how-it-works",
    "custom user model": "user-models",
    "email login": "user-models accounts",
    "username or email": "user-models",
    "password reset": "accounts",
    "forgotten password": "accounts",
    "email verification": "accounts",
    "profile": "accounts",
    "sign-up fields": "accounts",
    "social login": "integrations/allauth faq",
    "google": "integrations/allauth",
    "allauth": "integrations/allauth",
    "two factor": "integrations/allauth",
    "axes": "integrations/axes",
    "cors": "integrations/cors other-origins",
    "another origin": "other-origins",
    "localhost": "samesite troubleshooting other-origins",
    "samesite": "samesite",
    "safari": "samesite troubleshooting",
    "next.js": "front-ends/next",
    "nextjs": "front-ends/next",
    "rewrites": "front-ends/next other-origins",
    "sveltekit": "front-ends/sveltekit",
    "form action": "front-ends/sveltekit",
    "server component": "front-ends/server-rendering front-ends/next",
    "server-side rendering": "front-ends/server-rendering",
    "ssr": "front-ends/server-rendering",
    "third-party cookies": "samesite other-origins",
    "subdomain": "other-origins samesite threat-model deployment",
    "nginx": "deployment",
    "https": "deployment device-binding",
    "proxy": "deployment troubleshooting",
    "redis": "deployment scaling",
    "rate limit": "deployment throttling threat-model",
    "brute force": "threat-model asvs integrations/axes",
    "xss": "threat-model faq",
    "localstorage": "migrating/from-simplejwt-bearer",
    "bearer": "migrating/from-simplejwt-bearer http",
    "dj-rest-auth": "migrating/from-dj-rest-auth",
    "simplejwt": "migrating/from-simplejwt-bearer migrating/from-simplejwt-cookies",
    "django sessions": "migrating/from-django-sessions django-views",
    "fastauth": "migrating/from-fastauth",
    "testing": "testing",
    "force_login": "testing migrating/from-django-sessions",
    "pytest": "testing",
    "openapi": "openapi",
    "swagger": "openapi",
    "templates": "django-views",
    "middleware": "django-views",
    "settings": "settings",
    "manage.py check": "checks",
    "performance": "performance",
    "database": "scaling deployment",
    "upgrade": "release changelog deployment",
    "translation": "languages",
    "microservice": "integrations/second-service",
    "RS256": "integrations/second-service",
    "device bound": "device-binding",
    "comparison": "comparison",
    "cors error": "troubleshooting",
    "failed to fetch": "troubleshooting",
    "AnonymousUser": "troubleshooting",
    "415": "troubleshooting",
    "no such table": "troubleshooting",
    "resend": "accounts",
    "mobile app": "front-ends/without-a-browser",
    "vue": "front-ends/javascript-client",
    "magic link": "python",
    "case insensitive": "user-models",
    "token lifetime": "settings",
    "rotate secret key": "deployment",
    "cleanup": "deployment",
}
#: Figures of many columns, which a phone scrolls inside of their own frame.
FIGURES = {"comparison.html", "performance.html", "samesite.html", "scaling.html"}
WIDER_THAN_THE_SCREEN = """(scrolls) => [document.documentElement, ...document.querySelectorAll(".table-wrapper")]
    .filter((each) => each.scrollWidth > each.clientWidth + 1 && !(scrolls && each !== document.documentElement))
    .map((each) => each.textContent.trim().slice(0, 40))"""
#: The smallest words of each drawing, in pixels of the screen, and whether the keyboard gets to its frame.
DRAWINGS = """async () => {
    for (const frame of [1, 2]) await new Promise(requestAnimationFrame);
    return [...document.querySelectorAll("article svg[role=img]")].map((drawing) => {
        const sizes = [...drawing.querySelectorAll("text")].map((text) => parseFloat(getComputedStyle(text).fontSize));
        const size = Math.min(...sizes) * drawing.getScreenCTM().a;
        return {title: drawing.querySelector("title").textContent, size, tab: drawing.closest(".drawing").tabIndex};
    });
}"""
LINES = """() => [...document.querySelectorAll("table.settings-reference td:first-child p:first-child code")]
    .map((name) => [name.textContent, name.getClientRects().length])"""
HITS = """async (query) => {
    document.querySelector("#search-results").replaceChildren();
    Search.performSearch(query);
    const wait = (resolve) => setTimeout(resolve, 10);
    const summary = () => document.querySelector("#search-results .search-summary")?.textContent ?? "";
    while (!summary().match(/found|finished|did not match/)) await new Promise(wait);
    return [...document.querySelectorAll("#search-results ul.search li a")].map((link) => link.getAttribute("href"));
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    need("sphinx", "furo", "myst_parser", "sphinx_copybutton", source="the extra docs")
    directory = tmp_path_factory.mktemp("site")
    subprocess.run([sys.executable, "-m", "sphinx", "-q", "-b", "html", ROOT / "docs", directory], check=True)
    return directory


def pages_of(site: Path) -> list[str]:
    made = {"genindex.html", "search.html", "py-modindex.html"}
    return sorted(str(path.relative_to(site)) for path in site.rglob("*.html") if path.name not in made)


@pytest.fixture(scope="module")
def browser(chromium):
    return chromium.browser


@pytest.mark.parametrize("width", [1280, 375])
def test_no_page_is_wider_than_the_screen(site, browser, width):
    page = browser.new_page(viewport={"width": width, "height": 800})
    wide = {}
    for name in pages_of(site):
        page.goto((site / name).as_uri())
        found = page.evaluate(WIDER_THAN_THE_SCREEN, width == 375 and name in FIGURES)
        if found:
            wide[name] = found
    page.close()

    assert wide == {}


def test_no_page_has_findings(site, browser):
    """The page of the search too. The list of pages is the same on each, and dark colours are looked at on one."""
    script = axe()
    page = browser.new_page()
    found = {}
    for name in [*pages_of(site), "genindex.html", "search.html"]:
        page.goto((site / name).as_uri())
        found[name] = findings(page, script, without=None if name == "index.html" else ".sidebar-drawer")
    page.emulate_media(color_scheme="dark")
    page.goto((site / "how-it-works.html").as_uri())
    found["in the dark"] = findings(page, script)
    page.close()

    assert {shown: each for shown, each in found.items() if each} == {}


def test_words_of_a_drawing_are_large_enough_on_a_phone(site, browser):
    """They are at least 11 px, and the drawing scrolls in its own frame, which the keyboard reaches."""
    page = browser.new_page(viewport={"width": 375, "height": 800})
    drawings = []
    for name in pages_of(site):
        page.goto((site / name).as_uri())
        drawings += page.evaluate(DRAWINGS)
    page.close()

    assert len(drawings) == len(list((ROOT / "docs/diagrams").glob("*.svg")))
    assert [drawing for drawing in drawings if drawing["size"] < 11 or drawing["tab"] != 0] == []


def test_names_of_settings_are_whole_on_a_phone(site, browser):
    page = browser.new_page(viewport={"width": 375, "height": 800})
    page.goto((site / "settings.html").as_uri())
    lines = page.evaluate(LINES)
    page.close()

    assert len(lines) > 30
    assert {name: count for name, count in lines if count > 1} == {}


def test_what_people_type_leads_to_the_page_that_answers(site, browser):
    page = browser.new_page()
    page.goto((site / "search.html").as_uri() + "?q=x")
    page.wait_for_function("() => Search.hasIndex()")
    missed = {}
    for query, answers in QUERIES.items():
        hits = [str(href).partition(".html")[0] for href in page.evaluate(HITS, query)]
        if not set(answers.split()) & set(hits[:3]):
            missed[query] = hits[:5]
    page.close()

    assert missed == {}
