package mailauth

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sealpost/mail"
)

// author finds the one address that a mail says it is from, or why it is no mail
// to show. The address is the one package mail finds, which is the one that is
// shown; what other programs could read as another address is refused
// (RFC 5322, section 3.6.2; RFC 9989, section 5.3.1). A bounce may be from nobody.
func author(h mail.Header, m mail.Bytes, bounce bool) (*mail.Address, string) {
	if h.Cut {
		return nil, "header section is too long"
	}
	if h.Broken > 0 && hidesFrom(h, m) {
		return nil, "a line that is no field looks like From"
	}
	var from []mail.Field
	for _, f := range h.Fields {
		if strings.EqualFold(f.Name, "From") {
			from = append(from, f)
		}
	}
	switch len(from) {
	case 0:
		return nil, "no From field"
	case 1:
		if bounce && namesNobody(from[0]) {
			return nil, ""
		}
		return oneAuthor(from[0])
	}
	return nil, "several From fields"
}

// namesNobody says that a field holds nothing that anybody could take for an
// address, such as MAILER-DAEMON alone, which many servers write into bounces.
func namesNobody(f mail.Field) bool {
	shown := norm.NFKC.String(mail.Decode(f.Value()))
	return f.Raw[len(f.Name)] == ':' && !hasControls(f.Raw) && !strings.Contains(shown, "@")
}

func oneAuthor(f mail.Field) (*mail.Address, string) {
	if f.Raw[len(f.Name)] != ':' {
		return nil, "white space before the colon of From"
	}
	if hasControls(f.Raw) {
		return nil, "control characters in From"
	}
	spec, reason := soleSpec(f.Value())
	if reason != "" {
		return nil, reason
	}
	a, err := mail.ParseAddress(quoteDots(spec))
	if err != nil {
		return nil, "From is no address"
	}
	if tricky(spec) || mapped(spec, a.Domain) {
		return nil, "letters in From that look like others"
	}
	if !shownAs(f, a) {
		return nil, "From can be read in two ways"
	}
	return &a, ""
}

// shownAs says that whoever shows this field shows that address and no other.
func shownAs(f mail.Field, a mail.Address) bool {
	list := mail.ReadEnvelope(mail.Header{Fields: []mail.Field{f}}).From
	if len(list) != 1 || list[0].Local != a.Local {
		return false
	}
	shown, err := mail.ParseAddress("x@" + list[0].Domain)
	return err == nil && shown.Domain == a.Domain
}

// hasControls finds NUL and its kind, and line ends that are no fold.
func hasControls(raw []byte) bool {
	raw = bytes.TrimSuffix(bytes.TrimSuffix(raw, []byte("\n")), []byte("\r"))
	for i, c := range raw {
		switch {
		case c == '\t':
		case c == '\r' && bytes.HasPrefix(raw[i+1:], []byte("\n")):
		case c == '\n' && i+1 < len(raw) && (raw[i+1] == ' ' || raw[i+1] == '\t'):
		case c < ' ' || c == 0x7f:
			return true
		}
	}
	return false
}

// tricky finds characters in an address that are written to be taken for others:
// compatibility forms such as a full-width @, invisible ones, and encoded words,
// which no address may hold.
func tricky(spec string) bool {
	if !utf8.ValidString(spec) || !norm.NFKC.IsNormalString(spec) {
		return true
	}
	invisible := func(r rune) bool { return unicode.Is(unicode.Cf, r) || unicode.IsSpace(r) && r != ' ' }
	return strings.ContainsFunc(spec, invisible) || strings.Contains(spec, "=?") && strings.Contains(spec, "?=")
}

// mapped says that a domain became another one by more than its case: IDNA takes
// several characters for a dot (RFC 3490, section 3.1).
func mapped(spec, domain string) bool {
	written := norm.NFC.String(strings.ToLower(spec[strings.LastIndexByte(spec, '@')+1:]))
	return written != domain && strings.ContainsFunc(written, func(r rune) bool { return r >= utf8.RuneSelf })
}

// quoteDots quotes a local part with dots where none may be, which some large
// providers once gave out (abc..def@, abc.@).
func quoteDots(spec string) string {
	at := strings.LastIndexByte(spec, '@')
	if at < 0 || strings.ContainsAny(spec[:at], "\"\\ ") {
		return spec
	}
	local := spec[:at]
	if strings.Contains(local, "..") || strings.HasSuffix(local, ".") || strings.HasPrefix(local, ".") {
		return `"` + local + `"` + spec[at:]
	}
	return spec
}

// hidesFrom looks for a line that package mail skipped and that others could take
// for a From field: a name with odd octets in it, or one without a colon.
func hidesFrom(h mail.Header, m mail.Bytes) bool {
	buf := make([]byte, min(h.End, m.Size()))
	if n, err := m.ReadAt(buf, 0); n < len(buf) && err != nil && !errors.Is(err, io.EOF) {
		return true // what cannot be read cannot be vouched for
	}
	proper := map[int64]bool{}
	for _, f := range h.Fields {
		proper[f.Start] = true
	}
	for at := 0; at < len(buf); {
		line, _, _ := bytes.Cut(buf[at:], []byte("\n"))
		if !proper[int64(at)] && looksLikeFrom(line) {
			return true
		}
		at += len(line) + 1
	}
	return false
}

func looksLikeFrom(line []byte) bool {
	name, _, _ := bytes.Cut(line, []byte(":"))
	letters := bytes.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return -1
	}, name)
	return bytes.EqualFold(letters, []byte("from"))
}
