"""Published flaws: the table has its sources, versions are compared with care, and what cannot be
told is never called fine.
"""

from __future__ import annotations

import re
import tomllib
from datetime import date
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resets.readiness.flaws import FLAWS, TABLE, Verdict, findings, flaws_in
from resets.readiness.versions import Version, compare, read

HAS, UNCLEAR, HAS_NOT = Verdict.HAS, Verdict.UNCLEAR, Verdict.HAS_NOT


# --- the table ------------------------------------------------------------------------------------


def test_every_flaw_has_its_name_a_sentence_its_dates_and_its_sources() -> None:
    assert FLAWS[0].cve == "CVE-2026-0629"
    assert len({flaw.cve for flaw in FLAWS}) == len(FLAWS)
    for flaw in FLAWS:
        assert re.fullmatch(r"CVE-\d{4}-\d{4,}", flaw.cve)
        assert flaw.says.endswith(".") and len(flaw.says) < 150
        assert date(2000, 1, 1) < flaw.published <= flaw.read
        assert len(flaw.sources) >= 2, "the maker's own notice, and the record"
        for source in flaw.sources:
            parts = urlsplit(source)
            assert (parts.scheme, bool(parts.hostname)) == ("https", True), source
        assert all(re.fullmatch(r"[a-z0-9]+", maker) for maker in flaw.makers)
        assert flaw.affected


def test_no_model_and_hardware_stand_in_it_twice() -> None:
    for flaw in FLAWS:
        told = [
            (model, hardware)
            for row in flaw.affected
            for model in row.models
            for hardware in row.hardware or ((),)
        ]
        assert len(set(told)) == len(told), flaw.cve
        for row in flaw.affected:
            assert all(model == model.upper().strip() for model in row.models)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"fixed": "soon"}, ValueError),
        ({"fixed": "2.0.0", "through": "2.0.0"}, ValueError),
        ({}, ValueError),
        ({"fixed": "2.0.0", "untill": "3"}, ValueError),
    ],
)
def test_a_row_that_makes_no_sense_is_not_loaded(
    change: dict[str, str], error: type[Exception]
) -> None:
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    assert flaws_in(table) == FLAWS
    table["flaw"][0]["affected"] = [{"models": ["X1"], **change}]
    with pytest.raises(error):
        flaws_in(table)


# --- versions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("2.1.0 Build 250701 Rel.44555n", Version((2, 1, 0), 250701, 44555)),
        ("3.1.0_Build_250820_Rel.57668n", Version((3, 1, 0), 250820, 57668)),
        ("1.1.16 Build 210127 Rel.2312n(5553)", Version((1, 1, 16), 210127, 2312)),
        ("V5.4.0 build 160530", Version((5, 4, 0), 160530)),
        ("2.0.3", Version((2, 0, 3))),
        (" 1.2.3   Build 240513 ", Version((1, 2, 3), 240513)),
    ],
)
def test_versions_are_read_as_makers_write_them(text: str, version: Version) -> None:
    assert read(text) == version


@pytest.mark.parametrize(
    "text",
    ["", "2", "unknown", "2.1.0-beta", "2.1.0 Build", "2.1.0 Build 25", "build 250701", "2.1.x",
     "2.840.00IB005.0.T", "2.1.0 Build 250701 patched", "²·1.0", "99999.1.0", "1.2.3.4.5"],
)  # fmt: skip
def test_what_is_not_understood_to_its_end_is_no_version(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    ("one", "other", "side"),
    [
        ("2.0.9", "2.1.0", -1),
        ("2.10.0", "2.9.0", 1),
        ("2.1.0 Build 250701", "2.1.0 Build 250630", 1),
        ("2.1.0 Build 250701 Rel.1n", "2.1.0 Build 250701 Rel.2n", -1),
        ("2.1.0", "2.1.0", 0),
        ("3.0.0", "2.9.9 Build 250701 Rel.2n", 1),
        ("2.1.0", "2.1.0 Build 250701", None),
        ("2.1.0 Build 250701", "2.1.0 Build 250701 Rel.2n", None),
        ("2.1", "2.1.0", None),
        ("2.2", "2.1.9", 1),
    ],
)
def test_versions_are_compared_as_far_as_they_tell(one: str, other: str, side: int | None) -> None:
    left, right = read(one), read(other)
    assert left and right
    assert compare(left, right) == side
    assert compare(right, left) == (None if side is None else -side)


numbers = st.lists(st.integers(0, 99), min_size=2, max_size=4).map(tuple)
versions = st.builds(
    Version, numbers, st.none() | st.integers(100000, 999999), st.none()
) | st.builds(Version, numbers, st.integers(100000, 999999), st.none() | st.integers(0, 999999))


@given(versions, versions, versions)
def test_the_order_of_versions_is_one(a: Version, b: Version, c: Version) -> None:
    ab, ba, bc, ac = compare(a, b), compare(b, a), compare(b, c), compare(a, c)
    assert compare(a, a) == 0
    assert (ab is None) == (ba is None) and (ab is None or ab == -(ba or 0))
    if ab == 0:
        assert a == b
    if ab == -1 and bc == -1:
        assert ac == -1


@given(st.text(max_size=60))
def test_whatever_a_device_says_is_read_or_not_and_nothing_breaks(text: str) -> None:
    read(text)
    for finding in findings("TP-Link", "VIGI C540V", text):
        assert finding.verdict in (HAS, UNCLEAR)
    if read(text) is None:
        assert [f.verdict for f in findings("TP-Link", "VIGI C540V", text)] == [UNCLEAR]


# --- devices --------------------------------------------------------------------------------------


def verdict(cve: str, manufacturer: str, model: str, firmware: str) -> Verdict:
    found = {one.flaw.cve: one.verdict for one in findings(manufacturer, model, firmware)}
    return found.get(cve, HAS_NOT)


@pytest.mark.parametrize(
    ("model", "firmware", "told"),
    [
        ("VIGI C540V", "2.0.1 Build 240102 Rel.1n", HAS),
        ("VIGI C540V", "2.1.0 Build 250702 Rel.54299n", HAS),
        ("VIGI C540V", "2.1.0 Build 250702 Rel.54300n", HAS_NOT),
        ("VIGI C540V", "2.1.0 Build 250702", UNCLEAR),
        ("VIGI C540V", "", UNCLEAR),
        ("C540V", "2.0.1", HAS),
        ("VIGI C540V(4mm)", "2.0.1", HAS),
        ("VIGI InSight S345-4G", "2.0.9 Build 250101 Rel.1n", HAS),
        ("VIGI C230I Mini", "2.0.0", HAS),
        # The source names hardware 2.0 alone, and the device does not say which it is.
        ("VIGI C340", "1.0.0 Build 240101", UNCLEAR),
        ("VIGI C340 2.0", "1.0.0 Build 240101", HAS),
        ("VIGI C340 V2", "1.0.0 Build 240101", HAS),
        ("VIGI C340 1.0", "1.0.0 Build 240101", HAS_NOT),
        ("VIGI C340", "2.1.1 Build 250801 Rel.1n", HAS_NOT),
        # Put right at another time for each hardware.
        ("VIGI C320I", "2.1.0 Build 250801 Rel.1n", UNCLEAR),
        ("VIGI C320I 1.20", "2.1.0 Build 250801 Rel.1n", HAS_NOT),
        ("VIGI C320I 1.0", "2.1.0 Build 250801 Rel.1n", HAS),
        ("VIGI NVR1008H", "1.0.0 Build 240101", HAS_NOT),
        ("", "1.0.0", HAS_NOT),
    ],
)
def test_the_password_recovery_of_vigi_cameras(model: str, firmware: str, told: Verdict) -> None:
    assert verdict("CVE-2026-0629", "TP-Link Systems Inc.", model, firmware) is told
    assert verdict("CVE-2026-0629", "TP-LINK", model, firmware) is told
    assert verdict("CVE-2026-0629", "Acme", model.replace("VIGI ", ""), firmware) is HAS_NOT


@pytest.mark.parametrize(
    ("firmware", "told"),
    [
        ("V5.3.0 build 150101", HAS_NOT),
        ("V5.3.1 build 150410", HAS),
        ("V5.4.4 build 161125", HAS),
        ("V5.4.4", UNCLEAR),
        ("V5.4.5 build 170123", HAS_NOT),
        ("V5.4.41_161125", UNCLEAR),
    ],
)
def test_the_backdoor_of_old_hikvision_cameras(firmware: str, told: Verdict) -> None:
    assert verdict("CVE-2017-7921", "HIKVISION", "DS-2CD2142FWD-I", firmware) is told
    assert verdict("CVE-2017-7921", "HIKVISION", "DS-2CD2143G2-I", firmware) is HAS_NOT


def test_a_device_is_told_in_which_firmware_it_is_put_right() -> None:
    [one] = findings("TP-Link", "VIGI C320I", "2.0.0")
    assert one.fixed_in == ("2.1.0 Build 251014 Rel.58331n", "2.1.0 Build 250701 Rel.44071n")
    [one] = findings("TP-Link", "VIGI C320I 1.20", "2.0.0")
    assert one.fixed_in == ("2.1.0 Build 250701 Rel.44071n",)
    [one] = findings("Hikvision", "DS-2CD2142FWD-I", "V5.4.0 build 160101")
    assert one.fixed_in == ()
