package inbound

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"sealpost/account"
	"sealpost/filestore/spool"
	"sealpost/mail"
	"sealpost/mailstore"
	"sealpost/pgp"
	"sealpost/smtp"
	"sealpost/smtp/inbound/screen"
)

// transaction is one mail on its way in.
type transaction struct {
	h    *Handler
	peer smtp.Peer
	from *mail.Address
	opts smtp.MailOptions
	to   []recipient
}

// recipient is one account a mail goes to, by the first address that led there.
type recipient struct {
	address mail.Address
	account account.ID
	key     pgp.Recipient
	files   account.Attachments
}

// arrival is a mail that has come whole.
type arrival struct {
	id    string
	mail  *spool.Spool
	gist  *mail.Gist
	time  time.Time
	judge screen.Decision
}

// Rcpt finds out who to is and whether mail can be sealed and stored for them
// now; whoever is refused here does not delay the others.
func (t *transaction) Rcpt(ctx context.Context, to mail.Address, _ smtp.RcptOptions) error {
	if to.Domain == "" {
		to.Domain = t.h.Domain
	}
	if err := t.welcome(ctx, to); err != nil {
		return err
	}
	r, err := t.resolve(ctx, to)
	if err != nil {
		t.h.Mark.Tell(ctx, t.h.Log, "recipient refused", "", t.from, to)
		return t.tell("recipient refused", err)
	}
	for _, known := range t.to {
		if known.account == r.account {
			return nil // one copy each
		}
	}
	t.to = append(t.to, r)
	return nil
}

func (t *transaction) resolve(ctx context.Context, to mail.Address) (recipient, error) {
	if !t.h.Book.Local(to.Domain) {
		return recipient{}, errRelay
	}
	a, err := t.h.Book.Resolve(ctx, to)
	if err != nil {
		return recipient{}, fmt.Errorf("resolve recipient: %w", err)
	}
	key, err := t.h.Book.Recipient(ctx, a)
	if err != nil {
		return recipient{}, err
	}
	usage, err := t.h.Store.Index.Usage(ctx, mailstore.Owner(a.ID))
	if err != nil {
		return recipient{}, fmt.Errorf("read usage of account %s: %w", a.ID, err)
	}
	if usage.Quota > 0 && (usage.Bytes >= usage.Quota || usage.Bytes+t.opts.Size > usage.Quota) {
		return recipient{}, mailstore.ErrOverQuota
	}
	return recipient{to, a.ID, key, a.Files}, nil
}

// Data takes the mail into memory or a spool, looks at it once, and seals and
// stores a copy for each recipient.
func (t *transaction) Data(ctx context.Context, r io.Reader) (*smtp.Reply, error) {
	a := arrival{id: newID(), mail: spool.New(t.h.Spool, cmp.Or(t.h.Memory, inMemory), t.h.Message)}
	defer a.mail.Close()
	if err := fill(a.mail, r); err != nil {
		return nil, t.tell("mail not taken", err)
	}
	t.h.counted.received.Add(1)
	a.time = t.h.Now()
	a.gist = mail.Look(ctx, a.mail, t.h.Look)
	if hops(a.gist.Header) > maxHops {
		return nil, t.tell("mail goes round", &smtp.Reply{Code: 554, Enhanced: "5.4.6", Text: "mail goes round in a loop"})
	}
	if reply := t.judge(ctx, &a); reply != nil {
		return nil, reply
	}
	ctx, cancel := context.WithTimeout(ctx, t.h.Time)
	defer cancel()
	if err := t.deliver(ctx, &a); err != nil {
		return nil, t.tell("mail not stored for all", err)
	}
	t.h.counted.stored.Add(1)
	if a.judge.Junk != "" {
		t.h.counted.junk.Add(1)
	}
	t.afterwards(ctx, &a)
	// A log that gave exact sizes would undo the padding (ATTACKS E03).
	t.h.Log.Info("mail stored", "id", a.id, "kib", a.mail.Size()>>10, "copies", len(t.to),
		"tls", t.peer.TLS != nil, "junk", a.judge.Junk != "", "took", t.h.Now().Sub(a.time))
	t.h.Mark.Tell(ctx, t.h.Log, "stored", a.id, t.from, t.addresses()...)
	return &smtp.Reply{Code: 250, Enhanced: "2.0.0", Text: "stored as " + a.id}, nil
}

// addresses are those of the recipients, one for each account.
func (t *transaction) addresses() (to []mail.Address) {
	for _, r := range t.to {
		to = append(to, r.address)
	}
	return to
}

// Close has nothing to do: a transaction holds nothing between its calls.
func (t *transaction) Close() {}

// tell logs an error that is our fault and returns what the sender hears.
func (t *transaction) tell(what string, err error) error {
	r := replyFor(err)
	t.h.counted.refuse(classOf(err), r)
	if r.Code/100 == 4 {
		t.h.Log.Warn(what, "reply", r.Enhanced, "err", smtp.Trouble(err))
	}
	return r
}

var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

func fill(s *spool.Spool, r io.Reader) error {
	b := buffers.Get().(*[32 << 10]byte)
	defer func() {
		clear(b[:]) // nothing readable outlives its mail
		buffers.Put(b)
	}()
	in := &onlyReader{in: r}
	_, err := io.CopyBuffer(s, in, b[:])
	if in.failed {
		return fmt.Errorf("%w: %w", errCut, err)
	}
	return err
}

// errCut says that a mail ended before its end: no fault of ours.
var errCut = errors.New("read the mail")

// onlyReader hides a WriterTo, which would take a buffer of its own, and knows whose
// fault an error is.
type onlyReader struct {
	in     io.Reader
	failed bool
}

func (r *onlyReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.failed = err != nil && err != io.EOF
	return n, err
}

func hops(h mail.Header) int {
	n := 0
	for _, f := range h.Fields {
		if strings.EqualFold(f.Name, "Received") {
			n++
		}
	}
	return n
}

// deliver stores a copy for each recipient. SMTP has one reply for all: when a
// copy fails the sender will send the mail again, and the copies that were
// stored are remembered so that nobody gets two.
func (t *transaction) deliver(ctx context.Context, a *arrival) error {
	made := t.h.stored.Of(t.sender(), a.mail, a.time)
	has := make([]bool, len(t.to))
	for i, to := range t.to {
		has[i] = made.Done(string(to.account))
	}
	errs := make([]error, len(t.to))
	each(len(t.to), func(i int) {
		if !has[i] {
			errs[i] = t.copy(ctx, a, t.to[i])
		}
	})
	err := errors.Join(errs...)
	for i, to := range t.to {
		switch {
		case err == nil:
			made.Forget(string(to.account))
		case errs[i] == nil:
			made.Keep(string(to.account))
		}
	}
	return err
}

// sender is one word for who sends.
func (t *transaction) sender() string {
	if t.from == nil {
		return "<>"
	}
	return t.from.Key()
}

// copy seals and stores the copy of one recipient.
func (t *transaction) copy(ctx context.Context, a *arrival, to recipient) (err error) {
	defer func() {
		// It may run beside the connection's goroutine, where nobody recovers.
		if v := recover(); v != nil {
			t.h.Log.Error("sealing or storing panicked", "id", a.id, "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
			err = errors.New("panic")
		}
	}()
	c := t.cut(ctx, a, to)
	err = t.deposit(ctx, a, to, c)
	if c == nil || err == nil {
		return err
	}
	// Without a known answer the mail may be there, and its files stay until it is sure
	// that it is not (drive.TidyMade). What did not fit may do so without them.
	if mailstore.Refused(err) {
		t.undo(ctx, a, c)
	}
	if errors.Is(err, mailstore.ErrOverQuota) {
		err = t.deposit(ctx, a, to, nil)
	}
	return err
}

// deposit seals and stores a copy, with what was cut out of it beside it.
func (t *transaction) deposit(ctx context.Context, a *arrival, to recipient, c *lighter) error {
	began := t.h.Now()
	sealed, err := pgp.Seal(ctx, t.letter(a, to, c), to.key)
	t.h.counted.seal(t.h.Now().Sub(began))
	if err != nil {
		return fmt.Errorf("seal %s for account %s: %w", a.id, to.account, err)
	}
	if err := t.file(ctx, a, to, sealed, c); err != nil {
		return fmt.Errorf("deliver %s to account %s: %w", a.id, to.account, err)
	}
	t.h.counted.keep(sealed)
	return nil
}

// each runs do for 0 to n-1, some at the same time, and waits.
func each(n int, do func(i int)) {
	if n == 1 {
		do(0)
		return
	}
	var wg sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	for i := range n {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			do(i)
		})
	}
	wg.Wait()
}

var encoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// newID names one arrival in Received, the reply and the logs.
func newID() string {
	var b [10]byte
	rand.Read(b[:])
	return encoding.EncodeToString(b[:])
}
