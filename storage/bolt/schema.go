package bolt

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// contents says which buckets a file has: from the first to before the last.
type contents struct{ first, end table }

var (
	indexFile  = contents{tableOwners, tableQueue}
	queueFile  = contents{tableQueue, tablePeers}
	knownFile  = contents{tablePeers, tablePapers}
	papersFile = contents{tablePapers, tableCopies}
	movingFile = contents{tableCopies, tableCount}
)

func (c contents) names() [][]byte { return tableNames[c.first:c.end] }

// young are the tables that files had not from the beginning. One that lacks them
// was written by an older program: it gets them when it is opened for writing, and
// has no rows in them until then. The data folder's layout keeps that older program
// from opening it again.
func young(t table) bool { return t >= tableShelves && t < tableQueue }

// prepare makes the buckets of a new file, or those that an older one lacks, and
// refuses a file of another schema.
func prepare(db *bbolt.DB, c contents) error {
	fresh, lacks := false, false
	err := db.View(func(tx *bbolt.Tx) error {
		fresh = tx.Bucket(bucketMeta) == nil
		if fresh {
			return nil
		}
		for _, name := range c.names() {
			lacks = lacks || tx.Bucket(name) == nil
		}
		return checkSchema(tx, c)
	})
	if err != nil || !fresh && !lacks {
		return err
	}
	if !fresh {
		return db.Update(func(tx *bbolt.Tx) error { return makeBuckets(tx, c) })
	}
	return db.Update(func(tx *bbolt.Tx) error {
		meta, err := tx.CreateBucket(bucketMeta)
		if err != nil {
			return err
		}
		if err := makeBuckets(tx, c); err != nil {
			return err
		}
		if c == indexFile {
			if err := meta.Put(keySets, setsKept); err != nil {
				return err
			}
		}
		return meta.Put(keySchema, binary.BigEndian.AppendUint32(nil, schema))
	})
}

func makeBuckets(tx *bbolt.Tx, c contents) error {
	for _, name := range c.names() {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return fmt.Errorf("make bucket %s: %w", name, err)
		}
	}
	return nil
}

func checkSchema(tx *bbolt.Tx, c contents) error {
	var value []byte
	if meta := tx.Bucket(bucketMeta); meta != nil {
		value = meta.Get(keySchema)
	}
	if len(value) != 4 {
		return fmt.Errorf("%w: no schema version", ErrDamaged)
	}
	if found := binary.BigEndian.Uint32(value); found > schema {
		return fmt.Errorf("%w: schema %d, and this one knows %d", ErrNewer, found, schema)
	}
	for t := c.first; t < c.end; t++ {
		if name := tableNames[t]; tx.Bucket(name) == nil && !young(t) {
			return fmt.Errorf("%w: no bucket %s", ErrDamaged, name)
		}
	}
	return nil
}
