package pgp

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sealpost/mail"
)

// LargeMail is the size beyond which a mail gets a body letter.
const LargeMail = 256 << 10

// Seal encrypts m to one owner. What can fail fails here: with ErrNoKey or
// ErrRevoked for a certificate that cannot be sealed to. Letters of up to 1 MiB
// are encrypted when it returns, larger ones while they are written.
func Seal(ctx context.Context, m Mail, to Recipient) (Sealed, error) {
	return sealer{rand.Reader}.seal(ctx, m, to)
}

// sealer seals with a given source of randomness.
type sealer struct{ rand io.Reader }

func (s sealer) seal(ctx context.Context, m Mail, to Recipient) (Sealed, error) {
	if err := check(m, to); err != nil {
		return Sealed{}, fmt.Errorf("seal: %w", err)
	}
	if m.Time.IsZero() {
		m.Time = time.Now()
	}
	key, err := to.Cert.choose(to.Profile, m.Time)
	if err != nil {
		return Sealed{}, fmt.Errorf("seal: %w", err)
	}
	j := &job{Mail: m, to: to}
	if j.session, err = newSession(to.Profile, key, s.rand); err != nil {
		return Sealed{}, fmt.Errorf("seal: %w", err)
	}
	found := findCiphertext(m.Bytes, m.Gist.Header, to.Cert.mayOpen)
	if err := ctx.Err(); err != nil {
		return Sealed{}, err
	}
	if found != nil && found.exact {
		err = j.endToEnd(ctx, found)
	} else {
		err = j.whole(found != nil)
	}
	if err != nil {
		return Sealed{}, fmt.Errorf("seal: %w", err)
	}
	return j.sealed, nil
}

func check(m Mail, to Recipient) error {
	switch {
	case m.Bytes == nil || m.Gist == nil:
		return errors.New("there is no mail")
	case to.Cert == nil:
		return ErrNoKey
	case to.Profile != Compat && to.Profile != Modern:
		return fmt.Errorf("unknown profile %q", to.Profile)
	case to.Level != Open && to.Level != Baseline && to.Level != Shy && to.Level != Minimal:
		return fmt.Errorf("unknown header level %q", to.Level)
	case to.Level == Minimal && len(to.Pseudonym) != 32:
		return errors.New("level minimal needs a pseudonym key of 32 bytes")
	}
	return checkTrace(m.Trace)
}

// owns says that a PKESK names one of c's encryption keys, usable under the
// account's profile or not: its owner can open what was encrypted to it.
func (c *Cert) owns(p pkesk) bool {
	for _, k := range c.keys {
		id := k.pub.Fingerprint
		switch {
		case byte(k.pub.PubKeyAlgo) != p.algorithm:
			continue
		case p.version == 3 && k.pub.Version == 4:
			id = id[len(id)-8:]
		case p.version != 6 || int(p.keyVersion) != k.pub.Version:
			continue
		}
		if bytes.Equal(id, p.recipient) {
			return true
		}
	}
	return false
}

// mayOpen says that c's owner may be able to open what a PKESK leads to: it names one
// of c's encryption keys, or nobody, in the algorithm of one of them. Who hides the
// recipients of a mail names nobody (RFC 9580, section 5.1.8), as Delta Chat always does.
func (c *Cert) mayOpen(p pkesk) bool {
	if !p.anonymous() {
		return c.owns(p)
	}
	return slices.ContainsFunc(c.keys, func(k encryptionKey) bool { return byte(k.pub.PubKeyAlgo) == p.algorithm })
}

// job is one mail being sealed to one owner.
type job struct {
	Mail
	to      Recipient
	session *session
	sealed  Sealed
}

// add appends a letter or passes its error on.
func (j *job) add(l Letter, err error) error {
	if err == nil {
		j.sealed.letters = append(j.sealed.letters, l)
	}
	return err
}

// show sets the visible header and its envelope.
func (j *job) show(fields []field, f Form, charset string, class Class) error {
	outer := outerHeader(fields, f, charset)
	h, err := mail.ReadHeader(bytes.NewReader(outer), 0, int64(len(outer)))
	if err != nil {
		return fmt.Errorf("read visible header: %w", err)
	}
	envelope, err := mail.ReadEnvelope(h).MarshalBinary()
	if err != nil {
		return fmt.Errorf("write envelope: %w", err)
	}
	j.sealed.outer, j.sealed.envelope = outer, envelope
	j.sealed.form, j.sealed.class = f, class
	return nil
}

// whole seals a mail that arrived readable, or that was encrypted in a way
// that cannot be taken apart and put together again.
func (j *job) whole(encrypted bool) error {
	class := SealedOnArrival
	if encrypted {
		class = Both
	}
	fields := visibleFields(j.Mail, j.to.Level, j.to.Pseudonym)
	if err := j.show(fields, FormMIME, "", class); err != nil {
		return err
	}
	p, err := newPayload(j.Mail, fields, class, func(n int64) int64 { return j.session.letterSize(n, true) })
	if err != nil {
		return err
	}
	if err := j.add(j.session.letter(KindMessage, p.size, true, p.writeTo)); err != nil {
		return err
	}
	if err := j.terms(j.Gist); err != nil {
		return err
	}
	if j.Bytes.Size() > LargeMail {
		if err := j.body(); err != nil {
			return err
		}
	}
	return j.card(j.Gist, class, j.session.pkesk)
}

// endToEnd keeps the sender's packets and seals all that was around them.
func (j *job) endToEnd(ctx context.Context, c *ciphertext) error {
	fields := visibleFields(j.Mail, j.to.Level, j.to.Pseudonym)
	if h := j.Gist.Header; j.to.Level != Minimal && slices.Equal(h.Values(chatFile.name), []string{chatFile.value}) {
		fields = append(fields, chatFile)
	}
	if err := j.show(fields, c.form, c.charset, EndToEnd); err != nil {
		return err
	}
	if err := j.add(c.messageLetter(j.Bytes)); err != nil {
		return err
	}
	pkesks, err := c.pkesks(j.Bytes)
	if err != nil {
		return err
	}
	content, err := headerContent(j.Mail, c, pkesks, func(n int64) int64 { return j.session.letterSize(n, true) })
	if err != nil {
		return err
	}
	if err := j.add(j.session.letter(KindHeader, int64(len(content)), true, writeBytes(content))); err != nil {
		return err
	}
	g := headerGist(ctx, j.Mail)
	if err := j.terms(g); err != nil {
		return err
	}
	return j.card(g, EndToEnd, pkesks)
}

// terms seals one word a line; empty lines at the end pad it.
func (j *job) terms(g *mail.Gist) error {
	if len(g.Terms) == 0 {
		return nil
	}
	var least int64
	for _, word := range g.Terms {
		least += int64(len(word)) + 1
	}
	size := fit(least, func(n int64) int64 { return j.session.letterSize(n, false) })
	return j.add(j.session.letter(KindTerms, size, false, func(w io.Writer) error {
		return writeTerms(w, g.Terms, size-least)
	}))
}

// emptyLines pad terms, some at a time.
var emptyLines = strings.Repeat("\n", 64)

// writeTerms writes words and padding piece by piece, so that they are copied
// once only, to where they are encrypted.
func writeTerms(w io.Writer, words []string, padding int64) error {
	for _, word := range words {
		if _, err := io.WriteString(w, word); err != nil {
			return err
		}
		if _, err := io.WriteString(w, "\n"); err != nil {
			return err
		}
	}
	for padding > 0 {
		n := min(padding, int64(len(emptyLines)))
		if _, err := io.WriteString(w, emptyLines[:n]); err != nil {
			return err
		}
		padding -= n
	}
	return nil
}

// body seals the displayable parts, with padding in front of their header.
func (j *job) body() error {
	show := Shown{j.Bytes, j.Gist}
	if j.Shown != nil {
		show = *j.Shown
	}
	var count countingWriter
	count.w = io.Discard
	if err := show.Gist.WriteBody(&count, show.Bytes); err != nil {
		return fmt.Errorf("write body: %w", err)
	}
	padding := paddingFor(count.n, func(n int64) int64 { return j.session.letterSize(n, false) })
	return j.add(j.session.letter(KindBody, count.n+int64(padding), false, func(w io.Writer) error {
		if _, err := w.Write(appendPadding(make([]byte, 0, padding), padding)); err != nil {
			return err
		}
		return show.Gist.WriteBody(w, show.Bytes)
	}))
}

func (j *job) card(g *mail.Gist, class Class, pkesks []byte) error {
	if j.to.ListKey == nil {
		return nil
	}
	b, err := sealCard(newCard(j.Mail, g, class, messageTag(pkesks)), j.to.ListKey)
	return j.add(ready(KindCard, b), err)
}

func writeBytes(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}
