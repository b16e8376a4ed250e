package sealed

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
)

const (
	// Drawer is the drawer of the cabinet in which folders lie, each in one box.
	Drawer = "drive"
	// Root is the name of the box of the topmost folder; all others have 32 hex digits.
	Root = "root"
	// MaxDepth is how deep a client goes below the root, at most.
	MaxDepth = 64

	// MaxEntries is how many entries a folder has at most, with those in its trash.
	MaxEntries = 10_000

	maxVersions = 100
	maxFolder   = 12 << 20 // bytes of a folder's JSON
)

// ErrRolledBack says that a server gave an older folder than this device has seen.
var ErrRolledBack = errors.New("older than this device has seen")

// A Kind is what an entry of a folder is.
type Kind string

const (
	IsFile   Kind = "file"
	IsFolder Kind = "folder"
)

// Version is one content of a file: an object, and what opens it.
type Version struct {
	ID       string `json:"id"` // of the object; of a folder, the name of its box
	Secret   Secret `json:"secret,omitzero"`
	Length   int64  `json:"length,omitempty"`
	Modified int64  `json:"modified,omitempty"` // Unix milliseconds
	Hash     []byte `json:"hash,omitempty"`
}

// Entry is a file or a folder in a folder.
type Entry struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
	Type string `json:"type,omitempty"`
	Version
	Versions []Version `json:"versions,omitempty"` // older contents, the newest first
	Trashed  int64     `json:"trashed,omitempty"`  // Unix milliseconds: it was put into the trash; 0: it was not
	Doomed   bool      `json:"doomed,omitempty"`   // it is being deleted for good, and shown to nobody: what it leads to may be gone
}

// LogValue keeps names out of logs.
func (Entry) LogValue() slog.Value { return slog.StringValue("[withheld]") }

// Head is what opens the file.
func (e Entry) Head() Head { return e.At(e.Version) }

// At is what opens one of its versions.
func (e Entry) At(v Version) Head {
	return Head{Name: e.Name, Type: e.Type, Length: v.Length, Secret: v.Secret, Modified: v.Modified, Hash: v.Hash}
}

// Folder is what one folder holds, also what was put into the trash from it.
type Folder struct {
	Entries []Entry `json:"entries"`
}

var folderID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Check says what is wrong with a folder, or nothing. Of names, those that are not in the
// trash are told apart without regard to case.
func (f Folder) Check() error {
	if len(f.Entries) > MaxEntries {
		return fmt.Errorf("expected at most %d entries in a folder", MaxEntries)
	}
	names, ids := map[string]bool{}, map[string]bool{}
	for _, e := range f.Entries {
		if !e.valid() {
			return errors.New("expected an entry with a valid name and content")
		}
		key := NameKey(e.Name)
		if e.Trashed == 0 && names[key] {
			return errors.New("expected names that differ in more than case")
		}
		names[key] = names[key] || e.Trashed == 0
		for _, v := range append([]Version{e.Version}, e.Versions...) {
			if ids[v.ID] {
				return errors.New("expected each object and folder once")
			}
			ids[v.ID] = true
		}
	}
	return nil
}

func (e Entry) valid() bool {
	if !ValidName(e.Name) || e.Trashed < 0 || e.Trashed > latest || e.Doomed && e.Trashed == 0 || len(e.Versions) > maxVersions || e.Type != "" && !mediaType.MatchString(e.Type) {
		return false
	}
	if e.Kind == IsFolder {
		return folderID.MatchString(e.ID) && e.Secret == Secret{} && e.Length == 0 && len(e.Hash) == 0 && len(e.Versions) == 0 && e.Type == "" && e.Modified >= 0 && e.Modified <= latest
	}
	if e.Kind != IsFile || !e.Version.valid() {
		return false
	}
	for _, v := range e.Versions {
		if !v.valid() {
			return false
		}
	}
	return true
}

func (v Version) valid() bool {
	return objectID.MatchString(v.ID) && validContent(v.Secret, v.Length, v.Modified, v.Hash)
}

type folderJSON struct {
	Version int `json:"v"`
	Folder
}

// EncodeFolder is the content of a folder's box.
func EncodeFolder(f Folder) ([]byte, error) {
	if err := f.Check(); err != nil {
		return nil, fmt.Errorf("write folder: %w", err)
	}
	if f.Entries == nil {
		f.Entries = []Entry{}
	}
	text, err := marshal(folderJSON{headVersion, f})
	if err == nil && len(text) > maxFolder {
		err = fmt.Errorf("write folder: expected at most %d bytes", maxFolder)
	}
	return text, err
}

// DecodeFolder reads what EncodeFolder wrote, with or without padding.
func DecodeFolder(content []byte) (Folder, error) {
	var j folderJSON
	if len(content) > 2*maxFolder || json.Unmarshal(content, &j) != nil || j.Version != headVersion || j.Entries == nil || j.Check() != nil {
		return Folder{}, ErrClosed
	}
	return j.Folder, nil
}

// Boxes are what folders lie in: those of an owner whose keyring is open (keyring.Owner),
// or of a program that has the key of the drawer alone (keyring.Drawer).
type Boxes interface {
	SealItem(drawer, name string, version uint64, content []byte) ([]byte, error)
	OpenItem(drawer, name string, version uint64, box []byte) ([]byte, error)
}

// SealFolder makes the box of the folder called name, as the version it will be stored as.
func SealFolder(o Boxes, name string, version uint64, f Folder) ([]byte, error) {
	content, err := EncodeFolder(f)
	if err != nil {
		return nil, err
	}
	return o.SealItem(Drawer, name, version, content)
}

// OpenFolder opens the box of the folder called name that a server says has this version.
// seen is the highest version of it that this device has seen.
func OpenFolder(o Boxes, name string, version, seen uint64, box []byte) (Folder, error) {
	if version < seen {
		return Folder{}, ErrRolledBack
	}
	content, err := o.OpenItem(Drawer, name, version, box)
	if err != nil {
		return Folder{}, ErrClosed
	}
	return DecodeFolder(content)
}
