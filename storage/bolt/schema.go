package bolt

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// contents says which buckets a file has: from the first to before the last.
type contents struct{ first, end table }

var (
	indexFile = contents{tableOwners, tableQueue}
	queueFile = contents{tableQueue, tablePeers}
	knownFile = contents{tablePeers, tableCount}
)

func (c contents) names() [][]byte { return tableNames[c.first:c.end] }

// prepare makes the buckets of a new file, and refuses a file of another schema.
func prepare(db *bbolt.DB, c contents) error {
	fresh := false
	err := db.View(func(tx *bbolt.Tx) error {
		fresh = tx.Bucket(bucketMeta) == nil
		if fresh {
			return nil
		}
		return checkSchema(tx, c)
	})
	if err != nil || !fresh {
		return err
	}
	return db.Update(func(tx *bbolt.Tx) error {
		meta, err := tx.CreateBucket(bucketMeta)
		if err != nil {
			return err
		}
		for _, name := range c.names() {
			if _, err := tx.CreateBucket(name); err != nil {
				return fmt.Errorf("make bucket %s: %w", name, err)
			}
		}
		return meta.Put(keySchema, binary.BigEndian.AppendUint32(nil, schema))
	})
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
	for _, name := range c.names() {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("%w: no bucket %s", ErrDamaged, name)
		}
	}
	return nil
}
