package cut

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime/quotedprintable"
	"net/url"
	"regexp"
	"strings"

	"sealpost/filestore/sealed"
)

// Stub is what stands in a mail for an attachment that was taken out on arrival.
type Stub struct {
	Version int           `json:"v"`
	Name    string        `json:"name"`
	Type    string        `json:"type,omitempty"`
	Length  int64         `json:"length"`
	Object  string        `json:"object"`
	Secret  sealed.Secret `json:"secret"`
	Hash    []byte        `json:"hash"`   // SHA-256 of the content
	Link    string        `json:"link"`   // whole
	Header  []byte        `json:"header"` // of the part, with its empty line
	Coding  coding        `json:"coding"`
}

const (
	stubVersion = 1
	stubBegin   = "-----BEGIN SEALPOST ATTACHMENT-----\r\n"
	stubEnd     = "-----END SEALPOST ATTACHMENT-----"
	stubHeader  = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nContent-Disposition: inline\r\n\r\n"
	maxStub     = 64 << 10
	stubLine    = 64
)

// ErrStub says that a text is no stub.
var ErrStub = errors.New("not a stub of an attachment")

func stubText(x made) ([]byte, error) {
	s := Stub{
		Version: stubVersion, Name: x.head.Name, Type: x.head.Type, Length: x.length, Object: x.object.ID.String(), Secret: x.head.Secret,
		Hash: x.hash[:], Link: x.url, Header: x.header, Coding: x.coding,
	}
	return s.part()
}

// part is the MIME part, header section and all.
func (s Stub) part() ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write stub: %w", err)
	}
	var b strings.Builder
	b.WriteString(stubHeader)
	fmt.Fprintf(&b, "A large file came with this mail. It lies beside it, sealed:\r\n\r\n  %s (%s)\r\n\r\n", s.Name, readable(s.Length))
	b.WriteString("Open this link to get it. Who has the link has the file:\r\n\r\n  " + s.Link + "\r\n\r\n" + stubBegin)
	for coded := base64.StdEncoding.EncodeToString(text); coded != ""; {
		n := min(stubLine, len(coded))
		b.WriteString(coded[:n] + "\r\n")
		coded = coded[n:]
	}
	b.WriteString(stubEnd)
	if b.Len() > maxStub {
		return nil, fmt.Errorf("write stub: expected at most %d bytes", maxStub)
	}
	return []byte(b.String()), nil
}

var objectID = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)

// ParseStub reads the content of such a part. That it is one proves nothing: whoever
// writes a mail can write one, and only a server says which are its own (Places).
func ParseStub(content []byte) (s Stub, err error) {
	if len(content) > maxStub {
		return s, ErrStub
	}
	before, rest, has := strings.Cut(string(content), stubBegin)
	coded, behind, ended := strings.Cut(rest, stubEnd)
	if !has || !ended || behind != "" || !strings.HasSuffix(before, "\r\n") || strings.Contains(before, stubEnd) {
		return s, ErrStub
	}
	text, err := decodeLines(coded)
	if err != nil || json.Unmarshal(text, &s) != nil || !s.valid() {
		return Stub{}, ErrStub
	}
	return s, nil
}

// decodeLines reads base64 in lines of just one width, but for the last.
func decodeLines(coded string) ([]byte, error) {
	var all strings.Builder
	for lines := strings.Split(coded, "\r\n"); len(lines) > 1; lines = lines[1:] {
		full := len(lines[0]) == stubLine
		if !full && (len(lines) > 2 || len(lines[0]) > stubLine || lines[0] == "") {
			return nil, ErrStub
		}
		all.WriteString(lines[0])
		if len(lines) == 2 && lines[1] != "" {
			return nil, ErrStub
		}
	}
	return strict.DecodeString(all.String())
}

func (s Stub) valid() bool {
	u, err := url.Parse(s.Link)
	return err == nil && u.Scheme == "https" && u.Host != "" && strings.HasPrefix(u.Path, "/f/") && u.Fragment != "" && u.User == nil && u.RawQuery == "" &&
		s.Version == stubVersion && sealed.ValidName(s.Name) && (s.Type == "" || mediaType.MatchString(s.Type)) &&
		s.Length > 0 && s.Length <= sealed.MaxLength && objectID.MatchString(s.Object) && s.Secret != sealed.Secret{} && len(s.Hash) == 32 &&
		len(s.Header) >= 2 && len(s.Header) <= maxHeader && bytes.HasSuffix(s.Header, []byte("\r\n")) && s.Coding.valid()
}

// sentText is the part that a recipient gets in place of a file.
func sentText(x made) ([]byte, error) {
	text := fmt.Sprintf("A large file belongs to this mail. It lies sealed on the sender's server:\r\n\r\n  %s (%s)\r\n\r\n"+
		"Open this link to get it, until %s. Who has the link has the file:\r\n\r\n  %s\r\n", x.head.Name, readable(x.length), x.ends.UTC().Format("2006-01-02"), x.url)
	header := "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: inline\r\n"
	if strings.IndexFunc(text, func(c rune) bool { return c > '~' }) < 0 {
		return []byte(header + "\r\n" + text), nil
	}
	var b bytes.Buffer
	b.WriteString(header + "Content-Transfer-Encoding: quoted-printable\r\n\r\n")
	q := quotedprintable.NewWriter(&b)
	if _, err := q.Write([]byte(text)); err != nil {
		return nil, fmt.Errorf("write text of a link: %w", err)
	}
	if err := q.Close(); err != nil {
		return nil, fmt.Errorf("write text of a link: %w", err)
	}
	return b.Bytes(), nil
}

// readable rounds bytes for people.
func readable(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.0f kB", float64(n)/1e3)
}
