package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"sealpost/filestore/nodekey"
	"sealpost/storage/postgres/pgtest"
)

func TestKnownKeys(t *testing.T) {
	t.Parallel()
	x := newKnown(t, nodekey.Random())
	dkim, certificates := x.Keys("dkim"), x.Keys("certificates")
	for _, k := range []Keys{dkim, certificates} {
		for _, name := range []string{"a.test", "b.test"} {
			if err := k.Put(t.Context(), name, []byte(k.kind+name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	must(t, dkim.Put(t.Context(), "a.test", []byte("new")))
	must(t, dkim.Put(t.Context(), "b.test", nil))
	must(t, dkim.Put(t.Context(), "c.test", nil))
	for _, c := range []struct {
		k          Keys
		name, want string
	}{{dkim, "a.test", "new"}, {dkim, "b.test", ""}, {certificates, "a.test", "certificatesa.test"}, {certificates, "b.test", "certificatesb.test"}} {
		if got, err := c.k.Get(t.Context(), c.name); err != nil || string(got) != c.want {
			t.Errorf("%s of %s: %q, %v; want %q", c.k.kind, c.name, got, err, c.want)
		}
	}
	all, err := certificates.All(t.Context())
	slices.SortFunc(all, bytes.Compare)
	if err != nil || len(all) != 2 || string(all[1]) != "certificatesb.test" {
		t.Errorf("all are %q, %v", all, err)
	}
	if err := errors.Join(dkim.Put(t.Context(), "a.test", make([]byte, maxKey+1)), certificates.Put(t.Context(), "a.test", make([]byte, maxKey))); !errors.Is(err, errTooLarge) {
		t.Errorf("too large: %v", err)
	}
	tamper(t, x.d, fmt.Sprintf(`update sealed set row_ = row_ || '\x00' where key = '\x%x'`, dkim.key("a.test")))
	_, err = dkim.All(t.Context())
	_, other := dkim.Get(t.Context(), "a.test")
	if !errors.Is(err, ErrDamaged) || !errors.Is(other, ErrDamaged) {
		t.Errorf("damaged keys: %v, %v", err, other)
	}
}

// Of what many nodes change at once nothing is lost, and who is refused changes nothing.
func TestKnownKeysNodes(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			database, key := pgtest.Take(t), nodekey.Random()
			refused := errors.New("refused")
			var all sync.WaitGroup
			for range 3 {
				d := openAt(t, database, Options{Isolation: isolation, Connections: 4})
				defer d.Close()
				k := knownOf(t, d, key).Keys("dkim")
				for range 4 {
					all.Go(func() {
						for range 3 {
							if err := k.Change(context.Background(), "a.test", onceMore); err != nil {
								t.Error(err)
							}
							err := k.Change(context.Background(), "a.test", func([]byte) ([]byte, error) { return []byte("x"), refused })
							if !errors.Is(err, refused) {
								t.Errorf("refused: %v", err)
							}
						}
					})
				}
			}
			all.Wait()
			d := openAt(t, database, Options{})
			defer d.Close()
			if got, err := knownOf(t, d, key).Keys("dkim").Get(t.Context(), "a.test"); err != nil || string(got) != "36" {
				t.Errorf("counted %s, %v", got, err)
			}
		})
	}
}

// onceMore counts.
func onceMore(was []byte) ([]byte, error) {
	n := 0
	if was != nil {
		var err error
		if n, err = strconv.Atoi(string(was)); err != nil {
			return nil, err
		}
	}
	return strconv.AppendInt(nil, int64(n)+1, 10), nil
}

// A connection that breaks at any round trip of a change costs time, and does it neither twice
// nor not at all.
func TestKnownKeysCut(t *testing.T) {
	t.Parallel()
	d, w := watched(t, pgtest.Take(t), Options{Connections: 1})
	k := knownOf(t, d, nodekey.Random()).Keys("dkim")
	count := func(name, want string) {
		t.Helper()
		if got, err := k.Get(context.Background(), name); err != nil || string(got) != want {
			t.Errorf("%s: counted %q, %v; want %s", name, got, err, want)
		}
	}
	none := func([]byte) ([]byte, error) { return nil, nil }
	learn := func() { // a connection that knows the statements
		for _, change := range []func([]byte) ([]byte, error){onceMore, onceMore, none} {
			must(t, k.Change(t.Context(), "other", change))
		}
	}
	learn()
	must(t, k.Change(t.Context(), "again", onceMore))
	trips := w.count(func() { must(t, k.Change(t.Context(), "again", onceMore)) })
	for _, late := range []bool{false, true} {
		for trip := 1; trip <= trips; trip++ {
			name := fmt.Sprint(late, trip)
			for i, change := range []func([]byte) ([]byte, error){onceMore, onceMore, none} {
				learn()
				w.cut(trip, late)
				must(t, k.Change(t.Context(), name, change))
				count(name, []string{"1", "2", ""}[i])
			}
		}
	}
}
