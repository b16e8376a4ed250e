package bolt

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"sealpost/filestore"
	"sealpost/filestore/drive"
	"sealpost/filestore/drive/storagetest"
)

func TestDrive(t *testing.T) {
	t.Parallel()
	storagetest.Store(t, func(t testing.TB, now func() time.Time) *storagetest.Engine {
		return driveAt(t, filepath.Join(t.TempDir(), "index"), Options{Now: now})
	})
}

func driveAt(t testing.TB, path string, o Options) *storagetest.Engine {
	d := openAt(t, path, o)
	t.Cleanup(func() { d.Close() })
	return &storagetest.Engine{
		Store: d.Drive(), Index: d.Index(), Check: func(t testing.TB) { checkRows(t, d); checkDrives(t, d) },
		Reopen: func() *storagetest.Engine {
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			return driveAt(t, path, o)
		},
	}
}

// checkDrives counts the rows of files that no listing would show.
func checkDrives(t testing.TB, d *DB) {
	t.Helper()
	if err := d.view(t.Context(), func(tx *bbolt.Tx) error {
		tables, n := &tables{tx: tx}, map[table]int{}
		known := map[uint32]bool{}
		for k, v := range under(tables.in(tableOwners), nil) {
			if o, ok := decodeOwner(k, v); ok {
				known[o.num] = true
			}
		}
		for i := tableDrives; i <= tableRequested; i++ {
			for k := range under(tables.in(i), nil) {
				n[i]++
				if i != tableLinks && i != tableRequests && !known[readOwner(k)] {
					t.Errorf("%s has a row of nobody", tableNames[i])
				}
			}
		}
		for k := range under(tables.in(tableParts), nil) {
			if tables.get(tableObjects, k[:20]) == nil {
				t.Errorf("a part of no object: %x", k)
			}
		}
		if n[tableLinks] != n[tableLinked] || n[tableRequests] != n[tableRequested] {
			t.Errorf("rows of files: %v", n)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// A row of files that is read at all is one that could have been written: it comes out as
// it went in, under its own key and in its own table alone.
func FuzzDriveRows(f *testing.F) {
	id, at := drive.ID{1, 2, 3}, time.Unix(1_800_000_000, 0).UTC()
	object, part := objectKey(7, id), partKey(7, id, 3)
	add := func(in table, key, row []byte) {
		body, ok := unsealRow(in, key, row)
		if !ok {
			f.Fatalf("a row of %s is not its own", tableNames[in])
		}
		f.Add(key, slices.Clone(body))
		f.Add(key, slices.Clone(body[:len(body)/2]))
	}
	add(tableDrives, ownerKey(7), encodeDrive(ownerKey(7), drive.Totals{Objects: 1, Uploads: 2, Brought: 3, Links: 4, Requests: 5, Bytes: 1 << 50}))
	add(tableObjects, object, encodeObject(object, drive.Object{Size: 9, Created: at}))
	add(tableObjects, object, encodeObject(object, drive.Object{Size: 1 << 40, Created: at, Whole: true, Request: drive.Outgoing, Head: []byte("head"), Mail: drive.MailID{5}}))
	add(tableParts, part, encodePart(part, drive.Part{Sum: [32]byte{1}, Blob: filestore.Ref{ID: filestore.ID{2}, Size: drive.PartSize}}))
	for in, v := range map[table]any{
		tableLinks:    linkRow{Owner: "a", Object: id, Box: []byte("box"), Created: at, Expires: at, Most: 3, Used: []time.Time{at}},
		tableRequests: requestRow{Owner: "a", Box: []byte("box"), Created: at, Expires: at, MostFiles: 1, MostBytes: 2},
	} {
		row, err := encodeJSON(in, id[:], v)
		if err != nil {
			f.Fatal(err)
		}
		add(in, id[:], row)
	}
	f.Fuzz(func(t *testing.T, key, body []byte) {
		if len(key) > 100 {
			return
		}
		row := func(in table) []byte { return sealRow(in, key, append(newRow(len(body)), body...)) }
		if v, ok := decodeDrive(key, row(tableDrives)); ok {
			again, ok := decodeDrive(key, encodeDrive(key, v))
			same(t, v, again, ok)
		}
		if v, ok := decodeObject(key, row(tableObjects)); ok {
			again, ok := decodeObject(key, encodeObject(key, v))
			same(t, v, again, ok && v.Size >= 0 && v.ID == drive.ID(key[4:]))
		}
		if v, ok := decodePart(key, row(tableParts)); ok {
			again, ok := decodePart(key, encodePart(key, v))
			same(t, v, again, ok && v.N >= 0 && v.Blob.Size >= 0)
		}
		sameJSON[linkRow](t, tableLinks, key, row(tableLinks))
		sameJSON[requestRow](t, tableRequests, key, row(tableRequests))
		if _, ok := decodeObject(key, row(tableParts)); ok {
			t.Error("a row of another table was taken")
		}
	})
}

func same(t *testing.T, v, again any, ok bool) {
	t.Helper()
	if !ok || !reflect.DeepEqual(v, again) {
		t.Errorf("read %+v, wrote and read %+v, %v", v, again, ok)
	}
}

// sameJSON compares what is written again: a time may have been read in another zone.
func sameJSON[V any](t *testing.T, in table, key, row []byte) {
	t.Helper()
	v, err := decodeJSON[V](in, key, row)
	if err != nil {
		return
	}
	first, err := encodeJSON(in, key, v)
	if err != nil {
		return // a year that JSON has no word for
	}
	again, err := decodeJSON[V](in, key, first)
	second, err2 := encodeJSON(in, key, again)
	same(t, first, second, err == nil && err2 == nil)
}
