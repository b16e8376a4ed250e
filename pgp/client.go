package pgp

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"sealpost/mail"
)

// ClientMail is a mail that its owner's client sealed, as it came: nothing of it can
// be opened here.
type ClientMail struct {
	Header  []byte // fields that may be seen, CRLF, with their empty line
	Class   Class
	Charset string // of the visible header where the mail is an inline message; empty: PGP/MIME
	Letters []ClientLetter
	Time    time.Time // of arrival
}

// ClientLetter is the raw octets of one letter.
type ClientLetter struct {
	Kind Kind
	mail.Bytes
}

// ParseSealed takes a mail that its owner's client sealed, so that the server never
// has it readable. It goes by the shape of the letters, which are those that Seal
// makes, sizes included; the header may have fields that to.Level shows and no
// others, and is written anew. Everything else is ErrLetter. The letters must stay
// readable until they are written.
func ParseSealed(ctx context.Context, m ClientMail, to Recipient) (Sealed, error) {
	shown := Mail{Bytes: bytes.NewReader(m.Header), Time: m.Time}
	shown.Gist = mail.Look(ctx, shown.Bytes, mail.DefaultLimits)
	if err := check(shown, to); err != nil {
		return Sealed{}, fmt.Errorf("take sealed mail: %w", err)
	}
	if !saysOnlyVisible(shown.Gist.Header, m.Header, to.Level) {
		return Sealed{}, fmt.Errorf("%w: its header says more than the account's level shows", ErrLetter)
	}
	j := &job{Mail: shown, to: to}
	if err := j.take(m); err != nil {
		return Sealed{}, err
	}
	form, charset := FormMIME, ""
	if m.Charset != "" {
		form, charset = FormInline, charsetName(m.Charset)
	}
	if err := j.show(visibleFields(shown, to.Level, to.Pseudonym), form, charset, m.Class); err != nil {
		return Sealed{}, err
	}
	return j.sealed, nil
}

// saysOnlyVisible wants one clean header section without anything behind it, and in it
// each field once that a level shows. What is hidden must not even come.
func saysOnlyVisible(h mail.Header, all []byte, level Level) bool {
	if !h.Clean || h.Cut || !h.Blank || h.End != int64(len(all)) || len(all) > maxOuter {
		return false
	}
	seen := map[string]bool{}
	for _, f := range h.Fields {
		name := strings.ToLower(f.Name)
		switch name {
		case "from", "to", "cc", "date", "message-id", "in-reply-to", "references":
		case "subject":
			if level != Open {
				return false
			}
		default:
			return false
		}
		if seen[name] {
			return false
		}
		seen[name] = true
	}
	return true
}

// take adds the letters, in the order in which Seal makes them.
func (j *job) take(m ClientMail) error {
	found := map[Kind]ClientLetter{}
	for _, l := range m.Letters {
		if _, twice := found[l.Kind]; twice || l.Bytes == nil {
			return ErrLetter
		}
		found[l.Kind] = l
	}
	_, header := found[KindHeader]
	_, message := found[KindMessage]
	if !message || header != (m.Class == EndToEnd) || m.Charset != "" && !header {
		return ErrLetter
	}
	for _, k := range []Kind{KindMessage, KindHeader, KindTerms, KindBody, KindCard} {
		l, there := found[k]
		if !there {
			continue
		}
		delete(found, k)
		if !l.shaped(j.to, header) {
			return fmt.Errorf("%w: kind %d", ErrLetter, k)
		}
		j.sealed.letters = append(j.sealed.letters, l.letter())
	}
	if len(found) > 0 || m.Class != SealedOnArrival && m.Class != Both && m.Class != EndToEnd {
		return ErrLetter
	}
	return nil
}

// shaped says that a letter looks as one of its kind does. theirs: the message letter
// is the sender's own, of any size and to any number of keys.
func (l ClientLetter) shaped(to Recipient, theirs bool) bool {
	switch l.Kind {
	case KindMessage, KindHeader:
		keys, ours := 0, l.Kind == KindHeader || !theirs
		mine, err := walkMessage(io.NewSectionReader(l, 0, l.Size()), func(p pkesk) bool {
			keys++
			return to.Cert.owns(p) || !ours && to.Cert.mayOpen(p)
		})
		return err == nil && mine && (!ours || keys == 1 && bucket(l.Size()) == l.Size())
	case KindBody:
		return bucket(l.Size()) == l.Size() && shapedData(io.NewSectionReader(l, 0, l.Size()))
	case KindTerms, KindCard:
		if l.Size() > maxTerms {
			return false
		}
		b, err := io.ReadAll(io.NewSectionReader(l, 0, l.Size()))
		if err != nil {
			return false
		}
		if l.Kind == KindCard {
			return shapedCard(b, to.ListKey)
		}
		return bucket(l.Size()) == l.Size() && !BringsSessionKey(l) && shapedTerms(b, to.Cert)
	}
	return false
}

// shapedData says that there is one SEIPD packet and nothing else.
func shapedData(in io.Reader) bool {
	r := bufio.NewReader(in)
	h, err := readPacketHeader(r)
	if err != nil || h.tag != tagSEIPD || h.old || walkSEIPD(r, h) != nil {
		return false
	}
	_, err = r.ReadByte()
	return err == io.EOF
}

func (l ClientLetter) letter() Letter {
	return Letter{Kind: l.Kind, size: l.Size(), write: func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(l, 0, l.Size()))
		return err
	}}
}
