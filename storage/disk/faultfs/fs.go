// Package faultfs is a file system in memory for tests, with the manners of a
// real disk: what was not synced may be lost, torn or kept in any order when
// the power fails; a sync that failed may have kept anything, and the next one
// does not say so; writes stop half way, and room runs out.
//
// It never knows what is stored in it.
package faultfs

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"sync"
	"syscall"

	"sealpost/storage/disk"
)

// ErrPower is what every call returns while the power is off.
var ErrPower = errors.New("faultfs: power is off")

// Faults says how often calls fail with EIO, from 0 (never) to 1, and how the
// disk lies.
type Faults struct {
	Read, Write, Sync, SyncDir, Create, Rename, Remove float64

	LieSync, LieSyncDir bool // say yes and sync nothing
	HideRoom            bool // do not tell how much is free
}

// FS is a disk.FS.
type FS struct {
	mu       sync.Mutex
	rng      *rand.Rand
	folders  map[string]*folder
	locks    map[string]bool
	faults   Faults
	capacity int64 // negative: no limit
	life     int   // files opened in an earlier life are dead
	calls    int   // left until the power fails; negative: it does not
	off      bool
}

var _ disk.FS = (*FS)(nil)

// folder holds names as programs see them, those that are durable, and the
// changes between.
type folder struct {
	seen, kept map[string]*node
	pending    []change
}

// change is one change to a folder: at most one name less and one more.
type change struct {
	less, more string
	node       *node
}

// New makes an empty file system, with the folder "/".
func New(seed uint64) *FS {
	return &FS{
		rng:      rand.New(rand.NewPCG(seed, 0)),
		folders:  map[string]*folder{"/": newFolder()},
		locks:    map[string]bool{},
		capacity: -1,
		calls:    -1,
	}
}

func newFolder() *folder {
	return &folder{seen: map[string]*node{}, kept: map[string]*node{}}
}

// SetFaults says which calls fail from now on.
func (fs *FS) SetFaults(f Faults) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.faults = f
}

// SetCapacity bounds the bytes of all files; negative is no bound.
func (fs *FS) SetCapacity(n int64) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.capacity = n
}

// CutAfter turns the power off at the nth call from now that would change something.
func (fs *FS) CutAfter(n int) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.calls = n
}

// Off says whether the power is off.
func (fs *FS) Off() bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.off
}

// Kill ends the process that uses the file system: its files are dead and its
// locks free, and all it wrote is there. Nothing becomes durable by it.
func (fs *FS) Kill() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.restart()
}

// PowerCut also loses what was not synced, or some of it.
func (fs *FS) PowerCut() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	done := map[*node]bool{}
	for _, name := range slices.Sorted(maps.Keys(fs.folders)) {
		d := fs.folders[name]
		for _, c := range d.pending {
			if fs.chance(0.5) {
				c.apply(d.kept)
			}
		}
		d.pending = nil
		for _, file := range slices.Sorted(maps.Keys(d.kept)) {
			if n := d.kept[file]; n != nil && !done[n] {
				n.powerCut(fs)
				done[n] = true
			}
		}
		d.seen = maps.Clone(d.kept)
	}
	fs.dropOrphans()
	fs.restart()
}

// dropOrphans forgets folders whose name did not survive.
func (fs *FS) dropOrphans() {
	for _, name := range slices.Sorted(maps.Keys(fs.folders)) {
		if name == "/" {
			continue
		}
		parent := fs.folders[path.Dir(name)]
		if parent == nil {
			delete(fs.folders, name)
		} else if _, ok := parent.kept[path.Base(name)]; !ok {
			delete(fs.folders, name)
		}
	}
}

func (fs *FS) restart() {
	fs.life++
	fs.off = false
	fs.calls = -1
	clear(fs.locks)
}

func (c change) apply(names map[string]*node) {
	if c.less != "" {
		delete(names, c.less)
	}
	if c.more != "" {
		names[c.more] = c.node
	}
}

func (d *folder) change(c change) {
	c.apply(d.seen)
	d.pending = append(d.pending, c)
}

func (fs *FS) chance(p float64) bool { return p > 0 && fs.rng.Float64() < p }

// call is the beginning of every call that changes something; fs.mu is held.
func (fs *FS) call(fault float64, what string) error {
	if fs.calls == 0 {
		fs.off = true
	}
	if fs.off {
		return ErrPower
	}
	if fs.calls > 0 {
		fs.calls--
	}
	if fs.chance(fault) {
		return fmt.Errorf("%s: %w", what, syscall.EIO)
	}
	return nil
}

// room says how many of n bytes more there is room for; fs.mu is held.
func (fs *FS) room(n int64) int64 {
	if fs.capacity < 0 {
		return n
	}
	return max(0, min(n, fs.capacity-fs.used()))
}

func (fs *FS) used() (n int64) {
	for _, d := range fs.folders {
		for _, f := range d.seen {
			if f != nil {
				n += int64(len(f.seen))
			}
		}
	}
	return n
}

func (fs *FS) Room(string) (free, total int64, err error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	switch {
	case fs.off:
		return 0, 0, ErrPower
	case fs.faults.HideRoom:
		return 0, 0, errors.ErrUnsupported
	case fs.capacity < 0:
		return 1 << 40, 1 << 40, nil
	}
	return max(0, fs.capacity-fs.used()), fs.capacity, nil
}

func (fs *FS) OpenFile(name string, flag int) (disk.File, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.off {
		return nil, ErrPower
	}
	d := fs.folders[path.Dir(name)]
	if d == nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
	}
	n, exists := d.seen[path.Base(name)]
	switch {
	case exists && n == nil:
		return nil, &os.PathError{Op: "open", Path: name, Err: syscall.EISDIR}
	case exists && flag&os.O_EXCL != 0:
		return nil, &os.PathError{Op: "open", Path: name, Err: syscall.EEXIST}
	case !exists && flag&os.O_CREATE == 0:
		return nil, &os.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
	}
	if !exists {
		if err := fs.call(fs.faults.Create, "create"); err != nil {
			return nil, err
		}
		if fs.room(1) == 0 {
			return nil, &os.PathError{Op: "open", Path: name, Err: syscall.ENOSPC}
		}
		n = &node{}
		d.change(change{more: path.Base(name), node: n})
	}
	if flag&os.O_TRUNC != 0 {
		n.truncate(0)
	}
	return &file{fs: fs, node: n, life: fs.life}, nil
}

func (fs *FS) Rename(from, to string) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if err := fs.call(fs.faults.Rename, "rename"); err != nil {
		return err
	}
	source, target := fs.folders[path.Dir(from)], fs.folders[path.Dir(to)]
	if source == nil || target == nil || source.seen[path.Base(from)] == nil {
		return &os.PathError{Op: "rename", Path: from, Err: syscall.ENOENT}
	}
	n := source.seen[path.Base(from)]
	if source == target {
		source.change(change{less: path.Base(from), more: path.Base(to), node: n})
		return nil
	}
	target.change(change{more: path.Base(to), node: n})
	source.change(change{less: path.Base(from)})
	return nil
}

func (fs *FS) Remove(name string) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if err := fs.call(fs.faults.Remove, "remove"); err != nil {
		return err
	}
	d := fs.folders[path.Dir(name)]
	if d == nil || d.seen[path.Base(name)] == nil {
		return &os.PathError{Op: "remove", Path: name, Err: syscall.ENOENT}
	}
	d.change(change{less: path.Base(name)})
	return nil
}

func (fs *FS) Mkdir(name string) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if err := fs.call(fs.faults.Create, "mkdir"); err != nil {
		return err
	}
	parent := fs.folders[path.Dir(name)]
	if parent == nil {
		return &os.PathError{Op: "mkdir", Path: name, Err: syscall.ENOENT}
	}
	if fs.folders[name] == nil {
		fs.folders[name] = newFolder()
		parent.change(change{more: path.Base(name)})
	}
	return nil
}

func (fs *FS) ReadDir(name string) ([]string, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.off {
		return nil, ErrPower
	}
	d := fs.folders[name]
	if d == nil {
		return nil, &os.PathError{Op: "readdir", Path: name, Err: syscall.ENOENT}
	}
	return slices.Collect(maps.Keys(d.seen)), nil
}

func (fs *FS) SyncDir(name string) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	d := fs.folders[name]
	if d == nil {
		return &os.PathError{Op: "sync", Path: name, Err: syscall.ENOENT}
	}
	if err := fs.call(fs.faults.SyncDir, "sync folder"); err != nil {
		return err
	}
	if !fs.faults.LieSyncDir {
		d.kept, d.pending = maps.Clone(d.seen), nil
	}
	return nil
}

type lock struct {
	fs   *FS
	name string
	life int
}

func (fs *FS) Lock(name string) (io.Closer, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.locks[name] {
		return nil, disk.ErrInUse
	}
	fs.locks[name] = true
	return lock{fs, name, fs.life}, nil
}

func (l lock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	if l.life == l.fs.life {
		delete(l.fs.locks, l.name)
	}
	return nil
}
