package kept

import (
	"context"
	"fmt"
)

// maxValue bounds one value: it is sealed, and read, in one piece.
const maxValue = 16 << 20

// Values are octets under names, for what a server must remember by itself, such as counters of
// reports. Names are few and chosen by programs.
type Values struct{ Rows Rows }

// Place says where the value of a name lies and what it is sealed for: an engine that has locks may
// write it under one of them, if it Fits.
func (v Values) Place(name string) (in Table, purpose string, key []byte) {
	return TableValues, "value", v.Rows.Name("value", name)
}

// Fits refuses a value of more than 16 MiB.
func (Values) Fits(name string, value []byte) error {
	if len(value) > maxValue {
		return fmt.Errorf("value %s has %d bytes, and may have %d", name, len(value), maxValue)
	}
	return nil
}

// Get returns what was put last under a name, or nil.
func (v Values) Get(ctx context.Context, name string) ([]byte, error) {
	in, purpose, key := v.Place(name)
	value, err := v.Rows.Get(ctx, in, purpose, key)
	if err != nil {
		return nil, fmt.Errorf("read value %s: %w", name, err)
	}
	return value, nil
}

// Put stores a value of up to 16 MiB, durably, in the place of what was there; nil removes it.
func (v Values) Put(ctx context.Context, name string, value []byte) error {
	if err := v.Fits(name, value); err != nil {
		return err
	}
	in, purpose, key := v.Place(name)
	if err := v.Rows.Put(ctx, in, purpose, key, value); err != nil {
		return fmt.Errorf("store value %s: %w", name, err)
	}
	return nil
}
