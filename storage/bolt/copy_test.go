package bolt

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sealpost/mailstore"
)

// TestCopyTo copies an index while mail arrives: the copy opens by itself, holds
// what there was, and nothing that had been removed.
func TestCopyTo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := Open(filepath.Join(dir, "index.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	fillWith(t, d, "stays", "word-that-stays")
	fillWith(t, d, "goes", canary)
	if _, err := d.Index().Apply(context.Background(), "goes", []mailstore.Change{mailstore.Forget{}}); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		fillWith(t, d, "comes", "word-that-comes")
	}()
	to := filepath.Join(dir, "copy.db")
	if err := d.CopyTo(context.Background(), to); err != nil {
		t.Fatal(err)
	}
	<-done
	if fileHolds(t, to, canary) {
		t.Error("what was removed is in the copy")
	}
	if err := d.CopyTo(context.Background(), to); !errors.Is(err, os.ErrExist) {
		t.Errorf("a copy over a file that is there: %v", err)
	}
	again, err := Open(to, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	checkRows(t, again)
	if u, err := again.Index().Usage(context.Background(), "stays"); err != nil || u.Messages != 300 {
		t.Errorf("the copy has %d messages, %v", u.Messages, err)
	}
}
