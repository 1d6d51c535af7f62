"""Links that Sphinx does not see, from outside the site: each leads to a file that is there, and to a heading in it."""

import re

import pytest

from tests.documentation.pages import ROOT, page

SITE = "https://fastauth-django.readthedocs.io/en/stable/"
REPOSITORY = "https://github.com/fastauth-django/fastauth-django"
#: Pages of the forge that are no file.
OF_THE_FORGE = {"", "/issues", "/security", "/security/advisories/new"}
#: What is read on the forge or on a package index. A sdist lacks the hidden ones.
MARKDOWN = ["README.md", "CONTRIBUTING.md", "SECURITY.md"]
OTHERS = ["setup.cfg", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(".github/**/*.yml"))]


def links_in(name):
    text = (ROOT / name).read_text()
    links = re.findall(rf"(?:{re.escape(SITE)}|{re.escape(REPOSITORY)})[^\s)\]]*", text)
    return links + (re.findall(r"\]\((?!https?:)([^)]+)\)", text) if name in MARKDOWN else [])


def headings_of(path):
    return re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL), re.MULTILINE)


def anchors_on_the_site(path):
    """The ids in the page that Sphinx builds: of its headings, and the labels above them."""
    labels = re.findall(r"^\(([\w-]+)\)=$", path.read_text(), re.MULTILINE)
    return {*labels, *(re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-") for heading in headings_of(path))}


def anchors_on_the_forge(path):
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings_of(path)}


def fault_of(link):
    """What is wrong with a link, or None."""
    if link.startswith(REPOSITORY):
        rest = link.removeprefix(REPOSITORY)
        if rest in OF_THE_FORGE:
            return None
        if not rest.startswith("/blob/main/"):
            return "is no file of the repository"
        name, _hash, anchor = rest.removeprefix("/blob/main/").partition("#")
        path, anchors_of = ROOT / name, anchors_on_the_forge
    elif link.startswith(SITE):
        name, _hash, anchor = link.removeprefix(SITE).partition("#")
        if name.startswith("_images/"):
            picture = ROOT / "docs/_static" / name.removeprefix("_images/")
            return None if picture.is_file() else "is no picture of the site"
        if not re.fullmatch(r"[\w/-]+\.html|", name):
            return "is no page of the site"
        path, anchors_of = ROOT / "docs" / f"{name.removesuffix('.html') or 'index'}.md", anchors_on_the_site
    else:
        name, _hash, anchor = link.partition("#")
        path, anchors_of = ROOT / name, anchors_on_the_forge
    if not path.is_file():
        return f"there is no {path.relative_to(ROOT)}"
    if anchor and anchor not in anchors_of(path):
        return f"{path.relative_to(ROOT)} has no heading for #{anchor}"
    return None


@pytest.mark.parametrize("name", [*MARKDOWN, *OTHERS])
def test_every_link_leads_somewhere(name):
    assert [f"{link} {fault}" for link in links_in(name) if (fault := fault_of(link))] == []


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        (f"{SITE}gone.html", "there is no docs/gone.md"),
        (f"{SITE}settings.md", "is no page of the site"),
        (f"{SITE}how-it-works.html#gone", "docs/how-it-works.md has no heading for #gone"),
        (f"{REPOSITORY}/blob/main/GONE.md", "there is no GONE.md"),
        (f"{REPOSITORY}/settings", "is no file of the repository"),
        ("docs/gone.md", "there is no docs/gone.md"),
        ("docs/release.md#gone", "docs/release.md has no heading for #gone"),
    ],
)
def test_link_that_leads_nowhere_is_found(link, fault):
    """Or the test above could not fail."""
    assert fault_of(link) == fault


@pytest.mark.parametrize("anchor", ["csrf", "stale-cookies", "two-tokens-and-a-row", "who-may-act-the-origin-rule"])
def test_anchor_of_a_label_or_a_heading_is_found(anchor):
    assert fault_of(f"{SITE}how-it-works.html#{anchor}") is None


def test_readme_has_no_link_that_a_package_index_cannot_follow():
    assert [link for link in links_in("README.md") if not link.startswith("https://")] == []


def test_readme_defines_the_links_that_it_uses():
    text = page("README.md").text
    prose = re.sub(r"```[\s\S]*?```|`[^`]*`|!\[[^\]]*\]\([^)]*\)|^\[[^\]]+\]: .*$", "", text, flags=re.MULTILINE)
    used = {(name or shown).lower() for shown, name in re.findall(r"\[([^\]]+)\](?:\[([^\]]+)\])?", prose)}
    defined = {name.lower() for name in re.findall(r"^\[([^\]]+)\]: ", text, re.MULTILINE)}

    assert len(defined) > 20
    assert used == defined
