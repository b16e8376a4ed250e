package bolt

import (
	"path/filepath"
	"testing"

	"sealpost/account/signin"
	"sealpost/account/signin/storagetest"
)

func TestSignIns(t *testing.T) {
	storagetest.Store(t, func(t *testing.T) signin.Store {
		d := openAt(t, filepath.Join(t.TempDir(), "index.db"), Options{})
		t.Cleanup(func() { d.Close() })
		return d.SignIns()
	})
}
