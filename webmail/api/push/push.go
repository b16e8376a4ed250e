// Package push knocks at browsers when mail came (RFC 8030): with no words at all, so
// that who carries the knock learns that there is mail, and nothing else. The browser
// then asks us what is new, and opens it on its owner's device.
//
// It never knows a mail, and never a browser but by the address that its owner gave.
//
// Invariants: a knock has no body; only https hosts of the open internet are knocked
// at; how many places an account has, and how often they are knocked at, is bounded.
package push

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

var (
	// ErrTooMany says that an account has as many places as it may.
	ErrTooMany = errors.New("too many places to knock at")
	// ErrPlace says that an address is none that can be knocked at.
	ErrPlace = errors.New("not a place to knock at: expected an https URL")
)

const (
	mostPlaces = 20
	mostURL    = 1000
	pause      = 10 * time.Second // between two knocks of one account
	waiting    = 1024             // accounts that wait for their knocks
	workers    = 4
	each       = 15 * time.Second
	lives      = 4 * time.Hour  // TTL: later nobody needs it
	tokenLives = 12 * time.Hour // of a VAPID token: at most 24 (RFC 8292, section 2)
)

// Papers keeps octets of accounts, sealed and durable; storage/bolt has them. Put of
// nil removes.
type Papers interface {
	Get(ctx context.Context, account, name string) ([]byte, error)
	Put(ctx context.Context, account, name string, value []byte) error
	All(ctx context.Context, account string) ([][]byte, error)
}

// Room knocks. Its fields are set once, before use.
type Room struct {
	Places Papers
	Key    Papers // the server's own key, under no account
	Live   func(ctx context.Context, account, session string) (bool, error)
	HTTP   *http.Client // reaches no private address
	About  string       // who runs this server, a mailto: or https: URL (RFC 8292, section 2.1)
	Log    *slog.Logger
	Now    func() time.Time

	once sync.Once
	due  chan string
	mu   sync.Mutex
	last map[string]time.Time // of accounts, their last knock or the one that waits
	key  *ecdsa.PrivateKey
	// changing keeps two that subscribe at once from passing the bound together.
	changing sync.Mutex
}

func (r *Room) prepare() {
	r.once.Do(func() { r.due, r.last = make(chan string, waiting), map[string]time.Time{} })
}

// PublicKey is what browsers subscribe with: an uncompressed point of P-256 (RFC 8292,
// section 3.2).
func (r *Room) PublicKey(ctx context.Context) ([]byte, error) {
	k, err := r.signer(ctx)
	if err != nil {
		return nil, err
	}
	return k.PublicKey.Bytes()
}

// signer loads the key, or makes it the first time.
func (r *Room) signer(ctx context.Context) (*ecdsa.PrivateKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.key != nil {
		return r.key, nil
	}
	der, err := r.Key.Get(ctx, "", "")
	if err != nil {
		return nil, fmt.Errorf("read the key of knocks: %w", err)
	}
	if der != nil {
		if r.key, err = x509.ParseECPrivateKey(der); err != nil {
			return nil, errors.New("the key of knocks is damaged")
		}
		return r.key, nil
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err == nil {
		der, err = x509.MarshalECPrivateKey(k)
	}
	if err == nil {
		err = r.Key.Put(ctx, "", "", der)
	}
	if err != nil {
		return nil, fmt.Errorf("make the key of knocks: %w", err)
	}
	r.key = k
	return k, nil
}

// Subscribe remembers a place of an account, up to twenty of them, for as long as the
// session lives that named it.
func (r *Room) Subscribe(ctx context.Context, account, session, place string) error {
	if _, err := origin(place); err != nil {
		return err
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	there, err := r.Places.Get(ctx, account, place)
	if err != nil {
		return err
	}
	if there == nil {
		all, err := r.Places.All(ctx, account)
		if err != nil {
			return err
		}
		if len(all) >= mostPlaces {
			return ErrTooMany
		}
	}
	return r.Places.Put(ctx, account, place, []byte(session+" "+place))
}

// Unsubscribe forgets a place; one that is not known is no error.
func (r *Room) Unsubscribe(ctx context.Context, account, place string) error {
	return r.Places.Put(ctx, account, place, nil)
}

// origin is the audience of a token (RFC 8292, section 2), of a URL that may be knocked at.
func origin(place string) (string, error) {
	u, err := url.Parse(place)
	if err != nil || len(place) > mostURL || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" || u.Hostname() == "" {
		return "", ErrPlace
	}
	return "https://" + u.Host, nil
}

// Stored says that mail came for an account. It never waits, and a knock too few does no
// harm: browsers that are open know by themselves.
func (r *Room) Stored(account string) {
	r.prepare()
	now := r.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.last[account]) < pause {
		return
	}
	if len(r.last) > 4*waiting {
		for id, at := range r.last {
			if now.Sub(at) >= pause {
				delete(r.last, id)
			}
		}
	}
	select {
	case r.due <- account:
		r.last[account] = now
	default:
	}
}

// Run knocks until ctx ends.
func (r *Room) Run(ctx context.Context) {
	r.prepare()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case id := <-r.due:
					r.knockAll(ctx, id)
				}
			}
		})
	}
	wg.Wait()
}

func (r *Room) knockAll(ctx context.Context, account string) {
	defer func() {
		if v := recover(); v != nil {
			r.Log.Error("knocking panicked", "account", account, "type", fmt.Sprintf("%T", v))
		}
	}()
	places, err := r.Places.All(ctx, account)
	if err != nil {
		r.Log.Warn("nobody was knocked at", "account", account, "error", err)
		return
	}
	for _, p := range places[:min(len(places), mostPlaces)] {
		session, place, _ := strings.Cut(string(p), " ")
		live, err := r.Live(ctx, account, session)
		if err != nil {
			r.Log.Warn("nobody was knocked at", "account", account, "error", err)
			return
		}
		status := http.StatusGone
		if live {
			status, err = r.knock(ctx, place)
		}
		switch {
		case status == http.StatusNotFound || status == http.StatusGone: // RFC 8030, section 7.3
			if err := r.Unsubscribe(ctx, account, place); err != nil {
				r.Log.Warn("a place that is gone is still known", "account", account, "error", err)
			}
		case err != nil || status/100 != 2:
			r.Log.Debug("a knock was not heard", "account", account, "status", status)
		}
	}
}

func (r *Room) knock(ctx context.Context, place string) (status int, err error) {
	audience, err := origin(place)
	if err != nil {
		return 0, err
	}
	authorization, err := r.token(ctx, audience)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, each)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, place, http.NoBody)
	if err != nil {
		return 0, err
	}
	q.Header.Set("Authorization", authorization)
	q.Header.Set("TTL", fmt.Sprint(int(lives.Seconds())))
	q.Header.Set("Urgency", "normal")
	q.Header.Set("Topic", "mail") // a later knock takes the place of one that was not heard
	q.Header.Set("User-Agent", "sealpost")
	a, err := r.HTTP.Do(q)
	if err != nil {
		return 0, errors.New("the place did not answer") // its error names it
	}
	defer a.Body.Close()
	_, _ = io.CopyN(io.Discard, a.Body, 4<<10)
	return a.StatusCode, nil
}

// token is who we are, for one audience (RFC 8292, sections 2 and 3; RFC 7515).
func (r *Room) token(ctx context.Context, audience string) (string, error) {
	k, err := r.signer(ctx)
	if err != nil {
		return "", err
	}
	public, err := k.PublicKey.Bytes()
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(map[string]any{"aud": audience, "exp": r.Now().Add(tokenLives).Unix(), "sub": r.About})
	if err != nil {
		return "", err
	}
	code := base64.RawURLEncoding.EncodeToString
	text := code([]byte(`{"typ":"JWT","alg":"ES256"}`)) + "." + code(claims)
	sum := sha256.Sum256([]byte(text))
	x, y, err := ecdsa.Sign(rand.Reader, k, sum[:])
	if err != nil {
		return "", err
	}
	sig := make([]byte, 64)
	x.FillBytes(sig[:32])
	y.FillBytes(sig[32:])
	return strings.Join([]string{"vapid t=", text, ".", code(sig), ", k=", code(public)}, ""), nil
}
