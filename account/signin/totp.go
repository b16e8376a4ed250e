package signin

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"sealpost/account"
	"sealpost/account/limit"
)

// errFactor says that a code or an assertion does not fit.
var errFactor = errors.New("the second factor does not fit")

// totp is a shared secret for codes that change (RFC 6238: SHA-1, 30 seconds, six
// digits, which is what authenticator programs do).
type totp struct {
	Secret []byte    `json:"secret"`
	Last   int64     `json:"last"` // the step of the code used last: each serves once
	Since  time.Time `json:"since"`
}

const (
	totpStep   = 30
	totpSecret = 20 // bytes (RFC 4226, section 4)
	totpDrift  = 1  // steps that clocks may differ
)

// codeAt is the code of one step (RFC 4226, section 5.3).
func codeAt(secret []byte, step int64) string {
	h := hmac.New(sha1.New, secret)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(step)))
	sum := h.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:])&0x7fffffff%1_000_000)
}

// match finds the step a code is of, among those after the last one that was used.
func (t *totp) match(code string, now time.Time) (step int64, ok bool) {
	middle := now.Unix() / totpStep
	for s := middle - totpDrift; s <= middle+totpDrift; s++ {
		if subtle.ConstantTimeCompare([]byte(codeAt(t.Secret, s)), []byte(code)) == 1 && s > t.Last {
			step, ok = s, true
		}
	}
	return step, ok
}

// codes slows down guessing at six digits by who has the passphrase already, at all nodes.
type codes struct {
	mu     sync.Mutex
	limits *lru.Cache[limit.Mark, *rate.Limiter]
	shared *limit.Kind
}

const (
	codesAtOnce = 5
	codesEvery  = 2 * time.Minute // thereafter: a guesser needs months for even odds
)

func newCodes(l *limit.Ledger, now func() time.Time) *codes {
	c := &codes{limits: bounded[limit.Mark, *rate.Limiter](4096)}
	c.shared = l.Kind("codes", func(m limit.Mark, n int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		one := c.of(m)
		left := int(one.TokensAt(now()))
		for n = min(n, left+limit.Debt*codesAtOnce); n > 0; n -= codesAtOnce {
			one.ReserveN(now(), min(n, codesAtOnce))
		}
	})
	return c
}

// of finds or makes an account's. Called with mu held.
func (c *codes) of(m limit.Mark) *rate.Limiter {
	l, ok := c.limits.Get(m)
	if !ok {
		l = rate.NewLimiter(rate.Every(codesEvery), codesAtOnce)
		c.limits.Add(m, l)
	}
	return l
}

func (c *codes) allow(id account.ID, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.shared.Mark(string(id))
	if !c.of(m).AllowN(now, 1) {
		return false
	}
	c.shared.Used(m, 1)
	return true
}

// right forgets what was guessed here.
func (c *codes) right(id account.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limits.Remove(c.shared.Mark(string(id)))
}

// useCode spends a code, or fails with errFactor.
func (d *Desk) useCode(ctx context.Context, id account.ID, code string) error {
	if !d.codes.allow(id, d.Now()) {
		return account.ErrSlowDown
	}
	_, err := d.change(ctx, id, func(s *state) error {
		if s.TOTP == nil {
			return errFactor
		}
		step, ok := s.TOTP.match(code, d.Now())
		if !ok {
			return errFactor
		}
		s.TOTP.Last = step
		return nil
	})
	if err == nil {
		d.codes.right(id)
	}
	return err
}

// NewTOTP is a secret that its owner's program shall learn.
type NewTOTP struct{ Secret, URI string }

// BeginTOTP makes a secret. It counts once a code of it was typed.
func (d *Desk) BeginTOTP(ctx context.Context, by Right, a account.Account, issuer string) (NewTOTP, error) {
	d.start()
	if err := d.holds(by, a.ID); err != nil {
		return NewTOTP{}, err
	}
	t := &totp{Secret: random(totpSecret), Since: d.Now().UTC()}
	if _, err := d.change(ctx, a.ID, func(s *state) error { s.NewTOTP = t; return nil }); err != nil {
		return NewTOTP{}, err
	}
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(t.Secret)
	uri := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + a.Addresses[0].String()}
	uri.RawQuery = url.Values{"secret": {text}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}.Encode()
	return NewTOTP{text, uri.String()}, nil
}

// ConfirmTOTP makes the new secret the one that counts.
func (d *Desk) ConfirmTOTP(ctx context.Context, id account.ID, code string) error {
	d.start()
	if !d.codes.allow(id, d.Now()) {
		return account.ErrSlowDown
	}
	_, err := d.change(ctx, id, func(s *state) error {
		if s.NewTOTP == nil || d.Now().Sub(s.NewTOTP.Since) > time.Hour {
			return ErrNotFound
		}
		step, ok := s.NewTOTP.match(code, d.Now())
		if !ok {
			return ErrSignIn
		}
		s.TOTP, s.NewTOTP = s.NewTOTP, nil
		s.TOTP.Last = step
		return nil
	})
	if err == nil {
		d.codes.right(id)
	}
	return err
}

// RemoveTOTP asks for no codes any more.
func (d *Desk) RemoveTOTP(ctx context.Context, by Right, id account.ID) error {
	d.start()
	if err := d.holds(by, id); err != nil {
		return err
	}
	_, err := d.change(ctx, id, func(s *state) error {
		if s.TOTP == nil && s.NewTOTP == nil {
			return ErrNotFound
		}
		s.TOTP, s.NewTOTP = nil, nil
		return nil
	})
	return err
}

// Factors are an account's second factors.
type Factors struct {
	TOTP     bool
	Passkeys []Passkey
}

// Factors lists them.
func (d *Desk) Factors(ctx context.Context, id account.ID) (Factors, error) {
	s, err := d.read(ctx, id)
	if err != nil {
		return Factors{}, err
	}
	f := Factors{TOTP: s.TOTP != nil}
	for _, p := range s.Passkeys {
		_, unlocks := s.Containers[passkeyName+p.ID]
		f.Passkeys = append(f.Passkeys, Passkey{p.ID, p.Name, p.Created, p.Used, unlocks, p.Factor})
	}
	return f, nil
}
