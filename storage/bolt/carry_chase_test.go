package bolt

import (
	"errors"
	"testing"
	"time"

	"sealpost/filestore/nodekey"
	"sealpost/mailstore"
	"sealpost/move/carry"
	"sealpost/move/carry/storagetest"
)

func openYard(t testing.TB, o storagetest.Options) (y storagetest.Yard) {
	key := nodekey.Random()
	for i := range y.Ends {
		y.Ends[i], _ = carriedEnd(t, key, Options{Now: o.Now, Remember: o.Remember, RememberBoxes: o.RememberBoxes})
		y.Ends[i].Blobs = newBlobs(t)
	}
	y.Journal = newJournal(t)
	return y
}

// storage/postgres has them carried between the engines.
func TestChase(t *testing.T) {
	t.Parallel()
	storagetest.Chase(t, openYard)
}

func TestChaseCompares(t *testing.T) {
	t.Parallel()
	storagetest.Compared(t, openYard)
}

// A letter that is lost here already is counted, and one that is expunged is none. Who takes longer than blobs are counted
// on for begins anew.
func TestChaseLost(t *testing.T) {
	t.Parallel()
	from, known, ids := peopled(t, 1)
	m := &carry.Move{From: from, To: landed(t, known), Journal: newJournal(t)}
	lose := func(uid mailstore.UID) {
		for mail, err := range from.Index.Mails(t.Context(), ids[0], 1, []mailstore.UID{uid}) {
			if err := errors.Join(err, from.Blobs.Delete(t.Context(), mail.Letters[0].ID)); err != nil {
				t.Fatal(err)
			}
		}
	}
	lose(9)
	lose(10)
	c, err := m.Chase(t.Context(), ids[0])
	if err != nil {
		t.Fatal(err)
	}
	must(from.Index.Apply(t.Context(), ids[0], []mailstore.Change{mailstore.Expunge{Box: 1, UIDs: []mailstore.UID{10}}}))
	if done, err := c.Finish(t.Context()); err != nil || done.Lost != 1 || m.Compare(t.Context(), ids[0]) != nil {
		t.Errorf("%+v, %v", done, err)
	}
	m.Young = time.Nanosecond
	if _, err := c.Again(t.Context()); !errors.Is(err, carry.ErrDiffers) {
		t.Errorf("blobs are counted on that may be swept: %v", err)
	}
}
