package carry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sealpost/account"
	"sealpost/filestore"
	"sealpost/mailstore"
)

var (
	// ErrStands says that the other end has an account of that id which no move of this journal brought.
	ErrStands = errors.New("the other end has that account already")
	// ErrDiffers says that what arrived is not what was sent.
	ErrDiffers = errors.New("what arrived is not what was sent")
)

// Move carries accounts from one end to the other. Its fields are set once.
type Move struct {
	From, To *End
	Journal  Journal
	Workers  int // groups of blobs copied at a time; 0: 1
	// Young is for how long a blob that nothing points at is there to be counted on at the other
	// end: older ones are copied again. 0: nobody sweeps there.
	Young time.Duration
	// Tell is told how many more records are on their way, and how many of them are messages; may be
	// nil.
	Tell func(records, messages int)
}

// Moved is what became of one account.
type Moved struct {
	Messages, Records, Blobs, Lost int64
	Fenced                         time.Duration // from when nobody might write until it was there
}

// Account carries one account, whom nobody writes for. Broken off anywhere, it is done again.
func (m *Move) Account(ctx context.Context, o mailstore.Owner) (done Moved, err error) {
	stage, _, err := m.Journal.Stage(ctx, o)
	switch {
	case err == nil && stage == Served:
		return m.light(ctx, o)
	case err != nil || stage >= There:
		return done, err
	}
	if stage == Here {
		if err := m.vacant(ctx, o); err != nil {
			return done, fmt.Errorf("account %s: %w", o, err)
		}
		if err := m.Journal.SetStage(ctx, o, Begun, Digest{}); err != nil {
			return done, err
		}
	}
	begun := time.Now()
	if done, err = m.rows(ctx, o); err != nil {
		return done, fmt.Errorf("account %s: %w", o, err)
	}
	done.Fenced = time.Since(begun)
	return done, nil
}

// vacant refuses an account that stands at the other end.
func (m *Move) vacant(ctx context.Context, o mailstore.Owner) error {
	books, err := m.To.Rows.Books(ctx, o)
	if err != nil {
		return err
	}
	_, err = m.To.Accounts.Account(ctx, account.ID(o))
	switch {
	case books.Open || err == nil:
		return ErrStands
	case errors.Is(err, account.ErrUnknown):
		return nil
	}
	return err
}

// Ahead copies the blobs of an account, so that Account does not. Its owner may write meanwhile.
func (m *Move) Ahead(ctx context.Context, o mailstore.Owner) error {
	return m.copyBlobs(ctx, o, m.From.running(ctx, o), m.oldest(time.Now()))
}

// rows brings all rows to the other end, in place of what an attempt before left there, reads them back
// and compares.
func (m *Move) rows(ctx context.Context, o mailstore.Owner) (done Moved, err error) {
	if err := m.To.Rows.Remove(ctx, o); err != nil {
		return done, err
	}
	digest, err := m.compared(ctx, o, (*End).Export, &done)
	if err != nil {
		return done, err
	}
	return done, m.Journal.SetStage(ctx, o, There, digest)
}

// heavy is rows for mail, boxes and files; the account stays where it is, and its stage what it was.
func (m *Move) heavy(ctx context.Context, o mailstore.Owner) (done Moved, err error) {
	if err := m.To.Rows.RemoveHeavy(ctx, o); err != nil {
		return done, err
	}
	_, err = m.compared(ctx, o, (*End).Heavy, &done)
	return done, err
}

// compared brings what an end has of an owner to where none of it is, reads it back and compares.
func (m *Move) compared(ctx context.Context, o mailstore.Owner, of func(*End, context.Context, mailstore.Owner) Records, done *Moved) (Digest, error) {
	if err := m.To.Import(ctx, o, m.translated(ctx, o, of(m.From, ctx, o), done)); err != nil {
		return Digest{}, err
	}
	digest, records, err := m.compare(ctx, o, of)
	done.Records = records
	return digest, err
}

// Compare reads mail, boxes and files of an owner anew at both ends, whom nobody writes, and fails with ErrDiffers where they
// are not the same.
func (m *Move) Compare(ctx context.Context, o mailstore.Owner) error {
	_, _, err := m.compare(ctx, o, (*End).Heavy)
	return err
}

func (m *Move) compare(ctx context.Context, o mailstore.Owner, of func(*End, context.Context, mailstore.Owner) Records) (Digest, int64, error) {
	sent, err := m.digest(of(m.From, ctx, o), m.sumHere(ctx))
	if err != nil {
		return Digest{}, 0, err
	}
	arrived, err := m.digest(of(m.To, ctx, o), m.sumThere(ctx))
	if err != nil {
		return Digest{}, 0, err
	}
	if sent.Digest != arrived.Digest || sent.records != arrived.records {
		return Digest{}, 0, fmt.Errorf("%w: %d records with digest %s, %d with %s", ErrDiffers, sent.records, sent.Digest, arrived.records, arrived.Digest)
	}
	return sent.Digest, sent.records, nil
}

// oldest is when a blob must have been copied to be counted on from now on; zero: at any time.
func (m *Move) oldest(now time.Time) time.Time {
	if m.Young <= 0 {
		return time.Time{}
	}
	return now.Add(-m.Young)
}

// chunkRecords and chunkBytes bound how much is copied before it is pointed at.
const (
	chunkRecords = 1000
	chunkBytes   = 64 << 20
)

// translated are the records with the ids that blobs have at the other end. What was not copied ahead
// is copied a chunk at a time: whoever sweeps there finds soon that it is pointed at.
func (m *Move) translated(ctx context.Context, o mailstore.Owner, from Records, done *Moved) Records {
	return func(yield func(Record, error) bool) {
		var chunk []Record
		var size int64
		messages, oldest := 0, m.oldest(time.Now()) // one for all, so that a blob that is shared is one blob there
		flush := func() bool {
			if err := m.copyBlobs(ctx, o, all(chunk), oldest); err != nil {
				yield(nil, err)
				return false
			}
			for _, r := range chunk {
				r, err := r.remap(m.there(ctx, done))
				if !yield(r, err) || err != nil {
					return false
				}
			}
			if m.Tell != nil {
				m.Tell(len(chunk), messages)
			}
			chunk, size, messages = chunk[:0], 0, 0
			return true
		}
		for r, err := range from {
			if err != nil {
				yield(nil, err)
				return
			}
			if _, ok := r.(Message); ok {
				messages++
				done.Messages++
			}
			for _, ref := range Blobs(r) {
				size += max(ref.Size, 0)
			}
			if chunk = append(chunk, r); (len(chunk) == chunkRecords || size > chunkBytes) && !flush() {
				return
			}
		}
		flush()
	}
}

// all are records that are in memory.
func all(records []Record) Records {
	return func(yield func(Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (m *Move) there(ctx context.Context, done *Moved) mapping {
	return func(ref filestore.Ref) (filestore.ID, error) {
		c, err := m.copied(ctx, ref.ID)
		if done.Blobs++; c.Lost {
			done.Lost++
		}
		return c.To, err
	}
}

func (m *Move) copied(ctx context.Context, id filestore.ID) (Copied, error) {
	all, err := m.Journal.Copies(ctx, []filestore.ID{id})
	if err == nil && all[0].To == (filestore.ID{}) {
		err = fmt.Errorf("blob %s came while its account was carried", id)
	}
	if err != nil {
		return Copied{}, err
	}
	return all[0], nil
}

func (m *Move) sumHere(ctx context.Context) mapping {
	return func(ref filestore.Ref) (filestore.ID, error) {
		c, err := m.copied(ctx, ref.ID)
		return filestore.ID(c.Sum), err
	}
}

func (m *Move) sumThere(ctx context.Context) mapping {
	return func(ref filestore.Ref) (filestore.ID, error) {
		sum, there, err := m.Journal.Landed(ctx, ref.ID)
		if err == nil && !there {
			err = fmt.Errorf("%w: blob %s was never copied", ErrDiffers, ref.ID)
		}
		return filestore.ID(sum), err
	}
}

// digest adds records up in which blobs are named by what they are.
func (m *Move) digest(records Records, sum mapping) (d digester, err error) {
	for r, err := range records {
		if err == nil {
			r, err = r.remap(sum)
		}
		if err != nil {
			return d, err
		}
		d.add(r)
	}
	return d, nil
}

// Leave removes an account here that is there.
func (m *Move) Leave(ctx context.Context, o mailstore.Owner) error {
	stage, digest, err := m.Journal.Stage(ctx, o)
	switch {
	case err != nil || stage == Removed:
		return err
	case stage != There:
		return fmt.Errorf("account %s is not at the other end", o)
	}
	if err := m.From.Rows.Remove(ctx, o); err != nil {
		return err
	}
	return m.Journal.SetStage(ctx, o, Removed, digest)
}

// Undo removes an account there that is here. It fails for one that left.
func (m *Move) Undo(ctx context.Context, o mailstore.Owner) error {
	stage, _, err := m.Journal.Stage(ctx, o)
	switch {
	case err != nil || stage == Here:
		return err
	case stage == Removed || stage == Served:
		return fmt.Errorf("account %s was moved: carry it back", o)
	}
	if err := m.To.Rows.Remove(ctx, o); err != nil {
		return err
	}
	return m.Journal.SetStage(ctx, o, Here, Digest{})
}
