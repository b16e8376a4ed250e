package screen

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/emersion/go-milter"

	"sealpost/smtp/mailauth"
)

const (
	maxAdded  = 50       // fields a milter adds to one mail
	maxField  = 4 << 10  // octets of one
	maxFields = 16 << 10 // and of all
)

// allActions are those of protocol version 2, offered because many milters refuse
// to work for who offers less; with more, old ones would. All but adding fields and
// quarantine are ignored: a mail that arrived is sealed as it is.
const allActions = milter.OptAddHeader | milter.OptChangeBody | milter.OptAddRcpt | milter.OptRemoveRcpt |
	milter.OptChangeHeader | milter.OptQuarantine

// milter shows the mail to a milter, each mail in a session of its own.
func (s *Screen) milter(ctx context.Context, a Arrival, v mailauth.Verdict) (o opinion, err error) {
	defer func() {
		if recover() != nil { // of the library, over what a milter said
			err = errors.New("the milter library panicked")
		}
	}()
	network, address, ok := milterAddress(s.Milter)
	if !ok {
		return opinion{}, errors.New("address is neither unix:PATH nor inet:HOST:PORT")
	}
	limit := cmp.Or(s.Filter, filterTime)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return opinion{}, fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	c := milter.NewClientWithOptions(network, address, milter.ClientOptions{
		Dialer: opened{conn}, ReadTimeout: limit, WriteTimeout: limit, ActionMask: allActions,
	})
	session, err := c.Session()
	if err != nil {
		return opinion{}, fmt.Errorf("greet: %w", err)
	}
	defer session.Close()
	changes, act, err := show(session, a, v)
	if err != nil {
		return opinion{}, err
	}
	return s.heed(a, changes, act), nil
}

// opened hands out the connection that the context can close.
type opened struct{ net.Conn }

func (o opened) Dial(string, string) (net.Conn, error) { return o.Conn, nil }

func milterAddress(s string) (network, address string, ok bool) {
	if path, unix := strings.CutPrefix(s, "unix:"); unix {
		return "unix", path, path != ""
	}
	host, inet := strings.CutPrefix(s, "inet:")
	return "tcp", host, inet && host != ""
}

// show goes through the dialogue until the milter has decided.
func show(m *milter.ClientSession, a Arrival, v mailauth.Verdict) ([]milter.ModifyAction, *milter.Action, error) {
	family, ip := milter.FamilyInet, a.IP.Unmap().WithZone("")
	if !ip.Is4() {
		family = milter.FamilyInet6
	}
	from := ""
	if a.From != nil {
		from = a.From.String()
	}
	if err := m.Macros(milter.CodeMail, "i", a.ID); err != nil {
		return nil, nil, err
	}
	steps := []func() (*milter.Action, error){
		func() (*milter.Action, error) {
			return m.Conn(cmp.Or(plain(v.IPRev.Name, 255), "["+ip.String()+"]"), family, 0, ip.String())
		},
		func() (*milter.Action, error) { return m.Helo(plain(a.Helo, 255)) },
		func() (*milter.Action, error) { return m.Mail(from, nil) },
	}
	for _, to := range a.To {
		steps = append(steps, func() (*milter.Action, error) { return m.Rcpt(to.String(), nil) })
	}
	for _, f := range a.Header.Fields {
		steps = append(steps, func() (*milter.Action, error) { return m.HeaderField(f.Name, rawValue(f.Raw)) })
	}
	steps = append(steps, m.HeaderEnd)
	for _, step := range steps {
		act, err := step()
		if err != nil {
			return nil, nil, err
		}
		if act.Code != milter.ActContinue {
			return nil, act, nil
		}
	}
	return m.BodyReadFrom(io.NewSectionReader(a.Mail, a.Header.End, a.Mail.Size()-a.Header.End))
}

// rawValue is a field's body with its folds, as milters expect it: lines end with
// LF, and there is no NUL, which would end it.
func rawValue(raw []byte) string {
	_, value, _ := bytes.Cut(raw, []byte(":"))
	value = bytes.TrimRight(bytes.TrimPrefix(value, []byte(" ")), "\r\n")
	return string(bytes.ReplaceAll(bytes.ReplaceAll(value, []byte("\r\n"), []byte("\n")), []byte{0}, nil))
}

// heed turns what a milter wants into an opinion. Discard is not obeyed: 250 is
// said only for mail that is kept.
func (s *Screen) heed(a Arrival, changes []milter.ModifyAction, act *milter.Action) (o opinion) {
	switch act.Code {
	case milter.ActReject:
		o.reply = &Refusal{550, "5.7.1", "this mail is refused by a filter"}
	case milter.ActTempFail:
		o.reply = &Refusal{451, "4.7.1", "try again later"}
	case milter.ActReplyCode:
		o.reply = replyOf(act)
	case milter.ActDiscard:
		o.junk = "a filter wanted to throw it away"
	}
	ignored := 0
	for _, c := range changes {
		switch c.Code {
		case milter.ActQuarantine:
			o.junk = "a filter put it in quarantine"
		case milter.ActAddHeader, milter.ActInsertHeader:
			field, ok := addedField(c.HeaderName, c.HeaderValue)
			if ok && bytes.Count(o.trace, []byte("\r\n")) < maxAdded && len(o.trace)+len(field) <= maxFields {
				o.trace = append(o.trace, field...)
				continue
			}
			ignored++
		default:
			ignored++
		}
	}
	if ignored > 0 {
		s.note("a milter wanted changes that are not made", "id", a.ID, "changes", ignored)
	}
	return o
}

func replyOf(act *milter.Action) *Refusal {
	switch act.SMTPCode / 100 {
	case 4:
		return &Refusal{451, "4.7.1", plain(strings.TrimSpace(act.SMTPText), 200)}
	case 5:
		return &Refusal{550, "5.7.1", plain(strings.TrimSpace(act.SMTPText), 200)}
	}
	return nil
}

// never are fields that a milter may not add in front of a mail: they would be
// taken for the mail's own, or for ours.
var never = strings.Fields("from sender reply-to to cc bcc subject date message-id in-reply-to references " +
	"mime-version return-path received hp-outer autocrypt autocrypt-gossip")

// addedField writes a field on lines of its own, or not at all.
func addedField(name, value string) (string, bool) {
	lower := strings.ToLower(name)
	for _, n := range never {
		if lower == n {
			return "", false
		}
	}
	odd := func(c rune) bool { return c <= ' ' || c > '~' || c == ':' }
	if name == "" || strings.ContainsFunc(name, odd) || strings.HasPrefix(lower, "sealpost-") || strings.HasPrefix(lower, "content-") {
		return "", false
	}
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(value, "\r", ""), "\n") {
		if line = strings.TrimSpace(plain(strings.ReplaceAll(line, "\t", " "), 900)); line != "" {
			lines = append(lines, line)
		}
	}
	field := name + ": " + strings.Join(lines, "\r\n\t") + "\r\n"
	return field, len(lines) > 0 && len(field) <= maxField
}
