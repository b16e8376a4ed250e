package spool

import (
	"bytes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const canary = "canary-7f3a-in-a-mail"

// plaintext is the seeded fault: a cipher that does not encrypt.
type plaintext struct{ cipher.AEAD }

func (plaintext) Seal(dst, _, text, _ []byte) []byte {
	return append(append(dst, text...), make([]byte, tagSize)...)
}

// TestNothingReadableInTheFile looks into the file behind the spool the way a
// thief would, through the process's open files.
func TestNothingReadableInTheFile(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("no /proc here")
	}
	content := bytes.Repeat([]byte(canary+" "), 20_000)
	for _, fault := range []bool{false, true} {
		t.Run(fmt.Sprintf("leak %v", fault), func(t *testing.T) {
			s := filled(t, 0, nil)
			if err := s.leaveMemory(); err != nil {
				t.Fatal(err)
			}
			if fault {
				s.vault.aead = plaintext{s.vault.aead}
			}
			if _, err := s.Write(content); err != nil {
				t.Fatal(err)
			}
			size, hit := scan(t, s.dir)
			if size == 0 {
				t.Fatal("the scan saw no file")
			}
			if hit != fault {
				t.Errorf("canary found in the file: %v, want %v", hit, fault)
			}
		})
	}
}

// scan reads every open file that lies, or lay, in dir.
func scan(t *testing.T, dir string) (size int, hit bool) {
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, l := range links {
		if to, _ := os.Readlink(l); !strings.HasPrefix(to, dir) {
			continue
		}
		b, err := os.ReadFile(l)
		if err != nil {
			t.Fatal(err)
		}
		size += len(b)
		hit = hit || bytes.Contains(b, []byte(canary))
	}
	return size, hit
}

func TestFileHasNoName(t *testing.T) {
	t.Parallel()
	s := filled(t, 0, noise(200<<10))
	names, err := os.ReadDir(s.dir)
	if err != nil || len(names) != 0 {
		t.Errorf("the spool's folder holds %v, %v", names, err)
	}
}

func TestUnlinked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := unlinked(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if names, _ := os.ReadDir(dir); len(names) != 0 {
		t.Errorf("the file still has a name: %v", names)
	}
	if _, err := f.WriteAt([]byte("x"), 0); err != nil {
		t.Error(err)
	}
}

// TestTamper changes the file behind the spool in every way a thief could.
func TestTamper(t *testing.T) {
	t.Parallel()
	const sealed = blockSize + tagSize
	faults := map[string]func(f *os.File) error{
		"one bit": func(f *os.File) error {
			_, err := f.WriteAt([]byte{0x55}, sealed+1000)
			return err
		},
		"tag": func(f *os.File) error {
			_, err := f.WriteAt(make([]byte, tagSize), sealed+blockSize)
			return err
		},
		"cut short": func(f *os.File) error { return f.Truncate(2*sealed - 1) },
		"blocks swapped": func(f *os.File) error {
			b := make([]byte, 3*sealed)
			f.ReadAt(b, 0)
			f.WriteAt(b[2*sealed:], sealed)
			_, err := f.WriteAt(b[sealed:2*sealed], 2*sealed)
			return err
		},
	}
	content := noise(4 * blockSize)
	for name, fault := range faults {
		s := filled(t, 0, content)
		if err := fault(s.vault.file); err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 100)
		if _, err := s.ReadAt(p, 10); err != nil || !bytes.Equal(p, content[10:110]) {
			t.Errorf("%s: the block before it: %v", name, err)
		}
		n, err := s.ReadAt(p, blockSize+50)
		if n != 0 || err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: ReadAt = %d, %v", name, n, err)
		}
	}
}

func TestKeysDiffer(t *testing.T) {
	t.Parallel()
	content := noise(blockSize)
	a, b := filled(t, 0, content), filled(t, 0, content)
	x, y := make([]byte, blockSize), make([]byte, blockSize)
	a.vault.file.ReadAt(x, 0)
	b.vault.file.ReadAt(y, 0)
	if bytes.Equal(x, y) {
		t.Error("two spools wrote the same bytes for the same mail")
	}
}
