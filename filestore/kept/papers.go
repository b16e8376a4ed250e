package kept

import (
	"context"
	"fmt"
)

// maxPaper bounds one paper: it is sealed, and read, in one piece.
const maxPaper = 4 << 20

// Papers are what people asked the server to do by itself: rules, whom a vacation notice went to,
// where to knock when mail comes. Nobody's mail depends on them.
type Papers struct{ Rows Rows }

// Drawer is one kind of papers. Its purpose is what its sealings are for.
type Drawer struct {
	rows    Rows
	purpose string
}

// Drawer is the papers of a purpose, such as "rules".
func (x Papers) Drawer(purpose string) Drawer { return Drawer{x.Rows, purpose} }

func (d Drawer) prefix(account string) []byte {
	return append(d.rows.Name("paper account", account), d.rows.Name("paper purpose", d.purpose)...)
}

func (d Drawer) key(account, name string) []byte {
	return append(d.prefix(account), d.rows.Name("paper "+account, name)...)
}

// Get returns what was put last, or nil.
func (d Drawer) Get(ctx context.Context, account, name string) ([]byte, error) {
	octets, err := d.rows.Get(ctx, TablePapers, d.purpose, d.key(account, name))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.purpose, err)
	}
	return octets, nil
}

// Put stores up to 4 MiB, durably, in the place of what was there; nil removes it.
func (d Drawer) Put(ctx context.Context, account, name string, octets []byte) error {
	if len(octets) > maxPaper {
		return fmt.Errorf("%s have %d bytes, and may have %d", d.purpose, len(octets), maxPaper)
	}
	if err := d.rows.Put(ctx, TablePapers, d.purpose, d.key(account, name), octets); err != nil {
		return fmt.Errorf("store %s: %w", d.purpose, err)
	}
	return nil
}

// All returns an account's papers of this kind, in no order that means anything. A damaged one is
// logged and left out.
func (d Drawer) All(ctx context.Context, account string) ([][]byte, error) {
	_, all, err := d.rows.Under(ctx, TablePapers, d.purpose, d.prefix(account))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", d.purpose, err)
	}
	return all, nil
}

// Forget removes all that an account has. An engine that keeps one file has what was there in free
// pages until it is compacted.
func (x Papers) Forget(ctx context.Context, account string) error {
	if err := x.Rows.DeleteUnder(ctx, TablePapers, x.Rows.Name("paper account", account)); err != nil {
		return fmt.Errorf("forget papers: %w", err)
	}
	return nil
}
