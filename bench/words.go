package main

import "runtime"

func goVersion() string { return runtime.Version() }

// servers explains the names in the tables.
const servers = `- **sealpost**: the binary with its default settings but for ` + "`screen.on = false`" + `, since Postfix judges nothing here, profile ` + "`compat`" + `, a key and a list key for every account. Each mail is looked at, sealed to its
  owner's Curve25519 key as message, terms, card and (over 256 KB) body, written and synced before its 250.
- **modern**: the same with profile ` + "`modern`" + ` (AES-256-GCM), on some of the loads.
- **P+D**: Postfix, LMTP, Dovecot, Maildir. Nothing is encrypted. 250 means queued and synced; the mail is stored later.
- **P+D+crypt**: the same with Dovecot's mail_crypt in its cheapest mode, one key pair for the server. What it protects is less: the server holds the
  private key, and Postfix's queue holds each mail in the clear, synced to the disk, before Dovecot encrypts it.
- **LMTP**: Dovecot's LMTP alone, no SMTP, no queue: what remains if Postfix cost nothing.
`

const sentMethod = `Mails are submitted over TLS on kept sessions, put into a durable queue, and sent to ten domains elsewhere, whose servers are one program on loopback that counts what comes.
sealpost's people sign in with an app password; Postfix knows this machine's addresses and asks for none. sealpost looks whether a recipient has a key, adds the sender's
(Autocrypt), signs with RSA-2048 and Ed25519, seals the queue entry and finds its way by a name server on loopback; the mail programs keep their own Sent copies. Postfix
has a table instead of the DNS. Both find STARTTLS elsewhere in the last row only. After each repetition the arrivals are counted by Message-ID, and the signatures of one verified.
opendkim signs with RSA-2048 alone.
`

const judgedMethod = "4 KB mails of five domains that publish SPF, DKIM and DMARC, each signed by RSA-2048 and by Ed25519, to a sealpost with `screen.on = false`, to one with `screen.on = true`,\n" +
	`and to Postfix, which looks at none of it. The answers of the name server are remembered by sealpost for their time to live, as those of busy senders are.

`

const movedMethod = "`sealpost import` of mails of 10 KB into an account of a running server, and the memory of both: the peak of each (PSS, with the index\n" +
	"that the server maps and the kernel may take back), and the medians of their sum, mapped files left out, in the first and the last quarter of the time.\n\n"

const reading = `sealpost sends each mail as the armored ciphertext a client will open, a third larger than its packets, and keeps packets only: the armor is made while it
is sent. Its list shows the visible header of the account's level. Dovecot's first list reads every file and fills its cache, its later ones read the cache.
`

// method is the part of the page that does not change from run to run.
const method = "`make bench` (or `go run ./bench`) makes all of it again: as root on Debian it installs Postfix, Dovecot and opendkim from Debian's packages, elsewhere it says so and measures sealpost alone.\n" +
	"`go run ./bench -quick` takes three minutes and writes no page; `-part inbound`, `outbound`, `moving`, `files`, `imap` or `cluster` measures that alone. Every server runs from a temporary folder on one disk, on loopback, with its own configuration; the system's\n" +
	"own Postfix and Dovecot are not touched.\n" + `
- **Load.** One client for all, persistent connections opened before the clock starts, MAIL, RCPT and DATA pipelined, one recipient a mail, mails dealt to the mailboxes in turn.
  No TLS on the way in for anyone, TLS on submission and IMAP for everyone. Every server gets the same mails in the same order. They are generated: words with the frequencies of a language,
  two Received lines and a signature, plain text at 4 KB, text and HTML at 75 KB, an attachment in base64 at 1 MB. No two are alike.
- **Amount.** Each repetition sends about as many mails as that server stores in a second or so, judging by what it did before, after a warm-up that is not counted. A server is
  never measured on a rate it cannot hold. After each one the mails are counted, over IMAP or where they went; one that was acknowledged and is missing makes the repetition a failure.
- **Order.** All servers of a part run while it lasts and are driven one at a time, in turn, each repetition beginning with another one. Client and server share the cores: the
  client's part weighs most on whoever is fastest, so the true ratios are a little better for sealpost than shown.
- **Durability.** Everyone's syncs are on: Postfix syncs its queue file, Dovecot (mail_fsync=optimized, its default) the mail, sealpost its segment and its index before 250.
- **CPU** comes from a control group of version 2 around each server, so processes that live for one mail are counted; without control groups from /proc. Work the kernel does
  in its own threads (writing back, the journal) is counted for nobody. One second of CPU is worth less while the other core, or another guest of the host, is busy:
  the X25519 time above says what this machine was worth when the run began.
- **In favour of the others.** Dovecot's mailboxes are emptied before every repetition, as Maildir slows down when it grows; sealpost's keep all mail of the whole run.
  Postfix runs without chroot; in_flow_delay=0 was tried and made no difference. No filter, no virus scanner, no DNS look-ups.
- **In favour of sealpost.** It logs less: Postfix and Dovecot write some ten lines a mail, Postfix through its own log daemon, as they do in service. On the way in it keeps no queue,
  since a mail that is stored before its 250 needs none; that, with syncs that many mails share, is most of the difference. Postfix's queue buys what sealpost does not
  offer: a mail is accepted while the store behind it is down.
- **Not measured.** Networks, STARTTLS handshakes, disks whose sync takes 5 ms: there the sync that many mails share weighs more on the way in; a mail on the way out waits for several, one after the other, and at Postfix for one.
`
