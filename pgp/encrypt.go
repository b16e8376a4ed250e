package pgp

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"sealpost/mail"
)

// ErrHeader says that a mail's header cannot be protected, because readers would
// not agree on where its fields begin and end.
var ErrHeader = errors.New("header section is damaged or too large")

// maxOwnHeader bounds the header section of a mail that Encrypt takes, in bytes.
const maxOwnHeader = 256 << 10

// Encrypt writes m as PGP/MIME (RFC 3156) with header protection (RFC 9788) for
// others to read: the outer header keeps what is needed to deliver, answer and
// thread, its Subject is "[...]". Nobody signs. All certificates can open it; with
// hidden their key ids are not shown. What it writes is 7-bit CRLF lines, but for
// addresses whose local part is not ASCII (RFC 6532), which nothing else can carry.
//
// It fails with ErrNoKey or ErrRevoked for a certificate that cannot be encrypted
// to and with ErrHeader for a mail that cannot be protected, before it writes. What
// was written is of no use when it fails later.
func Encrypt(ctx context.Context, w io.Writer, m mail.Bytes, to []*Cert, hidden bool) error {
	if err := encryptMail(ctx, w, m, to, hidden, rand.Reader); err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	return nil
}

// Encrypted says that the sender's client has encrypted m already: PGP/MIME or a
// plain text that is nothing but one OpenPGP message, known by its packets and not
// by what its header says of it. h is m's top header section.
func Encrypted(m mail.Bytes, h mail.Header) bool {
	return findCiphertext(m, h, func(pkesk) bool { return true }) != nil
}

func encryptMail(ctx context.Context, w io.Writer, m mail.Bytes, to []*Cert, hidden bool, rand io.Reader) error {
	h, err := mail.ReadHeader(m, 0, maxOwnHeader)
	if err != nil {
		return err
	}
	if h.Cut || !h.Clean {
		return ErrHeader
	}
	outer := shownFields(h)
	if outer[0].name != "From" {
		return ErrHeader
	}
	s, err := sharedSession(to, hidden, rand)
	if err != nil {
		return err
	}
	head := protectedHeader(h, outer)
	size := func(padding int) int64 { return int64(len(head)+padding) + m.Size() - h.End }
	padding := paddingFor(size(0), func(n int64) int64 { return s.letterSize(n, true) })
	d, err := newSealedData(s.profile, s.key, size(padding), rand)
	if err != nil {
		return err
	}
	content := func(w io.Writer) error {
		if _, err := w.Write(append(appendPadding(nil, padding), head...)); err != nil {
			return err
		}
		_, err := io.Copy(w, &contextReader{ctx, io.NewSectionReader(m, h.End, m.Size()-h.End)})
		return err
	}
	return frameMessage(w, outer, func(w io.Writer) error {
		if _, err := w.Write(s.pkesk); err != nil {
			return err
		}
		return d.writeTo(w, content)
	})
}

// frameMessage writes the mail around its packets. The padding makes their number
// one that needs no checksum (see checksum.go).
func frameMessage(w io.Writer, outer []field, packets func(io.Writer) error) error {
	before, behind := FormMIME.frame()
	if _, err := io.WriteString(w, string(outerHeader(outer, FormMIME, ""))+before); err != nil {
		return err
	}
	a := newArmorWriter(w, armorWidth)
	if err := packets(a); err != nil {
		return err
	}
	if err := a.Close(); err != nil {
		return err
	}
	_, err := io.WriteString(w, behind)
	return err
}

// sharedSession draws a session key and encrypts it to every certificate. Packets
// of version 2 are for those only who all say that they read them.
func sharedSession(to []*Cert, hidden bool, rand io.Reader) (*session, error) {
	s := &session{profile: commonProfile(to), rand: rand}
	if _, err := io.ReadFull(rand, s.key[:]); err != nil {
		return nil, fmt.Errorf("draw session key: %w", err)
	}
	var b bytes.Buffer
	seen := map[string]bool{}
	for _, c := range to {
		k, err := c.forOthers(s.profile, time.Now())
		if err != nil {
			return nil, err
		}
		if seen[c.fingerprint] {
			continue
		}
		seen[c.fingerprint] = true
		if err := writePKESK(&b, k, s, hidden); err != nil {
			return nil, fmt.Errorf("encrypt session key: %w", err)
		}
	}
	switch {
	case len(seen) == 0:
		return nil, ErrNoKey
	case len(seen) > maxPKESKs, b.Len() > maxPKESKHead:
		return nil, errors.New("too many recipients for one message")
	}
	s.pkesk = b.Bytes()
	return s, nil
}
