package keyring

import (
	"bytes"
	"log/slog"
)

// Drawer opens the boxes of one drawer of an owner's cabinet, and nothing else of
// theirs: for a program that is to have no other key.
type Drawer struct {
	account, name string
	key           Key
}

// Drawer is the owner's key of one drawer.
func (o *Owner) Drawer(name string) Drawer { return Drawer{o.Account, name, o.master.forPurpose(name)} }

// NewDrawer reads what Bytes gave of a drawer of an account.
func NewDrawer(account, name string, b []byte) (Drawer, error) {
	k, err := NewKey(b)
	return Drawer{account, name, k}, err
}

// Bytes are for a device's own storage.
func (d Drawer) Bytes() []byte { return bytes.Clone(d.key.b[:]) }

// LogValue keeps the key out of logs.
func (Drawer) LogValue() slog.Value { return slog.StringValue("[withheld]") }
func (Drawer) String() string       { return "[withheld]" }
func (Drawer) GoString() string     { return "[withheld]" }

// SealItem is that of Owner, for this drawer.
func (d Drawer) SealItem(drawer, name string, version uint64, content []byte) ([]byte, error) {
	if drawer != d.name {
		return nil, ErrClosed
	}
	c := Context{Account: d.account, Purpose: drawer, Name: name, Version: version}
	return Seal(d.key, c, Pad(drawer, bytes.Clone(content)))
}

// OpenItem is that of Owner, for this drawer.
func (d Drawer) OpenItem(drawer, name string, version uint64, box []byte) ([]byte, error) {
	if drawer != d.name {
		return nil, ErrClosed
	}
	return Open(d.key, Context{Account: d.account, Purpose: drawer, Name: name, Version: version}, box)
}
