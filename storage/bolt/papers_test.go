package bolt

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sealpost/filestore/nodekey"
)

func TestPapers(t *testing.T) {
	t.Parallel()
	file, key := filepath.Join(t.TempDir(), "papers.db"), nodekey.Random()
	open := func(k *nodekey.Key) (*Papers, error) { return OpenPapers(file, k, Options{}) }
	x, err := open(key)
	if err != nil {
		t.Fatal(err)
	}
	ctx, rules, heard := t.Context(), x.Drawer("rules"), x.Drawer("heard")
	for _, put := range []struct {
		d             Drawer
		account, name string
	}{{rules, "alice", ""}, {rules, "bob", ""}, {heard, "alice", ""}, {heard, "alice", "carol@" + word}} {
		if err := put.d.Put(ctx, put.account, put.name, []byte(put.d.purpose+put.account+put.name+word)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := rules.Get(ctx, "alice", ""); err != nil || string(got) != "rulesalice"+word {
		t.Errorf("%q %v", got, err)
	}
	if all, err := heard.All(ctx, "alice"); err != nil || len(all) != 2 {
		t.Errorf("%d %v", len(all), err)
	}
	if text, err := os.ReadFile(file); err != nil || bytes.Contains(text, []byte(word)) || bytes.Contains(text, []byte("alice")) {
		t.Errorf("the file can be read: %v", err)
	}
	if err := x.Forget(ctx, "alice"); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []func() ([]byte, error){
		func() ([]byte, error) { return rules.Get(ctx, "alice", "") },
		func() ([]byte, error) { return heard.Get(ctx, "alice", "carol@"+word) },
	} {
		if got, err := gone(); err != nil || got != nil {
			t.Errorf("%q %v", got, err)
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := open(nodekey.Random()); !errors.Is(err, ErrOtherKey) {
		t.Errorf("another key: %v", err)
	}
	if x, err = open(key); err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if got, err := x.Drawer("rules").Get(ctx, "bob", ""); err != nil || string(got) != "rulesbob"+word {
		t.Errorf("%q %v", got, err)
	}
	if got, err := x.Drawer("rules").Get(ctx, "nobody", ""); err != nil || got != nil {
		t.Errorf("%q %v", got, err)
	}
}
