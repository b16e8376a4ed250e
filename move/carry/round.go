package carry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sealpost/filestore"
	"sealpost/mailstore"
)

// round is one look at what changed, at both ends.
type round struct {
	*Chase
	ctx     context.Context // of the one call that it is
	quiet   bool            // nobody writes, and what differs is wrong
	changes int             // found

	batch   *Batch
	size, n int                   // of it
	late    []mailstore.Message   // that go: when all that came is there, so that no blob is without an entry meanwhile
	ends    []mailstore.Mailbox   // rows of mailboxes that forget expunges, after those
	looked  []mailstore.MailboxID // mailboxes that changed
	dropped []mailstore.MailboxID // and that went
}

func (r *round) run() error {
	for _, part := range []func() error{
		r.mailboxes, r.names, r.boxes, r.files, r.links, r.requests, r.goings, r.shares, r.books, r.flush, r.spellings, r.flush,
	} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// differs counts a record that is not there as it is here. settled: it was brought before, so that is wrong.
func (r *round) differs(settled bool, what string, ids ...any) error {
	if r.quiet || settled {
		return fmt.Errorf("%w: %s %v", ErrDiffers, what, ids)
	}
	r.changes++
	return nil
}

// put counts what was put into the batch, and writes it when it is full.
func (r *round) put(size int) error {
	r.size += size + 100
	if r.n++; r.size < batchBytes && r.n < batchRecords {
		return nil
	}
	return r.flush()
}

func (r *round) flush() error {
	if !r.batch.Indexed() {
		return nil
	}
	b := r.batch
	r.batch, r.size, r.n = &Batch{}, 0, 0
	return r.m.To.Rows.Write(r.ctx, r.o, b)
}

// same says whether two records say the same.
func same(a, b Record) bool { return bytes.Equal(a.encode(nil), b.encode(nil)) }

// copies are what became of the blobs that records point at; those that were not copied are not in it.
func (r *round) copies(records []Record) (map[filestore.ID]Copied, error) {
	var ids []filestore.ID
	for _, x := range records {
		ids = append(ids, idsOf(Blobs(x))...)
	}
	known := map[filestore.ID]Copied{}
	for some := range slices.Chunk(ids, page) {
		all, err := r.m.Journal.Copies(r.ctx, some)
		if err != nil {
			return nil, err
		}
		for i, c := range all {
			if c.To != (filestore.ID{}) {
				known[some[i]] = c
			}
		}
	}
	return known, nil
}

// mapped is a record with the ids that its blobs have there; ok is false if one has none.
func mapped(x Record, known map[filestore.ID]Copied) (_ Record, lost int64, ok bool) {
	ok = true
	x, _ = x.remap(func(ref filestore.Ref) (filestore.ID, error) {
		c, copied := known[ref.ID]
		if ok = ok && copied; c.Lost {
			lost++
		}
		return c.To, nil
	})
	return x, lost, ok
}

// arrived are records with the ids that their blobs have there, once these are copied. What went meanwhile is lost, and so
// will be who points at it.
func (r *round) arrived(fresh []Record) ([]Record, error) {
	if len(fresh) == 0 {
		return nil, nil
	}
	if err := r.m.copyBlobs(r.ctx, r.o, all(fresh), r.m.oldest(r.begun)); err != nil {
		return nil, err
	}
	known, err := r.copies(fresh)
	if err != nil {
		return nil, err
	}
	there := make([]Record, len(fresh))
	for i, x := range fresh {
		var ok bool
		if there[i], _, ok = mapped(x, known); !ok {
			return nil, fmt.Errorf("%w: a blob was not copied", ErrDiffers)
		}
	}
	return there, nil
}

// note keeps how many blobs of a record are lost.
func (r *round) note(lost int64, key ...any) {
	if name := fmt.Sprint(key...); lost > 0 {
		r.lost[name] = lost
	} else {
		delete(r.lost, name)
	}
}

// unnote forgets what is lost of all whose keys begin with these.
func (r *round) unnote(key ...any) {
	maps.DeleteFunc(r.lost, func(name string, _ int64) bool { return strings.HasPrefix(name, fmt.Sprint(key...)+" ") })
}

// names compares subscriptions and what stands beside the owner.
func (r *round) names() error {
	here, err := r.m.From.Index.Subscriptions(r.ctx, r.o)
	if err != nil {
		return err
	}
	there, err := r.m.To.Index.Subscriptions(r.ctx, r.o)
	if err != nil {
		return err
	}
	for _, names := range []struct {
		all, others []string
		on          bool
	}{{here, there, true}, {there, here, false}} {
		known := setOf(names.others)
		for _, name := range names.all {
			if known[name] {
				continue
			}
			if err := r.differs(false, "subscription"); err != nil {
				return err
			}
			if r.batch.Writes.Subscriptions == nil {
				r.batch.Writes.Subscriptions = map[string]bool{}
			}
			r.batch.Writes.Subscriptions[name] = names.on
			if err := r.put(len(name)); err != nil {
				return err
			}
		}
	}
	return errors.Join(r.noteOf(mailstore.NoteOwner), r.noteOf(mailstore.NoteImports))
}

func setOf[K comparable](keys []K) map[K]bool {
	set := make(map[K]bool, len(keys))
	for _, k := range keys {
		set[k] = true
	}
	return set
}

// noteOf compares what stands beside a mailbox, or the owner.
func (r *round) noteOf(b mailstore.MailboxID) error {
	here, err := r.m.From.Index.Note(r.ctx, r.o, b)
	if err != nil {
		return err
	}
	there, err := r.m.To.Index.Note(r.ctx, r.o, b)
	if err != nil || bytes.Equal(here, there) {
		return err
	}
	if err := r.differs(false, "note of mailbox", b); err != nil {
		return err
	}
	if r.batch.Writes.Notes == nil {
		r.batch.Writes.Notes = map[mailstore.MailboxID][]byte{}
	}
	r.batch.Writes.Notes[b] = here
	return r.put(len(here))
}

// shares compares the blobs that more than one entry points at.
func (r *round) shares() error {
	here, err := r.m.From.Rows.Shares(r.ctx, r.o)
	if err != nil {
		return err
	}
	there, err := r.m.To.Rows.Shares(r.ctx, r.o)
	if err != nil {
		return err
	}
	counts := make(map[filestore.ID]int, len(there))
	for _, s := range there {
		counts[s.Blob] = s.Entries
	}
	for some := range slices.Chunk(here, page) {
		if err := r.counted(some, counts); err != nil {
			return err
		}
	}
	for blob := range counts { // that are shared no longer
		if err := r.share(blob, 1); err != nil {
			return err
		}
	}
	return nil
}

// counted takes shares that are the same off counts, and puts those that are not.
func (r *round) counted(here []Share, counts map[filestore.ID]int) error {
	records := make([]Record, len(here))
	for i, s := range here {
		records[i] = s
	}
	known, err := r.copies(records)
	if err != nil {
		return err
	}
	for _, s := range here {
		c, ok := known[s.Blob]
		if !ok {
			if r.quiet {
				return r.differs(true, "share of blob", s.Blob)
			}
			continue // it comes with who points at it
		}
		n := counts[c.To]
		if delete(counts, c.To); n == s.Entries {
			continue
		}
		if err := r.share(c.To, s.Entries); err != nil {
			return err
		}
	}
	return nil
}

func (r *round) share(blob filestore.ID, entries int) error {
	if err := r.differs(false, "share of blob", blob); err != nil {
		return err
	}
	if r.batch.Writes.Shares == nil {
		r.batch.Writes.Shares = map[filestore.ID]int{}
	}
	r.batch.Writes.Shares[blob] = entries
	return r.put(0)
}

// books compares the owner's counters.
func (r *round) books() error {
	here, err := r.m.From.Rows.Books(r.ctx, r.o)
	if err != nil {
		return err
	}
	if !here.Open {
		return mailstore.ErrNoOwner
	}
	there, err := r.m.To.Rows.Books(r.ctx, r.o)
	if err != nil || here == there {
		return err
	}
	if err := r.differs(false, "counters"); err != nil {
		return err
	}
	r.batch.Writes.Books = here
	return r.put(0)
}

// spellings compares the keywords of mailboxes that changed. Entries count them; how they are spelled is told.
func (r *round) spellings() error {
	for _, b := range r.looked {
		here, err := r.m.From.Rows.Keywords(r.ctx, r.o, b)
		if err != nil {
			return err
		}
		there, err := r.m.To.Rows.Keywords(r.ctx, r.o, b)
		if err != nil {
			return err
		}
		if err := r.spelled(here, there); err != nil {
			return err
		}
	}
	return nil
}

func (r *round) spelled(here, there []Keyword) error {
	words := make(map[string]Keyword, len(here))
	for _, w := range here {
		words[strings.ToLower(w.Spelling)] = w
	}
	for _, w := range there {
		folded := strings.ToLower(w.Spelling)
		now, used := words[folded]
		delete(words, folded)
		switch {
		case w == now:
			continue
		case used && w.Spelling != now.Spelling:
			r.batch.Keywords = append(r.batch.Keywords, now)
		case !used && w.Messages <= 0:
			r.batch.Unused = append(r.batch.Unused, w)
		case !r.quiet: // a message got it since, or lost it
			continue
		}
		if err := errors.Join(r.differs(false, "keyword of mailbox", w.Box), r.put(len(w.Spelling))); err != nil {
			return err
		}
	}
	if len(words) > 0 && r.quiet {
		return r.differs(true, "keywords of a mailbox")
	}
	return nil
}
