"""The mail sink: what it keeps, what it shows, how it misbehaves when told to."""

import json
import signal
import smtplib
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest

from fleet.local import mailbox
from fleet.local.mailbox import Mailbox
from tests.services import free_port

ROOT = Path(__file__).parents[3]


def a_mail(to="bob@site.test", subject="Your code", text="hello", html="") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "rekey@site.test", to, subject
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message


def send(sink, *messages: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", sink.smtp_port) as smtp:
        for message in messages:
            smtp.send_message(message)


def get(sink, path="", **headers) -> tuple[str, dict[str, str]]:
    request = urllib.request.Request(sink.inbox_url + path, headers=headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.read().decode(), dict(answer.headers)


def call(sink, method: str, path: str, body: dict | None = None) -> int:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(
        sink.inbox_url + path, data, {"Content-Type": "application/json"}, method=method
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.status


def test_the_inbox_lists_the_newest_first_and_filters_by_recipient(mail_sink):
    send(mail_sink, a_mail("bob@site.test", "One"), a_mail("alice@site.test", "Two"))
    page, _ = get(mail_sink)
    assert page.index("Two") < page.index("One")
    page, _ = get(mail_sink, "?to=BOB")
    assert "One" in page
    assert "Two" not in page


def test_the_same_is_there_as_json(mail_sink):
    send(mail_sink, a_mail("bob@site.test", "One", "Grüße"))
    (kept,) = json.loads(get(mail_sink, "api/mails")[0])
    assert kept["to"] == ["bob@site.test"]
    assert kept["subject"] == "One"
    assert kept["text"].strip() == "Grüße"
    assert {"id", "received", "from", "message_id"} <= set(kept)


def test_a_mails_own_page_shows_it_and_lets_nothing_in_it_run(mail_sink):
    hostile = "<script>parent.x=1</script><p>Hi</p>"
    send(mail_sink, a_mail(subject="<b>x</b>", text="1 < 2", html=hostile))
    (kept,) = mail_sink.mails()
    page, headers = get(mail_sink, f"mails/{kept.id}")
    assert "<script" not in page
    assert "<b>x" not in page
    assert "1 &lt; 2" in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    part, headers = get(mail_sink, f"mails/{kept.id}/html")
    assert "<p>Hi</p>" in part
    policy = headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "allow-scripts" not in policy


def test_a_foreign_name_for_this_address_reads_nothing(mail_sink):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        get(mail_sink, Host="evil.test")
    assert refusal.value.code == 403
    refusal.value.close()


def test_faults_are_ordered_by_call_and_taken_back(mail_sink):
    call(mail_sink, "POST", "api/faults", {"recipient": "*", "kind": "defer", "times": 1})
    with pytest.raises(smtplib.SMTPDataError) as refusal:
        send(mail_sink, a_mail())
    assert refusal.value.smtp_code == 451
    send(mail_sink, a_mail())
    call(mail_sink, "POST", "api/faults", {"recipient": "bob@site.test", "kind": "refuse"})
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(mail_sink, a_mail())
    call(mail_sink, "DELETE", "api/faults")
    send(mail_sink, a_mail())
    assert len(mail_sink.mails()) == 2


def test_an_order_that_makes_no_sense_is_refused(mail_sink):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        call(mail_sink, "POST", "api/faults", {"recipient": "*", "kind": "explode"})
    assert refusal.value.code == 400
    refusal.value.close()


def test_an_address_may_carry_its_own_fault(mail_sink):
    for code in (451, 451):
        with pytest.raises(smtplib.SMTPDataError) as refusal:
            send(mail_sink, a_mail("bob+defer2@site.test"))
        assert refusal.value.smtp_code == code
    send(mail_sink, a_mail("bob+defer2@site.test"))
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(mail_sink, a_mail("bob+refuse@site.test"))


def test_only_the_newest_mails_are_kept_and_they_outlive_a_restart(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox, "MOST_MAILS", 3)
    box = Mailbox(tmp_path)
    for number in range(5):
        box.keep("a@b.test", ["c@d.test"], f"Subject: {number}\r\n\r\n".encode())
    again = Mailbox(tmp_path)
    assert [mail.subject for mail in again.newest()] == ["4", "3", "2"]
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.one_database  # it has none
def test_the_command_says_when_it_is_ready_and_stops_when_asked(environment):
    smtp, inbox = free_port(), free_port()
    command = ["manage.py", "mail_sink", "--smtp-port", str(smtp), "--inbox-port", str(inbox)]

    def run_until(how: signal.Signals, meanwhile: Callable[[], None]) -> None:
        with subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        ) as sink:
            try:
                assert sink.stdout.readline().strip() == (
                    f"mail sink: SMTP on 127.0.0.1:{smtp}, inbox at http://127.0.0.1:{inbox}/"
                )
                meanwhile()
                sink.send_signal(how)
                assert sink.wait(10) == 0
            finally:
                sink.kill()

    def a_second_one_is_sent_away() -> None:
        second = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        assert second.returncode == 1
        assert f"Port {smtp} for the mail sink is taken" in second.stderr
        assert "REKEY_SMTP_PORT" in second.stderr

    run_until(signal.SIGTERM, a_second_one_is_sent_away)
    run_until(signal.SIGINT, lambda: None)
