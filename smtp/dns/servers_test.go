package dns

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestResolvConf(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "resolv.conf")
	if _, err := fromFile(path); err == nil {
		t.Error("no file is no error")
	}
	for text, want := range map[string][]string{
		"# nothing\n": nil,
		"search example\nnameserver 127.0.0.53\nnameserver ::1\noptions edns0": {"127.0.0.53:53", "[::1]:53"},
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := fromFile(path); !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}
