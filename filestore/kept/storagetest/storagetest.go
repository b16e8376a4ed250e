// Package storagetest holds the tests that every engine of kept.Rows passes.
package storagetest

import (
	"bytes"
	"testing"

	"sealpost/filestore/kept"
)

// Open returns an engine's rows over what belongs to t, and what closes them: the first time for one
// t they are empty, and when it is called again for the same t, after they were closed, they hold
// what was put before.
type Open func(t *testing.T) (rows kept.Rows, close func() error)

func again(t *testing.T, open Open, done func() error) kept.Rows {
	t.Helper()
	if err := done(); err != nil {
		t.Fatal(err)
	}
	rows, _ := open(t)
	return rows
}

// Values runs the suite of values.
func Values(t *testing.T, open Open) {
	rows, done := open(t)
	v := kept.Values{Rows: rows}
	check := func(name string, want []byte) {
		t.Helper()
		if got, err := v.Get(t.Context(), name); err != nil || !bytes.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%s: %d octets, %v; want %d", name, len(got), err, len(want))
		}
	}
	large := bytes.Repeat([]byte("0123456789"), 100_000)
	check("a", nil)
	for _, step := range []struct {
		name  string
		value []byte
	}{{"a", []byte("one")}, {"b", []byte{}}, {"large", large}, {"a", []byte("two")}, {"c", []byte("three")}, {"c", nil}, {"c", nil}} {
		if err := v.Put(t.Context(), step.name, step.value); err != nil {
			t.Fatal(err)
		}
		check(step.name, step.value)
	}
	if err := v.Put(t.Context(), "a", make([]byte, 16<<20+1)); err == nil {
		t.Error("a value that is too large was stored")
	}
	v.Rows = again(t, open, done)
	for name, want := range map[string][]byte{"a": []byte("two"), "b": {}, "large": large, "c": nil} {
		check(name, want)
	}
}

// FillPapers puts three papers of two kinds for alice, and for bob. In each is word, and in the names
// of those of the second kind.
func FillPapers(t *testing.T, x kept.Papers, word string) {
	t.Helper()
	for _, account := range []string{"alice", "bob"} {
		for _, paper := range [][2]string{{"rules", ""}, {"heard", "carol@" + word}, {"heard", "dave@" + word}} {
			if err := x.Drawer(paper[0]).Put(t.Context(), account, paper[1], []byte(account+paper[0]+paper[1]+word)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Papers runs the suite of papers.
func Papers(t *testing.T, open Open) {
	t.Run("forget", func(t *testing.T) {
		t.Parallel()
		forget(t, open)
	})

	rows, done := open(t)
	FillPapers(t, kept.Papers{Rows: rows}, "word")
	x := kept.Papers{Rows: again(t, open, done)}
	heard := x.Drawer("heard")
	for _, account := range []string{"alice", "bob"} {
		if got, err := x.Drawer("rules").Get(t.Context(), account, ""); err != nil || string(got) != account+"rulesword" {
			t.Errorf("%q, %v", got, err)
		}
		all, err := heard.All(t.Context(), account)
		if err != nil || len(all) != 2 || !bytes.HasPrefix(all[0], []byte(account+"heard")) {
			t.Errorf("%d papers, %v", len(all), err)
		}
	}
	if got, err := heard.Get(t.Context(), "nobody", "carol@word"); err != nil || got != nil {
		t.Errorf("nobody's paper: %q, %v", got, err)
	}
	if err := heard.Put(t.Context(), "alice", "carol@word", nil); err != nil {
		t.Fatal(err)
	}
	if all, err := heard.All(t.Context(), "alice"); err != nil || len(all) != 1 {
		t.Errorf("%d papers after one was removed, %v", len(all), err)
	}
	if err := heard.Put(t.Context(), "alice", "", make([]byte, 4<<20+1)); err == nil {
		t.Error("a paper that is too large was stored")
	}
}

func forget(t *testing.T, open Open) {
	rows, _ := open(t)
	x := kept.Papers{Rows: rows}
	FillPapers(t, x, "word")
	if err := x.Forget(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	for account, want := range map[string]int{"alice": 0, "bob": 2} {
		if all, err := x.Drawer("heard").All(t.Context(), account); err != nil || len(all) != want {
			t.Errorf("%s has %d papers of one kind, %v", account, len(all), err)
		}
		if got, err := x.Drawer("rules").Get(t.Context(), account, ""); err != nil || (got != nil) != (want > 0) {
			t.Errorf("%s: %q of the other, %v", account, got, err)
		}
	}
}
