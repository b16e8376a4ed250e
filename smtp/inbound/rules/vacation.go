package rules

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/pgp"
	"sealpost/pgp/discover"
)

// again is how long who was told is not told again (RFC 5230, section 4.1; RFC 3834,
// section 2).
const again = 7 * 24 * time.Hour

// answer tells a mail's sender that its recipient is away. It says nothing that the mail
// says, and goes to its reverse-path alone (RFC 3834, section 4).
func (r *Room) answer(ctx context.Context, a account.Account, m Mail, v Vacation) error {
	now := r.Now()
	if !v.On || !v.From.IsZero() && now.Before(v.From) || !v.Until.IsZero() && !now.Before(v.Until) {
		return nil
	}
	if m.From == nil || !m.Proved || automatic(m.Gist.Header) || machine(*m.From) {
		return nil
	}
	own, err := r.own(ctx, a, *m.From)
	if err != nil || own {
		return err
	}
	if named, err := r.named(ctx, a, m); err != nil || !named {
		return err
	}
	cert, err := r.answerKey(ctx, a, *m.From)
	if err != nil {
		return err
	}
	if told, err := r.told(ctx, a.ID, *m.From, now); err != nil || told {
		return err
	}
	if !r.spent.take("notice "+string(a.ID), noticesDay, now) {
		return errOften
	}
	return r.post(ctx, a, m.To, *m.From, notice(m, v, now), cert, nil)
}

// automatic says that a mail's sender, or a list, asks for no answers by machines: RFC
// 3834, section 2; RFC 2369 and 2919; and fields that are in use.
func automatic(h mail.Header) bool {
	for _, f := range h.Fields {
		name, value := strings.ToLower(f.Name), strings.ToLower(f.Value())
		switch {
		case strings.HasPrefix(name, "list-"), name == "x-auto-response-suppress", name == "x-autoreply", name == "x-autorespond",
			name == "feedback-id", name == "x-loop", name == "mailing-list":
			return true
		case name == "auto-submitted" && !isNo(value):
			return true
		case name == "precedence" && slices.Contains([]string{"bulk", "list", "junk", "auto_reply"}, value):
			return true
		}
	}
	return false
}

// isNo reads the keyword of Auto-Submitted (RFC 3834, section 5).
func isNo(value string) bool {
	word, _, _ := strings.Cut(value, ";")
	word, _, _ = strings.Cut(word, "(")
	return strings.TrimSpace(word) == "no"
}

// machine says that an address is one where nobody reads.
func machine(a mail.Address) bool {
	base, _ := a.WithoutDetail()
	local := strings.ToLower(base.Local)
	for _, name := range []string{"mailer-daemon", "postmaster", "listserv", "majordomo", "noreply", "no-reply", "donotreply", "do-not-reply", "nobody", "bounce", "bounces"} {
		if local == name {
			return true
		}
	}
	return strings.HasPrefix(local, "owner-") || strings.HasSuffix(local, "-request") || strings.HasSuffix(local, "-bounces") ||
		strings.HasSuffix(local, "-owner") || strings.HasPrefix(local, "bounce-") || strings.HasPrefix(local, "bounces+")
}

// named says that the mail is to the account itself, not only to a list or a blind copy.
func (r *Room) named(ctx context.Context, a account.Account, m Mail) (bool, error) {
	e := mail.ReadEnvelope(m.Gist.Header)
	n := 0
	for _, one := range slices.Concat(e.To, e.Cc) {
		to, err := mail.ParseAddress(mail.Address{Local: one.Local, Domain: one.Domain}.String())
		if err != nil || !r.Book.Local(to.Domain) {
			continue
		}
		if n++; n > 50 {
			break
		}
		if own, err := r.own(ctx, a, to); err != nil || own {
			return own, err
		}
	}
	return false, nil
}

// answerKey is what a notice is encrypted to; nil where it may be readable.
func (r *Room) answerKey(ctx context.Context, a account.Account, to mail.Address) (*pgp.Cert, error) {
	if a.Encrypt == account.EncryptNever {
		return nil, nil
	}
	err := error(errNoKey)
	if r.Keys != nil {
		var found discover.Found
		if found, err = r.Keys.Find(ctx, string(a.ID), to); err == nil {
			return found.Cert, nil
		}
	}
	plain := errors.Is(err, discover.ErrNoKey) || errors.Is(err, errNoKey)
	if plain && a.Encrypt != account.EncryptRequire {
		return nil, nil
	}
	return nil, fmt.Errorf("find key: %w", err)
}

// told says whether a sender heard of it lately, and if not writes down that they do
// now: a crash then costs a notice, and never sends two.
func (r *Room) told(ctx context.Context, id account.ID, to mail.Address, now time.Time) (bool, error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	last, err := r.Heard.Get(ctx, string(id), to.Key())
	if err != nil {
		return true, fmt.Errorf("read who has heard: %w", err)
	}
	if at, _, ok := readHeard(last); ok && now.Sub(at) < again && !at.After(now.Add(time.Hour)) {
		return true, nil
	}
	value := append(binary.BigEndian.AppendUint64(nil, uint64(now.Unix())), to.Key()...)
	if err := r.Heard.Put(ctx, string(id), to.Key(), value); err != nil {
		return true, fmt.Errorf("write down who has heard: %w", err)
	}
	return false, nil
}

func readHeard(value []byte) (at time.Time, to string, ok bool) {
	if len(value) < 8 {
		return at, "", false
	}
	return time.Unix(int64(binary.BigEndian.Uint64(value)), 0), string(value[8:]), true
}

// Tidy forgets who heard of it so long ago that they may hear again.
func (r *Room) Tidy(ctx context.Context) error {
	all, err := r.Book.Accounts(ctx)
	if err != nil {
		return fmt.Errorf("list accounts: %w", err)
	}
	for _, a := range all {
		values, err := r.Heard.All(ctx, string(a.ID))
		if err != nil {
			return err
		}
		for _, v := range values {
			at, to, ok := readHeard(v)
			if !ok || r.Now().Sub(at) < again {
				continue
			}
			if err := r.Heard.Put(ctx, string(a.ID), to, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// notice is what they hear.
func notice(m Mail, v Vacation, now time.Time) mail.Bytes {
	subject := v.Subject
	if strings.TrimSpace(subject) == "" {
		subject = "Automatic answer"
	}
	var b strings.Builder
	b.WriteString(fields(m.To, *m.From, now) + "Subject: " + encoded(subject) + "\r\n" +
		"Auto-Submitted: auto-replied\r\n" + about(m.Gist) +
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	text := strings.ReplaceAll(strings.ReplaceAll(v.Text, "\r\n", "\n"), "\n", "\r\n") + "\r\n"
	code := base64.StdEncoding.EncodeToString([]byte(text))
	for len(code) > 76 {
		b.WriteString(code[:76] + "\r\n")
		code = code[76:]
	}
	b.WriteString(code + "\r\n")
	return strings.NewReader(b.String())
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c > '~' }) < 0
}

// wire is a domain as DNS has it.
func wire(domain string) string {
	if a, err := idna.Lookup.ToASCII(domain); err == nil {
		return a
	}
	return domain
}
