package move

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Journal remembers which messages of a source have arrived, so that an import
// that was broken off goes on where it was, and which stayed behind, so that they
// come again. It is a file of JSON lines, and locked while it is open. Several imports
// may share one file, one after another; none takes another's messages for its own,
// though their mailboxes are called alike.
//
// Its methods are safe for concurrent use.
type Journal struct {
	mu      sync.Mutex
	file    *os.File
	short   bool // parts are by their digests; see pack
	of      string
	imports map[string]*arrivals
}

// arrivals are those of one import, by part.
type arrivals struct {
	place  map[string]int64
	names  map[string]map[string]bool
	behind map[Position]bool
}

func newArrivals() *arrivals {
	return &arrivals{place: map[string]int64{}, names: map[string]map[string]bool{}, behind: map[Position]bool{}}
}

// journalLine is one line of the file.
type journalLine struct {
	Of string `json:"of,omitempty"`
	Position
	Behind bool `json:"behind,omitempty"` // it has not arrived, though later ones may have
	End    bool `json:"end,omitempty"`    // all of it has arrived
}

// ErrJournalInUse says that another import has the journal open.
var ErrJournalInUse = errors.New("another import uses this journal: wait for its end, or name another file for one of the two")

// OpenJournal reads or makes the journal of one import; of is the same for the same
// source and the same account only. An empty name keeps it in memory.
func OpenJournal(name, of string) (*Journal, error) {
	j := &Journal{of: of, imports: map[string]*arrivals{}}
	if name == "" {
		return j, nil
	}
	f, err := openLocked(name)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if err := j.read(f); err != nil {
		return nil, errors.Join(fmt.Errorf("read journal: %w", err), f.Close())
	}
	j.file = f
	return j, nil
}

// openLocked opens or makes a file that nobody else has open. Whoever had it may have
// removed it before the lock was ours.
func openLocked(name string) (*os.File, error) {
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = fmt.Errorf("%s: %w", name, ErrJournalInUse)
		}
		opened, errOpened := f.Stat()
		if err := errors.Join(err, errOpened); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if there, err := os.Stat(name); err == nil && os.SameFile(there, opened) {
			return f, nil
		}
		f.Close()
	}
}

// read leaves the file at the end of its last whole line.
func (j *Journal) read(f *os.File) error {
	lines := bufio.NewReader(f)
	var whole int64
	for {
		text, err := lines.ReadBytes('\n')
		var l journalLine
		if err != nil || len(text) > maxLine || json.Unmarshal(text, &l) != nil {
			break // it was cut
		}
		j.note(l)
		whole += int64(len(text))
	}
	if err := f.Truncate(whole); err != nil {
		return err
	}
	_, err := f.Seek(whole, 0)
	return err
}

func (j *Journal) note(l journalLine) {
	if l.End {
		delete(j.imports, l.Of)
		return
	}
	a := j.imports[l.Of]
	if a == nil {
		a = newArrivals()
		j.imports[l.Of] = a
	}
	if l.Behind {
		a.behind[l.Position] = true
		return
	}
	delete(a.behind, l.Position)
	if l.Name == "" {
		a.place[l.Part] = max(a.place[l.Part], l.Place)
		return
	}
	if a.names[l.Part] == nil {
		a.names[l.Part] = map[string]bool{}
	}
	a.names[l.Part][l.Name] = true
}

// Has says whether a message has arrived.
func (j *Journal) Has(p Position) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	a := j.imports[j.of]
	p.Part = j.name(p.Part)
	switch {
	case a == nil || a.behind[p]:
		return false
	case p.Name != "":
		return a.names[p.Part][p.Name]
	}
	last, any := a.place[p.Part]
	return any && p.Place <= last
}

// Last is the highest place of a part up to which all has arrived; -1: none. Of what is
// above it Has says more.
func (j *Journal) Last(part string) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	a := j.imports[j.of]
	if a == nil {
		return -1
	}
	part = j.name(part)
	last, any := a.place[part]
	if !any {
		return -1
	}
	for p := range a.behind {
		if p.Part == part && p.Name == "" {
			last = min(last, p.Place-1)
		}
	}
	return last
}

// Add notes messages that are durable.
func (j *Journal) Add(ps ...Position) error { return j.add(false, ps) }

// Behind notes messages that could not be had or stored, before any after them is
// noted as durable: they come again the next time.
func (j *Journal) Behind(ps ...Position) error { return j.add(true, ps) }

func (j *Journal) add(behind bool, ps []Position) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if a := j.imports[j.of]; j.short && behind && len(a.behind)+len(ps) > mostBehind {
		return errBehind
	}
	all := make([]journalLine, len(ps))
	for i, p := range ps {
		p.Part = j.name(p.Part)
		all[i] = journalLine{Of: j.of, Position: p, Behind: behind}
	}
	return j.write(all...)
}

// write notes lines here and in the file; j.mu is held.
func (j *Journal) write(all ...journalLine) error {
	var text []byte
	for _, l := range all {
		j.note(l)
		line, err := json.Marshal(l)
		if err != nil {
			return err
		}
		text = append(append(text, line...), '\n')
	}
	if j.file == nil {
		return nil
	}
	if _, err := j.file.Write(text); err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

// Close keeps the journal's file; Finish, when all has arrived and nothing stayed
// behind, removes what is in it of this import, and the file if there is nothing else.
func (j *Journal) Close() error {
	if j.file == nil {
		return nil
	}
	return errors.Join(j.file.Sync(), j.file.Close())
}

func (j *Journal) Finish() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.imports, j.of)
	switch {
	case j.file == nil:
		return nil
	case len(j.imports) > 0:
		return errors.Join(j.write(journalLine{Of: j.of, End: true}), j.Close())
	}
	err := os.Remove(j.file.Name())
	if err != nil { // a folder of somebody else's; an empty file says as much
		err = j.file.Truncate(0)
	}
	return errors.Join(err, j.file.Close())
}
