package postgres

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"sealpost/filestore"
	"sealpost/mailstore/cabinet"
	"sealpost/mailstore/cabinet/storagetest"
	"sealpost/storage/postgres/pgtest"
)

func TestCabinet(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			all := &engines{isolation: isolation}
			storagetest.Store(t, func(t testing.TB, o storagetest.Options) *storagetest.Engine {
				x, done := all.take(t)
				x.o.Now, x.o.RememberBoxes = o.Now, o.Remember
				e := cabinetOf(t, x)
				e.Close = done
				return e
			})
		})
	}
}

func cabinetOf(t testing.TB, x *engine) *storagetest.Engine {
	return &storagetest.Engine{
		Store: x.Cabinet(), Index: x.Index(), Check: func(t storagetest.TB) { checkRows(t, x.DB) },
		Reopen: func() *storagetest.Engine {
			x.reopen(t)
			return cabinetOf(t, x)
		},
	}
}

// put puts a box in the place of version was.
func put(d *DB, name string, was cabinet.Version) (cabinet.Box, error) {
	place := cabinet.Place{Drawer: "drafts", Name: name}
	b, _, err := d.Cabinet().Apply(context.Background(), "o", cabinet.Wish{Place: place, Was: was, Blob: &filestore.Ref{ID: filestore.ID{7}, Size: 81}})
	return b, err
}

// Of many who replace what they have all seen, on whatever node, one does; and no two
// changes have one number, nor does one become visible after a higher one.
func TestCabinetNodes(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			all := nodes(t, 3, isolation)
			begin(t, all[0], "o")
			for round := range cabinet.Version(3) {
				won := together(t, all, 12, func(d *DB, _ int) error {
					_, err := put(d, "main", round)
					return err
				}, cabinet.Conflict{Version: round + 1})
				if won != 1 {
					t.Errorf("round %d: %d won", round, won)
				}
			}
			var mu sync.Mutex
			given := map[cabinet.Change]bool{1: true, 2: true, 3: true}
			together(t, all, 24, func(d *DB, i int) error {
				b, err := put(d, fmt.Sprint(i), 0)
				mu.Lock()
				defer mu.Unlock()
				if given[b.Change] {
					t.Errorf("change %d was given twice", b.Change)
				}
				given[b.Change] = true
				return err
			})
			l, err := all[2].Cabinet().List(t.Context(), "o", 2)
			if err != nil || l.Change != 27 || len(l.Boxes) != 25 {
				t.Errorf("%d boxes up to change %d, %v", len(l.Boxes), l.Change, err)
			}
			checkRows(t, all[1])
		})
	}
}

// A connection that breaks at any round trip puts a box once.
func TestCabinetConnectionCut(t *testing.T) {
	t.Parallel()
	d, w := watched(t, pgtest.Take(t), Options{Connections: 1})
	begin(t, d, "o")
	was := cabinet.Version(0)
	for _, late := range []bool{false, true} {
		for trip := 1; trip <= 2; trip++ {
			for _, cut := range []bool{false, true} {
				if cut {
					w.cut(trip, late)
				}
				b, err := put(d, "main", was)
				if err != nil || b.Version != was+1 || b.Change != cabinet.Change(was)+1 {
					t.Fatalf("cut at %d (late: %v): %+v, %v", trip, late, b, err)
				}
				was = b.Version
			}
		}
	}
	checkRows(t, d)
}
