// Package pgp holds keys and sealing: what turns a readable mail into letters
// that only its owner's client opens (DESIGN 2), and the client side that opens
// them again.
//
// It never knows accounts, mailboxes, sockets or disks. No function here reads
// or writes a file.
//
// Invariants: Seal returns ciphertext or an error, never plaintext; one mail's
// message, terms and body share one session key and nothing else shares any;
// no compression; every opened packet is bounded in size.
package pgp

import (
	"errors"
	"io"
	"time"

	"sealpost/mail"
)

// Profile says which OpenPGP packets an account's clients read (DESIGN 2).
type Profile string

const (
	Compat Profile = "compat" // v4 keys, SEIPDv1: GnuPG 2.2, Thunderbird, OpenKeychain, OpenPGP.js
	Modern Profile = "modern" // SEIPDv2 AES-256-GCM, 64 KiB chunks
)

// Level says which header fields stay visible outside the seal (DESIGN 2).
type Level string

const (
	Open     Level = "open"     // Subject too
	Baseline Level = "baseline" // From, To, Cc, Date, Message-ID, In-Reply-To, References
	Shy      Level = "shy"      // no display names, date in UTC
	Minimal  Level = "minimal"  // pseudonymous From and ids, date to the hour
)

// Class says who sealed a mail (DESIGN 1).
type Class string

const (
	SealedOnArrival Class = "sealed on arrival"
	EndToEnd        Class = "end-to-end"
	Both            Class = "both"
)

// Kind names a letter.
type Kind uint8

const (
	KindMessage Kind = 1 + iota // the whole mail
	KindHeader                  // the original header of an end-to-end mail
	KindTerms                   // its words
	KindBody                    // its displayable parts, when it is large
	KindCard                    // its line in a list
)

// Form says how the message letter stands in the mail that IMAP serves.
type Form uint8

const (
	FormMIME   Form = 1 + iota // PGP/MIME, RFC 3156: multipart/encrypted, two parts
	FormInline                 // one text/plain part that is an armored message
)

var (
	// ErrNoKey says that a certificate has no subkey that may be sealed to.
	ErrNoKey = errors.New("no usable encryption key")
	// ErrRevoked says that the certificate or its encryption subkey was revoked.
	ErrRevoked = errors.New("encryption key is revoked")
)

// Recipient is all that sealing needs to know of an owner.
type Recipient struct {
	Cert      *Cert
	Profile   Profile
	Level     Level
	ListKey   []byte // X25519 public key of 32 bytes for cards; nil: no cards
	Pseudonym []byte // HMAC key of 32 bytes for Level Minimal
}

// Mail is a mail as it arrived and what was seen of it.
type Mail struct {
	Bytes mail.Bytes
	Gist  *mail.Gist
	Trace []byte    // our own header lines (Return-Path, Received, ...), CRLF, put in front inside the seal
	Time  time.Time // of arrival

	Verdict  Verdict // who it is from, for the card
	Junk     string  // why it is taken for junk, for the card; empty: it is not
	Shown    *Shown  // what the body letter shows in place of the mail; nil: the mail
	Authserv string  // our authserv-id (RFC 8601): fields of the mail that claim it are renamed inside the seal
}

// Shown is a mail as its readers are shown it, without what was put beside it.
type Shown struct {
	Bytes mail.Bytes
	Gist  *mail.Gist
}

// Verdict says in result words of RFC 8601 what was found out about who sent a
// mail. What was not checked is empty.
type Verdict struct {
	DMARC, SPF, DKIM string
	Verified         bool // the domain of From was proved
}

// Sealed is one mail's letters, all encrypted to their owner. Only Seal makes
// one, and mailstore takes nothing else. The message letter of a large mail is
// encrypted while it is written; the Mail must stay readable until then.
type Sealed struct {
	letters  []Letter
	outer    []byte
	envelope []byte
	form     Form
	class    Class
}

func (s Sealed) Letters() []Letter { return s.letters }

// Outer is the visible header section at the account's level, with its empty line.
func (s Sealed) Outer() []byte { return s.outer }

// Envelope is Outer as a mail.Envelope, encoded.
func (s Sealed) Envelope() []byte { return s.envelope }
func (s Sealed) Form() Form       { return s.form }
func (s Sealed) Class() Class     { return s.class }

// Letter is one sealed object. WriteTo writes its raw packets (for a card, its
// HPKE envelope) and may be called once.
type Letter struct {
	Kind  Kind
	size  int64
	write func(io.Writer) error
}

// Size is the number of bytes that WriteTo writes.
func (l Letter) Size() int64 { return l.size }

// WriteTo writes the letter and fails if that were not Size bytes.
func (l Letter) WriteTo(w io.Writer) (int64, error) {
	if l.write == nil {
		return 0, errors.New("empty letter")
	}
	c := &countingWriter{w: w}
	err := l.write(c)
	if err == nil && c.n != l.size {
		err = errLength
	}
	return c.n, err
}

// countingWriter counts what is written through it.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
