"""Every family takes members of other packages, and finds its own without looking for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tagwatch.errors import ConfigError
from tagwatch.family import FAMILIES
from tagwatch.member import brought_members, load_member, place_of

MODULE = '''
"""Members of every family, each its own family's name."""
members = {}
def __getattr__(name):
    if name.startswith("the_"):
        return name
    raise AttributeError(name)
'''
OF_OURS = sorted(family for family in FAMILIES if FAMILIES[family])


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package as installers leave it, with one good and one broken member a family."""
    site = tmp_path / "site"
    information = site / "more_tagwatch-1.0.dist-info"
    information.mkdir(parents=True)
    (site / "more_tagwatch.py").write_text(MODULE)
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: more-tagwatch\nVersion: 1\n"
    )
    groups = (
        f"[tagwatch.{family}]\n"
        f"extra = more_tagwatch:the_{family}\n"
        "broken = more_tagwatch:nothing\n"
        "missing = more_tagwatch_missing\n"
        for family in FAMILIES
    )
    (information / "entry_points.txt").write_text("".join(groups))
    monkeypatch.syspath_prepend(site)
    return site


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_member_of_another_package_is_found_by_its_name(family: str, installed: Path) -> None:
    assert load_member(family, "extra") == f"the_{family}"
    assert set(brought_members(family)) >= {"extra", "broken", "missing"}


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("name", ["broken", "missing"])
def test_a_member_that_cannot_be_imported_is_told(family: str, name: str, installed: Path) -> None:
    with pytest.raises(ConfigError, match=f"'{name}' of another package") as refused:
        load_member(family, name)
    assert "more_tagwatch" in refused.value.hint


@pytest.mark.parametrize("family", OF_OURS)
def test_ours_cannot_be_taken_over(
    family: str, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, place = next(iter(FAMILIES[family].items()))
    points = installed / "more_tagwatch-1.0.dist-info" / "entry_points.txt"
    points.write_text(f"[tagwatch.{family}]\n{name} = more_tagwatch:the_thief\n")
    assert place_of(family, name) == place
    assert name not in brought_members(family)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_an_unknown_name_is_refused_with_those_there_are(family: str) -> None:
    with pytest.raises(ConfigError, match="is called 'nobody'") as refused:
        load_member(family, "nobody")
    assert min(FAMILIES[family], default="only other packages bring any") in refused.value.hint


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_line_leads_to_something(family: str) -> None:
    for name in FAMILIES[family]:
        assert load_member(family, name) is not None


def test_nobody_looks_through_packages_for_a_name_of_ours() -> None:
    program = (
        "import sys; from tagwatch.member import load_member; load_member('sources', 'dockerfile');"
        "load_member('rules', 'tag-latest'); print('importlib.metadata' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("False\n", 0), done.stderr
