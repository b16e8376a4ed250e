package sealed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
)

const (
	headVersion = 1
	headStep    = 1 << 10 // heads are lengthened to a multiple of it, so that a name's length says nothing
	maxHead     = 3 << 10
)

// Head is what only those who hold a file know of it. It is in no object: it stands in a
// folder of the owner's drive, in a link, or in a drop.
type Head struct {
	Name     string `json:"name"`
	Type     string `json:"type,omitempty"` // of media, as its maker says: nothing to trust
	Length   int64  `json:"length"`         // of the content
	Secret   Secret `json:"secret"`
	Modified int64  `json:"modified,omitempty"` // Unix milliseconds
	Hash     []byte `json:"hash,omitempty"`     // SHA-256 of the content, where somebody made it
}

// LogValue keeps names out of logs.
func (Head) LogValue() slog.Value { return slog.StringValue("[withheld]") }

var (
	mediaType = regexp.MustCompile(`^[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,127}$`)
	objectID  = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)
)

// latest is a time that any clock may show: the last that RFC 3339 can write.
const latest = 253402300799999

func (h Head) valid() bool {
	return ValidName(h.Name) && (h.Type == "" || mediaType.MatchString(h.Type)) && validContent(h.Secret, h.Length, h.Modified, h.Hash)
}

func validContent(s Secret, length, modified int64, hash []byte) bool {
	return s != Secret{} && length >= 0 && length <= MaxLength && modified >= 0 && modified <= latest && (len(hash) == 0 || len(hash) == 32)
}

type headJSON struct {
	Version int `json:"v"`
	Head
}

func (h Head) encode() ([]byte, error) {
	if !h.valid() {
		return nil, fmt.Errorf("expected a head with a valid name, type, length and time")
	}
	return encode(headJSON{headVersion, h})
}

// encode lengthens JSON with spaces, which it ignores.
func encode(v any) ([]byte, error) {
	text, err := marshal(v)
	if err != nil {
		return nil, err
	}
	for len(text)%headStep != 0 {
		text = append(text, ' ')
	}
	if len(text) > maxHead {
		return nil, fmt.Errorf("expected at most %d bytes beside a file", maxHead)
	}
	return text, nil
}

// marshal leaves out HTML's escapes.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write what is sealed: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

func decodeHead(text []byte) (Head, error) {
	var j headJSON
	if json.Unmarshal(text, &j) != nil || j.Version != headVersion || !j.valid() {
		return Head{}, ErrClosed
	}
	return j.Head, nil
}
