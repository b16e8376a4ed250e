package rules

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"mime"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"sealpost/account"
	"sealpost/filestore/spool"
	"sealpost/mail"
	"sealpost/pgp"
	"sealpost/smtp"
	"sealpost/smtp/outbound/queue"
)

const (
	inTime      = 30 * time.Second // for all that a mail makes leave
	maxGrown    = 64 << 20         // octets of a mail that is forwarded
	forwardsDay = 1000             // of one account
	noticesDay  = 300
	loopMark    = "X-Loop" // carried along by those who forward
	maxLoops    = 3
)

// NotForwarded is the keyword of a mail that was to be forwarded, and was not.
const NotForwarded = "$NotForwarded"

// Act does what leaves the house for a mail that is stored: forwards, and the notice of
// who is away. It says whether something was to be forwarded and was not.
func (r *Room) Act(ctx context.Context, m Mail, o Outcome) (missed bool) {
	if len(o.Forward) == 0 && !o.vacation.On {
		return false
	}
	defer func() {
		if v := recover(); v != nil {
			r.panicked(m, v)
			missed = len(o.Forward) > 0
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, inTime)
	defer cancel()
	a, err := r.Book.Account(ctx, m.Account)
	if err != nil {
		r.Log.Warn("nothing was done for an account", "account", string(m.Account), "error", err)
		return len(o.Forward) > 0
	}
	for _, to := range o.Forward {
		if err := r.forward(ctx, a, m, to); err != nil {
			missed = true
			r.Log.Warn("mail was not forwarded", "account", string(m.Account), "error", smtp.Trouble(err))
		}
	}
	if err := r.answer(ctx, a, m, o.vacation); err != nil {
		r.Log.Warn("nobody was told that somebody is away", "account", string(m.Account), "error", smtp.Trouble(err))
	}
	return missed
}

var (
	errLoop  = errors.New("mail goes round in a loop")
	errOften = errors.New("too much left by itself today")
	errLarge = errors.New("mail is too large to be forwarded")
)

// forward sends a mail on as what it is: a mail of this account's, encrypted, with the
// whole original inside. So its From and its signature are our own, nobody must trust
// us to have kept a header as it was, and what its sender signed can be checked in it.
func (r *Room) forward(ctx context.Context, a account.Account, m Mail, to mail.Address) error {
	loops, err := r.loops(ctx, a, m.Gist.Header)
	switch {
	case err != nil:
		return err
	case m.Bytes.Size() > maxGrown:
		return errLarge
	}
	if r.Keys == nil {
		return errNoKey
	}
	found, err := r.Keys.Find(ctx, string(a.ID), to)
	if err != nil {
		return fmt.Errorf("find key: %w", err)
	}
	if !r.spent.take("forward "+string(a.ID), forwardsDay, r.Now()) {
		return errOften
	}
	from := a.Addresses[0]
	loops = append(loops, spell(from))
	return r.post(ctx, a, from, to, wrapped(from, to, m, r.Now()), found.Cert, loops)
}

// loops are the marks of those who forwarded a mail before; one of our own, or too many,
// end its way.
func (r *Room) loops(ctx context.Context, a account.Account, h mail.Header) (marks []string, err error) {
	for _, v := range h.Values(loopMark) {
		by, err := mail.ParseAddress(v)
		if err != nil || len(v) > 320 {
			continue
		}
		if own, err := r.own(ctx, a, by); err != nil || own {
			return nil, errors.Join(errLoop, err)
		}
		marks = append(marks, spell(by))
	}
	if len(marks) >= maxLoops {
		return nil, errLoop
	}
	return marks, nil
}

// wrapped is the mail that carries another.
func wrapped(from, to mail.Address, m Mail, now time.Time) mail.Joined {
	boundary := newID()
	head := fields(from, to, now) +
		"Subject: " + encoded("Fwd: "+m.Gist.Subject) + "\r\n" +
		"Auto-Submitted: auto-generated\r\n" + about(m.Gist) +
		"MIME-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed; boundary=" + boundary + "\r\n\r\n" +
		"--" + boundary + "\r\n" +
		"Content-Type: text/plain; charset=us-ascii\r\n\r\n" +
		"This mail was forwarded by a rule of its recipient's.\r\n\r\n" +
		"--" + boundary + "\r\n" +
		"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\nContent-Disposition: inline\r\n\r\n"
	return mail.Joined{strings.NewReader(head), m.Bytes, strings.NewReader("\r\n--" + boundary + "--\r\n")}
}

// fields begin a mail of somebody of this server.
func fields(from, to mail.Address, now time.Time) string {
	return "From: <" + spell(from) + ">\r\nTo: <" + spell(to) + ">\r\n" +
		"Date: " + now.UTC().Format(time.RFC1123Z) + "\r\n" +
		"Message-ID: <" + newID() + "@" + wire(from.Domain) + ">\r\n"
}

// spell writes an address with its domain as DNS has it.
func spell(a mail.Address) string {
	a.Domain = wire(a.Domain)
	return a.String()
}

// about names the mail that another is about, for threads; nothing else of it.
func about(g *mail.Gist) string {
	id := g.MessageID
	if len(id) < 3 || len(id) > 250 || id[0] != '<' || id[len(id)-1] != '>' || strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return ""
	}
	return "In-Reply-To: " + id + "\r\nReferences: " + id + "\r\n"
}

// encoded writes text into a field that has just begun, in folds.
func encoded(s string) string {
	for len(s) > 300 || !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s[:min(len(s), 300)], "")
	}
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, s)
	return strings.ReplaceAll(mime.BEncoding.Encode("utf-8", s), "?= =?", "?=\r\n =?")
}

// post hands a mail to people of this server, or puts it into the queue, with no
// reverse-path: nobody answers it by itself. cert is nil for what may be readable.
func (r *Room) post(ctx context.Context, a account.Account, from, to mail.Address, text mail.Bytes, cert *pgp.Cert, loops []string) error {
	var front strings.Builder
	for _, l := range loops {
		front.WriteString(loopMark + ": " + l + "\r\n")
	}
	if cert != nil {
		s := spool.New(r.Spool, 1<<20, 2*text.Size()+1<<20) // armor, padding, header twice
		defer s.Close()
		if err := pgp.Encrypt(ctx, s, text, []*pgp.Cert{cert}, false); err != nil {
			return err
		}
		text = s
	}
	text = mail.Joined{strings.NewReader(front.String()), text}
	utf8 := !ascii(to.Local) || !ascii(from.Local) || !ascii(front.String())
	if r.Book.Local(to.Domain) {
		if err := smtp.HandIn(ctx, r.Local, smtp.Peer{User: &smtp.Identity{}, Extended: true}, to, text, utf8); err != nil {
			return fmt.Errorf("hand in: %w", err)
		}
		return nil
	}
	m := queue.Mail{
		Envelope: smtp.Envelope{UTF8: utf8, EightBit: utf8}, Account: string(a.ID), Created: r.Now(), Sign: from.Domain,
		Recipient: []queue.State{{Recipient: smtp.Recipient{Address: to, Notify: []string{"NEVER"}}}},
	}
	if _, err := r.Queue.Put(ctx, m, text); err != nil {
		return fmt.Errorf("put into queue: %w", err)
	}
	return nil
}

var encoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

func newID() string {
	var b [15]byte
	rand.Read(b[:])
	return encoding.EncodeToString(b[:])
}

// allowance counts what left by itself in this day, in memory.
type allowance struct {
	mu    sync.Mutex
	day   int64
	count map[string]int
}

func (a *allowance) take(name string, most int, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if day := now.Unix() / 86400; day != a.day || a.count == nil {
		a.day, a.count = day, map[string]int{}
	}
	if a.count[name] >= most {
		return false
	}
	a.count[name]++
	return true
}
