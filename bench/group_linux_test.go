package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Both ways to count must see the CPU of children that live shortly and of
// those nobody waits for, and stop must leave nobody behind.
func TestGroup(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*group){
		"cgroup": func(*group) {},
		"tree":   func(g *group) { os.Remove(g.cgroup); g.cgroup = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGroup("test-" + name)
			prepare(g)
			if name == "cgroup" && g.cgroup == "" {
				t.Skip("no control group may be made here")
			}
			null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer null.Close()
			// A child that burns CPU and ends, then one that stays.
			script := "sh -c 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done'; sleep 60 & wait"
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := g.start(exec.Command("sh", "-c", script), null); err != nil {
				t.Fatal(err)
			}
			err = await(ctx, 10*time.Millisecond, func() (bool, error) {
				cpu, err := g.cpu()
				return cpu >= 10*time.Millisecond && len(g.pids()) == 2, err
			})
			if err != nil {
				t.Fatal(err)
			}
			if m := g.memory(); m.pss <= 0 || m.rss < m.pss {
				t.Errorf("memory %+v", m)
			}
			pids := g.pids()
			if err := g.stop(ctx, 5*time.Second); err != nil {
				t.Error(err)
			}
			err = await(ctx, 10*time.Millisecond, func() (bool, error) { return allGone(pids), nil })
			if err != nil {
				t.Errorf("some of %v are left", pids)
			}
		})
	}
}

// allGone says whether no process is left, but for those that wait to be buried.
func allGone(pids []int) bool {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if _, state, _ := strings.Cut(string(text), ") "); err == nil && !strings.HasPrefix(state, "Z") {
			return false
		}
	}
	return true
}

func TestOnDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before, err := onDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	after, err := onDisk(dir)
	if grown := after - before; err != nil || grown < 100_000 || grown > 200_000 {
		t.Errorf("100,000 bytes took %d, %v", grown, err)
	}
	if _, err := onDisk(filepath.Join(dir, "none")); err != nil {
		t.Errorf("a folder that is gone: %v", err)
	}
}

func TestInMemory(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/shm"); err == nil && !inMemory("/dev/shm") {
		t.Error("/dev/shm is taken for a disk")
	}
	if inMemory("/proc/none") {
		t.Error("what is not there is in memory")
	}
}
