"""The drawings: readable without seeing them, and with the numbers of the settings."""

import re
from xml.etree import ElementTree

import pytest

from fastauth_django.conf import conf
from tests.documentation.pages import ROOT, page, page_names

SVG = "{http://www.w3.org/2000/svg}"
DIAGRAMS = sorted((ROOT / "docs/diagrams").glob("*.svg"))


def words_of(path):
    """What is written in a drawing, and what it says to who cannot see it."""
    drawing = ElementTree.parse(path).getroot()  # noqa: S314
    written = " ".join(text.text for text in drawing.iter(f"{SVG}text"))
    return drawing, written, " ".join(drawing.find(f"{SVG}desc").text.split())


@pytest.mark.parametrize("path", DIAGRAMS, ids=lambda path: path.stem)
def test_drawing_can_be_read_aloud(path):
    drawing, _written, description = words_of(path)
    titled = {drawing.find(f"{SVG}{name}").get("id") for name in ("title", "desc")}

    assert drawing.get("role") == "img"
    assert set(drawing.get("aria-labelledby").split()) == titled
    assert len(description) > 100


@pytest.mark.parametrize("path", DIAGRAMS, ids=lambda path: path.stem)
def test_drawing_takes_the_colour_of_the_theme_for_its_text(path):
    drawing, _written, _description = words_of(path)

    assert drawing.get("fill") == "currentColor"
    assert {text.get("fill") for text in drawing.iter(f"{SVG}text")} <= {None, "#fff"}, "white stands on a colour"


@pytest.mark.parametrize("path", DIAGRAMS, ids=lambda path: path.stem)
def test_drawing_is_on_a_page(path):
    assert [name for name in page_names() if f":file: diagrams/{path.name}" in page(name).text]


def test_lifetimes_in_the_drawings_are_the_defaults(settings):
    settings.FASTAUTH = {}
    _drawing, life, life_described = words_of(ROOT / "docs/diagrams/token-life.svg")
    _drawing, race, race_described = words_of(ROOT / "docs/diagrams/refresh-race.svg")
    minutes, days = conf.ACCESS_TOKEN_TTL.seconds // 60, conf.REFRESH_TOKEN_TTL.days

    for words in (life, life_described):
        assert set(re.findall(r"(\d+) minutes", words)) == {str(minutes)}
        assert set(re.findall(r"(\d+) days", words)) == {str(days)}
    assert re.findall(r"(\d+) s of grace", life) == [str(conf.REFRESH_GRACE)]
    _drawing, binding, binding_described = words_of(ROOT / "docs/diagrams/device-binding.svg")
    for words in (binding, binding_described):
        assert re.findall(r"(\d+) minutes", words) == [str(conf.BOUND_ACCESS_TOKEN_TTL.seconds // 60)]
    for words in (race, race_described):
        assert re.findall(r"(\d+) seconds", words) == [str(conf.REFRESH_GRACE)]
