package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/bbolt"

	"sealpost/account"
	"sealpost/account/signin"
	"sealpost/filestore"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
	"sealpost/move/carry"
)

// Carried are the three files as move/carry sees them.
type Carried struct {
	Index  *DB
	Known  *Known
	Papers *Papers
}

var _ carry.Rows = Carried{}

// read runs fn on an owner's rows; it is not run for an unknown owner.
func (x Carried) read(ctx context.Context, o mailstore.Owner, fn func(*rows) error) error {
	return index{x.Index}.read(ctx, o, fn)
}

func (x Carried) Books(ctx context.Context, o mailstore.Owner) (k mailstore.Books, err error) {
	err = x.read(ctx, o, func(r *rows) error {
		k = r.owner.Books
		if !r.keepsSets() {
			return errors.New("the index has no sets of its mailboxes yet")
		}
		return nil
	})
	return k, err
}

func (x Carried) Expunged(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID, since mailstore.Modseq) (all []carry.Expunged, err error) {
	err = x.read(ctx, o, func(r *rows) error {
		for k := range after(r.in(tableExpunged), r.num, b, since) {
			modseq, uid, ok := readModseqKey(k)
			if !ok {
				return damaged(tableExpunged, k)
			}
			all = append(all, carry.Expunged{Box: b, Modseq: modseq, UID: uid})
		}
		return nil
	})
	return all, err
}

func (x Carried) Keywords(ctx context.Context, o mailstore.Owner, b mailstore.MailboxID) (all []carry.Keyword, err error) {
	err = x.read(ctx, o, func(r *rows) error {
		for k, v := range under(r.in(tableKeywords), boxKey(r.num, b)) {
			n, spelling, ok := decodeKeyword(k, v)
			if !ok {
				return damaged(tableKeywords, k)
			}
			all = append(all, carry.Keyword{Box: b, Spelling: spelling, Messages: n})
		}
		return nil
	})
	return all, err
}

func (x Carried) Shares(ctx context.Context, o mailstore.Owner) (all []carry.Share, err error) {
	err = x.read(ctx, o, func(r *rows) error {
		for k, v := range under(r.in(tableShares), ownerKey(r.num)) {
			n, ok := decodeShares(k, v)
			if !ok || len(k) != 20 {
				return damaged(tableShares, k)
			}
			all = append(all, carry.Share{Blob: filestore.ID(k[4:]), Entries: n})
		}
		return nil
	})
	return all, err
}

func (x Carried) Shelved(ctx context.Context, o mailstore.Owner, since cabinet.Change) (all []cabinet.Box, err error) {
	err = x.read(ctx, o, func(r *rows) error {
		for b, err := range (shelves{r}).changed(since) {
			if err != nil {
				return err
			}
			all = append(all, b)
		}
		return nil
	})
	return all, err
}

// Former are the addresses that formerKey has for nobody.
func (x Carried) Former(ctx context.Context) (all [][32]byte, err error) {
	err = x.Index.view(ctx, func(tx *bbolt.Tx) error {
		for k, v := range under(tx.Bucket(tableNames[tableAddresses]), zero) {
			if len(k) != 33 {
				return damaged(tableAddresses, k)
			}
			if bytes.Equal(v, nobodys) {
				all = append(all, [32]byte(k[1:]))
			}
		}
		return nil
	})
	return all, err
}

// shelf is where sealed rows of a kind lie, and with what the keys of an owner's begin.
type shelf struct {
	known  *Known
	table  table
	prefix []byte
}

// sealedOf are the kinds that people have rows of, or with no owner those of the server.
func (x Carried) sealedOf(o mailstore.Owner) map[carry.Kind]shelf {
	if o == "" {
		return map[carry.Kind]shelf{
			carry.Values:   {x.Known, tableValues, nil},
			carry.Policies: {x.Known, tablePolicies, nil},
		}
	}
	return map[carry.Kind]shelf{
		carry.Peers:  {x.Known, tablePeers, x.Known.name("peer account", string(o))},
		carry.Papers: {x.Papers.known, tablePapers, x.Papers.known.name("paper account", string(o))},
	}
}

func (x Carried) Sealed(ctx context.Context, o mailstore.Owner) (all []carry.Sealed, err error) {
	for kind, s := range x.sealedOf(o) {
		err = errors.Join(err, s.known.view(ctx, func(tx *bbolt.Tx) error {
			for k, v := range under(tx.Bucket(tableNames[s.table]), s.prefix) {
				octets, ok := unsealRow(s.table, k, v)
				if !ok {
					return damaged(s.table, k)
				}
				all = append(all, carry.Sealed{Kind: kind, Key: bytes.Clone(k), Octets: bytes.Clone(octets)})
			}
			return nil
		}))
	}
	return all, err
}

func (x Carried) Write(ctx context.Context, o mailstore.Owner, b *carry.Batch) error {
	if b.Indexed() {
		if err := x.Index.submit(ctx, newCall(func(t *tables) (func() error, error) { return t.planCarried(o, b) }, nil)); err != nil {
			return fmt.Errorf("write rows of account %s: %w", o, err)
		}
	}
	if err := x.writeSealed(ctx, o, b.Sealed); err != nil {
		return fmt.Errorf("write what account %s has sealed: %w", o, err)
	}
	if b.SignIn == nil && b.Account == nil && b.Former == nil {
		return nil
	}
	if err := x.Index.submit(ctx, newCall(func(t *tables) (func() error, error) { return t.planAccount(b) }, nil)); err != nil {
		return fmt.Errorf("write account %s: %w", o, err)
	}
	return nil
}

func (t *tables) planCarried(o mailstore.Owner, b *carry.Batch) (func() error, error) {
	r, err := t.rows(o)
	if err != nil {
		return nil, err
	}
	if !r.Open && !b.Writes.Books.Open {
		return nil, mailstore.ErrNoOwner
	}
	begun, err := r.plan(b.Writes)
	if err != nil {
		return nil, err
	}
	return func() error {
		p := put{}
		if !r.Open { // the owner's number stands in all keys
			r.putOwner(&p, b.Writes.Books)
		}
		r.putSpellings(&p, b)
		if begun != nil {
			p.note(begun())
		}
		if b.Writes.Empty() { // plan has not written them
			p.note(r.write(b.Writes))
		}
		r.putCabinet(&p, b)
		r.putFiles(&p, b)
		return p.err
	}, nil
}

// putSpellings leaves how many messages have a keyword as it is.
func (r *rows) putSpellings(p *put, b *carry.Batch) {
	for _, w := range b.Keywords {
		key := keywordKey(r.num, w.Box, strings.ToLower(w.Spelling))
		messages := 0
		if row := r.get(tableKeywords, key); row != nil {
			n, _, ok := decodeKeyword(key, row)
			if messages = n; !ok {
				p.note(damaged(tableKeywords, key))
			}
		}
		p.put(r.in(tableKeywords), key, encodeKeyword(key, messages, w.Spelling))
	}
	for _, w := range b.Unused {
		p.delete(r.in(tableKeywords), keywordKey(r.num, w.Box, strings.ToLower(w.Spelling)))
	}
}

func (r *rows) putCabinet(p *put, b *carry.Batch) {
	for _, x := range b.Forgets {
		shelves{r}.forget(p, x)
	}
	if b.Shelf != nil {
		key := ownerKey(r.num)
		p.put(r.in(tableShelves), key, encodeShelf(key, *b.Shelf))
	}
	for _, x := range b.Boxes {
		before, err := shelves{r}.Box(x.Place)
		if err != nil && !errors.Is(err, cabinet.ErrNoBox) {
			p.note(err)
		}
		shelves{r}.putBox(p, before, x)
	}
}

func (r *rows) putFiles(p *put, b *carry.Batch) {
	files := driveRows{r}
	if b.Totals != nil {
		key := ownerKey(r.num)
		p.put(r.in(tableDrives), key, encodeDrive(key, *b.Totals))
	}
	files.remove(p, b.Removed)
	files.unlink(p, b.Unlinked)
	for _, q := range b.Dropped {
		files.dropRequest(p, q)
	}
	for _, o := range b.Objects {
		files.putObject(p, o)
	}
	for _, x := range b.Parts {
		key := partKey(r.num, x.Object, x.N)
		p.put(r.in(tableParts), key, encodePart(key, x.Part))
	}
	for _, l := range b.Links {
		files.putLink(p, l)
	}
	for _, q := range b.Requests {
		files.putRequest(p, q)
	}
}

// writeSealed puts each row where its kind lies.
func (x Carried) writeSealed(ctx context.Context, o mailstore.Owner, all []carry.Sealed) error {
	for kind, s := range x.sealedOf(o) {
		var rows []carry.Sealed
		for _, r := range all {
			if r.Kind == kind {
				rows = append(rows, r)
			}
		}
		if len(rows) == 0 {
			continue
		}
		err := s.known.write(ctx, s.table, func(p *put, b *bbolt.Bucket) {
			for _, r := range rows {
				p.put(b, r.Key, sealRow(s.table, r.Key, append(newRow(len(r.Octets)), r.Octets...)))
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// planAccount puts what an account is found by, with the revisions it had.
func (t *tables) planAccount(b *carry.Batch) (func() error, error) {
	var signIn, row []byte
	var err error
	if b.SignIn != nil {
		if signIn, err = encodeSignIn(b.SignIn.Record); err != nil {
			return nil, err
		}
	}
	if b.Account != nil {
		if row, err = encodeAccount(b.Account.Account); err == nil {
			err = t.vacant(b.Account.Account)
		}
		if err != nil {
			return nil, err
		}
	}
	return func() error {
		p := put{}
		if b.SignIn != nil {
			for _, token := range b.SignIn.Tokens {
				p.put(t.in(tableTokens), token[:], []byte(b.SignIn.Account))
			}
			p.put(t.in(tableSignIns), []byte(b.SignIn.Account), signIn)
		}
		if b.Account != nil {
			t.link(&p, b.Account.Account)
			p.put(t.in(tableAccounts), []byte(b.Account.ID), row)
		}
		for _, f := range b.Former {
			p.put(t.in(tableAddresses), append([]byte{0}, f.Sum[:]...), nobodys)
		}
		return p.err
	}, nil
}

// Remove removes first what the account is found by.
func (x Carried) Remove(ctx context.Context, o mailstore.Owner) error {
	if err := x.RemoveLight(ctx, o); err != nil {
		return err
	}
	return x.RemoveHeavy(ctx, o)
}

func (x Carried) RemoveHeavy(ctx context.Context, o mailstore.Owner) error {
	if !ownerFits(o) { // not a name that anybody has
		return ctx.Err()
	}
	err := x.Index.submit(ctx, newCall(func(t *tables) (func() error, error) {
		r, err := t.rows(o)
		return func() error {
			p := put{}
			if r.Open {
				r.wipe(&p)
			}
			return p.err
		}, err
	}, nil))
	if err != nil {
		return fmt.Errorf("remove rows of account %s: %w", o, err)
	}
	return nil
}

func (x Carried) RemoveLight(ctx context.Context, o mailstore.Owner) error {
	if !ownerFits(o) {
		return ctx.Err()
	}
	err := x.Index.submit(ctx, newCall(func(t *tables) (func() error, error) { return t.planRemoval(x, o) }, nil))
	if err != nil {
		return fmt.Errorf("remove account %s: %w", o, err)
	}
	for kind, s := range x.sealedOf(o) {
		if err := s.known.write(ctx, s.table, func(p *put, b *bbolt.Bucket) { p.deleteUnder(b, s.prefix) }); err != nil {
			return fmt.Errorf("remove %s of account %s: %w", kind, o, err)
		}
	}
	return nil
}

func (t *tables) planRemoval(x Carried, o mailstore.Owner) (func() error, error) {
	a, unknown := x.Index.decoded.read(t.in(tableAccounts), []byte(o))
	if unknown != nil && !errors.Is(unknown, account.ErrUnknown) {
		return nil, unknown
	}
	s, none := readSignIn(t.in(tableSignIns), []byte(o))
	if none != nil && !errors.Is(none, signin.ErrNone) {
		return nil, none
	}
	return func() error {
		p := put{}
		if unknown == nil {
			t.unlink(&p, a)
			p.delete(t.in(tableAccounts), []byte(o))
		}
		if none == nil {
			for _, token := range s.Tokens {
				p.delete(t.in(tableTokens), token[:])
			}
			p.delete(t.in(tableSignIns), []byte(o))
		}
		return p.err
	}, nil
}
