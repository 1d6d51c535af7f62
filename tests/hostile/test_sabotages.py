"""``scripts/sabotage`` takes minutes. This shows at once whether its list still fits the code.

Not in the quick run: who renames a variable has not broken anything, and CI says which sabotage names it.
"""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SABOTAGES = tomllib.loads((ROOT / "tests" / "sabotages.toml").read_text())["sabotage"]


@pytest.mark.slow
@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage["name"])
def test_sabotage_fits_the_code(sabotage):
    source = (ROOT / "fastauth_django" / sabotage["file"]).read_text()

    assert source.count(sabotage["old"]) == 1, "the line was changed: change the sabotage with it"
    compile(source.replace(sabotage["old"], sabotage["new"]), sabotage["file"], "exec")
    assert [path for path in sabotage["tests"] if not (ROOT / path).exists()] == []


def test_no_two_sabotages_share_a_name():
    names = [sabotage["name"] for sabotage in SABOTAGES]

    assert len(set(names)) == len(names)
