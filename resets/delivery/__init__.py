"""What becomes of mails: webhooks of mail services, "I got no code", numbers, and test mails."""
