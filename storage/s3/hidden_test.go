package s3_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"sealpost/filestore/storagetest"
	"sealpost/storage/s3"
)

// TestNothingReadable: what a provider is told besides octets, and what we log and say in
// errors, has neither ids nor secrets nor rules in it (ATTACKS F01).
func TestNothingReadable(t *testing.T) {
	t.Parallel()
	h := build(t, quick, two, "east", "west")
	h.rules["of-canary.example"] = two
	h.open(t)
	b, err := h.Under("of-canary.example")
	if err != nil {
		t.Fatal(err)
	}
	refs := put(t, b, storagetest.Content(1, 5000), storagetest.Content(2, 9<<20))
	h.providers[1].fails(func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(http.StatusForbidden)
		w.Write([]byte("<Error><Code>AccessDenied</Code><Message>canary of the provider</Message></Error>"))
		return true
	})
	refs = append(refs, put(t, b, storagetest.Content(3, 5000))...)
	said := h.round(t)
	for _, p := range h.providers {
		p.fails(drops)
	}
	_, read := storagetest.Read(h, refs[0].ID)
	if said == nil || read == nil {
		t.Fatal("faults went unnoticed")
	}
	var heard strings.Builder
	for _, p := range h.providers {
		p.mu.Lock()
		heard.Write(p.heard.Bytes())
		p.mu.Unlock()
	}
	told := h.log.String() + errors.Join(said, read).Error()
	for _, word := range []string{"canary", "tester-secret"} {
		if strings.Contains(heard.String(), word) {
			t.Errorf("a provider was told %q", word)
		}
		if strings.Contains(told, word) {
			t.Errorf("log or errors have %q:\n%s", word, told)
		}
	}
	for _, p := range h.providers {
		if strings.Contains(told, p.Bucket) || strings.Contains(told, p.URL) {
			t.Errorf("log or errors have an address:\n%s", told)
		}
	}
	for _, ref := range refs {
		if strings.Contains(strings.ToLower(heard.String()), ref.ID.String()) {
			t.Error("a provider was told a blob's id in a name")
		}
	}
	if strings.Contains(heard.String(), "X-Amz-Meta-") {
		t.Error("objects have metadata")
	}
	if !strings.Contains(heard.String(), "PUT /") || len(told) < 100 {
		t.Fatal("this test looks in the wrong place")
	}
}

func TestSecretsHideThemselves(t *testing.T) {
	t.Parallel()
	e := s3.Endpoint{SecretKey: "tester-secret"}
	if text := e.SecretKey.LogValue().String() + e.SecretKey.String() + e.SecretKey.GoString(); strings.Contains(text, "tester") {
		t.Errorf("a secret shows itself: %s", text)
	}
}
