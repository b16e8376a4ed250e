package carry

import (
	"context"
	"iter"
	"math"

	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/mailstore"
	"sealpost/mailstore/cabinet"
)

// Batch is what an engine writes at once. Nothing of it is stamped: its numbers are given. What is to be removed goes
// first, but for what Writes removes.
type Batch struct {
	// Writes are of mailboxes. Its tallies count keywords; Keywords say how those are spelled, and stand there before
	// any is counted. Unused have no message any more.
	Writes           mailstore.Writes
	Keywords, Unused []Keyword

	Shelf   *cabinet.Shelf
	Boxes   []cabinet.Box
	Forgets []cabinet.Box // rows to delete

	Totals   *drive.Totals
	Objects  []drive.Object
	Parts    []Part
	Links    []drive.Link
	Requests []drive.Request
	Removed  []drive.Object // to delete, with their parts, but not with links
	Unlinked []drive.Link
	Dropped  []drive.Request

	Sealed  []Sealed
	SignIn  *SignIn
	Account *Account
	Former  []Former

	born     map[mailstore.MailboxID]mailstore.Modseq
	mostBorn mailstore.Modseq
}

// Indexed says whether it has rows of the index, cabinet or files.
func (b *Batch) Indexed() bool {
	return !b.Writes.Empty() || len(b.Writes.Shares)+len(b.Keywords)+len(b.Unused)+len(b.Boxes)+len(b.Forgets)+len(b.Objects)+len(b.Parts)+
		len(b.Links)+len(b.Requests)+len(b.Removed)+len(b.Unlinked)+len(b.Dropped) > 0 || b.Shelf != nil || b.Totals != nil
}

// batchBytes and batchRecords bound a batch: what a transaction holds in memory.
const (
	batchBytes   = 4 << 20
	batchRecords = 4000
)

// Batches puts records together, in their order.
func Batches(records Records) iter.Seq2[*Batch, error] { return batches(records, math.MaxUint64) }

// batches has no message born after a MODSEQ.
func batches(records Records, mostBorn mailstore.Modseq) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		// The MODSEQ a message was born with is in no record: of those it may have been the highest
		// that never falls as UIDs rise, and messages come with the highest UID first.
		b, size, n := &Batch{born: map[mailstore.MailboxID]mailstore.Modseq{}, mostBorn: mostBorn}, 0, 0
		for r, err := range records {
			if err != nil {
				yield(nil, err)
				return
			}
			size += r.into(b) + 100
			if n++; size < batchBytes && n < batchRecords {
				continue
			}
			if !yield(b, nil) {
				return
			}
			b, size, n = &Batch{born: b.born, mostBorn: mostBorn}, 0, 0
		}
		if n > 0 {
			yield(b, nil)
		}
	}
}

// Import puts records where nothing of their owner is.
func (x *End) Import(ctx context.Context, o mailstore.Owner, records Records) error {
	return x.write(ctx, o, Batches(records))
}

func (x *End) write(ctx context.Context, o mailstore.Owner, batches iter.Seq2[*Batch, error]) error {
	for b, err := range batches {
		if err != nil {
			return err
		}
		if err := x.Rows.Write(ctx, o, b); err != nil {
			return err
		}
	}
	return nil
}

// some is nil for no octets: some engines know no other nothing.
func some(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

func (r Owner) into(b *Batch) int {
	b.Writes.Books = r.Books
	b.Writes.Books.Open = true
	return 0
}

func (r Mailbox) into(b *Batch) int {
	b.Writes.Mailboxes = append(b.Writes.Mailboxes, r.Mailbox)
	return len(r.Name)
}

func (r Keyword) into(b *Batch) int {
	b.Keywords = append(b.Keywords, r)
	return len(r.Spelling)
}

func (r Message) into(b *Batch) int {
	born, known := b.born[r.Box]
	if !known {
		born = b.mostBorn
	}
	born = min(born, r.Entry.Modseq)
	b.born[r.Box] = born
	r.Mail.UID = r.Entry.UID
	b.Writes.Messages = append(b.Writes.Messages, mailstore.Message{Box: r.Box, Born: born, Entry: r.Entry, Mail: &r.Mail})
	return len(r.Mail.Outer) + len(r.Mail.Envelope) + 300
}

func (r Expunged) into(b *Batch) int {
	e := mailstore.Entry{UID: r.UID, Modseq: r.Modseq, Gone: true}
	b.Writes.Messages = append(b.Writes.Messages, mailstore.Message{Box: r.Box, Entry: e})
	return 0
}

func (r Share) into(b *Batch) int {
	if b.Writes.Shares == nil {
		b.Writes.Shares = map[filestore.ID]int{}
	}
	b.Writes.Shares[r.Blob] = r.Entries
	return 0
}

func (r Subscription) into(b *Batch) int {
	if b.Writes.Subscriptions == nil {
		b.Writes.Subscriptions = map[string]bool{}
	}
	b.Writes.Subscriptions[r.Name] = true
	return len(r.Name)
}

func (r Note) into(b *Batch) int {
	if b.Writes.Notes == nil {
		b.Writes.Notes = map[mailstore.MailboxID][]byte{}
	}
	b.Writes.Notes[r.Box] = r.Octets
	return len(r.Octets)
}

func (r Shelf) into(b *Batch) int {
	b.Shelf = &r.Shelf
	return 0
}

func (r Box) into(b *Batch) int {
	b.Boxes = append(b.Boxes, r.Box)
	return 0
}

func (r Totals) into(b *Batch) int {
	b.Totals = &r.Totals
	return 0
}

func (r Object) into(b *Batch) int {
	r.Head = some(r.Head)
	b.Objects = append(b.Objects, r.Object)
	return len(r.Head)
}

func (r Part) into(b *Batch) int {
	b.Parts = append(b.Parts, r)
	return 0
}

func (r Link) into(b *Batch) int {
	r.Box, r.KDF, r.Check = some(r.Box), some(r.KDF), some(r.Check)
	b.Links = append(b.Links, r.Link)
	return len(r.Box)
}

func (r Request) into(b *Batch) int {
	r.Box = some(r.Box)
	b.Requests = append(b.Requests, r.Request)
	return len(r.Box)
}

func (r Sealed) into(b *Batch) int {
	b.Sealed = append(b.Sealed, r)
	return len(r.Octets)
}

func (r SignIn) into(b *Batch) int {
	b.SignIn = &r
	return len(r.Keys) + len(r.Record.Sealed)
}

func (r Account) into(b *Batch) int {
	b.Account = &r
	return 0
}

func (r Former) into(b *Batch) int {
	b.Former = append(b.Former, r)
	return 0
}
