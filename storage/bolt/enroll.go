package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"sealpost/mailstore"
)

var (
	keySets    = []byte("sets")
	keySetting = []byte("setting")
	setsKept   = binary.BigEndian.AppendUint32(nil, 1)
)

// keepsSets says whether the file has sets and keywords of all its mailboxes. One
// that an older program made has none before Enroll.
func (t *tables) keepsSets() bool {
	meta := t.tx.Bucket(bucketMeta)
	return meta != nil && bytes.Equal(meta.Get(keySets), setsKept)
}

// enrollEntries is how many entries one transaction of Enroll goes through, at least.
const enrollEntries = 200_000

// Enroll makes the sets and keywords of a file that an older program wrote, and
// logs how far it is. Nobody writes meanwhile. Broken off, it goes on where it was
// when it is called again, unless something was written since.
func (d *DB) Enroll(ctx context.Context) error {
	e := enrollment{size: enrollEntries, tell: func(done, all int) {
		d.o.Log.Info("sets of mailboxes are made", "mailboxes", done, "of", all)
	}}
	err := d.submit(ctx, newCall(nil, func() error { return e.run(ctx, d.file) }))
	if err != nil {
		return fmt.Errorf("make sets of the index: %w", err)
	}
	return nil
}

// run has the file to itself.
func (e *enrollment) run(ctx context.Context, file *bbolt.DB) error {
	if err := file.View(e.begin); err != nil || e.kept {
		return err
	}
	for ready := e.resumed; !e.kept; ready = true {
		if err := ctx.Err(); err != nil {
			return err
		}
		work := e.step
		if !ready {
			work = e.clear
		}
		if err := file.Update(work); err != nil {
			return err
		}
	}
	return nil
}

// enrollment is Enroll at work.
type enrollment struct {
	tell      func(done, all int)
	size      int
	kept      bool
	resumed   bool
	last      []byte // key of the last mailbox that is done
	done, all int
}

// begin finds out where an earlier one was broken off. If anything was committed
// since, its pages may be wrong.
func (e *enrollment) begin(tx *bbolt.Tx) error {
	t := &tables{tx: tx}
	e.kept = t.keepsSets()
	at := tx.Bucket(bucketMeta).Get(keySetting)
	e.resumed = len(at) == 16 && binary.BigEndian.Uint64(at) == uint64(tx.ID())
	if e.resumed {
		e.last = bytes.Clone(at[8:])
	}
	e.done, e.all = 0, 0
	for k := range under(t.in(tableMailboxes), nil) {
		e.all++
		if bytes.Compare(k, e.last) <= 0 {
			e.done++
		}
	}
	return nil
}

func (e *enrollment) clear(tx *bbolt.Tx) error {
	for _, i := range []table{tableSets, tableKeywords} {
		if err := tx.DeleteBucket(tableNames[i]); err != nil && !errors.Is(err, bbolterrors.ErrBucketNotFound) {
			return err
		}
		if _, err := tx.CreateBucket(tableNames[i]); err != nil {
			return err
		}
	}
	return tx.Bucket(bucketMeta).Delete(keySetting)
}

// step does some mailboxes, and after the last one says that all are done.
func (e *enrollment) step(tx *bbolt.Tx) error {
	t, p, read := &tables{tx: tx}, &put{}, 0
	var box []byte
	for k := range from(t.in(tableMailboxes), e.last) {
		if read >= e.size {
			break
		}
		n, err := enrollBox(t, p, k)
		if err != nil {
			return err
		}
		read, box = read+n, bytes.Clone(k)
		e.done++
	}
	e.tell(e.done, e.all)
	meta := tx.Bucket(bucketMeta)
	if box != nil && e.done < e.all {
		e.last = box
		p.put(meta, keySetting, append(binary.BigEndian.AppendUint64(nil, uint64(tx.ID())), box...))
		return p.err
	}
	e.kept = true
	p.delete(meta, keySetting)
	p.put(meta, keySets, setsKept)
	return p.err
}

// from yields the keys behind one.
func from(b *bbolt.Bucket, last []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		c := b.Cursor()
		for k, _ := c.Seek(last); k != nil; k, _ = c.Next() {
			if !bytes.Equal(k, last) && !yield(k) {
				return
			}
		}
	}
}

// enrollBox makes what is kept of one mailbox, and says how many entries it has.
func enrollBox(t *tables, p *put, key []byte) (n int, err error) {
	if len(key) != 8 {
		return 0, damaged(tableMailboxes, key)
	}
	r := &rows{tables: t, owner: owner{num: binary.BigEndian.Uint32(key)}}
	box := mailstore.MailboxID(binary.BigEndian.Uint32(key[4:]))
	var tally mailstore.Tally
	for e, err := range r.Entries(box) {
		if err != nil {
			return n, err
		}
		tally.Note(nil, &e)
		n++
	}
	r.putTally(p, box, &tally)
	return n, p.err
}
