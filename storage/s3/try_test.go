package s3_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sealpost/storage/s3"
)

// TestTry: an endpoint that has all that is needed is well and is left as it was; of any other it is said what it lacks.
func TestTry(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "east")
	quick := s3.Options{Backoff: time.Millisecond}
	if err := s3.Try(t.Context(), p.Endpoint, quick); err != nil {
		t.Fatal(err)
	}
	if left := p.objects(t); len(left) > 0 {
		t.Errorf("a try leaves %q", left)
	}
	wrongBucket, wrongKey, nobody := p.Endpoint, p.Endpoint, p.Endpoint
	wrongBucket.Bucket, wrongKey.SecretKey, nobody.URL = "nowhere", "not the secret", "http://127.0.0.1:1"
	for _, c := range []struct {
		to   s3.Endpoint
		want string
	}{
		{wrongBucket, "bucket is missing"},
		{wrongKey, "request was refused"},
		{nobody, "write an object"},
	} {
		if err := s3.Try(t.Context(), c.to, quick); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("expected %q, got %v", c.want, err)
		}
	}
	for want, broken := range map[string]fault{
		"If-None-Match": func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != "PUT" || r.ContentLength < 8000 {
				return false
			}
			w.Header().Set("ETag", `"1"`) // the second one, of other octets
			return true
		},
		"remove an object": func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == "DELETE" && r.URL.RawQuery == "" {
				w.WriteHeader(http.StatusForbidden)
				return true
			}
			return false
		},
		"list uploads in parts": func(w http.ResponseWriter, r *http.Request) bool {
			if _, ok := r.URL.Query()["uploads"]; ok && r.Method == "GET" {
				w.WriteHeader(http.StatusForbidden)
				return true
			}
			return false
		},
		"not in the list": func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("list-type") != "2" {
				return false
			}
			w.Write([]byte(`<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>`))
			return true
		},
	} {
		p.fails(broken)
		if err := s3.Try(t.Context(), p.Endpoint, quick); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected %q, got %v", want, err)
		}
	}
}
