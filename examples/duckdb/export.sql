-- The rows to ask about, as JSON lines on stdout: all of them, each time. genbatch passes
-- over those that have an answer. Always in the same order, since without ORDER BY a
-- database promises none.
COPY (SELECT id, subject, body FROM tickets ORDER BY id) TO '/dev/stdout' (FORMAT json);
