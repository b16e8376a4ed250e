package bolt

import (
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"sealpost/filestore/nodekey"
)

// ErrOtherKey says that a file was sealed under another node key.
var ErrOtherKey = errors.New("sealed under another node key: put that key back, or move the file away and lose what is in it")

// What the mark of a key is sealed for (nodekey).
const purposeKey = "key of a file"

// keySealed is where a file whose rows are sealed keeps a sealing of nothing,
// by which it knows its key.
var keySealed = []byte("sealed")

// openSealed opens or makes a file of rows that are sealed under k.
func openSealed(path string, k *nodekey.Key, o Options, c contents) (*DB, error) {
	d, err := openFile(path, o, c)
	if err != nil {
		return nil, err
	}
	if err := d.checkKey(k, c); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), d.Close())
	}
	return d, nil
}

// checkKey leaves a mark of the key in a new file, and looks at that of an old one.
func (d *DB) checkKey(k *nodekey.Key, c contents) error {
	fresh := false
	err := d.file.View(func(tx *bbolt.Tx) error {
		mark := tx.Bucket(bucketMeta).Get(keySealed)
		if mark == nil {
			fresh = true
			return checkEmpty(tx, c)
		}
		if _, err := k.Open(purposeKey, string(c.names()[0]), mark); err != nil {
			return ErrOtherKey
		}
		return nil
	})
	if err != nil || !fresh {
		return err
	}
	return d.file.Update(func(tx *bbolt.Tx) error { // nobody else writes yet
		return tx.Bucket(bucketMeta).Put(keySealed, k.Seal(purposeKey, string(c.names()[0]), nil))
	})
}

func checkEmpty(tx *bbolt.Tx, c contents) error {
	for _, name := range c.names() {
		if first, _ := tx.Bucket(name).Cursor().First(); first != nil {
			return fmt.Errorf("%w: rows, and no mark of their key", ErrDamaged)
		}
	}
	return nil
}
