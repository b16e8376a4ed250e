package ui

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// A Fault is a place of a live host that is not as its build has it.
type Fault struct {
	Place string
	Text  string // what is wrong, in words
}

// Whole says whether a manifest that was read from somewhere is consistent in itself.
func (m Manifest) Whole() error {
	if m.Build != hex.EncodeToString(m.sum()) {
		return fmt.Errorf("the manifest was changed: its build is not the hash of what it lists")
	}
	if m.Files["/index.html"] == "" {
		return fmt.Errorf("the manifest lists no /index.html")
	}
	return nil
}

// Verify fetches every place of a manifest from a live host and says what differs:
// bytes, types, policies, and anything the page refers to that is no part of the build.
// ask makes the request for a place, as whoever the answer is for would. An error means
// that it could not look.
func (m Manifest) Verify(ctx context.Context, client *http.Client, ask func(ctx context.Context, place string) (*http.Request, error)) ([]Fault, error) {
	var faults []Fault
	for _, at := range slices.Sorted(maps.Keys(m.Files)) {
		place := at
		if at == "/index.html" {
			place = "/"
		}
		r, err := ask(ctx, place)
		if err != nil {
			return nil, err
		}
		found, err := m.verifyOne(client, r, at)
		if err != nil {
			return nil, fmt.Errorf("fetch %s: %w", place, err)
		}
		for _, text := range found {
			faults = append(faults, Fault{place, text})
		}
	}
	return faults, nil
}

func (m Manifest) verifyOne(client *http.Client, r *http.Request, at string) (faults []string, err error) {
	response, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(m.Sizes[at])+1))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return []string{fmt.Sprintf("answers %d instead of the file", response.StatusCode)}, nil
	}
	sum := sha256.Sum256(body)
	switch {
	case len(body) > m.Sizes[at]:
		faults = append(faults, fmt.Sprintf("is longer than the %d bytes of the build", m.Sizes[at]))
	case base64.RawURLEncoding.EncodeToString(sum[:]) != m.Files[at]:
		faults = append(faults, "has other bytes than the build")
	}
	faults = append(faults, m.verifyHeader(response.Header, at)...)
	if at == "/index.html" || at == strangerPlace {
		faults = append(faults, m.verifyReferences(body, r.URL)...)
	}
	return faults, nil
}

// CSP is the policy that a place of the manifest must come with.
func (m Manifest) CSP(at string) string {
	policy, longest := m.DefaultCSP, -1
	for prefix, p := range m.ExtraCSP {
		if strings.HasPrefix(at, prefix) && len(prefix) > longest {
			policy, longest = p, len(prefix)
		}
	}
	return policy
}

func (m Manifest) verifyHeader(h http.Header, at string) (faults []string) {
	if got := h.Values("Content-Security-Policy"); len(got) != 1 || got[0] != m.CSP(at) {
		faults = append(faults, "has another Content-Security-Policy than the build")
	}
	want := map[string]string{"X-Content-Type-Options": "nosniff"}
	if at == "/index.html" || at == strangerPlace {
		want["Cross-Origin-Opener-Policy"] = "same-origin"
		want["Referrer-Policy"] = "no-referrer"
		want["Integrity-Policy"] = integrityPolicy
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if h.Get(name) != want[name] {
			faults = append(faults, "lacks "+name+": "+want[name])
		}
	}
	for _, name := range []string{"Refresh", "Link", "SourceMap", "Service-Worker-Allowed"} {
		if h.Get(name) != "" {
			faults = append(faults, "comes with a "+name+" field")
		}
	}
	return faults
}

// reference is what makes a browser load something when the page is parsed.
var reference = regexp.MustCompile(`(?i)\b(?:src|href|srcset|data|action|poster)\s*=\s*["']?([^"'\s>]*)`)

func (m Manifest) verifyReferences(page []byte, at *url.URL) (faults []string) {
	for _, found := range reference.FindAllSubmatch(page, -1) {
		u, err := at.Parse(string(found[1]))
		if err != nil || u.Scheme != at.Scheme || u.Host != at.Host || u.RawQuery != "" || m.Files[u.Path] == "" {
			faults = append(faults, fmt.Sprintf("refers to %q, which is no part of the build", found[1]))
		}
	}
	if n := bytes.Count(bytes.ToLower(page), []byte("<script")); n != bytes.Count(page, []byte("<script integrity=\"sha256-"))+bytes.Count(page, []byte(`<script type="importmap">`)) {
		faults = append(faults, "has a script without a hash")
	}
	return faults
}
