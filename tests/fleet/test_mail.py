"""Delivery over real sockets: the server's answer is kept, and a refusal is of the right kind."""

import os
import threading

import pytest
from django.core import mail as django_mail
from django.core.mail import EmailMessage, EmailMultiAlternatives

from fleet.mail import MailDeferred, MailRefused, SmtpReply, deliver, hang_up


def a_mail(to="bob@site.test", **values) -> EmailMessage:
    given = {"subject": "Your code", "body": "Grüße\n.\nend", "from_email": "rekey@site.test"}
    return EmailMessage(to=[to], **(given | values))


def test_the_servers_answer_is_kept(mail_sink):
    message = a_mail()
    reply = deliver(message)
    (kept,) = mail_sink.mails()
    assert reply == SmtpReply(250, f"2.0.0 OK, kept as {kept.id}")
    assert message.smtp_reply == reply


def test_what_arrives_is_what_was_sent(mail_sink):
    message = EmailMultiAlternatives(
        "Zürich – code", "Grüße\n.\nend", "r@site.test", ["b@site.test"]
    )
    message.attach_alternative("<p>Grüße</p>", "text/html")
    deliver(message)
    (kept,) = mail_sink.mails(to="b@site.test")
    assert kept.subject == "Zürich – code"
    assert kept.text.splitlines() == ["Grüße", ".", "end"]
    assert kept.html.strip() == "<p>Grüße</p>"


def test_the_callers_message_id_is_the_mails(mail_sink):
    for _ in range(2):
        deliver(a_mail(headers={"Message-ID": "<reset-1-send-1@rekey.test>"}))
    ids = {kept.message["Message-ID"] for kept in mail_sink.mails()}
    assert ids == {"<reset-1-send-1@rekey.test>"}


def test_many_mails_go_over_one_connection(mail_sink):
    for _ in range(20):
        deliver(a_mail())
    assert len(mail_sink.mails()) == 20
    assert mail_sink.connections() == 1


def test_threads_take_turns_on_the_one_connection(mail_sink):
    threads = [threading.Thread(target=deliver, args=[a_mail(f"p{n}@s.test")]) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(mail_sink.mails()) == 16
    assert mail_sink.connections() == 1


def test_a_kept_connection_that_the_server_closed_is_opened_again(mail_sink):
    deliver(a_mail())
    mail_sink.stop()
    mail_sink.start()
    deliver(a_mail())
    assert len(mail_sink.mails()) == 2


def test_a_forked_child_does_not_talk_on_its_parents_connection(mail_sink):
    deliver(a_mail())
    child = os.fork()
    if child == 0:
        try:
            deliver(a_mail("child@site.test"))
            hang_up()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    deliver(a_mail())
    assert len(mail_sink.mails()) == 3
    assert mail_sink.connections() == 2


def test_a_temporary_refusal_may_be_tried_again(mail_sink):
    mail_sink.defer(times=1)
    with pytest.raises(MailDeferred) as refusal:
        deliver(a_mail())
    assert refusal.value.code == 451
    assert "Greylisted" in refusal.value.text
    assert deliver(a_mail()).code == 250
    assert mail_sink.connections() == 1


def test_a_permanent_refusal_of_the_recipient_says_so(mail_sink):
    mail_sink.refuse("gone@site.test")
    with pytest.raises(MailRefused) as refusal:
        deliver(a_mail("Gone@site.test"))
    assert refusal.value.code == 550
    assert "no such mailbox" in str(refusal.value)
    assert deliver(a_mail()).code == 250


def test_when_one_recipient_is_refused_nobody_gets_the_mail(mail_sink):
    mail_sink.refuse("gone@site.test")
    with pytest.raises(MailRefused):
        deliver(EmailMessage("s", "b", "r@site.test", ["bob@site.test", "gone@site.test"]))
    assert mail_sink.mails() == []
    deliver(a_mail("alice@site.test"))
    (kept,) = mail_sink.mails()
    assert kept.to == ["alice@site.test"]


def test_a_server_that_is_gone_is_temporary_and_names_no_code(mail_sink):
    mail_sink.stop()
    with pytest.raises(MailDeferred) as refusal:
        deliver(a_mail())
    assert refusal.value.code == 0
    assert "refuses connections" in refusal.value.text
    mail_sink.start()
    assert deliver(a_mail()).code == 250


def test_a_slow_server_is_temporary(mail_sink, settings):
    settings.EMAIL_TIMEOUT = 0.3
    mail_sink.slow(20)
    with pytest.raises(MailDeferred, match="did not answer in time"):
        deliver(a_mail())


@pytest.mark.parametrize(
    "values",
    [
        {"subject": "Code\nBcc: eve@site.test"},
        {"to": "bob@site.test\r\nRCPT TO:<eve@site.test>"},
        {"from_email": "rekey@site.test\nX: y"},
        {"headers": {"X-Reset": "1\nBcc: eve@site.test"}},
    ],
)
def test_nobody_can_add_headers_or_recipients(mail_sink, values):
    with pytest.raises(MailRefused):
        deliver(a_mail(**values))
    assert mail_sink.mails() == []
    assert deliver(a_mail()).code == 250


def test_a_mail_to_nobody_is_refused_here(mail_sink):
    with pytest.raises(MailRefused, match="no recipient"):
        deliver(EmailMessage("s", "b", "r@site.test", []))


def test_any_other_backend_gets_a_neutral_answer(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    reply = deliver(a_mail())
    assert reply.code == 0
    assert "locmem" in reply.text
    assert [m.subject for m in django_mail.outbox] == ["Your code"]
    hang_up()
