package bolt

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// prepare makes the buckets of a new file, and refuses a file of another schema.
func prepare(db *bbolt.DB) error {
	fresh := false
	err := db.View(func(tx *bbolt.Tx) error {
		fresh = tx.Bucket(bucketMeta) == nil
		if fresh {
			return nil
		}
		return checkSchema(tx)
	})
	if err != nil || !fresh {
		return err
	}
	return db.Update(func(tx *bbolt.Tx) error {
		meta, err := tx.CreateBucket(bucketMeta)
		if err != nil {
			return err
		}
		for _, name := range tableNames {
			if _, err := tx.CreateBucket(name); err != nil {
				return fmt.Errorf("make bucket %s: %w", name, err)
			}
		}
		return meta.Put(keySchema, binary.BigEndian.AppendUint32(nil, schema))
	})
}

func checkSchema(tx *bbolt.Tx) error {
	value := tx.Bucket(bucketMeta).Get(keySchema)
	if len(value) != 4 {
		return fmt.Errorf("%w: no schema version", ErrDamaged)
	}
	if found := binary.BigEndian.Uint32(value); found > schema {
		return fmt.Errorf("%w: schema %d, and this one knows %d", ErrNewer, found, schema)
	}
	for _, name := range tableNames {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("%w: no bucket %s", ErrDamaged, name)
		}
	}
	return nil
}
