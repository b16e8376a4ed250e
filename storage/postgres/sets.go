package postgres

import (
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"sealpost/mailstore"
)

// askPages reads rows of sets. Those that are not there are empty.
func (r *rows) askPages(b *pgx.Batch, pages []setPage) {
	var boxes, marks, numbers []int64
	for _, p := range pages {
		if r.pages[p] == nil {
			r.pages[p] = nil
		}
		if boxFits(p.box) {
			boxes, marks, numbers = append(boxes, int64(p.box)), append(marks, int64(p.mark)), append(numbers, int64(p.page))
		}
	}
	if len(boxes) == 0 {
		return
	}
	b.Queue(`select s.box, s.mark, s.page, s.uids from unnest($2::bigint[], $3::smallint[], $4::bigint[]) as p (box, mark, page)
		join sets s on s.owner = $1 and s.box = p.box and s.mark = p.mark and s.page = p.page`, r.owner, boxes, marks, numbers).
		Query(r.keepPages)
}

// askEnds reads the pages of sets from the one on that the next UID of a mailbox is in.
func (r *rows) askEnds(b *pgx.Batch, boxes []mailstore.MailboxID) {
	r.ends = append(r.ends, boxes...)
	numbers := boxNumbers(boxes)
	if len(numbers) == 0 {
		return
	}
	b.Queue(`select s.box, s.mark, s.page, s.uids from mailboxes m
		join sets s on s.owner = m.owner and s.box = m.box and s.mark in (0, 1, 2) and s.page >= m.uidnext / 4096
		where m.owner = $1 and m.box = any($2)`, r.owner, numbers).Query(r.keepPages)
}

// askAllPages reads all sets of a mailbox.
func (r *rows) askAllPages(b *pgx.Batch, box mailstore.MailboxID) {
	r.allPages = append(r.allPages, box)
	if boxFits(box) {
		b.Queue(`select box, mark, page, uids from sets where owner = $1 and box = $2`, r.owner, int64(box)).Query(r.keepPages)
	}
}

func (r *rows) keepPages(found pgx.Rows) error {
	var p setPage
	var mark int16
	var uids []byte
	_, err := pgx.ForEachRow(found, []any{&p.box, &mark, &p.page, &uids}, func() error {
		p.mark = mailstore.Mark(mark)
		r.pages[p] = uids
		return nil
	})
	return err
}

// known says whether a row of sets was read, or cannot be there.
func (r *rows) known(p setPage) bool {
	if _, read := r.pages[p]; read {
		return true
	}
	box := r.boxes[p.box]
	return box == nil || slices.Contains(r.allPages, p.box) || slices.Contains(r.ends, p.box) && p.page >= uint32(box.UIDNext)/mailstore.PageUIDs ||
		p.page > uint32(box.UIDNext)/mailstore.PageUIDs
}

// setRows are the columns of rows of sets that are written.
type setRows struct {
	boxes, marks, pages []int64
	uids                [][]byte
}

func (s *setRows) add(p setPage, uids []byte) {
	s.boxes, s.marks, s.pages = append(s.boxes, int64(p.box)), append(s.marks, int64(p.mark)), append(s.pages, int64(p.page))
	s.uids = append(s.uids, uids)
}

// writeTallies changes what is kept beside the entries; fresh: nothing of the owner's
// that was stored is left.
func (r *rows) writeTallies(b *pgx.Batch, tallies map[mailstore.MailboxID]*mailstore.Tally, fresh bool) error {
	if !fresh {
		if err := r.readPages(tallies); err != nil {
			return err
		}
	}
	var put, drop setRows
	for _, box := range slices.Sorted(maps.Keys(tallies)) {
		for _, m := range mailstore.Marks() {
			in, out := tallies[box].Sets(m)
			for page := range in.Union(out).Pages() {
				p := setPage{boxMark{box, m}, page}
				var stored []byte
				if !fresh {
					stored = r.pages[p]
				}
				uids, err := turned(stored, page, in, out)
				if err != nil {
					return damaged("sets", r.owner, box, m, page)
				}
				if len(uids) == 0 {
					drop.add(p, nil)
				} else {
					put.add(p, uids)
				}
			}
		}
	}
	if len(put.boxes) > 0 {
		b.Queue(`insert into sets (owner, box, mark, page, uids) select $1, * from unnest($2::bigint[], $3::smallint[], $4::bigint[], $5::bytea[])
			on conflict (owner, box, mark, page) do update set uids = excluded.uids`, r.owner, put.boxes, put.marks, put.pages, put.uids)
	}
	if len(drop.boxes) > 0 {
		b.Queue(`delete from sets s using unnest($2::bigint[], $3::smallint[], $4::bigint[]) as p (box, mark, page)
			where s.owner = $1 and s.box = p.box and s.mark = p.mark and s.page = p.page`, r.owner, drop.boxes, drop.marks, drop.pages)
	}
	r.writeKeywords(b, tallies)
	return nil
}

// turned is a page with some more and some less; empty if none are left.
func turned(stored []byte, page uint32, in, out mailstore.UIDSet) ([]byte, error) {
	var build mailstore.UIDSetBuilder
	if stored != nil {
		if err := build.AddPage(page, stored); err != nil {
			return nil, err
		}
	}
	first := mailstore.UID(page * mailstore.PageUIDs)
	last := first + mailstore.PageUIDs - 1
	return build.Set().Union(in.Between(first, last)).Minus(out.Between(first, last)).AppendPage(nil, page), nil
}

// readPages reads what begin did not foresee.
func (r *rows) readPages(tallies map[mailstore.MailboxID]*mailstore.Tally) error {
	var missing []setPage
	for box, t := range tallies {
		for _, m := range mailstore.Marks() {
			in, out := t.Sets(m)
			for page := range in.Union(out).Pages() {
				if p := (setPage{boxMark{box, m}, page}); !r.known(p) {
					missing = append(missing, p)
				}
			}
		}
	}
	return r.ask(func(b *pgx.Batch) { r.askPages(b, missing) })
}

// writeKeywords counts up and down; whoever counts has the owner's lock.
func (r *rows) writeKeywords(b *pgx.Batch, tallies map[mailstore.MailboxID]*mailstore.Tally) {
	var boxes, more []int64
	var keywords, spellings []string
	gone := false
	for box, t := range tallies {
		for folded, w := range t.Words {
			if w.More == 0 {
				continue
			}
			boxes, more = append(boxes, int64(box)), append(more, int64(w.More))
			keywords, spellings = append(keywords, folded), append(spellings, w.Spelling)
			gone = gone || w.More < 0
		}
	}
	if len(boxes) == 0 {
		return
	}
	b.Queue(`insert into keywords as k (owner, box, keyword, spelling, messages)
		select $1, * from unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[])
		on conflict (owner, box, keyword) do update set messages = k.messages + excluded.messages`, r.owner, boxes, keywords, spellings, more)
	if gone {
		b.Queue(`delete from keywords where owner = $1 and box = any($2) and messages <= 0`, r.owner, boxes)
	}
}
