package bolt

import (
	"bytes"
	"testing"
	"time"

	"sealpost/filestore"
	"sealpost/smtp/outbound/queue"
)

// A row that is read at all is one that was written: it comes out as it went in.
func FuzzQueuedRow(f *testing.F) {
	due := time.Date(2026, 7, 1, 12, 0, 0, 5, time.UTC)
	for _, r := range []queue.Row{
		{ID: "id", Group: "group", Due: due, Body: filestore.Ref{ID: filestore.ID{7}, Size: 9}, Data: []byte("data")},
		{ID: "strict", Held: true, Due: time.Unix(0, 0)},
		{ID: "far", Due: farthest.AddDate(500, 0, 0), Data: bytes.Repeat([]byte{0}, 300)},
	} {
		whole := encodeQueued(r)
		body, _ := unsealRow(tableQueue, []byte(r.ID), whole)
		f.Add(string(r.ID), body)
		f.Add("other", body[:len(body)/2])
	}
	f.Fuzz(func(t *testing.T, id string, body []byte) {
		key := []byte(id)
		r, ok := decodeQueued(key, sealRow(tableQueue, key, append(newRow(len(body)), body...)))
		if !ok {
			return
		}
		again, ok := decodeQueued(key, encodeQueued(r))
		if !ok || again.ID != r.ID || again.Group != r.Group || again.Held != r.Held || again.Body != r.Body || !bytes.Equal(again.Data, r.Data) ||
			!again.Due.Equal(r.Due) && r.Due.Before(farthest) {
			t.Errorf("read %+v, wrote and read %+v", r, again)
		}
	})
}
