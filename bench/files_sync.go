package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Many small files: a folder that is kept alike with the drive, beside rsync, which copies
// it as it is and makes each file last as well, as the server does.

const (
	smallFiles   = 10_000
	smallFolders = 100
	smallSize    = 4 << 10
	smallTurns   = 3
)

// Names of what keeps folders alike.
const (
	rsyncAll  = "rsync -a --fsync, into another folder"
	rsyncNone = "rsync -a, nothing to do"
	syncUp    = "sealpost file sync, up"
	syncNone  = "sealpost file sync, nothing to do"
	syncDown  = "sealpost file sync, down"
)

// A chore is one way to keep a folder alike, and the seconds that each turn took.
type chore struct {
	name, beside string // beside: whose seconds these are compared with; empty: nobody's
	took, cpu    []float64
}

func (f *hauls) did(name, beside string, took, cpu time.Duration) {
	for i := range f.chores {
		if f.chores[i].name == name {
			f.chores[i].took = append(f.chores[i].took, took.Seconds())
			f.chores[i].cpu = append(f.chores[i].cpu, cpu.Seconds())
			return
		}
	}
	f.chores = append(f.chores, chore{name: name, beside: beside})
	f.did(name, beside, took, cpu)
}

// alike carries many small files up, looks again, and carries them down into an empty folder.
func (c *carrier) alike(ctx context.Context, all *hauls) error {
	for turn := range smallTurns {
		dir := filepath.Join(c.dir, fmt.Sprintf("small%d", turn))
		if err := manyFiles(dir); err != nil {
			return err
		}
		copied, back := dir+"-copy", dir+"-back"
		if err := os.Mkdir(back, 0o700); err != nil {
			return err
		}
		at := "/" + filepath.Base(dir)
		for _, w := range []struct {
			name, beside string
			args         []string
		}{
			{rsyncAll, "", []string{"rsync", "-a", "--fsync", dir + "/", copied}},
			{rsyncNone, "", []string{"rsync", "-a", dir + "/", copied}},
			{syncUp, rsyncAll, c.syncing(dir, at)},
			{syncNone, rsyncNone, c.syncing(dir, at)},
			{syncDown, rsyncAll, c.syncing(back, at)},
		} {
			took, cpu, err := timed(exec.CommandContext(ctx, w.args[0], w.args[1:]...))
			if err != nil {
				return err
			}
			all.did(w.name, w.beside, took, cpu)
		}
		if out, err := exec.CommandContext(ctx, "diff", "-r", dir, back).CombinedOutput(); err != nil {
			return fmt.Errorf("expected both folders alike: %w: %s", err, lastLine(string(out)))
		}
		if err := errors.Join(os.RemoveAll(dir), os.RemoveAll(copied), os.RemoveAll(back)); err != nil {
			return err
		}
	}
	return nil
}

func (c *carrier) syncing(dir, at string) []string {
	return []string{c.s.sealpost, "file", "sync", dir, at, "--once", "--profile", c.profile(), "--cache", filepath.Join(c.dir, "cache")}
}

func manyFiles(dir string) error {
	content := make([]byte, smallSize)
	for n := range smallFiles {
		in := filepath.Join(dir, fmt.Sprintf("folder%02d", n%smallFolders))
		if err := os.MkdirAll(in, 0o700); err != nil {
			return err
		}
		rand.Read(content)
		if err := os.WriteFile(filepath.Join(in, fmt.Sprintf("file%04d.bin", n)), content, 0o600); err != nil {
			return err
		}
	}
	return exec.Command("sync").Run()
}

const alikeMethod = `%d files of %d KiB of random bytes in %d folders, medians of %d turns, all on one disk. *rsync* copies them from folder to folder and syncs each, as the server syncs what it takes; *file sync* reads,
hashes, seals and sends them over HTTPS on loopback, and the way back the other way round; at the end the folders are compared octet by octet.
`

func (r *record) alike(b *strings.Builder) {
	if len(r.files.chores) == 0 {
		return
	}
	fmt.Fprintf(b, "\n"+alikeMethod+"\n", smallFiles, smallSize>>10, smallFolders, smallTurns)
	t := table{head: []string{"way", "s", "files/s", "of rsync's rate", "CPU s"}}
	for _, c := range r.files.chores {
		share := "-"
		for _, beside := range r.files.chores {
			if c.beside == beside.name {
				share = percent(median(beside.took), median(c.took))
			}
		}
		t.add(c.name, significant(median(c.took)), significant(smallFiles/median(c.took)), share, significant(median(c.cpu)))
	}
	b.WriteString(t.String())
}
