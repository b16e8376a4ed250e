package push

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

type papers struct {
	mu  sync.Mutex
	all map[string][]byte
}

func (p *papers) Get(_ context.Context, account, name string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all[account+" "+name], nil
}

func (p *papers) Put(_ context.Context, account, name string, value []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[account+" "+name] = value
	if value == nil {
		delete(p.all, account+" "+name)
	}
	return nil
}

func (p *papers) All(_ context.Context, account string) (all [][]byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, v := range p.all {
		if strings.HasPrefix(k, account+" ") {
			all = append(all, v)
		}
	}
	return all, nil
}

func newRoom(client *http.Client) *Room {
	return &Room{
		Places: &papers{all: map[string][]byte{}}, Key: &papers{all: map[string][]byte{}}, HTTP: client, About: "mailto:x@demo.test",
		Live: func(_ context.Context, _, session string) (bool, error) { return session != "revoked", nil },
		Log:  slog.New(slog.DiscardHandler), Now: time.Now,
	}
}

// TestKnock: it has no words, says who we are (RFC 8292), a place that is gone is
// forgotten, and one whose session ended hears nothing more.
func TestKnock(t *testing.T) {
	t.Parallel()
	heard := make(chan *http.Request, 10)
	far := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if text, _ := io.ReadAll(r.Body); len(text) > 0 {
			t.Errorf("it says %q", text)
		}
		heard <- r
		if r.URL.Path == "/gone" {
			w.WriteHeader(http.StatusGone)
			return
		}
		w.WriteHeader(http.StatusCreated)
	}))
	defer far.Close()
	r := newRoom(far.Client())
	for _, path := range []string{"/here", "/gone"} {
		if err := r.Subscribe(t.Context(), "alice", "browser", far.URL+path); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Subscribe(t.Context(), "alice", "revoked", far.URL+"/lost"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	for range 5 {
		r.Stored("alice") // five mails are one knock
	}
	r.Stored("bob")
	for range 2 {
		select {
		case q := <-heard:
			checkToken(t, r, q, far.URL)
			if q.Header.Get("TTL") == "" || q.Header.Get("Urgency") != "normal" || q.Header.Get("Content-Encoding") != "" {
				t.Errorf("%v", q.Header)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nobody knocks")
		}
	}
	for range 500 {
		if all, _ := r.Places.All(ctx, "alice"); len(all) == 1 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	running.Wait()
	if all, _ := r.Places.All(t.Context(), "alice"); len(all) != 1 || !strings.HasSuffix(string(all[0]), "/here") {
		t.Errorf("known %q", all)
	}
	if len(heard) != 0 {
		t.Errorf("%d knocks too many, of a browser whose session ended or of one mail too many", len(heard))
	}
}

// checkToken verifies the signature as a push service does.
func checkToken(t *testing.T, r *Room, q *http.Request, audience string) {
	t.Helper()
	public, err := r.PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	token, key, ok := strings.Cut(strings.TrimPrefix(q.Header.Get("Authorization"), "vapid t="), ", k=")
	part := strings.Split(token, ".")
	if !ok || key != base64.RawURLEncoding.EncodeToString(public) || len(part) != 3 {
		t.Fatalf("%q", q.Header.Get("Authorization"))
	}
	sig, _ := base64.RawURLEncoding.DecodeString(part[2])
	k, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), public)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(part[0] + "." + part[1]))
	if len(sig) != 64 || !ecdsa.Verify(k, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		t.Error("the signature is wrong")
	}
	var claims struct {
		Aud, Sub string
		Exp      int64
	}
	text, _ := base64.RawURLEncoding.DecodeString(part[1])
	if json.Unmarshal(text, &claims) != nil || claims.Aud != audience || claims.Sub == "" || claims.Exp > time.Now().Add(24*time.Hour).Unix() {
		t.Errorf("it claims %s", text)
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	r := newRoom(http.DefaultClient)
	for _, bad := range []string{"http://push.example/x", "https://", "file:///etc", "https://u:p@push.example/", "https://push.example/" + strings.Repeat("x", mostURL), "", "//push.example"} {
		if err := r.Subscribe(t.Context(), "alice", "browser", bad); !errors.Is(err, ErrPlace) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for i := range mostPlaces {
		if err := r.Subscribe(t.Context(), "alice", "browser", fmt.Sprint("https://push.example/", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Subscribe(t.Context(), "alice", "browser", "https://push.example/0"); err != nil {
		t.Error(err)
	}
	if err := r.Subscribe(t.Context(), "alice", "browser", "https://push.example/more"); !errors.Is(err, ErrTooMany) {
		t.Error(err)
	}
	if err := r.Unsubscribe(t.Context(), "alice", "https://push.example/3"); err != nil {
		t.Error(err)
	}
	if err := r.Subscribe(t.Context(), "alice", "browser", "https://push.example/more"); err != nil {
		t.Error(err)
	}
}

// TestKeyStays over restarts: browsers are bound to it.
func TestKeyStays(t *testing.T) {
	t.Parallel()
	r := newRoom(http.DefaultClient)
	one, err := r.PublicKey(t.Context())
	if err != nil || len(one) != 65 {
		t.Fatal(err)
	}
	again := newRoom(http.DefaultClient)
	again.Key = r.Key
	if two, err := again.PublicKey(t.Context()); err != nil || !bytes.Equal(one, two) {
		t.Errorf("another key: %v", err)
	}
}
