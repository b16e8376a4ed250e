package ui

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
)

// framePlace is the empty page that mail is shown in; strangerPlace is the page of links
// and upload requests, for who has no account.
const (
	framePlace    = "/mailframe"
	strangerPlace = "/stranger"
)

// framePolicy lets nothing run and nothing load in a shown mail but its own inline
// styles and pictures that the client put there. The sandbox stands in the iframe's
// attribute too.
const framePolicy = "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; " +
	"default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// filePolicy is for what is no page: opened by itself, it does nothing.
const filePolicy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// workerPolicy is for scripts: a worker obeys the policy it came with.
const workerPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types app"

// appPolicy is for the one page. The hashes are those of the import maps that stand
// in it: data that says which hash each import must have, and no script.
func appPolicy(index []byte) string {
	return "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'" + inlineHashes(index) + "; style-src 'self'; img-src 'self' data: blob:; " +
		"font-src 'self'; media-src 'self' blob:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; frame-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'; trusted-types app dompurify ProseMirrorClipboard"
}

// strangerPolicy is for the page of links and requests: it has no mail to show, and so
// no place for HTML, fonts or forms.
func strangerPolicy(page []byte) string {
	return "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'" + inlineHashes(page) + "; style-src 'self'; img-src 'self' data: blob:; " +
		"media-src 'self' blob:; connect-src 'self'; worker-src 'self'; frame-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types app"
}

// inlineHashes are the CSP sources of the import maps of a page. Other inline
// scripts get none, and do not run.
func inlineHashes(index []byte) string {
	var out strings.Builder
	for {
		_, rest, found := bytes.Cut(index, []byte(`<script type="importmap">`))
		if !found {
			return out.String()
		}
		inline, after, _ := bytes.Cut(rest, []byte("</script>"))
		sum := sha256.Sum256(inline)
		out.WriteString(" 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'")
		index = after
	}
}

// policyOf is the Content-Security-Policy of a place.
func policyOf(place, app string, content []byte) string {
	switch {
	case place == "/":
		return app
	case place == strangerPlace:
		return strangerPolicy(content)
	case place == framePlace:
		return framePolicy
	case place == "/sw.js", place == "/bring.js", strings.HasPrefix(place, "/assets/"):
		return workerPolicy
	}
	return filePolicy
}

// integrityPolicy has a browser run no script of a page that carries no hash (W3C
// Subresource Integrity, section 3.4).
const integrityPolicy = "blocked-destinations=(script)"

// powers are the features of a browser that the client has no use for; camera is for
// codes that another device shows.
const powers = "accelerometer=(), autoplay=(), camera=(self), display-capture=(), fullscreen=(self), geolocation=(), gyroscope=(), " +
	"hid=(), magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=(), xr-spatial-tracking=(), " +
	"publickey-credentials-create=(self), publickey-credentials-get=(self), browsing-topics=()"

// noPowers is for the frame of a mail.
const noPowers = "accelerometer=(), autoplay=(), camera=(), display-capture=(), fullscreen=(), geolocation=(), gyroscope=(), " +
	"hid=(), magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=(), xr-spatial-tracking=(), " +
	"publickey-credentials-create=(), publickey-credentials-get=(), browsing-topics=()"

// pageHeaders are what pages have beyond what every file has.
func pageHeaders(h http.Header, place string) {
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-DNS-Prefetch-Control", "off")
	if place == framePlace {
		h.Set("Permissions-Policy", noPowers)
		h.Set("X-Frame-Options", "SAMEORIGIN")
		return
	}
	h.Set("Permissions-Policy", powers)
	h.Set("X-Frame-Options", "DENY")
	h.Set("Integrity-Policy", integrityPolicy)
}
