package mail

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestReadHeader(t *testing.T) {
	t.Parallel()
	type fields = []string // name, value, name, value ...
	for _, c := range []struct {
		name, in string
		want     fields
		h        Header // but Fields
	}{
		{"usual", "A: 1\r\nB: 2\r\n\r\nbody", fields{"A", "1", "B", "2"}, Header{End: 14, Clean: true, Blank: true}},
		{"folds", "A: 1\r\n 2\r\n\t3\r\n \r\n\r\n", fields{"A", "1 2\t3"}, Header{End: 19, Clean: true, Blank: true}},
		{"doubled", "A: 1\r\na: 2\r\n\r\n", fields{"A", "1", "a", "2"}, Header{End: 14, Clean: true, Blank: true}},
		{"space before colon", "From \t: a\r\n\r\n", fields{"From", "a"}, Header{End: 13, Clean: true, Blank: true}},
		{"end of mail", "A: 1\r\nB: 2", fields{"A", "1", "B", "2"}, Header{End: 10, Clean: true}},
		{"bare LF", "A: 1\nB: 2\n\nbody", fields{"A", "1", "B", "2"}, Header{End: 11, Clean: true, Blank: true}},
		{"bare CR", "A: 1\r2\r\n\r\n", fields{"A", "1 2"}, Header{End: 10, Clean: true, Blank: true}},
		{"NUL", "A: 1\x002\r\n\r\n", fields{"A", "1 2"}, Header{End: 10, Clean: true, Blank: true}},
		{"mbox line", "From a@b Thu\r\nA: 1\r\n\r\n", fields{"A", "1"}, Header{End: 22, Broken: 1, Blank: true}},
		{"broken lines", "A: 1\r\nno field\r\n fold of it\r\n: x\r\nB\xc3: 2\r\nB: 2\r\n\r\n", fields{"A", "1", "B", "2"}, Header{End: 49, Broken: 4, Blank: true}},
		{"fold first", " x\r\nA: 1\r\n\r\n", fields{"A", "1"}, Header{End: 12, Broken: 1, Blank: true}},
		{"none", "\r\nbody", nil, Header{End: 2, Blank: true}},
		{"nothing", "", nil, Header{}},
		{"empty value", "A:\r\nB: \r\n \r\n\r\n", fields{"A", "", "B", ""}, Header{End: 14, Clean: true, Blank: true}},
	} {
		for _, offset := range []int{0, 7} {
			h, err := ReadHeader(strings.NewReader(strings.Repeat("x", offset)+c.in), int64(offset), 1000)
			if err != nil {
				t.Fatal(err)
			}
			checkHeader(t, c.in, int64(offset), h)
			var got fields
			for _, f := range h.Fields {
				got = append(got, f.Name, f.Value())
			}
			want := c.h
			want.End += int64(offset)
			if h.Fields = nil; !reflect.DeepEqual(h, want) || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s at %d: got %q %+v, want %q %+v", c.name, offset, got, h, c.want, want)
			}
		}
	}
}

// checkHeader checks what is true of any section.
func checkHeader(t *testing.T, in string, offset int64, h Header) {
	t.Helper()
	end := offset
	for _, f := range h.Fields {
		at := f.Start - offset
		if f.Start < end || at+int64(len(f.Raw)) > int64(len(in)) || string(f.Raw) != in[at:at+int64(len(f.Raw))] {
			t.Errorf("%q: field %q at %d is not there", in, f.Raw, f.Start)
			return
		}
		if !bytes.HasPrefix(f.Raw, []byte(f.Name)) || f.Name == "" || strings.ContainsAny(f.Value(), "\r\n\x00") {
			t.Errorf("%q: field %q has name %q and value %q", in, f.Raw, f.Name, f.Value())
		}
		end = f.Start + int64(len(f.Raw))
	}
	if h.End < end || h.End > offset+int64(len(in)) {
		t.Errorf("%q: ends at %d after fields up to %d", in, h.End, end)
	}
}

// A section that goes on behind the limit loses only what is not whole.
func TestReadHeaderCut(t *testing.T) {
	t.Parallel()
	in := "A: 1\r\nB: 2\r\n 3\r\nC: 4\r\n\r\n"
	for max, want := range map[int64]string{0: "", 3: "", 6: "", 7: "A", 12: "A", 13: "A", 16: "A", 17: "AB", 22: "AB", 23: "ABC", 24: "ABC"} {
		h, err := ReadHeader(strings.NewReader(in), 0, max)
		if err != nil {
			t.Fatal(err)
		}
		var names string
		for _, f := range h.Fields {
			names += f.Name
		}
		if whole := max >= int64(len(in)); h.Cut == whole || names != want {
			t.Errorf("%d bytes: cut %v, fields %q, want %q", max, h.Cut, names, want)
		}
	}
	if h, err := ReadHeader(strings.NewReader(in), 0, int64(len(in))); err != nil || h.Cut || len(h.Fields) != 3 {
		t.Errorf("all bytes: %+v, %v", h, err)
	}
	h, err := ReadHeader(strings.NewReader(strings.Repeat("a:\r\n", 10_000)), 0, 1<<20)
	if err != nil || !h.Cut || len(h.Fields) != maxFields || h.End != 4*maxFields {
		t.Errorf("10,000 fields: %d kept, cut %v, end %d, %v", len(h.Fields), h.Cut, h.End, err)
	}
}

func TestReadHeaderFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken disk")
	if _, err := ReadHeader(failing{broken}, 0, 100); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	g := Look(t.Context(), failing{broken}, DefaultLimits)
	if g.Complete {
		t.Error("a mail that cannot be read is complete")
	}
}

// failing is a mail that cannot be read.
type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }
func (f failing) Size() int64                       { return 100 }

var _ io.ReaderAt = failing{}

func TestHeaderGet(t *testing.T) {
	t.Parallel()
	h := header(t, "Subject: a\nSUBJECT: b\n\n")
	if f, ok := h.Get("subject"); !ok || f.Value() != "a" {
		t.Errorf("got %q, %v", f.Value(), ok)
	}
	if got := h.Values("subject"); !reflect.DeepEqual(got, []string{"a", "b"}) {
		t.Errorf("got %q", got)
	}
	if _, ok := h.Get("subjec"); ok {
		t.Error("found a field that is not there")
	}
}

func FuzzHeader(f *testing.F) {
	f.Add("A: 1\r\n 2\r\nB :3\r\nbroken\r\n\r\nbody", int64(100))
	f.Add("\r\n", int64(1))
	f.Add(" x\n\ry:\r", int64(4))
	f.Fuzz(func(t *testing.T, in string, max int64) {
		h, err := ReadHeader(strings.NewReader(in), 0, max%10_000)
		if err != nil {
			t.Fatal(err)
		}
		checkHeader(t, in, 0, h)
		whole, err := ReadHeader(strings.NewReader(in), 0, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if len(h.Fields) > len(whole.Fields) {
			t.Errorf("more fields in %d bytes than in all", max%10_000)
		}
		for i, field := range h.Fields {
			if string(field.Raw) != string(whole.Fields[i].Raw) {
				t.Errorf("%d bytes: field %q, in all %q", max%10_000, field.Raw, whole.Fields[i].Raw)
			}
		}
	})
}
