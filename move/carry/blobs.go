package carry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"sealpost/filestore"
	"sealpost/mailstore"
)

// A group of blobs is put at once: so many, or so many bytes, or a single large one.
const (
	groupBlobs = 256
	groupBytes = 4 << 20
)

// copier copies blobs, a few groups at a time.
type copier struct {
	*Move
	ctx     context.Context // of the one copying that it lives for
	cancel  context.CancelCauseFunc
	owner   string
	oldest  time.Time // copies that are older are copied again
	groups  chan []filestore.Ref
	workers sync.WaitGroup

	group []filestore.Ref
	size  int64
	asked map[filestore.ID]bool // of this group and those under way: several entries may share one
}

// copyBlobs copies what records point at and was not copied since oldest, so that nothing waits for it later.
func (m *Move) copyBlobs(ctx context.Context, o mailstore.Owner, records Records, oldest time.Time) error {
	c := &copier{Move: m, owner: string(o), oldest: oldest, groups: make(chan []filestore.Ref), asked: map[filestore.ID]bool{}}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	defer c.cancel(nil)
	for range max(1, m.Workers) {
		c.workers.Go(c.work)
	}
	err := c.gather(records)
	close(c.groups)
	c.workers.Wait()
	if cause := context.Cause(c.ctx); cause != nil { // what failed, not what it made fail
		err = cause
	}
	return err
}

func (c *copier) gather(records Records) error {
	for r, err := range records {
		if err != nil {
			return err
		}
		for _, ref := range Blobs(r) {
			if ref.Size < 0 || c.asked[ref.ID] {
				continue
			}
			c.asked[ref.ID] = true
			c.group, c.size = append(c.group, ref), c.size+ref.Size
			if len(c.group) < groupBlobs && c.size < groupBytes {
				continue
			}
			if err := c.send(); err != nil {
				return err
			}
		}
	}
	return c.send()
}

// maxAsked bounds what is remembered of blobs that are shared; the journal knows those that were
// copied, and one that is copied twice is an orphan once.
const maxAsked = 1 << 20

func (c *copier) send() error {
	if len(c.asked) > maxAsked {
		clear(c.asked)
	}
	if len(c.group) == 0 {
		return nil
	}
	group := c.group
	c.group, c.size = nil, 0
	select {
	case c.groups <- group:
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

func (c *copier) work() {
	for group := range c.groups {
		if err := c.copyGroup(group); err != nil {
			c.cancel(err)
			return
		}
	}
}

func (c *copier) copyGroup(group []filestore.Ref) error {
	ids := idsOf(group)
	known, err := c.Journal.Copies(c.ctx, ids)
	if err != nil {
		return err
	}
	var missing []filestore.ID
	for i, k := range known {
		if k.To == (filestore.ID{}) || k.At.Before(c.oldest) {
			missing = append(missing, ids[i])
		}
	}
	copies, err := c.copyAll(missing)
	if err == nil && len(copies) > 0 {
		err = c.Journal.Keep(c.ctx, copies)
	}
	return err
}

// copyAll copies blobs and reads back what arrived.
func (c *copier) copyAll(ids []filestore.ID) (copies []Copied, err error) {
	var sources []io.WriterTo
	var sums []*summed
	opened := filestore.OpenAll(c.ctx, c.From.Blobs, ids)
	defer func() {
		for _, o := range opened {
			if o.Blob != nil {
				o.Blob.Close()
			}
		}
	}()
	for i, o := range opened {
		s := &summed{id: ids[i], blob: o.Blob}
		lost := o.Err
		if lost == nil {
			lost = s.look() // so that one that is damaged spoils no others
		}
		switch {
		case lost == nil:
			sources, sums = append(sources, s), append(sums, s)
		case errors.Is(lost, filestore.ErrNotFound), errors.Is(lost, filestore.ErrCorrupt):
			copies = append(copies, lostCopy(ids[i]))
		default:
			return nil, fmt.Errorf("read blob %s: %w", ids[i], lost)
		}
	}
	if len(sources) == 0 {
		return copies, nil
	}
	refs, err := filestore.PutFor(c.ctx, c.To.Blobs, c.owner, sources...)
	if err != nil {
		return nil, fmt.Errorf("copy blobs: %w", err)
	}
	if err := c.readBack(refs, sums); err != nil {
		return nil, errors.Join(err, c.To.Blobs.Delete(context.WithoutCancel(c.ctx), idsOf(refs)...))
	}
	for i, s := range sums {
		copies = append(copies, Copied{From: s.id, To: refs[i].ID, Sum: [16]byte(s.sum[:]), At: time.Now()})
	}
	return copies, nil
}

// lostCopy is that of a blob that cannot be read.
func lostCopy(id filestore.ID) Copied {
	sum := sha256.Sum256(append([]byte("lost"), id[:]...))
	return Copied{From: id, To: id, Sum: [16]byte(sum[:]), Lost: true, At: time.Now()}
}

// readBack compares what arrived with what was sent.
func (c *copier) readBack(refs []filestore.Ref, sums []*summed) error {
	ids := idsOf(refs)
	var wrong error
	for i, o := range filestore.OpenAll(c.ctx, c.To.Blobs, ids) {
		if o.Err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("read back blob %s: %w", ids[i], o.Err))
			continue
		}
		arrived := summed{id: ids[i], blob: o.Blob}
		err := arrived.look()
		if err == nil && arrived.sum != sums[i].sum {
			err = filestore.ErrCorrupt
		}
		if err = errors.Join(err, o.Blob.Close()); err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("read back blob %s: %w", ids[i], err))
		}
	}
	return wrong
}

// summed is a blob on its way, and its SHA-256.
type summed struct {
	id   filestore.ID
	blob filestore.Blob
	sum  [32]byte
}

// look reads it whole.
func (s *summed) look() error {
	h := sha256.New()
	if err := s.pour(h); err != nil {
		return err
	}
	h.Sum(s.sum[:0])
	return nil
}

func (s *summed) pour(to io.Writer) error {
	if held, ok := s.blob.(filestore.Held); ok {
		if octets := held.Held(); octets != nil {
			_, err := io.Copy(to, bytes.NewReader(octets))
			return err
		}
	}
	_, err := io.Copy(to, io.NewSectionReader(s.blob, 0, s.blob.Size()))
	return err
}

// WriteTo pours it out.
func (s *summed) WriteTo(w io.Writer) (int64, error) { return s.blob.Size(), s.pour(w) }

func idsOf(refs []filestore.Ref) []filestore.ID {
	ids := make([]filestore.ID, len(refs))
	for i, r := range refs {
		ids[i] = r.ID
	}
	return ids
}
