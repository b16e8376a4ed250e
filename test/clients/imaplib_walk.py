"""Python's imaplib walks a mailbox: append, search, store, copy, expunge, idle-free.

usage: imaplib_walk.py HOST PORT CAFILE USER PASSWORD
Prints "ok" when all of it answered as RFC 9051 says.
"""
import imaplib
import ssl
import sys

host, port, ca, user, password = sys.argv[1:6]
context = ssl.create_default_context(cafile=ca)
imap = imaplib.IMAP4_SSL(host, int(port), ssl_context=context)


def ok(reply):
    kind, data = reply
    assert kind == "OK", (kind, data)
    return data


ok(imap.login(user, password))
names = b" ".join(ok(imap.list()))
for use in (rb"\Sent", rb"\Drafts", rb"\Trash", rb"\Junk", rb"\Archive"):
    assert use in names, names
ok(imap.create("Walk"))
ok(imap.subscribe("Walk"))
letter = b"From: me@demo.test\r\nTo: you@demo.test\r\nSubject: hidden words\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\nhello\r\n"
for _ in range(3):
    ok(imap.append("Walk", r"(\Seen)", None, letter))
assert ok(imap.select("Walk")) == [b"3"]
assert ok(imap.search(None, "SEEN")) == [b"1 2 3"]
assert ok(imap.search(None, "SUBJECT", '"hidden"')) == [b""], "the subject is visible"
assert ok(imap.search(None, "FROM", '"me@demo.test"')) == [b"1 2 3"]
whole = ok(imap.fetch("1", "(RFC822.SIZE BODY.PEEK[])"))[0]
assert b"hidden" not in whole[1] and b"multipart/encrypted" in whole[1]
assert int(whole[0].split(b"RFC822.SIZE ")[1].split()[0]) == len(whole[1])
part = ok(imap.fetch("1", "(BODY.PEEK[2]<0.27>)"))[0]
assert part[1] == b"-----BEGIN PGP MESSAGE-----", part
header = ok(imap.fetch("2", "(BODY.PEEK[HEADER.FIELDS (SUBJECT FROM)])"))[0][1]
assert b"Subject: [...]" in header, header
ok(imap.store("1", "+FLAGS", r"(\Flagged $Label1)"))
assert ok(imap.search(None, "KEYWORD", "$Label1")) == [b"1"]
ok(imap.copy("1:2", "Archive"))
ok(imap.uid("MOVE", "3", "Trash"))
ok(imap.store("1", "+FLAGS", r"(\Deleted)"))
assert ok(imap.expunge())[-1] == b"1"  # imaplib keeps what MOVE expunged in front
assert ok(imap.search(None, "ALL")) == [b"1"]
ok(imap.status("Archive", "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN)"))
ok(imap.close())
ok(imap.delete("Walk"))
assert imap.logout()[0] == "BYE"
print("ok")
