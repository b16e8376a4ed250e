package api

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"sealpost/account"
	rfc "sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
)

// mailWorld has carol too, whose keys the test holds as her client would.
type mailWorld struct {
	*world
	carol   account.Account
	keys    *pgp.SecretKeys
	list    pgp.ListKey
	to      pgp.Recipient
	as, bob func(*http.Request)
}

var carolsKeys = sync.OnceValue(func() (k struct {
	secret, public []byte
	list           pgp.ListKey
}) {
	secret, public, err := pgp.GenerateKey("Carol", "carol@demo.test", pgp.Compat, testTime.AddDate(-1, 0, 0))
	k.secret, k.public = secret, must(public, err)
	k.list = must(pgp.GenerateListKey())
	return k
})

func newMailWorld(t testing.TB) *mailWorld {
	t.Helper()
	w := &mailWorld{world: newWorld(t), list: carolsKeys().list}
	w.Sending.Spool = t.TempDir()
	w.keys = must(pgp.ParseSecretKeys(carolsKeys().secret, nil))
	w.carol = must(w.Book.Add(t.Context(), account.New{
		Address: must(rfc.ParseAddress("carol@demo.test")), Cert: must(pgp.ParseCert(carolsKeys().public)), Profile: pgp.Compat,
		Level: pgp.Baseline, ListKey: w.list.Public(),
	}))
	if err := w.Store.Welcome(t.Context(), w.owner(), 0); err != nil {
		t.Fatal(err)
	}
	w.to = must(w.Book.Recipient(t.Context(), w.carol))
	w.as = basic("carol@demo.test", w.password(w.carol, "test", "api"))
	w.bob = basic("bob@demo.test", w.password(w.world.bob, "test", "api"))
	return w
}

func (w *mailWorld) owner() mailstore.Owner { return mailstore.Owner(w.carol.ID) }

const plain = "From: Eve <eve@example.org>\r\nTo: carol@demo.test\r\nSubject: the secret wombat\r\nMessage-ID: <1@example.org>\r\n\r\nquokka and numbat\r\n"

// seal is a mail for carol as it is stored.
func (w *mailWorld) seal(text string) pgp.Sealed {
	w.t.Helper()
	b := strings.NewReader(text)
	return must(pgp.Seal(w.t.Context(), pgp.Mail{Bytes: b, Gist: rfc.Look(w.t.Context(), b, rfc.DefaultLimits), Time: testTime}, w.to))
}

// encrypted is a mail that its sender encrypted to carol.
func (w *mailWorld) encrypted(text string) string {
	w.t.Helper()
	var out bytes.Buffer
	if err := pgp.Encrypt(w.t.Context(), &out, strings.NewReader(text), []*pgp.Cert{must(pgp.ParseCert(carolsKeys().public))}, false); err != nil {
		w.t.Fatal(err)
	}
	return out.String()
}

// deliver stores a mail in one of carol's mailboxes.
func (w *mailWorld) deliver(box, text string) mailstore.Event {
	w.t.Helper()
	return must(w.Store.Deliver(w.t.Context(), w.owner(), mailstore.Delivery{Box: box, Sealed: w.seal(text)}))
}

// open opens a sealed mail as carol's client does, and gives what it was.
func (w *mailWorld) open(sealed []byte) string {
	w.t.Helper()
	var out bytes.Buffer
	if _, err := (pgp.Opener{Keys: w.keys, Restore: true}).Open(w.t.Context(), bytes.NewReader(sealed), &out); err != nil {
		w.t.Fatalf("open: %v", err)
	}
	return out.String()
}

// mailbox is carol's of that name.
func (w *mailWorld) mailbox(name string) Mailbox {
	w.t.Helper()
	for _, b := range read[Mailboxes](w.t, w.ask("GET", "/mailboxes", nil, w.as), 200).Mailboxes {
		if b.Name == name {
			return b
		}
	}
	w.t.Fatalf("no mailbox %s", name)
	return Mailbox{}
}

type frame struct {
	uid     uint32
	content []byte
}

// framesOf reads frames to their very end.
func framesOf(t testing.TB, b []byte) (all []frame) {
	t.Helper()
	for len(b) > 0 {
		if len(b) < 8 || int(binary.BigEndian.Uint32(b[4:])) > len(b)-8 {
			t.Fatalf("%d bytes are no frame", len(b))
		}
		n := int(binary.BigEndian.Uint32(b[4:]))
		all = append(all, frame{binary.BigEndian.Uint32(b), b[8 : 8+n]})
		b = b[8+n:]
	}
	return all
}

// brokenBody breaks off.
type brokenBody struct{ r io.Reader }

func (b brokenBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (brokenBody) Close() error { return nil }

func recorded(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}
