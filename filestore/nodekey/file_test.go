package nodekey

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestMakeLoad(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "node.key")
	if _, err := Load(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	made, err := Make(file)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	loaded, err := Load(file)
	if err != nil || loaded.secret != made.secret {
		t.Errorf("another key: %v", err)
	}
	if _, err := Make(file); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made twice: %v", err)
	}
	if again, err := Load(file); err != nil || again.secret != made.secret {
		t.Errorf("the first key is gone: %v", err)
	}
	if names, err := os.ReadDir(filepath.Dir(file)); err != nil || len(names) != 1 {
		t.Errorf("left beside it: %v, %v", names, err)
	}
}

// Two processes that start at once end up with one key.
func TestMakeOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "node.key")
	var all sync.WaitGroup
	won := make(chan *Key, 8)
	for range 8 {
		all.Go(func() {
			if k, err := Make(file); err == nil {
				won <- k
			} else if !errors.Is(err, fs.ErrExist) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	k, err := Load(file)
	if len(won) != 1 || err != nil || k.secret != (<-won).secret {
		t.Error("not one key", err)
	}
}

func TestLoadUnsafe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "node.key")
	if _, err := Make(file); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644, 0o606, 0o610} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(file); !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
	os.Chmod(file, 0o400)
	if _, err := Load(file); err != nil {
		t.Errorf("mode 0400: %v", err)
	}
	os.Chmod(dir, 0o777)
	if _, err := Load(file); !errors.Is(err, ErrUnsafe) {
		t.Errorf("folder that all may write: %v", err)
	}
	if _, err := Make(filepath.Join(dir, "other")); !errors.Is(err, ErrUnsafe) {
		t.Errorf("folder that all may write: %v", err)
	}
	os.Chmod(dir, 0o777|fs.ModeSticky)
	if _, err := Load(file); err != nil {
		t.Errorf("sticky folder: %v", err)
	}
	if _, err := Load(dir); !errors.Is(err, ErrUnsafe) {
		t.Errorf("folder as a key: %v", err)
	}
}

// What is no key is refused, and nothing of it is said.
func TestLoadDamaged(t *testing.T) {
	t.Parallel()
	good := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	for name, text := range map[string]string{
		"empty": "", "short": good[:40], "long": good + good, "letters": "!" + good[1:], "raw": strings.Repeat("k", 32),
		"zeros": base64.StdEncoding.EncodeToString(make([]byte, 32)), "huge": strings.Repeat("a", 1<<20), "two lines": good[:20] + "\n\n" + good[20:] + "\nx",
	} {
		file := filepath.Join(t.TempDir(), "node.key")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(file)
		if err == nil || !strings.Contains(err.Error(), "damaged") || strings.Contains(err.Error(), "a2tr") || len(err.Error()) > 300 {
			t.Errorf("%s: %.400v", name, err)
		}
	}
	file := filepath.Join(t.TempDir(), "node.key")
	os.WriteFile(file, []byte("  "+good+"\r\n"), 0o600)
	if _, err := Load(file); err != nil {
		t.Errorf("spaces around it: %v", err)
	}
}
