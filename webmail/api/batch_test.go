package api

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"sealpost/filestore/drive"
	"sealpost/mailstore"
)

// framed is a batch of contents under their ids.
func framed(ids []drive.ID, contents ...string) (b []byte) {
	for i, c := range contents {
		b = append(append(b, ids[i][:]...), 0, 0, 0, 0)
		binary.BigEndian.PutUint32(b[len(b)-4:], uint32(len(c)))
		b = append(b, c...)
	}
	return b
}

func (w *mailWorld) batch(b []byte) *httptest.ResponseRecorder {
	return w.ask("POST", "/files/batch", b, w.as, digestHeaderOf(b), header("Content-Type", "application/octet-stream"))
}

// Small files come together, all or none, to the byte of the room, and once more
// without harm.
func TestBatchOfFiles(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	ids := []drive.ID{drive.NewID(), drive.NewID(), drive.NewID()}
	two := framed(ids, "narwhal", "unicorn!")
	must(w.Store.Apply(t.Context(), w.owner(), mailstore.SetQuota{Bytes: 15}))
	for range 2 {
		got := read[Files](t, w.batch(two), 201)
		if len(got.Files) != 2 || got.Files[0].ID != ids[0].String() || got.Files[1].Size != 8 || !got.Files[1].Complete {
			t.Errorf("%+v", got)
		}
		w.blobsLeft(2)
	}
	if rec := w.ask("GET", "/files/"+ids[1].String()+"/content", nil, w.as); rec.Body.String() != "unicorn!" {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	asked := "/files/batch?ids=" + ids[1].String() + "," + ids[2].String() + "," + ids[0].String()
	if rec := w.ask("GET", asked, nil, w.as); rec.Code != 200 || !bytes.Equal(rec.Body.Bytes(), framed([]drive.ID{ids[1], ids[0]}, "unicorn!", "narwhal")) {
		t.Errorf("%d %q", rec.Code, rec.Body)
	}
	if rec := w.ask("GET", asked, nil, w.bob); rec.Code != 200 || rec.Body.Len() != 0 {
		t.Errorf("another's files: %d %q", rec.Code, rec.Body)
	}
	expect(t, w.batch(framed(ids[2:], "x")), 507, "over-quota")
	expect(t, w.batch(framed(ids, "narwhal", "another")), 409, "conflict")
	if u := read[Usage](t, w.ask("GET", "/usage", nil, w.as), 200); u.Files != 15 {
		t.Errorf("usage is %+v", u)
	}
	w.blobsLeft(2)
	expect(t, w.ask("POST", "/files/batch", two, w.as, digestHeaderOf(two[1:]), header("Content-Type", "application/octet-stream")), 422, "digest")
	w.mustNotLog(ids[0].String())
}

// What is no batch changes nothing.
func TestBatchesThatAreNone(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	id := drive.NewID()
	odd, many := id, []drive.ID{}
	odd[0] = 0xff
	var each []string
	for range drive.MaxBatch + 1 {
		many, each = append(many, drive.NewID()), append(each, "x")
	}
	good := framed([]drive.ID{id}, "good")
	for name, b := range map[string][]byte{
		"empty":     {},
		"cut":       good[:len(good)-1],
		"cut frame": good[:19],
		"nothing":   framed([]drive.ID{id}, ""),
		"odd id":    framed([]drive.ID{odd}, "x"),
		"no id":     framed([]drive.ID{{}}, "x"),
		"many":      framed(many, each...),
		"large":     framed([]drive.ID{id}, string(make([]byte, drive.MaxSmall+1))),
		"huge":      binary.BigEndian.AppendUint32(bytes.Repeat([]byte{7}, 16), 1<<32-1),
		"trailing":  append(framed([]drive.ID{id}, "good"), 1),
	} {
		if rec := w.batch(b); rec.Code != 422 {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	expect(t, w.batch(make([]byte, batchBody+1)), 413, "too-large")
	expect(t, w.batch(framed([]drive.ID{id, id}, "a", "b")), 409, "conflict")
	w.blobsLeft(0)
	all := framed(many[1:], each[1:]...)
	if got := read[Files](t, w.batch(all), 201); len(got.Files) != drive.MaxBatch {
		t.Errorf("%d came", len(got.Files))
	}
}

// Many files go in one request, with their links and octets; what never was, went before
// or is another's is answered alike; their number is bounded, and counts.
func TestFilesRemovedTogether(t *testing.T) {
	t.Parallel()
	w := newMailWorld(t)
	now := w.Now()
	w.Now = func() time.Time { return now } // no pace comes back
	ids := []drive.ID{drive.NewID(), drive.NewID(), drive.NewID()}
	read[Files](t, w.batch(framed(ids, "narwhal", "unicorn!", "stays")), 201)
	read[FileLink](t, w.ask("POST", "/links", NewFileLink{File: ids[0].String(), Box: []byte("b")}, w.as), 201)
	never := drive.NewID().String()
	asked := "/files/batch?ids=" + ids[0].String() + "," + never + "," + ids[1].String() + ",none"
	want := Removed{Files: []RemovedFile{{ids[0].String(), "gone"}, {never, "gone"}, {ids[1].String(), "gone"}, {"none", "gone"}}}
	if got := read[Removed](t, w.ask("DELETE", asked, nil, w.bob), 200); !reflect.DeepEqual(got, want) {
		t.Errorf("another is told %+v", got)
	}
	w.blobsLeft(3)
	for range 2 {
		if got := read[Removed](t, w.ask("DELETE", asked, nil, w.as), 200); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v", got)
		}
		w.blobsLeft(1)
		if u := read[Usage](t, w.ask("GET", "/usage", nil, w.as), 200); u.Files != 5 {
			t.Errorf("usage is %+v", u)
		}
	}
	if l := read[FileLinks](t, w.ask("GET", "/links", nil, w.as), 200); len(l.Links) != 0 {
		t.Errorf("links lead to nothing: %+v", l)
	}
	many := strings.Repeat(","+never, drive.MaxBatch)[1:]
	expect(t, w.ask("DELETE", "/files/batch?ids="+many+","+never, nil, w.as), 422, "bad-input")
	expect(t, w.ask("DELETE", "/files/batch", nil, w.as), 422, "bad-input")
	expect(t, w.ask("DELETE", "/files/batch?ids="+ids[2].String(), nil), 401, "signed-out")
	heard := 0
	for ; heard < callsAtOnce; heard++ {
		if rec := w.ask("DELETE", "/files/batch?ids="+many, nil, w.as); rec.Code == 429 {
			break
		}
	}
	if each := drive.MaxBatch / perCall; heard < (callsAtOnce-50)/each || heard > callsAtOnce/each {
		t.Errorf("%d batches were heard at once", heard)
	}
	w.mustNotLog(ids[0].String())
}

// Frames that are read are all of what came, bounded, and the same when they are written
// again; what is none is the sender's mistake.
func FuzzBatch(f *testing.F) {
	a, b := drive.ID{1}, drive.ID{2}
	f.Add(framed([]drive.ID{a, b}, "narwhal", "unicorn!"))
	f.Add(framed([]drive.ID{a}, string(make([]byte, 300)))[:200])
	f.Add(framed([]drive.ID{{0xff}}, "x"))
	f.Add(binary.BigEndian.AppendUint32(bytes.Repeat([]byte{7}, 16), 1<<32-1))
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := batchOf(body)
		if err != nil {
			var no *Problem
			if !errors.As(err, &no) || no.Status != 422 || all != nil {
				t.Errorf("%d files and %v", len(all), err)
			}
			return
		}
		var again []byte
		for _, s := range all {
			if len(s.Octets) < 1 || len(s.Octets) > drive.MaxSmall || cap(s.Octets) != len(s.Octets) || !s.ID.Fit() {
				t.Errorf("a file of %d octets (%d)", len(s.Octets), cap(s.Octets))
			}
			again = append(again, framed([]drive.ID{s.ID}, string(s.Octets))...)
		}
		if len(all) < 1 || len(all) > drive.MaxBatch || !bytes.Equal(again, body) {
			t.Errorf("%d files are %d octets of %d", len(all), len(again), len(body))
		}
	})
}
