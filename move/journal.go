package move

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
)

// Journal remembers which messages of a source have arrived, so that an import
// that was broken off goes on where it was. It is a file of JSON lines.
//
// Its methods are safe for concurrent use.
type Journal struct {
	mu    sync.Mutex
	file  *os.File
	place map[string]int64
	names map[string]map[string]bool
}

// OpenJournal reads or makes a journal. An empty name keeps it in memory.
func OpenJournal(name string) (*Journal, error) {
	j := &Journal{place: map[string]int64{}, names: map[string]map[string]bool{}}
	if name == "" {
		return j, nil
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	var whole int64
	for lines.Scan() {
		var p Position
		if json.Unmarshal(lines.Bytes(), &p) != nil {
			break // the last line was cut
		}
		j.note(p)
		whole += int64(len(lines.Bytes())) + 1
	}
	if err := errors.Join(lines.Err(), f.Truncate(whole)); err != nil {
		return nil, errors.Join(fmt.Errorf("read journal: %w", err), f.Close())
	}
	if _, err := f.Seek(whole, 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	j.file = f
	return j, nil
}

func (j *Journal) note(p Position) {
	if p.Name == "" {
		j.place[p.Part] = max(j.place[p.Part], p.Place)
		return
	}
	if j.names[p.Part] == nil {
		j.names[p.Part] = map[string]bool{}
	}
	j.names[p.Part][p.Name] = true
}

// Has says whether a message has arrived.
func (j *Journal) Has(p Position) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if p.Name != "" {
		return j.names[p.Part][p.Name]
	}
	last, any := j.place[p.Part]
	return any && p.Place <= last
}

// Last is the highest place of a part that has arrived; -1: none.
func (j *Journal) Last(part string) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n, ok := j.place[part]; ok {
		return n
	}
	return -1
}

// Add notes messages that are durable.
func (j *Journal) Add(ps ...Position) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var text []byte
	for _, p := range ps {
		j.note(p)
		line, err := json.Marshal(p)
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

// Close keeps the journal's file; Finish removes it, when all has arrived.
func (j *Journal) Close() error {
	if j.file == nil {
		return nil
	}
	return errors.Join(j.file.Sync(), j.file.Close())
}

// Finish removes the journal's file.
func (j *Journal) Finish() error {
	if j.file == nil {
		return nil
	}
	return errors.Join(j.file.Close(), os.Remove(j.file.Name()))
}
