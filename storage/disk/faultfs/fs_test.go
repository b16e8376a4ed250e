package faultfs

import (
	"bytes"
	"errors"
	"os"
	"syscall"
	"testing"
)

// outcomes cuts the power after some writes, many times, and counts what is left.
func outcomes(t *testing.T, f Faults, write func(fs *FS)) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for seed := range uint64(300) {
		fs := New(seed)
		fs.SetFaults(f)
		write(fs)
		fs.PowerCut()
		seen[content(fs, "/f")]++
	}
	return seen
}

func content(fs *FS, name string) string {
	f, err := fs.OpenFile(name, os.O_RDONLY)
	if err != nil {
		return "no file"
	}
	n, _ := f.Size()
	b := make([]byte, n)
	f.ReadAt(b, 0)
	return string(b)
}

func create(fs *FS, b []byte, sync bool) {
	f, _ := fs.OpenFile("/f", os.O_RDWR|os.O_CREATE)
	f.WriteAt(b, 0)
	if sync {
		f.Sync()
	}
}

func TestPowerCut(t *testing.T) {
	t.Parallel()
	two := append(bytes.Repeat([]byte("a"), sector), bytes.Repeat([]byte("b"), sector)...)
	tests := []struct {
		name   string
		faults Faults
		write  func(fs *FS)
		want   []string // all of which happen, and nothing else
	}{
		{"nothing synced", Faults{}, func(fs *FS) { create(fs, []byte("x"), false) }, []string{"no file", "", "\x00", "x"}},
		{"content synced", Faults{}, func(fs *FS) { create(fs, []byte("x"), true) }, []string{"no file", "x"}},
		{"name synced", Faults{}, func(fs *FS) { create(fs, []byte("x"), false); fs.SyncDir("/") }, []string{"", "\x00", "x"}},
		{"both synced", Faults{}, func(fs *FS) { create(fs, []byte("x"), true); fs.SyncDir("/") }, []string{"x"}},
		{"sync fails", Faults{Sync: 1}, func(fs *FS) { create(fs, []byte("x"), true); fs.SyncDir("/") }, []string{"", "\x00", "x"}},
		{"sync lies", Faults{LieSync: true}, func(fs *FS) { create(fs, []byte("x"), true); fs.SyncDir("/") }, []string{"", "\x00", "x"}},
		{"torn, and out of order", Faults{}, func(fs *FS) { create(fs, two, false); fs.SyncDir("/") }, []string{"", string(two),
			string(two[:sector]), string(make([]byte, sector)), string(make([]byte, 2*sector)),
			string(two[:sector]) + string(make([]byte, sector)), string(make([]byte, sector)) + string(two[sector:])}},
		{"rename", Faults{}, func(fs *FS) {
			create(fs, []byte("old"), true)
			fs.SyncDir("/")
			f, _ := fs.OpenFile("/g", os.O_RDWR|os.O_CREATE)
			f.WriteAt([]byte("new"), 0)
			f.Sync()
			fs.Rename("/g", "/f")
		}, []string{"old", "new"}},
	}
	for _, test := range tests {
		seen := outcomes(t, test.faults, test.write)
		for _, w := range test.want {
			if seen[w] == 0 {
				t.Errorf("%s: never %.20q", test.name, w)
			}
			delete(seen, w)
		}
		for s, n := range seen {
			t.Errorf("%s: %d times %.20q", test.name, n, s)
		}
	}
}

func TestKill(t *testing.T) {
	t.Parallel()
	fs := New(1)
	create(fs, []byte("x"), false)
	f, _ := fs.OpenFile("/f", os.O_RDWR)
	fs.Kill()
	if _, err := f.WriteAt([]byte("y"), 0); !errors.Is(err, ErrPower) {
		t.Errorf("a dead process writes: %v", err)
	}
	if got := content(fs, "/f"); got != "x" {
		t.Errorf("after a kill the file is %q", got)
	}
}

func TestCutAfterAndCapacity(t *testing.T) {
	t.Parallel()
	fs := New(1)
	f, _ := fs.OpenFile("/f", os.O_RDWR|os.O_CREATE)
	fs.SetCapacity(10)
	if n, err := f.WriteAt(make([]byte, 15), 0); n != 10 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("15 bytes into 10: %d, %v", n, err)
	}
	if _, err := f.WriteAt(make([]byte, 10), 0); err != nil {
		t.Errorf("what is there already: %v", err)
	}
	fs.CutAfter(1)
	if err := f.Sync(); err != nil {
		t.Errorf("the last call: %v", err)
	}
	if err := f.Sync(); !errors.Is(err, ErrPower) || !fs.Off() {
		t.Errorf("the call after it: %v", err)
	}
	if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, ErrPower) {
		t.Errorf("a read without power: %v", err)
	}
}
