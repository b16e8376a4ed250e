package backup

import (
	"context"
	"errors"

	"sealpost/filestore"
	"sealpost/filestore/drive"
)

// drive reads every part of an account's files, and counts what they take.
func (c *checker) drive(ctx context.Context, o drive.Owner) error {
	for after := (drive.ID{}); ; {
		some, err := c.drives.Objects(ctx, o, after, 1000, false)
		if damaged(err) {
			c.found.wrong("account %s, files: %v", o, err)
			return nil
		}
		if err != nil || len(some) == 0 {
			return err
		}
		for _, f := range some {
			if err := c.file(ctx, o, f); err != nil {
				return err
			}
		}
		after = some[len(some)-1].ID
	}
}

func (c *checker) file(ctx context.Context, o drive.Owner, f drive.Object) error {
	parts, err := c.drives.Parts(ctx, o, f.ID, 0, f.Parts()+1)
	if damaged(err) {
		c.found.wrong("account %s, file %s: %v", o, f.ID, err)
		return nil
	}
	if err != nil {
		return err
	}
	if f.Whole && len(parts) != f.Parts() && c.hasFile(ctx, o, f.ID) {
		c.found.wrong("account %s, file %s: %d parts, and its row says %d", o, f.ID, len(parts), f.Parts())
	}
	for _, p := range parts {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err := c.letter(ctx, p.Blob)
		if errors.Is(err, filestore.ErrNotFound) && !c.hasFile(ctx, o, f.ID) {
			return nil // it was removed since its row was read
		}
		if err != nil {
			c.found.wrong("account %s, file %s, part %d: %v", o, f.ID, p.N, err)
			continue
		}
		c.found.Parts, c.found.Bytes = c.found.Parts+1, c.found.Bytes+p.Blob.Size
	}
	return nil
}

func (c *checker) hasFile(ctx context.Context, o drive.Owner, id drive.ID) bool {
	_, err := c.drives.Object(ctx, o, id)
	return !errors.Is(err, drive.ErrNone)
}
