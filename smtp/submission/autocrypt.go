package submission

import (
	"context"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/pgp"
	"sealpost/pgp/discover"
)

const (
	maxShown = 1000
	// shownFor is how long a field is used again: which subkey is the right one may
	// change with time.
	shownFor = time.Hour
)

// shown remembers Autocrypt fields: writing one checks signatures of the key, and
// costs more than all else that is done with a small mail, but for signing it. Its
// zero value is empty; it is safe for concurrent use.
type shown struct {
	once sync.Once
	made *lru.Cache[showing, field]
}

// showing is what a field is made of. A certificate that changed is another one.
type showing struct {
	cert   *pgp.Cert
	author mail.Address
	mutual bool
}

type field struct {
	text []byte
	at   time.Time
}

// field is not to be changed by who gets it.
func (s *shown) field(what showing, now time.Time) ([]byte, error) {
	s.once.Do(func() {
		s.made, _ = lru.New[showing, field](maxShown) // fails for a size below one only
	})
	if f, ok := s.made.Get(what); ok && now.Sub(f.at).Abs() < shownFor {
		return f.text, nil
	}
	text, err := discover.Header(what.author, what.cert, what.mutual)
	if err != nil {
		return nil, err
	}
	f := field{[]byte(text), now}
	s.made.Add(what, f)
	return f.text, nil
}

// autocrypt is the field that tells others the sender's key (autocrypt.org), unless
// there is one. A key that cannot be shown is no reason not to send.
func (t *transaction) autocrypt(ctx context.Context, d *draft) []byte {
	if _, has := d.header.Get("Autocrypt"); has || t.who.ID == "" {
		return nil
	}
	own, err := t.h.Book.Recipient(ctx, t.who.Account)
	if err != nil {
		return nil
	}
	text, err := t.h.shown.field(showing{own.Cert, d.author, t.who.Encrypt != account.EncryptNever}, d.time)
	if err != nil {
		return nil
	}
	return text
}
