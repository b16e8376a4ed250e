package pgp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"time"
)

// maxHeaderLetter bounds a header letter that a client made anew: docs/formats.md
// bounds its parts.
const maxHeaderLetter = 1 << 20

// heads are the PKESK packets of a message: those that name a key of the owner, and
// those of others.
type heads struct {
	mine, others [][]byte
	first        pkesk // of mine
	size         int64
}

func (c *Cert) readHeads(in io.Reader) (h heads, next packetHeader, err error) {
	count := &countingReader{r: in}
	r := bufio.NewReader(count)
	next, err = readPKESKs(r, func(body []byte) error {
		p, err := parsePKESK(body)
		h.size = count.n - int64(r.Buffered())
		switch {
		case err != nil:
			return err
		case !c.owns(p):
			h.others = append(h.others, body)
			return nil
		case h.mine == nil:
			h.first = p
		}
		h.mine = append(h.mine, body)
		return nil
	})
	return h, next, err
}

// Exchange gives a letter of size bytes other PKESK packets, which its owner's client
// made: the same session key, sealed to the key that mail is sealed to now. What is
// behind them stays, octet for octet, and so do the packets of other readers. It fails
// with ErrLetter unless what comes is just that.
//
// The letter reads from old while it is written.
func Exchange(k Kind, old io.ReaderAt, size int64, keys []byte, to Recipient, at time.Time) (Letter, error) {
	if to.Cert == nil || len(keys) > maxPKESKHead {
		return Letter{}, ErrLetter
	}
	was, next, err := to.Cert.readHeads(io.NewSectionReader(old, 0, size))
	if err != nil || next.tag != tagSEIPD {
		return Letter{}, errors.Join(ErrLetter, err)
	}
	now, _, err := to.Cert.readHeads(bytes.NewReader(keys))
	if err != io.EOF || now.size != int64(len(keys)) || len(now.mine) != 1 || !to.current(now.first, at) {
		return Letter{}, ErrLetter
	}
	if !to.Cert.follows(was, now) {
		return Letter{}, ErrLetter
	}
	head := bytes.Clone(keys)
	rest := size - was.size
	return Letter{Kind: k, size: int64(len(head)) + rest, write: func(w io.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		n, err := io.Copy(w, io.NewSectionReader(old, was.size, rest))
		if err == nil && n != rest {
			err = io.ErrUnexpectedEOF
		}
		return err
	}}, nil
}

// follows says that now is was with the packets to the owner replaced by its one. Where
// none named the owner, it stands for one of those that named nobody.
func (c *Cert) follows(was, now heads) bool {
	if len(was.mine) > 0 {
		return now.first.version == was.first.version && slices.EqualFunc(was.others, now.others, bytes.Equal)
	}
	for i, other := range was.others {
		p, err := parsePKESK(other)
		if err != nil || !p.anonymous() || !c.mayOpen(p) || p.version != now.first.version {
			continue
		}
		if slices.EqualFunc(slices.Delete(slices.Clone(was.others), i, i+1), now.others, bytes.Equal) {
			return true
		}
	}
	return false
}

// current says that a PKESK names the key that mail is sealed to now.
func (to Recipient) current(p pkesk, at time.Time) bool {
	k, err := to.Cert.choose(to.Profile, at)
	if err != nil {
		return false
	}
	one := Cert{keys: []encryptionKey{k}}
	return one.owns(p)
}

// ParseHeaderLetter takes a header letter that its owner's client made anew, since the
// message letter that it names has other PKESK packets: one PKESK to the key that mail
// is sealed to now, and one SEIPD to the end.
func ParseHeaderLetter(b []byte, to Recipient, at time.Time) (Letter, error) {
	if len(b) > maxHeaderLetter || to.Cert == nil {
		return Letter{}, ErrLetter
	}
	keys, current := 0, false
	if _, err := walkMessage(bytes.NewReader(b), func(p pkesk) bool {
		keys++
		current = to.current(p, at)
		return current
	}); err != nil || keys != 1 || !current {
		return Letter{}, ErrLetter
	}
	return ready(KindHeader, bytes.Clone(b)), nil
}
