package s3

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/filestore/packs"
)

var (
	testSecret = packs.Secret{1, 2, 3}
	testID     = filestore.ID{4, 5, 6}
)

// framed lays content out as one frame.
func framed(t testing.TB, secret packs.Secret, id filestore.ID, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	f := newFramer(secret, id, func(p []byte) error { b.Write(p); return nil })
	for len(content) > 0 {
		n := min(len(content), 10_007)
		if _, err := f.Write(content[:n]); err != nil {
			t.Fatal(err)
		}
		content = content[n:]
	}
	if err := f.finish(time.Unix(1_800_000_000, 0)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFrame(t *testing.T) {
	t.Parallel()
	b := &Blobs{store: packs.Store{Secret: testSecret}}
	for _, n := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 3 * chunkSize, 200_000} {
		content := bytes.Repeat([]byte{7}, n)
		frame := framed(t, testSecret, testID, content)
		if int64(len(frame)) != frameSize(int64(n)) {
			t.Errorf("a frame of %d octets has %d, not %d", n, len(frame), frameSize(int64(n)))
		}
		entries := []packs.Entry{{ID: testID, Off: 3, Size: int64(n)}}
		body := append([]byte("abc"), frame...)
		if err := b.check(body, entries); err != nil {
			t.Errorf("%d octets: %v", n, err)
		}
		raw := bytes.Clone(frame[:len(frame)-tailSize])
		if got, err := newTagger(testSecret, testID).openChunks(0, raw); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d octets open as %d, %v", n, len(got), err)
		}
		for _, at := range []int{0, len(frame) / 2, len(frame) - tailSize, len(frame) - 1} {
			body := append([]byte("abc"), frame...)
			body[3+at] ^= 1
			if err := b.check(body, entries); !errors.Is(err, filestore.ErrCorrupt) {
				t.Errorf("%d octets, number %d changed: %v", n, at, err)
			}
		}
		if err := b.check(body[:len(body)-1], entries); !errors.Is(err, filestore.ErrCorrupt) {
			t.Errorf("%d octets, cut: %v", n, err)
		}
	}
}

// TestTagsBind: a chunk is good under its store's secret, as that chunk of that blob, only.
func TestTagsBind(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte{7}, 2*chunkSize) // both chunks are the same
	frame := framed(t, testSecret, testID, content)
	first, second := frame[:chunkSize+tagSize], frame[chunkSize+tagSize:2*(chunkSize+tagSize)]
	tags := newTagger(testSecret, testID)
	if _, err := tags.open(0, first); err != nil {
		t.Error(err)
	}
	if _, err := tags.open(0, second); err == nil {
		t.Error("the second chunk passed for the first")
	}
	if _, err := newTagger(testSecret, filestore.ID{9}).open(0, first); err == nil {
		t.Error("a chunk passed for another blob's")
	}
	if _, err := newTagger(packs.Secret{9}, testID).open(0, first); err == nil {
		t.Error("a chunk passed under another secret")
	}
}

// FuzzCheck: whatever a provider sends and an index says, nothing breaks, and nothing passes
// but what was stored.
func FuzzCheck(f *testing.F) {
	b := &Blobs{store: packs.Store{Secret: testSecret}}
	good := framed(f, testSecret, testID, []byte("sixteen octets.."))
	f.Add(good, int64(0), int64(16))
	f.Add(good[:20], int64(-1), int64(1)<<62)
	f.Add([]byte{}, int64(0), int64(-1))
	f.Fuzz(func(t *testing.T, body []byte, off, size int64) {
		err := b.check(body, []packs.Entry{{ID: testID, Off: off, Size: size}})
		if err == nil && (size != 16 || !bytes.Contains(body, good)) {
			t.Errorf("%d octets from %d on passed", size, off)
		}
	})
}

// TestTail: what is needed to tell a pack's frames apart without the index stands at their ends.
func TestTail(t *testing.T) {
	t.Parallel()
	pack := append(framed(t, testSecret, testID, make([]byte, 100)), framed(t, testSecret, filestore.ID{8}, make([]byte, 70_000))...)
	var lengths []uint64
	for len(pack) > 0 {
		tail := pack[len(pack)-tailSize:]
		n := binary.BigEndian.Uint64(tail[8:])
		if !newTagger(testSecret, filestore.ID(tail[16:32])).isTail(tail, int64(n)) {
			t.Fatal("no tail where one should be")
		}
		lengths = append(lengths, n)
		pack = pack[:len(pack)-int(frameSize(int64(n)))]
	}
	if len(lengths) != 2 || lengths[0] != 70_000 || lengths[1] != 100 {
		t.Errorf("found blobs of %v octets", lengths)
	}
}
