package bolt

import (
	"context"
	"fmt"
)

// maxValue bounds one value: it is sealed, and read, in one piece.
const maxValue = 16 << 20

// Values are octets under names, for what a server must remember by itself, such
// as counters of reports. Names are few and chosen by programs.
type Values struct{ known *Known }

// Values are those of the file.
func (x *Known) Values() Values { return Values{x} }

func (v Values) key(name string) []byte { return v.known.name("value", name) }

// Get returns what was put last under a name, or nil.
func (v Values) Get(ctx context.Context, name string) ([]byte, error) {
	value, err := v.known.read(ctx, tableValues, purposeValue, v.key(name))
	if err != nil {
		return nil, fmt.Errorf("read value %s: %w", name, err)
	}
	return value, nil
}

// Put stores a value of up to 16 MiB, durably, in the place of what was there;
// nil removes it.
func (v Values) Put(ctx context.Context, name string, value []byte) error {
	if len(value) > maxValue {
		return fmt.Errorf("value %s has %d bytes, and may have %d", name, len(value), maxValue)
	}
	key := v.key(name)
	var err error
	if value == nil {
		err = v.known.deleteRows(ctx, tableValues, key)
	} else {
		err = v.known.putRow(ctx, tableValues, key, v.known.seal(tableValues, purposeValue, key, value))
	}
	if err != nil {
		return fmt.Errorf("store value %s: %w", name, err)
	}
	return nil
}
