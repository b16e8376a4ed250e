package pgp

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sealpost/mail"
)

// The visible header is written anew from what was understood of the mail's;
// nothing is copied as it stood, so no fold, no raw byte and no forged field of
// a sender gets through. It is at most maxOuter bytes, its lines at most 998.
const (
	maxOuter      = 16 << 10
	maxList       = 3 << 10 // bytes of To or Cc, about
	maxFrom       = 1 << 10 // and of From
	maxListed     = 100     // addresses of one list
	maxReferences = 20
	maxIDs        = 5 << 9 // bytes of ids in one field
	maxID         = 250
	nobody        = "sealpost.invalid" // RFC 6761, section 6.4: resolves nowhere
)

// field is one header field; value may have folds.
type field struct{ name, value string }

// chatFile marks a mail that brings the file of a chat's message, which came in a mail
// of its own. Delta Chat fetches such a one when it is asked for, and looks for the mark
// before it opens anything. It is a fixed word, and the size says as much.
var chatFile = field{"Chat-Is-Post-Message", "1"}

func (f field) String() string { return f.name + ": " + f.value + "\r\n" }

// visibleFields are the non-structural fields at a level (DESIGN 2).
func visibleFields(m Mail, level Level, pseudonym []byte) []field {
	v := viewer{level: level, key: pseudonym}
	e := mail.ReadEnvelope(m.Gist.Header)
	fields := []field{{"From", v.from(e.From)}}
	fields = v.addList(fields, "To", e.To)
	fields = v.addList(fields, "Cc", e.Cc)
	fields = append(fields, field{"Date", v.date(m.Gist.Date, m.Time)}, field{"Subject", v.subject(m.Gist.Subject)})
	fields = v.addIDs(fields, "Message-ID", []string{m.Gist.MessageID}, 1)
	fields = v.addIDs(fields, "In-Reply-To", m.Gist.InReplyTo, 5)
	return v.addIDs(fields, "References", m.Gist.References, maxReferences)
}

// outerHeader is the visible header section, with its empty line.
func outerHeader(fields []field, f Form, charset string) []byte {
	var b bytes.Buffer
	for _, f := range fields {
		b.WriteString(f.String())
	}
	b.WriteString("MIME-Version: 1.0\r\n")
	if f == FormInline {
		b.WriteString("Content-Type: text/plain; charset=" + charset + "\r\nContent-Transfer-Encoding: 7bit\r\n")
	} else {
		b.WriteString("Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\";\r\n boundary=\"" + boundary + "\"\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// inlineCharset is the charset of an inline message's outer header.
func inlineCharset(outer []byte) string {
	_, rest, found := bytes.Cut(outer, []byte("\r\nContent-Type: text/plain; charset="))
	name, _, _ := bytes.Cut(rest, []byte("\r\n"))
	if !found {
		return "utf-8"
	}
	return string(name)
}

// viewer writes fields at one level.
type viewer struct {
	level Level
	key   []byte
}

func (v viewer) hidesNames() bool { return v.level == Shy || v.level == Minimal }

// pseudonym is stable for one value, one purpose and one account, and says
// nothing of the value to who has not the account's key.
func (v viewer) pseudonym(purpose, value string) string {
	h := hmac.New(sha256.New, v.key)
	h.Write([]byte(purpose + "\x00" + value))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (v viewer) from(list []mail.Mailbox) string {
	if v.level == Minimal {
		sender := ""
		for _, m := range list {
			if spec, ok := addrSpec(m); ok {
				sender = strings.ToLower(spec)
				break
			}
		}
		return "<" + v.pseudonym("from", sender) + "@" + nobody + ">"
	}
	w := v.words(list, maxFrom)
	if len(w) == 0 {
		return "<unknown@" + nobody + ">"
	}
	return foldWords("From", w)
}

// addList adds an address field, if the mail had one. At Minimal nobody is
// named; that there were recipients stays visible.
func (v viewer) addList(fields []field, name string, list []mail.Mailbox) []field {
	if len(list) == 0 || v.level == Minimal && name != "To" {
		return fields
	}
	var w []string
	if v.level != Minimal {
		w = v.words(list, maxList)
	}
	if len(w) == 0 {
		w = []string{"undisclosed-recipients:;"}
	}
	return append(fields, field{name, foldWords(name, w)})
}

// words writes an address list in words that a fold may stand between. What
// does not fit is counted in the name of an empty group.
func (v viewer) words(list []mail.Mailbox, most int) []string {
	l := &listWriter{hideNames: v.hidesNames(), most: most}
	left := 0
	for _, m := range list {
		switch {
		case m.Domain == "" && m.Local == "":
			l.closeGroup()
		case m.Domain == "":
			l.openGroup(m.Local)
		case l.count == maxListed || l.size > l.most:
			left++
		default:
			l.add(m)
		}
	}
	l.closeGroup()
	if left > 0 {
		l.item([]string{"and", fmt.Sprintf("%d", left), "more:;"})
	}
	return l.out
}

// listWriter gathers the words of an address list.
type listWriter struct {
	hideNames bool
	most      int // size at which it is full
	out       []string
	inGroup   bool
	first     bool // of the group
	count     int
	size      int
}

// item adds one list item and the comma before it.
func (l *listWriter) item(words []string) {
	if len(l.out) > 0 && !l.first {
		l.out[len(l.out)-1] += ","
	}
	l.first = false
	l.out = append(l.out, words...)
	for _, w := range words {
		l.size += len(w) + 2
	}
}

func (l *listWriter) openGroup(name string) {
	l.closeGroup()
	if l.hideNames || l.size > l.most {
		return
	}
	words := phrase(clip(name, 100))
	if len(words) == 0 {
		return
	}
	words[len(words)-1] += ":"
	l.item(words)
	l.inGroup, l.first = true, true
}

func (l *listWriter) closeGroup() {
	if l.inGroup {
		l.out[len(l.out)-1] += ";"
	}
	l.inGroup, l.first = false, false
}

func (l *listWriter) add(m mail.Mailbox) {
	spec, ok := addrSpec(m)
	if !ok {
		return
	}
	l.count++
	var name []string
	if !l.hideNames {
		name = phrase(clip(m.Name, 200))
	}
	if len(name) == 0 {
		l.item([]string{spec})
		return
	}
	l.item(append(name, "<"+spec+">"))
}

// addrSpec writes an address anew, or not at all.
func addrSpec(m mail.Mailbox) (string, bool) {
	if m.Local == "" || m.Domain == "" || len(m.Local) > 128 || len(m.Domain) > 255 {
		return "", false
	}
	for _, r := range m.Domain {
		if r <= ' ' || r == 0x7f || strings.ContainsRune("()<>@,;\\\"", r) || !printableRune(r) {
			return "", false
		}
	}
	for _, r := range m.Local {
		if !printableRune(r) {
			return "", false
		}
	}
	return mail.Address{Local: m.Local, Domain: m.Domain}.String(), true
}

func printableRune(r rune) bool {
	return r == ' ' || r != utf8.RuneError && unicode.IsGraphic(r) && !unicode.IsSpace(r)
}

func (v viewer) date(sent, arrived time.Time) string {
	if sent.Year() < 1970 || sent.Year() > 9999 {
		sent = arrived
	}
	switch v.level {
	case Minimal:
		sent = sent.UTC().Truncate(time.Hour)
	case Shy:
		sent = sent.UTC()
	}
	return sent.Format("Mon, 02 Jan 2006 15:04:05 -0700")
}

func (v viewer) subject(s string) string {
	if v.level != Open {
		return "[...]"
	}
	return foldWords("Subject", text(clip(s, 998)))
}

// addIDs adds a field of message ids, the last ones, if there are any.
func (v viewer) addIDs(fields []field, name string, ids []string, most int) []field {
	var words []string
	size := 0
	for i := len(ids) - 1; i >= 0 && len(words) < most; i-- {
		id := ids[i]
		if !isMessageID(id) {
			continue
		}
		id = v.id(id)
		if size += len(id) + 3; size > maxIDs {
			break
		}
		words = append([]string{id}, words...)
	}
	if len(words) == 0 {
		return fields
	}
	return append(fields, field{name, foldWords(name, words)})
}

// isMessageID takes what threads can be made of: one pair of angle brackets
// around visible characters.
func isMessageID(id string) bool {
	if len(id) < 3 || len(id) > maxID || id[0] != '<' || id[len(id)-1] != '>' {
		return false
	}
	for _, r := range id[1 : len(id)-1] {
		if r == '<' || r == '>' || r == ' ' || !printableRune(r) {
			return false
		}
	}
	return true
}
