package postgres

import (
	"context"
	"fmt"
)

// What is sealed, and read, in one piece.
const (
	maxPaper = 4 << 20
	maxValue = 16 << 20
)

// Papers are rules, whom a vacation notice went to, and where to knock when mail comes.
type Papers struct{ known *Known }

// Papers are those of the database.
func (x *Known) Papers() Papers { return Papers{x} }

// Drawer is one kind of papers. Purpose is what its sealings are for.
type Drawer struct {
	known   *Known
	purpose string
}

// Drawer is the papers of a purpose, such as "rules".
func (x Papers) Drawer(purpose string) Drawer { return Drawer{x.known, purpose} }

func (d Drawer) prefix(account string) []byte {
	return append(d.known.name("paper account", account), d.known.name("paper purpose", d.purpose)...)
}

func (d Drawer) key(account, name string) []byte {
	return append(d.prefix(account), d.known.name("paper "+account, name)...)
}

// Get returns what was put last, or nil.
func (d Drawer) Get(ctx context.Context, account, name string) ([]byte, error) {
	plain, err := d.known.read(ctx, kindPapers, d.purpose, d.key(account, name))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.purpose, err)
	}
	return plain, nil
}

// Put stores up to 4 MiB, durably, in the place of what was there; nil removes it.
func (d Drawer) Put(ctx context.Context, account, name string, value []byte) error {
	if len(value) > maxPaper {
		return fmt.Errorf("%s have %d bytes, and may have %d", d.purpose, len(value), maxPaper)
	}
	if err := d.known.put(ctx, kindPapers, d.purpose, d.key(account, name), value); err != nil {
		return fmt.Errorf("store %s: %w", d.purpose, err)
	}
	return nil
}

// All returns the values of an account's papers of this kind, in no order that means
// anything. A damaged one is logged and left out.
func (d Drawer) All(ctx context.Context, account string) ([][]byte, error) {
	_, values, err := d.known.readAll(ctx, kindPapers, d.purpose, d.prefix(account))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", d.purpose, err)
	}
	return values, nil
}

// Forget removes all that an account has.
func (x Papers) Forget(ctx context.Context, account string) error {
	if err := x.known.deleteUnder(ctx, kindPapers, x.known.name("paper account", account)); err != nil {
		return fmt.Errorf("forget papers: %w", err)
	}
	return nil
}

// Values are octets under names, for what a server must remember by itself, such as
// counters of reports. Names are few and chosen by programs.
type Values struct{ known *Known }

// Values are those of the database.
func (x *Known) Values() Values { return Values{x} }

func (v Values) key(name string) []byte { return v.known.name("value", name) }

// Get returns what was put last under a name, or nil.
func (v Values) Get(ctx context.Context, name string) ([]byte, error) {
	value, err := v.known.read(ctx, kindValues, purposeValue, v.key(name))
	if err != nil {
		return nil, fmt.Errorf("read value %s: %w", name, err)
	}
	return value, nil
}

// Put stores a value of up to 16 MiB, durably, in the place of what was there; nil removes
// it.
func (v Values) Put(ctx context.Context, name string, value []byte) error {
	if len(value) > maxValue {
		return fmt.Errorf("value %s has %d bytes, and may have %d", name, len(value), maxValue)
	}
	if err := v.known.put(ctx, kindValues, purposeValue, v.key(name), value); err != nil {
		return fmt.Errorf("store value %s: %w", name, err)
	}
	return nil
}
