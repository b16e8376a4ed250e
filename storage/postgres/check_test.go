package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"sealpost/mailstore/storagetest"
)

// broken are questions of which each row of an answer is a fault: what no listing shows must
// agree with the entries too.
var brokenRows = map[string]string{
	"entries and mails": `select owner, box, uid from entries full join mails using (owner, box, uid)
		where entries.owner is null or mails.owner is null`,
	"entries of no mailbox": `select e.owner, e.box from entries e left join mailboxes m using (owner, box) where m.owner is null`,
	"expunged of no mailbox, or still there": `select x.owner, x.box, x.uid from expunged x left join mailboxes m using (owner, box)
		left join entries e on e.owner = x.owner and e.box = x.box and e.uid = x.uid where m.owner is null or e.owner is not null`,
	"mailboxes of no owner":     `select m.owner, m.box from mailboxes m left join owners o using (owner) where o.owner is null or m.box > o.box or m.modseq > o.modseq`,
	"subscriptions of no owner": `select s.owner from subscriptions s left join owners o using (owner) where o.owner is null`,
	"notes of no mailbox": `select n.owner, n.box from notes n left join owners o on o.owner = n.owner left join mailboxes m on m.owner = n.owner and m.box = n.box
		where o.owner is null or (m.owner is null and n.box not in (0, 4294967295)) or n.note = ''`,
	"sets of no mailbox": `select s.owner, s.box from sets s left join mailboxes m using (owner, box) where m.owner is null or s.mark not in (0, 1, 2) or s.uids = ''`,
	"drives that count wrong": `with counted as (select owner, count(*) as objects, count(*) filter (where not whole) as uploads,
			count(*) filter (where not whole and request <> '') as brought, sum(size) as bytes from drive_objects group by owner)
		select owner from drives d full join counted c using (owner) left join owners o using (owner)
		where o.owner is null or d.owner is null or d.objects <> coalesce(c.objects, 0) or d.uploads <> coalesce(c.uploads, 0)
		or d.brought <> coalesce(c.brought, 0) or d.bytes <> coalesce(c.bytes, 0)
		or d.links <> (select count(*) from drive_links l where l.owner = d.owner)
		or d.requests <> (select count(*) from drive_requests q where q.owner = d.owner)`,
	"links and requests of no drive": `select owner from (select owner from drive_links union all select owner from drive_requests) x
		where not exists (select from drives d where d.owner = x.owner)`,
	"links to nothing": `select l.owner from drive_links l left join drive_objects o on o.owner = l.owner and o.id = l.object
		where o.owner is null or not o.whole`,
	"parts of nothing": `select p.owner, p.n from drive_parts p left join drive_objects o on o.owner = p.owner and o.id = p.object
		where o.owner is null or p.size <> least(8388608, o.size - p.n * 8388608) or octet_length(p.blob) <> 16 or octet_length(p.digest) <> 32`,
	"whole objects without parts": `select o.owner from drive_objects o where o.whole
		and (o.size + 8388607) / 8388608 <> (select count(*) from drive_parts p where p.owner = o.owner and p.object = o.id)`,
	"shelves that count wrong": `with counted as (select owner, count(*) filter (where not gone) as boxes, count(*) filter (where gone) as gone,
			sum(size) as bytes, max(change) as last, count(distinct change) as changes, count(*) as n from boxes group by owner)
		select owner from shelves s full join counted c using (owner) left join owners o using (owner)
		where o.owner is null or s.owner is null or s.boxes <> coalesce(c.boxes, 0) or s.gone <> coalesce(c.gone, 0)
		or s.bytes <> coalesce(c.bytes, 0) or s.change < coalesce(c.last, 0) or s.change < s.floor or c.changes <> c.n`,
	"boxes and their blobs": `select owner, change from boxes where octet_length(blob) <> case when gone then 0 else 16 end or gone and size <> 0`,
	"keywords": `with counted as (select owner, box, lower(k) as keyword, count(*) as n from entries, unnest(string_to_array(keywords, ' ')) k
		where entries.keywords <> '' group by 1, 2, 3)
		select owner, box, keyword, n, messages from keywords full join counted using (owner, box, keyword)
		where n is distinct from messages or lower(spelling) <> keyword`,
	"rows of no queue": `select queue, id from queue left join queues using (queue)
		where mark is null or (size = 0) <> (body is null) or size < 0 or octet_length(body) <> 16 or octet_length(tokens) not between 8 and 128 or octet_length(tokens) % 8 <> 0 or fence < 0 or until < 0`,
	"pages of sets that hold nothing": `select s.owner, s.box, s.mark, s.page from sets s where not exists (
		select from entries e where e.owner = s.owner and e.box = s.box and e.uid / 4096 = s.page
		and case s.mark when 0 then true when 1 then e.flags & 1 = 0 else e.flags & 8 <> 0 end)`,
	"blobs of no object": `select e.id, e.key from packs_entries e left join packs_objects o using (key) where o.key is null or o.retired is not null`,
	"what objects say that lies in them": `select o.key from packs_objects o left join packs_entries e using (key) group by o.key
		having o.living <> count(e.id) filter (where e.deleted is null) or o.octets <> coalesce(sum(e.size) filter (where e.deleted is null), 0)
		or o.first_deleted is distinct from min(e.deleted) or o.last_deleted is distinct from max(e.deleted)`,
}

// checkRows looks for rows that are left over or do not agree with each other.
func checkRows(t storagetest.TB, d *DB) {
	t.Helper()
	for what, sql := range brokenRows {
		found, err := d.pool.Query(context.Background(), sql)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		rows, err := pgx.CollectRows(found, pgx.RowToMap)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if len(rows) > 0 {
			t.Errorf("%s: %d rows, such as %v", what, len(rows), rows[0])
		}
	}
	checkShares(t, d)
}

func checkShares(t storagetest.TB, d *DB) {
	t.Helper()
	points, kept := map[string]int{}, map[string]int{}
	err := d.view(context.Background(), func(b *pgx.Batch) {
		b.Queue(`select owner, letters from mails`).Query(func(found pgx.Rows) error {
			var owner string
			var encoded []byte
			_, err := pgx.ForEachRow(found, []any{&owner, &encoded}, func() error {
				letters, ok := decodeLetters(encoded)
				if !ok {
					return ErrDamaged
				}
				for _, l := range letters {
					points[fmt.Sprintf("%s %x", owner, l.ID[:])]++
				}
				return nil
			})
			return err
		})
		b.Queue(`select owner, blob, entries from shares`).Query(func(found pgx.Rows) error {
			var owner string
			var blob []byte
			var n int
			_, err := pgx.ForEachRow(found, []any{&owner, &blob, &n}, func() error {
				kept[fmt.Sprintf("%s %x", owner, blob)] = n
				return nil
			})
			return err
		})
	})
	if err != nil {
		t.Fatalf("read shares: %v", err)
	}
	for id, n := range points {
		if n == 1 {
			n = 0
		}
		if kept[id] != n {
			t.Errorf("blob %s: row of shares says %d, entries %d", strings.TrimSpace(id), kept[id], n)
		}
		delete(kept, id)
	}
	if len(kept) > 0 {
		t.Errorf("%d rows of shares of no blob", len(kept))
	}
}
