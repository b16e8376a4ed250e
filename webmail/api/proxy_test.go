package api

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"sealpost/pgp/discover"
)

func readFile(name string) ([]byte, error) { return os.ReadFile(name) }

func painted(form string, w, h int, behind string) []byte {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	m.Set(0, 0, color.RGBA{200, 30, 30, 255})
	var b bytes.Buffer
	switch form {
	case "png":
		must(0, png.Encode(&b, m))
	case "gif":
		must(0, gif.Encode(&b, m, nil))
	case "jpeg":
		must(0, jpeg.Encode(&b, m, nil))
	}
	return append(b.Bytes(), behind...)
}

// TestPicturesArePaintedAnew: nothing of the bytes that came is handed on.
func TestPicturesArePaintedAnew(t *testing.T) {
	t.Parallel()
	for form, want := range map[string]string{"png": "image/png", "gif": "image/png", "jpeg": "image/jpeg"} {
		kind, out, err := paint(painted(form, 8, 8, "<script>canary</script>"))
		if err != nil || kind != want || bytes.Contains(out, []byte("canary")) || http.DetectContentType(out) != want {
			t.Errorf("%s: %s %v", form, kind, err)
		}
	}
	var bomb bytes.Buffer // a few KB of one bit each
	must(0, png.Encode(&bomb, image.NewPaletted(image.Rect(0, 0, 5000, mostPixels/5000+1), color.Palette{color.Black, color.White})))
	for name, text := range map[string][]byte{
		"svg": []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>`), "html": []byte("<html><script>1</script>"),
		"cut": painted("png", 8, 8, "")[:40], "empty": nil, "bomb": bomb.Bytes(), "bmp": []byte("BM0000000000000000000000000000"),
	} {
		if _, _, err := paint(text); err == nil {
			t.Errorf("%s was painted", name)
		}
	}
}

func FuzzPaint(f *testing.F) {
	for _, form := range []string{"png", "gif", "jpeg"} {
		f.Add(painted(form, 3, 3, ""))
	}
	f.Add([]byte("RIFF\x1a\x00\x00\x00WEBPVP8L"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<16 {
			return
		}
		if kind, out, err := paint(text); err == nil && http.DetectContentType(out) != kind {
			t.Errorf("%s is %s", kind, http.DetectContentType(out))
		}
	})
}

// TestPicturesReachNoPrivateAddress: neither by name, by number, nor by redirect
// (ATTACKS B08, C06).
func TestPicturesReachNoPrivateAddress(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	inside := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Write(painted("png", 2, 2, ""))
	}))
	defer inside.Close()
	port := inside.URL[strings.LastIndexByte(inside.URL, ':'):]
	lookup := func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	client := PictureClient(discover.NewHTTP(lookup, nil))
	w := newSender(t)
	w.Sending.Images = client
	for _, place := range []string{
		inside.URL, "https://picture.example" + port, "https://localhost" + port, "https://[::1]" + port, "https://0.0.0.0" + port,
		"https://169.254.169.254/latest/meta-data", "https://2130706433" + port, "https://[::ffff:127.0.0.1]" + port,
		strings.Replace(inside.URL, "https", "http", 1), "file:///etc/passwd", "https://user:word@picture.example", "gopher://x", "",
	} {
		rec := w.as(w.alice, "GET", "/images?url="+strings.ReplaceAll(place, "&", "%26"), nil)
		if rec.Code < 400 || strings.Contains(rec.Body.String(), "127.0.0.1") || strings.Contains(rec.Body.String(), "picture.example") {
			t.Errorf("%s: %d %s", place, rec.Code, rec.Body)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("a private address was asked %d times", n)
	}
	if logs := w.logs.String(); strings.Contains(logs, "picture.example") || strings.Contains(logs, "127.0.0.1") {
		t.Errorf("the log says %s", logs)
	}
	for _, to := range []string{"http://picture.example/", "https://u:p@picture.example/"} {
		r := must(http.NewRequest("GET", to, nil))
		if client.CheckRedirect(r, []*http.Request{r}) == nil {
			t.Errorf("redirected to %s", to)
		}
	}
}

// TestPictureIsFetchedBare: without cookies, referrer or a word of who reads.
func TestPictureIsFetchedBare(t *testing.T) {
	t.Parallel()
	var got http.Header
	outside := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		http.SetCookie(w, &http.Cookie{Name: "track", Value: "1"})
		if r.URL.Path == "/large" {
			w.Write(append(painted("png", 2, 2, ""), make([]byte, mostPicture)...))
			return
		}
		w.Write(painted("png", 2, 2, "canary"))
	}))
	defer outside.Close()
	w := newSender(t)
	w.Sending.Images = PictureClient(outside.Client())
	rec := w.as(w.alice, "GET", "/images?url="+outside.URL+"/a", nil, header("Cookie", "secret=1"), header("Referer", "https://mail.demo.test/"))
	if rec.Code != 200 || rec.Header().Get("Content-Type") != "image/png" || bytes.Contains(rec.Body.Bytes(), []byte("canary")) || rec.Header().Get("Set-Cookie") != "" {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
	if got.Get("Cookie") != "" || got.Get("Referer") != "" || got.Get("X-Forwarded-For") != "" {
		t.Errorf("asked with %v", got)
	}
	expect(t, w.as(w.alice, "GET", "/images?url="+outside.URL+"/large", nil), 422, "no-picture")
	expect(t, w.ask("GET", "/images?url="+outside.URL+"/a", nil, basic("alice@demo.test", w.password(w.alice, "p", "api"))), 403, "forbidden")
}
