package api

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"sealpost/pgp/discover"
)

// TestUnsubscribeSaysOneClickAndNoMore (RFC 8058, section 3.1).
func TestUnsubscribeSaysOneClickAndNoMore(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	outside := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if r.Method != "POST" || string(text) != "List-Unsubscribe=One-Click" || r.Header.Get("Cookie") != "" || r.Header.Get("Referer") != "" {
			t.Errorf("asked with %s %q %v", r.Method, text, r.Header)
		}
		switch asked.Add(1); r.URL.Path {
		case "/gone":
			w.WriteHeader(http.StatusGone)
		case "/on":
			http.Redirect(w, r, "/done", http.StatusTemporaryRedirect)
		default:
			io.WriteString(w, "canary")
		}
	}))
	defer outside.Close()
	w := newSender(t)
	w.Sending.Images = PictureClient(outside.Client())
	rec := w.as(w.alice, "POST", "/unsubscribe", map[string]string{"url": outside.URL + "/u"}, header("Cookie", "secret=1"))
	if rec.Code != 204 || strings.Contains(rec.Body.String(), "canary") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	expect(t, w.as(w.alice, "POST", "/unsubscribe", map[string]string{"url": outside.URL + "/gone"}), 422, "refused")
	expect(t, w.as(w.alice, "POST", "/unsubscribe", map[string]string{"url": outside.URL + "/on"}), 422, "refused")
	if n := asked.Load(); n != 3 {
		t.Errorf("asked %d times: a redirect was followed", n)
	}
}

// TestUnsubscribeReachesNoPrivateAddress (ATTACKS B08).
func TestUnsubscribeReachesNoPrivateAddress(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	inside := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer inside.Close()
	lookup := func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	w := newSender(t)
	w.Sending.Images = PictureClient(discover.NewHTTP(lookup, nil))
	port := inside.URL[strings.LastIndexByte(inside.URL, ':'):]
	for _, place := range []string{inside.URL, "https://list.example" + port, "http://list.example", "https://u:p@list.example", "file:///x", ""} {
		if rec := w.as(w.alice, "POST", "/unsubscribe", map[string]string{"url": place}); rec.Code < 400 || strings.Contains(rec.Body.String(), "list.example") {
			t.Errorf("%s: %d %s", place, rec.Code, rec.Body)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("a private address was asked %d times", n)
	}
}
