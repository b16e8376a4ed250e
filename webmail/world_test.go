package webmail

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing/fstest"
	"time"

	"sealpost/mail"
	"sealpost/pgp"
	"sealpost/pgp/discover"
	"sealpost/webmail/ui"
)

var testTime = time.Date(2026, 11, 22, 10, 20, 30, 0, time.UTC)

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// world is a door for mail.example.org, example.org, other.test and bücher.example.
// Bob, jürgen and an address at another.test have keys; bob's has a second user id;
// eve's is unlisted; carol's key does not say that it is hers.
type world struct {
	*Door
	index *Index
	logs  bytes.Buffer
	certs map[string]*pgp.Cert
	list  []string
	fail  error
	lists int
}

func newWorld() *world {
	w := &world{certs: map[string]*pgp.Cert{}, list: []string{"bob@example.org", "carol@example.org", "jürgen@bücher.example"}}
	for address, name := range map[string]string{"bob@example.org": "Bob", "eve@example.org": "Eve", "carol@example.org": "", "jürgen@bücher.example": ""} {
		id := address
		if strings.HasPrefix(address, "carol") {
			id = "somebody@else.example"
		}
		_, public, err := pgp.GenerateKey(name, id, pgp.Compat, testTime.AddDate(-1, 0, 0))
		if err != nil {
			panic(err)
		}
		w.certs[address] = must(pgp.ParseCert(public))
	}
	w.index = &Index{
		List: func(context.Context) ([]mail.Address, error) {
			w.lists++
			var list []mail.Address
			for _, a := range w.list {
				list = append(list, must(mail.ParseAddress(a)))
			}
			return list, w.fail
		},
		Cert: func(_ context.Context, a mail.Address) (*pgp.Cert, error) {
			if c := w.certs[a.String()]; c != nil {
				return c, w.fail
			}
			return nil, discover.ErrNoKey
		},
		Now: func() time.Time { return testTime },
	}
	w.Door = &Door{
		Hostname:    "mail.example.org",
		Names:       []string{"localhost"},
		App:         must(ui.New(fstest.MapFS{"index.html": {Data: []byte("<!doctype html><title>the webmail</title>")}, "assets/a-1.js": {Data: []byte("export {}")}})),
		Local:       func(d string) bool { return d == "example.org" || d == "other.test" || d == "bücher.example" },
		Certificate: w.index.Certificate,
		STS:         STS{Mode: "enforce", MaxAge: 7 * 24 * time.Hour},
		Ports:       Ports{IMAPS: 993, SMTPS: 465, Submission: 587},
		Secret:      []byte("secret"),
		Log:         slog.New(slog.NewTextHandler(&w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:         func() time.Time { return testTime },
	}
	return w
}

func (w *world) do(r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

func (w *world) get(url string) *httptest.ResponseRecorder {
	return w.do(httptest.NewRequest(http.MethodGet, url, nil))
}
