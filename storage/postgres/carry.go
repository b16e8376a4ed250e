package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	"sealpost/move/carry"
)

// carried is the database as move/carry sees it.
type carried struct{ *Known }

// Carried is the database as move/carry sees it.
func (x *Known) Carried() carry.Rows { return carried{x} }

func (x carried) Books(ctx context.Context, o mailstore.Owner) (k mailstore.Books, err error) {
	err = index{x.d}.view(ctx, o, func(b *pgx.Batch) {
		k = mailstore.Books{}
		one(b, &k.Open, []any{&k.Modseq, &k.Box, &k.Valid, &k.Bytes, &k.Messages, &k.Quota},
			`select modseq, box, valid, bytes, messages, quota from owners where owner = $1`, o)
	})
	return k, err
}

type expungedRow struct{ carry.Expunged }

func (x *expungedRow) scan() []any                    { return []any{&x.Modseq, &x.UID} }
func (x *expungedRow) value() (carry.Expunged, error) { return x.Expunged, nil }

func (x carried) Expunged(ctx context.Context, o mailstore.Owner, box mailstore.MailboxID, since mailstore.Modseq) (all []carry.Expunged, err error) {
	row := &expungedRow{carry.Expunged{Box: box}}
	err = index{x.d}.view(ctx, o, list(&all, row, `select modseq, uid from expunged where owner = $1 and box = $2 and modseq > $3 order by modseq, uid`, o, int64(box), int64(since)))
	return all, err
}

type keywordRow struct{ carry.Keyword }

func (x *keywordRow) scan() []any                   { return []any{&x.Spelling, &x.Messages} }
func (x *keywordRow) value() (carry.Keyword, error) { return x.Keyword, nil }

func (x carried) Keywords(ctx context.Context, o mailstore.Owner, box mailstore.MailboxID) (all []carry.Keyword, err error) {
	row := &keywordRow{carry.Keyword{Box: box}}
	err = index{x.d}.view(ctx, o, list(&all, row, `select spelling, messages from keywords where owner = $1 and box = $2 order by keyword`, o, int64(box)))
	return all, err
}

type shareRow struct {
	blob    []byte
	entries int
}

func (x *shareRow) scan() []any { return []any{&x.blob, &x.entries} }

func (x *shareRow) value() (s carry.Share, err error) {
	if !readID((*[16]byte)(&s.Blob), x.blob, true) {
		return s, damaged("shares")
	}
	s.Entries = x.entries
	return s, nil
}

func (x carried) Shares(ctx context.Context, o mailstore.Owner) (all []carry.Share, err error) {
	err = index{x.d}.view(ctx, o, list(&all, &shareRow{}, `select blob, entries from shares where owner = $1`, o))
	return all, err
}

func (x carried) Shelved(ctx context.Context, o mailstore.Owner, since cabinet.Change) (all []cabinet.Box, err error) {
	err = index{x.d}.view(ctx, o, list(&all, &shelvedRow{}, `select `+shelvedColumns+` from boxes where owner = $1 and change > $2 order by change`, o, int64(since)))
	return all, err
}

type formerRow struct{ sum []byte }

func (x *formerRow) scan() []any { return []any{&x.sum} }

func (x *formerRow) value() (sum [32]byte, err error) {
	if copy(sum[:], x.sum) != len(x.sum) || len(x.sum) != len(sum) {
		err = damaged("former")
	}
	return sum, err
}

func (x carried) Former(ctx context.Context) (all [][32]byte, err error) {
	err = x.d.view(ctx, list(&all, &formerRow{}, `select sum from former where account = ''`))
	return all, err
}

// sealedOf are the kinds that people have rows of, and with what the keys of an owner's begin; with no
// owner those of the server.
func (x carried) sealedOf(o mailstore.Owner) map[carry.Kind][]byte {
	if o == "" {
		return map[carry.Kind][]byte{carry.Values: nil, carry.Policies: nil}
	}
	return map[carry.Kind][]byte{
		carry.Peers:  x.name("peer account", string(o)),
		carry.Papers: x.name("paper account", string(o)),
	}
}

type sealedRow struct{ carry.Sealed }

func (x *sealedRow) scan() []any                  { return []any{&x.Kind, &x.Key, &x.Octets} }
func (x *sealedRow) value() (carry.Sealed, error) { return x.Sealed, nil }

func (x carried) Sealed(ctx context.Context, o mailstore.Owner) (all []carry.Sealed, err error) {
	for kind, prefix := range x.sealedOf(o) {
		var some []carry.Sealed
		err := x.d.view(ctx, list(&some, &sealedRow{}, `select kind, key, row_ from sealed where `+underPrefix, string(kind), nonNil(prefix), after(prefix)))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func (x carried) Write(ctx context.Context, o mailstore.Owner, b *carry.Batch) error {
	if b.Indexed() {
		if !ownerFits(o) {
			return mailstore.ErrNoOwner
		}
		if err := x.d.submit(ctx, o, &call{own: &carriedCall{b: b}, done: make(chan struct{})}); err != nil {
			return fmt.Errorf("write rows of account %s: %w", o, err)
		}
	}
	if b.SignIn == nil && b.Account == nil && b.Former == nil && b.Sealed == nil {
		return nil
	}
	err := x.d.alter(ctx, func(ctx context.Context, tx pgx.Tx, _ bool) error { return writeAccount(ctx, tx, b) })
	if err != nil {
		return fmt.Errorf("write account %s: %w", o, err)
	}
	return nil
}

// carriedCall is a batch on its way to be committed.
type carriedCall struct {
	b *carry.Batch
	r *rows // of the last attempt
}

// ask reads the mailboxes, too: whose sets stand there already those say.
func (c *carriedCall) ask(r *rows, b *pgx.Batch) {
	c.r = r
	boxes := map[mailstore.MailboxID]bool{}
	for _, m := range c.b.Writes.Messages {
		boxes[m.Box] = true
	}
	for _, m := range c.b.Writes.Mailboxes { // what one forgets depends on what it forgot
		boxes[m.ID] = true
	}
	var ids []mailstore.MailboxID
	for id := range boxes {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	r.askBoxes(b, ids)
}

func (c *carriedCall) stamp(b *pgx.Batch, by token) error {
	if !c.r.there && !c.b.Writes.Books.Open {
		return mailstore.ErrNoOwner
	}
	if err := checkCarried(c.b); err != nil {
		return err
	}
	c.writeKeywords(b)
	written, err := c.r.write(c.b.Writes, by)
	if err != nil {
		return err
	}
	b.QueuedQueries = append(b.QueuedQueries, written.QueuedQueries...)
	c.writeCabinet(b)
	c.writeFiles(b)
	return nil
}

// checkCarried refuses mail that a row has no code for.
func checkCarried(b *carry.Batch) error {
	for _, m := range b.Writes.Messages {
		if m.Mail != nil && classCode(m.Mail.Class) < 0 {
			return fmt.Errorf("mail of an unknown class for mailbox %d", m.Box)
		}
	}
	return nil
}

// Remove removes first what the account is found by.
func (x carried) Remove(ctx context.Context, o mailstore.Owner) error {
	if err := x.RemoveLight(ctx, o); err != nil {
		return err
	}
	return x.RemoveHeavy(ctx, o)
}

func (x carried) RemoveHeavy(ctx context.Context, o mailstore.Owner) error {
	if !ownerFits(o) { // not a name that anybody has
		return ctx.Err()
	}
	if err := x.d.submit(ctx, o, &call{own: &carriedRemoval{}, done: make(chan struct{})}); err != nil {
		return fmt.Errorf("remove rows of account %s: %w", o, err)
	}
	return nil
}

func (x carried) RemoveLight(ctx context.Context, o mailstore.Owner) error {
	if !ownerFits(o) {
		return ctx.Err()
	}
	err := x.d.alter(ctx, func(ctx context.Context, tx pgx.Tx, _ bool) error {
		b := &pgx.Batch{}
		for _, table := range []string{"accounts", "addresses", "domains", "former", "signins", "tokens"} { // locks first, as others do
			b.Queue(`delete from `+table+` where account = $1`, o)
		}
		for kind, prefix := range x.sealedOf(o) {
			b.Queue(`delete from sealed where `+underPrefix, string(kind), prefix, after(prefix))
		}
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return fmt.Errorf("remove account %s: %w", o, err)
	}
	return nil
}

// carriedRemoval is the removal of an owner's rows.
type carriedRemoval struct{ r *rows }

func (c *carriedRemoval) ask(r *rows, _ *pgx.Batch) { c.r = r }

func (c *carriedRemoval) stamp(b *pgx.Batch, by token) error {
	if !c.r.there {
		return nil
	}
	written, err := c.r.write(mailstore.Writes{Wipe: true}, by)
	if err == nil {
		b.QueuedQueries = append(b.QueuedQueries, written.QueuedQueries...)
	}
	return err
}

// writeAccount puts what an account is found by, with the revisions it had, and sealed rows.
func writeAccount(ctx context.Context, tx pgx.Tx, b *carry.Batch) error {
	if b.SignIn != nil {
		if err := writeSignIn(ctx, tx, b.SignIn.Record); err != nil {
			return err
		}
	}
	if b.Account != nil {
		if err := writeAccountRow(ctx, tx, b.Account.Account); err != nil {
			return err
		}
	}
	var kinds []string
	var keys, octets, sums [][]byte
	for _, s := range b.Sealed {
		kinds, keys, octets = append(kinds, string(s.Kind)), append(keys, s.Key), append(octets, present(s.Octets))
	}
	for i := range b.Former {
		sums = append(sums, b.Former[i].Sum[:])
	}
	writes := &pgx.Batch{}
	if len(kinds) > 0 {
		writes.Queue(`insert into sealed (kind, key, row_) select * from unnest($1::text[], $2::bytea[], $3::bytea[])
			on conflict (kind, key) do update set row_ = excluded.row_`, kinds, keys, octets)
	}
	if len(sums) > 0 {
		writes.Queue(`insert into former (sum, account) select unnest($1::bytea[]), '' on conflict do nothing`, sums)
	}
	return tx.SendBatch(ctx, writes).Close()
}

func writeSignIn(ctx context.Context, tx pgx.Tx, r signin.Record) error {
	p := newRecordPut(r)
	_, err := tx.Exec(ctx, `insert into signins (account, revision, tokens, keys, sealed) values ($1, $2, $3, $4, $5)
		on conflict (account) do update set revision = excluded.revision, tokens = excluded.tokens, keys = excluded.keys, sealed = excluded.sealed`,
		p.Account, int64(p.Revision), p.tokens, p.Keys, p.Sealed)
	if err != nil {
		return err
	}
	return p.link(ctx, tx)
}

func writeAccountRow(ctx context.Context, tx pgx.Tx, a account.Account) error {
	l, err := linksOf(a)
	if err != nil {
		return refusal{err}
	}
	record, err := account.EncodeRow(a)
	if err != nil {
		return refusal{err}
	}
	_, err = tx.Exec(ctx, `insert into accounts (account, record) values ($1, $2) on conflict (account) do update set record = excluded.record`, a.ID, record)
	if err != nil {
		return err
	}
	return l.link(ctx, tx, a.ID)
}
