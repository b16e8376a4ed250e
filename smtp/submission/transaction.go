package submission

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"sealpost/account"
	"sealpost/mail"
	"sealpost/smtp"
)

// transaction is one mail on its way out.
type transaction struct {
	h    *Handler
	peer smtp.Peer
	who  person
	from *mail.Address
	opts smtp.MailOptions
	seen map[string]bool // recipients, by address and by account
	// leaving is called when nothing can refuse the mail any more, before the first
	// copy of it is made; its error keeps the mail here. nil: nobody asks.
	leaving func(context.Context) error
	local   []neighbour
	remote  []smtp.Recipient
}

// neighbour is a recipient of this server. Each has a transaction of their own on
// the way in, so that a copy that fails is the only one that is made again.
type neighbour struct {
	account account.ID
	wish    smtp.Recipient
	in      smtp.Transaction
}

var (
	errMany    = &smtp.Reply{Code: 452, Enhanced: "4.5.3", Text: "too many recipients, send the rest in another mail"}
	errLiteral = &smtp.Reply{Code: 550, Enhanced: "5.1.2", Text: "this server sends to domains, not to addresses in brackets"}
	errHoldIn  = &smtp.Reply{Code: 550, Enhanced: "5.7.0", Text: "mail to people of this server cannot be held back: it is never in the queue"}
)

// Rcpt adds a recipient. People of this server are asked for at their own door, so
// that who is unknown there is refused here.
func (t *transaction) Rcpt(ctx context.Context, to mail.Address, o smtp.RcptOptions) error {
	if err := t.add(ctx, to, o); err != nil {
		t.h.Mark.Tell(ctx, t.h.Log, "recipient refused", "", t.from, to)
		return t.h.tell("recipient refused", err)
	}
	return nil
}

func (t *transaction) add(ctx context.Context, to mail.Address, o smtp.RcptOptions) error {
	if to.Domain == "" && t.from != nil {
		to.Domain = t.from.Domain // the bare postmaster: of the sender's own domain
	}
	if err := cmp.Or(proper(to), printed(slices.Concat(o.Notify, []string{o.ORcpt})...)); err != nil {
		return err
	}
	switch {
	case t.seen[to.Key()]:
		return nil
	case len(t.local)+len(t.remote) >= cmp.Or(t.h.Recipients, smtp.DefaultLimits.Recipients):
		return errMany
	case t.h.Book.Local(to.Domain):
		return t.addLocal(ctx, to, o)
	case strings.HasPrefix(to.Domain, "["):
		return errLiteral
	}
	if err := t.room(len(t.remote) + 1); err != nil {
		return err
	}
	t.seen[to.Key()] = true
	t.remote = append(t.remote, smtp.Recipient{Address: to, Notify: o.Notify, ORcpt: o.ORcpt})
	return nil
}

func (t *transaction) addLocal(ctx context.Context, to mail.Address, o smtp.RcptOptions) error {
	if !t.opts.Hold.IsZero() {
		return errHoldIn
	}
	a, err := t.h.Book.Resolve(ctx, to)
	known := err == nil // the door itself says what is wrong with the others
	if known && t.seen[string(a.ID)] {
		return nil
	}
	// What the way in does not know of the client it cannot write into a trace.
	peer := smtp.Peer{User: t.peer.User, TLS: t.peer.TLS, Extended: true}
	in, err := t.h.Local.Begin(ctx, peer, t.from, smtp.MailOptions{
		Size: t.opts.Size, UTF8: t.opts.UTF8, EightBit: t.opts.EightBit, EnvID: t.opts.EnvID, Ret: t.opts.Ret,
	})
	if err != nil {
		return err
	}
	if err := in.Rcpt(ctx, to, o); err != nil {
		in.Close()
		return err
	}
	t.seen[to.Key()], t.seen[string(a.ID)] = true, true
	t.local = append(t.local, neighbour{a.ID, smtp.Recipient{Address: to, Notify: o.Notify, ORcpt: o.ORcpt}, in})
	return nil
}

// Data takes the mail, makes every copy of it and returns when all are durable.
func (t *transaction) Data(ctx context.Context, r io.Reader) (*smtp.Reply, error) {
	reply, err := t.data(ctx, r)
	if err != nil {
		return nil, t.h.tell("mail not taken", err)
	}
	return reply, nil
}

func (t *transaction) data(ctx context.Context, r io.Reader) (*smtp.Reply, error) {
	d, err := t.h.draft(r)
	if err != nil {
		return nil, err
	}
	defer d.raw.Close()
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(t.h.Time, allTime))
	defer cancel()
	if err := t.judge(ctx, d); err != nil {
		return nil, err
	}
	if err := t.send(ctx, d); err != nil {
		return nil, fmt.Errorf("send %s: %w", d.id, err)
	}
	t.arrived(ctx, d)
	t.h.counted.accept(t)
	// A log that gave exact sizes would undo the padding (ATTACKS E03).
	t.h.Log.Info("mail submitted", "id", d.id, "kib", d.raw.Size()>>10,
		"local", len(t.local), "remote", len(t.remote), "took", t.h.Now().Sub(d.time))
	return &smtp.Reply{Code: 250, Enhanced: "2.0.0", Text: "queued as " + d.id}, nil
}

// judge refuses what its sender may not say.
func (t *transaction) judge(ctx context.Context, d *draft) error {
	list, err := authors(d.header)
	if err != nil {
		return err
	}
	d.author = list[0]
	if hops(d.header) > maxHops {
		return &smtp.Reply{Code: 554, Enhanced: "5.4.6", Text: "mail goes round in a loop"}
	}
	if d.wish, err = wishOf(d.header); err != nil {
		return err
	}
	return t.h.mayWriteAs(ctx, t.who, list...)
}

// Close ends the local recipients' transactions.
func (t *transaction) Close() {
	for _, n := range t.local {
		n.in.Close()
	}
	t.local = nil
}

// each runs do for 0 to n-1, some at the same time, and waits. A panic in one of
// them is its error: nobody else would recover it there.
func (h *Handler) each(n int, do func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	for i := range n {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			defer func() {
				if v := recover(); v != nil {
					h.Log.Error("making a copy panicked", "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
					errs[i] = errors.New("panic")
				}
			}()
			errs[i] = do(i)
		})
	}
	wg.Wait()
	return errs
}
