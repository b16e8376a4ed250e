package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"sealpost/filestore/drive"
	"sealpost/filestore/storagetest"
	"sealpost/webmail/api/client"
)

// An upload that is broken off goes on with what is missing, and reads back by ranges.
func TestUploadGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := storagetest.Content(1, 4*drive.PartSize+333)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	id := ""
	u := client.Upload{Octets: bytes.NewReader(b), Size: int64(len(b)), Lanes: 2, Began: func(s string) { id = s }, Sent: func(n, _ int) {
		if n == 2 {
			stop()
		}
	}}
	if _, err := w.Upload(ctx, u); !errors.Is(err, context.Canceled) || id == "" {
		t.Fatalf("broken off: %v", err)
	}
	sent := []int{}
	u.ID, u.Sent = id, func(n, of int) { sent = append(sent, n, of) }
	f, err := w.Upload(t.Context(), u)
	if err != nil || !f.Complete || f.ID != id || len(sent) > 6 || sent[len(sent)-1] != 5 {
		t.Fatalf("%+v, sent %v, %v", f, sent, err)
	}
	got := make([]byte, len(b))
	if _, err := io.ReadFull(io.NewSectionReader(w.Content(t.Context(), f), 0, f.Size), got); err != nil || !bytes.Equal(got, b) {
		t.Errorf("reads back changed: %v", err)
	}
	short := make([]byte, 100)
	if n, err := w.Content(t.Context(), f).ReadAt(short, f.Size-10); n != 10 || err != io.EOF || !bytes.Equal(short[:10], b[len(b)-10:]) {
		t.Errorf("the end: %d, %v", n, err)
	}
	u.ID, u.Size = id, 5
	if _, err := w.Upload(t.Context(), u); err == nil {
		t.Error("another file went on in its place")
	}
	proof := bytes.Repeat([]byte{4}, 32)
	l, err := w.MakeLink(t.Context(), client.NewFileLink{File: f.ID, Box: []byte("box"), Check: drive.Check(proof), Most: 1})
	if err != nil {
		t.Fatal(err)
	}
	stranger := &client.Client{URL: w.URL, HTTP: w.HTTP}
	s, err := stranger.Shared(t.Context(), l.ID, proof)
	if err != nil || string(s.Box) != "box" || s.Size != f.Size {
		t.Fatalf("shared: %+v, %v", s, err)
	}
	begun, err := stranger.BeginDownload(t.Context(), l.ID, proof)
	if err != nil {
		t.Fatal(err)
	}
	r := stranger.SharedContent(t.Context(), l.ID, begun.Ticket, s.Size)
	if _, err := r.ReadAt(short, drive.PartSize-50); err != nil || !bytes.Equal(short, b[drive.PartSize-50:drive.PartSize+50]) {
		t.Errorf("by a link: %v", err)
	}
	if all, err := w.Links(t.Context()); err != nil || len(all) != 1 || all[0].Count != 1 {
		t.Errorf("links: %+v, %v", all, err)
	}
	if err := w.RemoveFile(t.Context(), f.ID); err != nil {
		t.Error(err)
	}
	var p *client.Problem
	if _, err := w.File(t.Context(), f.ID); !errors.As(err, &p) || p.Word() != "not-found" {
		t.Errorf("after its removal: %v", err)
	}
}
