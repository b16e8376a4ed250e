package postgres

import (
	"iter"
	"math"

	"github.com/jackc/pgx/v5"

	"sealpost/filestore"
	"sealpost/mailstore"
)

// rows are one owner's rows within a transaction, as mailstore.Clerk reads them. begin
// reads all at once what the changes name; the rest is read when it is asked for, in as
// large pieces as there are. Nobody else writes them meanwhile, so what was read stays true.
type rows struct {
	owner  mailstore.Owner
	send   func(*pgx.Batch) error // one round trip
	failed error                  // the first; what is read after it is nothing

	there  bool // the owner's row
	books  mailstore.Books
	tokens tokens // in it

	boxes    map[mailstore.MailboxID]*mailstore.Mailbox // nil: there is none
	allBoxes bool
	entries  map[mailstore.Place]*mailstore.Entry // nil: there is none
	order    map[mailstore.MailboxID][]mailstore.UID
	whole    map[boxMark]bool // all entries of a mailbox that have a mark are in entries
	letters  map[mailstore.Place][]mailstore.Stored
	passing  map[mailstore.Place][]mailstore.Stored // letters of the page that Entries is at
	shares   map[filestore.ID]int
	unshared []filestore.ID // of letters, and not in shares yet
	pages    map[setPage][]byte
	ends     []mailstore.MailboxID // whose last pages were read
	allPages []mailstore.MailboxID // or all
	flags    flagReader
	notes    map[mailstore.MailboxID][]byte
	noted    int64 // octets of all notes; -1: not read
	names    []string
	named    bool
	blobs    []filestore.ID // of files and of the cabinet
}

type boxMark struct {
	box  mailstore.MailboxID
	mark mailstore.Mark
}

// setPage names a row of sets.
type setPage struct {
	boxMark
	page uint32
}

func newRows(o mailstore.Owner, send func(*pgx.Batch) error) *rows {
	return &rows{
		owner: o, send: send, noted: -1,
		boxes:   map[mailstore.MailboxID]*mailstore.Mailbox{},
		entries: map[mailstore.Place]*mailstore.Entry{},
		order:   map[mailstore.MailboxID][]mailstore.UID{},
		whole:   map[boxMark]bool{},
		letters: map[mailstore.Place][]mailstore.Stored{},
		shares:  map[filestore.ID]int{},
		pages:   map[setPage][]byte{},
		notes:   map[mailstore.MailboxID][]byte{},
	}
}

// ownerFits says whether an owner's id can be a key.
func ownerFits(o mailstore.Owner) bool {
	return keyFits(string(o), 255)
}

// boxFits says whether a mailbox of that number can be there.
func boxFits(box mailstore.MailboxID) bool { return box <= math.MaxUint32 }

// ask makes one round trip. After a failure it makes no other.
func (r *rows) ask(queue func(*pgx.Batch)) error {
	if r.failed != nil {
		return r.failed
	}
	b := &pgx.Batch{}
	if queue(b); b.Len() > 0 {
		r.failed = r.send(b)
	}
	return r.failed
}

func (r *rows) Books() (mailstore.Books, error) { return r.books, r.failed }

func (r *rows) Mailboxes() (all []mailstore.Mailbox, err error) {
	if !r.allBoxes {
		if err := r.ask(r.askAllBoxes); err != nil {
			return nil, err
		}
	}
	for _, m := range r.boxes {
		if m != nil {
			all = append(all, *m)
		}
	}
	return all, nil
}

func (r *rows) Mailbox(id mailstore.MailboxID) (mailstore.Mailbox, error) {
	m, known := r.boxes[id]
	if !known && !r.allBoxes && boxFits(id) {
		if err := r.ask(func(b *pgx.Batch) { r.askBoxes(b, []mailstore.MailboxID{id}) }); err != nil {
			return mailstore.Mailbox{}, err
		}
		m = r.boxes[id]
	}
	if m == nil {
		return mailstore.Mailbox{}, mailstore.ErrNoMailbox
	}
	return *m, nil
}

func (r *rows) Entry(box mailstore.MailboxID, uid mailstore.UID) (mailstore.Entry, error) {
	p := mailstore.Place{Box: box, UID: uid}
	e, known := r.entries[p]
	if !known && !r.whole[boxMark{box, mailstore.MarkThere}] {
		if err := r.ask(func(b *pgx.Batch) { r.askEntries(b, []mailstore.Place{p}) }); err != nil {
			return mailstore.Entry{}, err
		}
		e = r.entries[p]
	}
	if e == nil {
		return mailstore.Entry{}, mailstore.ErrNoMail
	}
	return *e, nil
}

func (r *rows) UIDs(box mailstore.MailboxID) (mailstore.UIDSet, error) {
	return r.Marked(box, mailstore.MarkThere)
}

// Marked reads all entries that have the mark, with their letters: whoever asks wants
// to do something with each.
func (r *rows) Marked(box mailstore.MailboxID, m mailstore.Mark) (mailstore.UIDSet, error) {
	if !r.whole[boxMark{box, mailstore.MarkThere}] && !r.whole[boxMark{box, m}] {
		if err := r.ask(func(b *pgx.Batch) { r.askWhole(b, boxMark{box, m}) }); err != nil {
			return mailstore.UIDSet{}, err
		}
	}
	var found []mailstore.UID
	for _, uid := range r.order[box] {
		if r.entries[mailstore.Place{Box: box, UID: uid}].Marked(m) {
			found = append(found, uid)
		}
	}
	return mailstore.UIDsOf(found...), nil
}

// pageEntries is how many entries of a mailbox that goes are in memory at once.
const pageEntries = 10_000

// Entries reads pages, with the letters of each: mailboxes that go are read so.
func (r *rows) Entries(box mailstore.MailboxID) iter.Seq2[mailstore.Entry, error] {
	return func(yield func(mailstore.Entry, error) bool) {
		for after := mailstore.UID(0); ; {
			var page []mailstore.Entry
			err := r.ask(func(b *pgx.Batch) { r.askPassing(b, box, after, &page) })
			if err != nil {
				yield(mailstore.Entry{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
			if len(page) < pageEntries {
				return
			}
			after = page[len(page)-1].UID
		}
	}
}

func (r *rows) Letters(box mailstore.MailboxID, uid mailstore.UID) ([]mailstore.Stored, error) {
	p := mailstore.Place{Box: box, UID: uid}
	for _, known := range []map[mailstore.Place][]mailstore.Stored{r.passing, r.letters} {
		if letters, ok := known[p]; ok {
			return letters, nil
		}
	}
	if err := r.ask(func(b *pgx.Batch) { r.askLetters(b, []mailstore.Place{p}) }); err != nil {
		return nil, err
	}
	if letters, ok := r.letters[p]; ok {
		return letters, nil
	}
	return nil, mailstore.ErrNoMail
}

// Shares reads, when it is first asked, those of all letters that were read.
func (r *rows) Shares(id filestore.ID) (int, error) {
	if n, known := r.shares[id]; known {
		return n, nil
	}
	ids := append(r.unshared, id)
	r.unshared = nil
	err := r.ask(func(b *pgx.Batch) { r.askShares(b, ids) })
	return r.shares[id], err
}

func (r *rows) Subscriptions() ([]string, error) {
	if !r.named {
		if err := r.ask(r.askNames); err != nil {
			return nil, err
		}
	}
	return r.names, nil
}

func (r *rows) Note(box mailstore.MailboxID) ([]byte, error) {
	note, known := r.notes[box]
	if !known && boxFits(box) {
		err := r.ask(func(b *pgx.Batch) { r.askNotes(b, []mailstore.MailboxID{box}) })
		return r.notes[box], err
	}
	return note, nil
}

func (r *rows) NoteBytes() (int64, error) {
	if r.noted < 0 {
		if err := r.ask(r.askNoted); err != nil {
			return 0, err
		}
	}
	return r.noted, nil
}

func (r *rows) Expunged(box mailstore.MailboxID, n int) (floor mailstore.Modseq, count int, err error) {
	err = r.ask(func(b *pgx.Batch) {
		b.Queue(`with oldest as (
				select max(modseq) as floor from (select modseq from expunged where owner = $1 and box = $2 order by modseq limit $3) as first)
			select coalesce(floor, 0), (select count(*) from expunged where owner = $1 and box = $2 and modseq <= floor) from oldest`,
			r.owner, int64(box), n).QueryRow(func(row pgx.Row) error { return row.Scan(&floor, &count) })
	})
	return floor, count, err
}

var _ mailstore.Rows = (*rows)(nil)
