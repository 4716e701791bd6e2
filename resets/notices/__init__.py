"""Who is told by mail of what has happened, and what became of each of these mails."""
