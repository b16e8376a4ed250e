package disk_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"testing"

	"sealpost/filestore"
	"sealpost/filestore/storagetest"
	"sealpost/storage/disk"
	"sealpost/storage/disk/faultfs"
)

// frameOf is a second writing of the format, from its description alone.
func frameOf(id filestore.ID, stored int64, content []byte) []byte {
	table := crc32.MakeTable(crc32.Castagnoli)
	b := append([]byte("SPfr\x01\x00\x00\x00"), binary.BigEndian.AppendUint64(nil, uint64(len(content)))...)
	b = append(b, id[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(stored))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, table))
	for number := uint32(0); len(content) > 0; number++ {
		chunk := content[:min(len(content), 64<<10)]
		content = content[len(chunk):]
		seed := binary.BigEndian.Uint32(id[4:]) + number
		b = append(b, chunk...)
		b = binary.BigEndian.AppendUint32(b, crc32.Update(seed, table, chunk))
	}
	return b
}

// genuine says whether file holds, at any place, a whole frame of that blob.
func genuine(file []byte, id filestore.ID, content []byte) bool {
	for at := 0; ; at++ {
		next := bytes.Index(file[at:], []byte("SPfr"))
		if next < 0 {
			return false
		}
		at += next
		if len(file)-at < 44 {
			return false
		}
		stored := int64(binary.BigEndian.Uint64(file[at+32:]))
		if bytes.HasPrefix(file[at:], frameOf(id, stored, content)) {
			return true
		}
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	fs := faultfs.New(1)
	b := open(t, "/blobs", disk.Options{FS: fs, Small: 200_000})
	contents := [][]byte{nil, storagetest.Content(1, 100), storagetest.Content(2, 70_000), storagetest.Content(3, 300_000)}
	refs := put(t, b, contents...)
	segment := read(t, fs, firstSegment)
	for i, ref := range refs[:3] {
		if !genuine(segment, ref.ID, contents[i]) {
			t.Errorf("the frame of %d bytes is not as described", len(contents[i]))
		}
	}
	id := refs[3].ID
	if !genuine(read(t, fs, "/blobs/large/"+hex.EncodeToString(id[4:5])+"/"+id.String()), id, contents[3]) {
		t.Error("the large file is not as described")
	}
}

// FuzzSegment opens any bytes as a segment and its file of the dead: nothing
// panics, no blob is read whose frame is not whole, and storing goes on. With
// mend the checksums of headers and index are made right first, or nothing that
// is wrong in them would ever be looked at.
func FuzzSegment(f *testing.F) {
	fs := faultfs.New(1)
	b := open(f, "/blobs", disk.Options{FS: fs})
	refs := put(f, b, []byte("one"), nil, []byte("three"))
	if err := b.Delete(ctx, refs[0].ID); err != nil {
		f.Fatal(err)
	}
	dead := read(f, fs, "/blobs/segments/00000001.dead")
	f.Add(read(f, fs, firstSegment), dead, false)
	b.Close()
	whole := read(f, fs, firstSegment)
	f.Add(whole, dead, true)
	f.Add(whole[:len(whole)-10], dead[:3], false)
	f.Add(append(frameOf(filestore.ID{3: 1, 4: 7}, 1, []byte("x")), frameOf(filestore.ID{3: 1, 4: 8}, -1, nil)...), []byte(nil), true)
	f.Add([]byte("SPfr\x01"), []byte{}, false)
	f.Fuzz(func(t *testing.T, segment, dead []byte, mend bool) {
		if mend {
			segment = mended(segment)
		}
		fs := faultfs.New(1)
		open(t, "/blobs", disk.Options{FS: fs}).Close()
		write(t, fs, firstSegment, segment)
		write(t, fs, "/blobs/segments/00000001.dead", dead)
		checkFuzzed(t, fs, segment, true)
		write(t, fs, firstSegment, segment)
		write(t, fs, "/blobs/segments/00000002.seg", nil) // so that 1 is closed
		checkFuzzed(t, fs, segment, false)
	})
}

// mended makes the checksums of all that looks like a header, and of the
// trailer, right.
func mended(b []byte) []byte {
	b = bytes.Clone(b)
	table := crc32.MakeTable(crc32.Castagnoli)
	for at := 0; len(b)-at >= 44; at++ {
		if bytes.HasPrefix(b[at:], []byte("SPfr")) {
			binary.BigEndian.PutUint32(b[at+40:], crc32.Checksum(b[at:at+40], table))
		}
	}
	if len(b) < 32 {
		return b
	}
	trailer := b[len(b)-32:]
	if count := uint64(binary.BigEndian.Uint32(trailer[12:])); count*24+32 <= uint64(len(b)) {
		start := uint64(len(b)) - 32 - count*24
		binary.BigEndian.PutUint64(trailer[16:], start)
		binary.BigEndian.PutUint32(trailer[24:], crc32.Checksum(b[start:len(b)-32], table))
	}
	binary.BigEndian.PutUint32(trailer[28:], crc32.Checksum(trailer[:28], table))
	return b
}

func checkFuzzed(t *testing.T, fs disk.FS, file []byte, compact bool) {
	b := open(t, "/blobs", disk.Options{FS: fs})
	defer b.Close()
	for info, err := range b.All(ctx) {
		if err != nil {
			break
		}
		got, err := storagetest.Read(b, info.ID)
		if err == nil && !genuine(file, info.ID, got) {
			t.Errorf("blob %s of %d bytes is not in the file", info.ID, len(got))
		}
	}
	c := storagetest.Content(1, 100)
	storagetest.Check(t, b, put(t, b, c)[0], c)
	if compact {
		b.Compact(ctx, 0)
	}
	c = storagetest.Content(2, 100)
	storagetest.Check(t, b, put(t, b, c)[0], c)
}

// FuzzLarge opens any bytes as a large blob.
func FuzzLarge(f *testing.F) {
	id := filestore.ID{5: 7}
	f.Add(frameOf(id, 1, storagetest.Content(1, 200_000)))
	f.Add(frameOf(id, 1, nil))
	f.Add(frameOf(id, 1, []byte("x"))[:30])
	f.Fuzz(func(t *testing.T, file []byte) {
		fs := faultfs.New(1)
		b := open(t, "/blobs", disk.Options{FS: fs})
		if err := fs.Mkdir("/blobs/large/00"); err != nil {
			t.Fatal(err)
		}
		write(t, fs, "/blobs/large/00/"+id.String(), file)
		blob, err := b.Open(ctx, id)
		if errors.Is(err, filestore.ErrCorrupt) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		defer blob.Close()
		got, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size()))
		if err == nil && !genuine(file, id, got) {
			t.Errorf("a blob of %d bytes is not in the file", len(got))
		}
	})
}
