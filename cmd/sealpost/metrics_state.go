package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// measureState tells of what the server stands on.
func (s *server) measureState(ctx context.Context, e *exposition) {
	e.one("process_start_time_seconds", "gauge", "When the server started, in seconds since 1970.", moment(s.began))
	well := 1.0
	if s.healthy(ctx) != nil {
		well = 0
	}
	e.one("sealpost_healthy", "gauge", "1 when mail can be taken, as /healthz says; else 0.", well)
	if until, ok := s.identity.expires(); ok {
		e.one("sealpost_certificate_expires_seconds", "gauge", "When the TLS certificate of the host name expires, in seconds since 1970.", moment(until))
	}
	e.family("sealpost_index_free_share", "gauge", "Part of a file of rows that holds none; above 0.5 it is written anew.")
	if s.folder != nil {
		files := s.folder.files()
		for _, name := range slices.Sorted(maps.Keys(files)) {
			e.sample(files[name].FreeShare(), "file", name)
		}
	}
	if free, all, ok := diskSpace(s.settings.Data); ok {
		e.one("sealpost_disk_free_bytes", "gauge", "Space left where the data folder is.", free)
		e.one("sealpost_disk_size_bytes", "gauge", "Space in all where the data folder is.", all)
	}
	if n := s.stored.Load(); n != nil {
		e.one("sealpost_blobs", "gauge", "Stored letters when house was kept last; a mail has one to four.", float64(n.blobs))
		e.one("sealpost_blob_bytes", "gauge", "Their bytes.", float64(n.bytes))
	}
}

// measureKeys tells how many accounts have a key that ends soon; each is counted once.
func (s *server) measureKeys(_ context.Context, e *exposition) {
	near := s.keyWatch.near.Load()
	if near == nil {
		return
	}
	e.family("sealpost_keys_expiring", "gauge", "Accounts whose key expires within so many days; 0: has expired.")
	for _, days := range stages {
		e.count(int64((*near)[days]), "days", strconv.Itoa(days))
	}
}

func moment(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// holdings are how much is kept.
type holdings struct{ blobs, bytes int64 }

// countBlobs reads every name: it is for housekeeping, not for a scrape.
func (s *server) countBlobs(ctx context.Context) error {
	n := new(holdings)
	for b, err := range s.blobs.All(ctx) {
		if err != nil {
			return fmt.Errorf("count blobs: %w", err)
		}
		n.blobs, n.bytes = n.blobs+1, n.bytes+b.Size
	}
	s.stored.Store(n)
	return nil
}

func (s *server) measureDoors(_ context.Context, e *exposition) {
	e.family("sealpost_connections", "gauge", "Connections that are open.")
	e.count(int64(s.smtp.Connections()), "door", "smtp")
	e.count(int64(s.submission.Connections()), "door", "submission")
	e.count(int64(s.imap.Connections()), "door", "imap")
}
