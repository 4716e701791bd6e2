"""HTTP digest answers against the vectors of RFC 7616, and the choice among challenges."""

import hashlib
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.drivers import Login
from devices.drivers.digest import Challenge, challenge

MUFASA = Login("Mufasa", "Circle of Life")  # RFC 7616, 3.9.1
RFC_7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=%s, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_answer_is_that_of_the_standard(monkeypatch, algorithm, response):
    monkeypatch.setattr(secrets, "token_hex", lambda _: CNONCE)
    asked = challenge([RFC_7616 % algorithm])
    answer = asked.answer(MUFASA, "GET", "/dir/index.html", 1)
    assert f'response="{response}"' in answer
    assert f"algorithm={algorithm}, qop=auth, nc=00000001" in answer
    assert 'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"' in answer


def test_a_challenge_without_quality_of_protection_is_answered_the_old_way():
    asked = challenge(  # RFC 2069, 2.4, with its erratum 749
        ['Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"']
    )
    answer = asked.answer(Login("Mufasa", "CircleOfLife"), "GET", "/dir/index.html", 1)
    assert 'response="1949323746fe6a43ef61f9606e7febea"' in answer
    assert "qop" not in answer
    assert "nc=" not in answer


def test_a_session_algorithm_binds_the_nonces(monkeypatch):
    monkeypatch.setattr(secrets, "token_hex", lambda _: CNONCE)

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    a1 = md5(f"{md5('Mufasa:r:Circle of Life')}:n:{CNONCE}")  # RFC 7616, 3.4.2
    response = md5(f"{a1}:n:00000003:{CNONCE}:auth:{md5('POST:/')}")
    answer = Challenge("r", "n", "MD5-sess", "auth").answer(MUFASA, "POST", "/", 3)
    assert f'response="{response}", algorithm=MD5-sess' in answer


def test_bytes_that_are_no_text_do_not_stop_the_answer():
    assert challenge(['Digest nonce="\udce9", realm="\udcff"']).answer(MUFASA, "POST", "/", 1)


@pytest.mark.parametrize(
    "headers",
    [
        ['Basic realm="a, b"', 'Digest realm="r", nonce="1", algorithm=SHA-256'],
        ['Digest realm="r", nonce="0", algorithm=MD5', 'Digest nonce="1", algorithm="SHA-256"'],
        ['Basic realm="r", Digest realm="r", nonce="0", Digest nonce="1", algorithm=sha-256'],
        ['Digest nonce="0", algorithm=SHA-512-256, Digest nonce = "1" , stale=true'],
        ['digest NONCE="1"'],
    ],
)
def test_the_strongest_challenge_that_we_can_answer_is_taken(headers):
    assert challenge(headers).nonce == "1"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["Basic"],
        ["Digest"],
        ['Digest realm="r"'],
        ['Digest nonce=""'],
        ['Digest nonce="1", algorithm=ROT13'],
        ['Digest nonce="1", qop="auth-int"'],
        ['Bearer token="1"'],
    ],
)
def test_what_cannot_be_answered_is_no_challenge(headers):
    assert challenge(headers) is None


def test_quoted_values_are_unescaped_and_escaped_again():
    asked = challenge([r'Digest realm="a \"b\", c", nonce="1"'])
    assert asked.realm == 'a "b", c'
    assert r'realm="a \"b\", c"' in asked.answer(MUFASA, "POST", "/", 1)


@given(
    st.lists(
        st.lists(
            st.sampled_from(
                [
                    "Digest ",
                    "Basic",
                    " ",
                    ",",
                    "=",
                    '"',
                    "\\",
                    "nonce",
                    "realm",
                    "qop",
                    "auth",
                    "\udcff",
                ]
            )
        ).map("".join)
    )
)
def test_any_header_is_a_challenge_that_can_be_answered_or_none(headers):
    found = challenge(headers)
    if found:
        assert found.answer(MUFASA, "POST", "/", 1).startswith("Digest username=")
