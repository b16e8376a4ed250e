package postgres

import (
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"sealpost/mailstore"
)

// foresight is what changes will ask for, as far as they name it.
type foresight struct {
	everyBox bool
	boxes    map[mailstore.MailboxID]bool
	ends     map[mailstore.MailboxID]bool // mailboxes that get messages
	entries  map[mailstore.Place]bool
	letters  map[mailstore.Place]bool
	whole    map[boxMark]bool
	pages    map[mailstore.Place]bool // of entries that change; UID is the first of the page
	notes    map[mailstore.MailboxID]bool
	names    bool
	blobs    bool // of all that is not mail
}

// begin takes the owner's lock and reads what the changes are about, in one round trip.
func (r *rows) begin(calls [][]mailstore.Change) error {
	f := foresight{
		boxes: map[mailstore.MailboxID]bool{}, ends: map[mailstore.MailboxID]bool{},
		entries: map[mailstore.Place]bool{}, letters: map[mailstore.Place]bool{}, pages: map[mailstore.Place]bool{},
		whole: map[boxMark]bool{}, notes: map[mailstore.MailboxID]bool{},
	}
	for _, changes := range calls {
		for _, c := range changes {
			f.foresee(c)
		}
	}
	return r.ask(func(b *pgx.Batch) {
		b.Queue("begin")
		r.askOwner(b)
		f.ask(r, b)
	})
}

func (f *foresight) foresee(c mailstore.Change) {
	switch c := c.(type) {
	case mailstore.Create, mailstore.Rename, mailstore.Remove:
		f.everyBox = true
	case mailstore.Forget:
		f.everyBox, f.blobs = true, true
	case mailstore.Subscribe:
		f.names = f.names || c.On
	case mailstore.Append:
		f.boxes[c.Box], f.ends[c.Box] = true, true
	case mailstore.SetFlags:
		f.touch(c.Box, c.UIDs, false)
	case mailstore.Copy:
		f.look(c.From, c.UIDs, true)
		f.boxes[c.To], f.ends[c.To] = true, true
	case mailstore.Move:
		f.touch(c.From, c.UIDs, false)
		f.boxes[c.To], f.ends[c.To] = true, true
	case mailstore.Expunge:
		f.expunge(c)
	case mailstore.PutLetters:
		f.look(c.Box, []mailstore.UID{c.UID}, true)
	case mailstore.Reseal:
		f.touch(c.Box, []mailstore.UID{c.UID}, true)
		f.ends[c.Box] = true
	case mailstore.Shed:
		f.look(c.Box, c.UIDs, true)
	case mailstore.Note:
		f.boxes[c.Box], f.notes[c.Box] = true, true
	}
}

func (f *foresight) expunge(c mailstore.Expunge) {
	mark := mailstore.MarkThere
	if c.OnlyDeleted {
		mark = mailstore.MarkDeleted
	}
	if c.UIDs == nil {
		f.boxes[c.Box], f.whole[boxMark{c.Box, mark}] = true, true
	}
	f.touch(c.Box, c.UIDs, true)
}

// look foresees that entries are read, and maybe their letters.
func (f *foresight) look(box mailstore.MailboxID, uids []mailstore.UID, letters bool) {
	f.boxes[box] = true
	for _, uid := range uids {
		p := mailstore.Place{Box: box, UID: uid}
		if f.entries[p] = true; letters {
			f.letters[p] = true
		}
	}
}

// touch foresees that entries change what is kept beside them.
func (f *foresight) touch(box mailstore.MailboxID, uids []mailstore.UID, letters bool) {
	f.look(box, uids, letters)
	for _, uid := range uids {
		f.pages[mailstore.Place{Box: box, UID: uid &^ (mailstore.PageUIDs - 1)}] = true
	}
}

func (f *foresight) ask(r *rows, b *pgx.Batch) {
	if f.everyBox {
		r.askAllBoxes(b)
	} else if len(f.boxes) > 0 {
		r.askBoxes(b, slices.Collect(maps.Keys(f.boxes)))
	}
	if len(f.entries) > 0 {
		r.askEntries(b, slices.Collect(maps.Keys(f.entries)))
	}
	if len(f.letters) > 0 {
		r.askLetters(b, slices.Collect(maps.Keys(f.letters)))
	}
	for what := range f.whole {
		r.askWhole(b, what)
		r.askAllPages(b, what.box)
	}
	if len(f.pages) > 0 {
		var pages []setPage
		for p := range f.pages {
			for _, m := range mailstore.Marks() {
				pages = append(pages, setPage{boxMark{p.Box, m}, uint32(p.UID) / mailstore.PageUIDs})
			}
		}
		r.askPages(b, pages)
	}
	if len(f.ends) > 0 {
		r.askEnds(b, slices.Collect(maps.Keys(f.ends)))
	}
	if len(f.notes) > 0 {
		r.askNotes(b, slices.Collect(maps.Keys(f.notes)))
		r.askNoted(b)
	}
	if f.names {
		r.askNames(b)
	}
	if f.blobs {
		r.askBlobs(b)
	}
}
