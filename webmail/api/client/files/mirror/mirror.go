// Package mirror keeps a folder of this disk and a folder of a drive alike, both ways or
// one way (docs/files.md).
//
// It holds what both sides last agreed on, sealed as folders are. It never knows the key
// that seals it, an account's other drawers, or anything outside of the two folders.
//
// Invariants: a content that somebody wrote stays to be had, on one side or in a trash,
// whatever happens and whenever it stops; what was not seen, or may not be read, counts
// as unchanged and never as deleted; nothing has its final name here before all of it was
// verified, and nothing that changed since it was looked at is overwritten; no name leads
// out of the folder, and no link of the file system is followed; whatever a server says is
// bounded in number, depth and size.
package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sealpost/filestore/sealed"
	"sealpost/webmail/api/client/files"
)

// Ours begins the names of what a mirror itself keeps in a folder; nothing of such a
// name is carried.
const Ours = ".sealpost-"

// trash is where files go that were deleted in the drive.
const trash = Ours + "trash"

const (
	mostEntries = 500_000 // on either side
	mostRounds  = 8       // of one call; what is not settled then is left to the next
	guardFrom   = 10      // files; with more of them, half may not go at once
)

// Direction is which side follows which.
type Direction uint8

const (
	Both Direction = iota
	Up             // the drive follows, and loses nothing
	Down           // this disk follows, and loses nothing
)

// Mirror is one pair of folders. Its fields are set once, before use.
type Mirror struct {
	Drive *files.Drive
	Dir   string // of this disk
	Path  string // in the drive
	State string // the folder of what was agreed on; empty: nothing is remembered
	Cache string // where large files wait that are sealed
	Host  string // of this device, for the names of conflicts

	Direction Direction
	Ignore    Ignore
	Skip      []string // paths of this disk that are never carried
	Deletions bool     // may be many at once
	Hidden    bool     // names that begin with a dot are written as they are
	Force     bool     // with Down: overwrite what differs
	Dry       bool     // only say what would be done

	Tell func(Progress)
	Say  func(Deed)

	calm time.Duration // in place of quiet, for tests
}

// Progress is how far a round is.
type Progress struct {
	Done, Of   int   // files
	Bytes, All int64 // of them
}

// Deed is one thing that was done, or with Dry would be.
type Deed struct {
	What string // such as "sent"
	Path string
}

// Note is what was not done, and why.
type Note struct {
	Path string
	Why  string
}

// Report is what a call came to.
type Report struct {
	Sent, Fetched, Moved, Trashed, Conflicts int
	Bytes                                    int64  // sent and fetched
	Held                                     int    // deletions that were not done
	LeftOut                                  []Note // and never will be carried as they are
	Failed                                   []Note // and are tried again at the next call
}

// ErrInUse says that another program keeps the same pair.
var ErrInUse = errors.New("another sealpost file sync keeps these two folders")

// Session is a mirror that is open. What it knows of the drive it need not ask twice.
type Session struct {
	Mirror
	root  *os.Root
	lock  *os.File
	state *state
	cache map[string]kept // folders of the drive, by id
	since uint64          // of the cabinet

	in Progress
}

// Open opens both folders; the one in the drive is made if it is not there.
func (m Mirror) Open(ctx context.Context) (s *Session, err error) {
	s = &Session{Mirror: m, cache: map[string]kept{}}
	if s.Tell == nil {
		s.Tell = func(Progress) {}
	}
	if s.Say == nil {
		s.Say = func(Deed) {}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.Dir, err = filepath.Abs(m.Dir); err != nil {
		return s, fmt.Errorf("open folder: %w", err)
	}
	if s.root, err = os.OpenRoot(s.Dir); err != nil {
		return s, fmt.Errorf("open folder: %w", err)
	}
	if s.State != "" {
		if s.lock, err = lock(s.State); err != nil {
			return s, err
		}
	}
	return s, s.begin(ctx)
}

// begin finds the drive's folder, and what was agreed on with it.
func (s *Session) begin(ctx context.Context) error {
	top, err := s.Drive.Entry(ctx, s.Path)
	if errors.Is(err, files.ErrNone) && s.Direction != Down && !s.Dry {
		if err = s.Drive.MakeFolder(ctx, s.Path); err == nil {
			top, err = s.Drive.Entry(ctx, s.Path)
		}
	}
	fresh := errors.Is(err, files.ErrNone) && s.Dry
	if err != nil && !fresh {
		return err
	}
	if top.Kind != sealed.IsFolder && !fresh {
		return fmt.Errorf("expected a folder: %s is a file", s.Path)
	}
	if s.state, err = openState(s.State, s.Drive.Boxes, top.ID); err != nil {
		return err
	}
	if s.Dry {
		return nil
	}
	return s.orphans(ctx)
}

// Close gives up the lock.
func (s *Session) Close() (err error) {
	if s.state != nil {
		err = s.state.close()
	}
	if s.root != nil {
		err = errors.Join(err, s.root.Close())
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// Once makes both sides alike, as far as they can be.
func (s *Session) Once(ctx context.Context) (Report, error) {
	var all Report
	for n := 0; ; n++ {
		r, again, err := s.round(ctx)
		all.add(r)
		if err != nil || !again || s.Dry || n+1 == mostRounds {
			all.tidy()
			return all, err
		}
	}
}

// Did says whether something was done.
func (r Report) Did() bool {
	return r.Sent+r.Fetched+r.Moved+r.Trashed+r.Conflicts > 0
}

// add takes over a later round: what failed before it was tried anew.
func (r *Report) add(later Report) {
	r.Sent, r.Fetched, r.Moved = r.Sent+later.Sent, r.Fetched+later.Fetched, r.Moved+later.Moved
	r.Trashed, r.Conflicts, r.Bytes = r.Trashed+later.Trashed, r.Conflicts+later.Conflicts, r.Bytes+later.Bytes
	r.Held, r.LeftOut, r.Failed = later.Held, later.LeftOut, later.Failed
}

func (r *Report) tidy() {
	for _, notes := range []*[]Note{&r.LeftOut, &r.Failed} {
		slices.SortFunc(*notes, func(a, b Note) int { return cmp.Compare(a.Path, b.Path) })
		*notes = slices.Compact(*notes)
	}
}

// under says whether a path is another or below it.
func under(path, top string) bool { return path == top || strings.HasPrefix(path, top+"/") }

// parent is the path that a name stands in, and base the name.
func parent(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return ""
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
