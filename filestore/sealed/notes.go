package sealed

import (
	"encoding/json"
	"log/slog"
	"unicode/utf8"
)

// LinkNote is what the owner's devices remember of a link: a box beside the folders,
// called LinkItem. It has no password.
type LinkNote struct {
	Fragment string `json:"fragment"`
	Name     string `json:"name"`
	Length   int64  `json:"length"`
}

// AskNote is the same of an upload request, called AskItem.
type AskNote struct {
	Fragment string `json:"fragment"`
	Title    string `json:"title,omitempty"`
	Note     string `json:"note,omitempty"`
	Folder   string `json:"folder"` // of the drive, where what comes is put
}

// LogValue keeps secrets and names out of logs.
func (LinkNote) LogValue() slog.Value { return slog.StringValue("[withheld]") }

// LogValue keeps secrets and titles out of logs.
func (AskNote) LogValue() slog.Value { return slog.StringValue("[withheld]") }

// LinkItem and AskItem are the boxes' names, which no folder has.
func LinkItem(id string) string { return "link-" + id }
func AskItem(id string) string  { return "request-" + id }

func (n LinkNote) valid() bool {
	_, err := ParseLinkSecret(n.Fragment)
	return err == nil && ValidName(n.Name) && n.Length >= 0 && n.Length <= MaxLength
}

func (n AskNote) valid() bool {
	_, err := ParseLinkSecret(n.Fragment)
	return err == nil && utf8.ValidString(n.Title+n.Note) && utf8.RuneCountInString(n.Title) <= maxTitle && utf8.RuneCountInString(n.Note) <= maxNote &&
		(n.Folder == Root || folderID.MatchString(n.Folder))
}

const maxNotes = 16 << 10 // bytes of a note, padded

// SealNote makes the box of a note, which is stored as its first version.
func SealNote[N LinkNote | AskNote](o Boxes, item string, n N) ([]byte, error) {
	if !validNote(n) {
		return nil, ErrClosed
	}
	plain, err := marshal(n)
	if err != nil {
		return nil, err
	}
	return o.SealItem(Drawer, item, 1, append([]byte(`{"v":1,`), plain[1:]...))
}

// OpenNote opens the box of a note.
func OpenNote[N LinkNote | AskNote](o Boxes, item string, version uint64, box []byte) (n N, err error) {
	plain, err := o.OpenItem(Drawer, item, version, box)
	if err != nil || len(plain) > maxNotes {
		return n, ErrClosed
	}
	var v struct {
		Version int `json:"v"`
	}
	if json.Unmarshal(plain, &v) != nil || v.Version != headVersion || json.Unmarshal(plain, &n) != nil || !validNote(n) {
		var none N
		return none, ErrClosed
	}
	return n, nil
}

func validNote[N LinkNote | AskNote](n N) bool {
	switch n := any(n).(type) {
	case LinkNote:
		return n.valid()
	case AskNote:
		return n.valid()
	}
	return false
}
