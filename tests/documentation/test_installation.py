"""Where README and documentation say to install from: everywhere the same, and what is true today."""

import re
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import pytest

from tests.documentation.pages import ROOT

LOADER = SourceFileLoader("installation", str(ROOT / "scripts/installation"))
#: Any line that installs this package, from wherever.
INSTALLS = re.compile(r"^\$ .*\bpip install\b.* '?(?:\.|fastauth-django)(?=[\[' \n])", re.MULTILINE)


@pytest.fixture(scope="module")
def script():
    module = module_from_spec(spec_from_loader(LOADER.name, LOADER))
    LOADER.exec_module(module)
    return module


def texts(script):
    return {str(path.relative_to(ROOT)): path.read_text() for path in script.pages()}


def test_every_step_installs_from_where_the_package_is_today(script):
    """On the package index once the changelog has the day of a release, and until then in the repository."""
    released = re.search(r"^## [\d.]+ \(\d", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    said = {name: script.source_of(text) for name, text in texts(script).items()}

    assert said["README.md"]
    assert {source for sources in said.values() for source in sources} == {"index" if released else "checkout"}


def test_no_step_is_written_in_another_way(script):
    """Or the script would pass it by."""
    steps = {name: (len(INSTALLS.findall(text)), len(script.source_of(text))) for name, text in texts(script).items()}

    assert sum(count for count, _known in steps.values()) >= 8
    assert {name: counts for name, counts in steps.items() if len(set(counts)) > 1} == {}


def test_release_switches_every_step_and_nothing_else(script):
    for name, text in texts(script).items():
        checkout, index = script.rewritten(text, "checkout"), script.rewritten(text, "index")

        assert not re.search(r"^\$ python -m pip install '?\.", index, re.MULTILINE), name
        assert "fastauth-django" not in "".join(INSTALLS.findall(checkout)), name
        assert script.rewritten(index, "checkout") == checkout, name
        assert text in {checkout, index}, name
    with_extras = script.rewritten((ROOT / "docs/integrations/channels.md").read_text(), "index")
    assert "\n$ python -m pip install 'fastauth-django[channels]' daphne channels-redis\n" in with_extras
