package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"sealpost/smtp/mailauth/report"
	"sealpost/storage/postgres"
)

// unleft is a part of counts that nobody knows to have been left. It is left again under
// its name, and counts once.
type unleft struct {
	name string
	id   postgres.PartID
	part []byte
}

// leave leaves for who sends what was counted here since.
func (r *reports) leave(ctx context.Context) {
	if r.changed.Swap(false) {
		for name, c := range map[string]counter{dmarcCounts: r.judged.Take(), tlsCounts: r.session.Take()} {
			part, err := packed(c)
			if err != nil {
				r.log.Error("counts for reports are lost", "name", name, "error", err)
				continue
			}
			r.left = append(r.left, unleft{name, postgres.NewPartID(), part})
		}
	}
	for len(r.left) > 0 {
		one := r.left[0]
		if err := r.parts[one.name].Add(ctx, one.id, one.part); err != nil {
			r.log.Error("counts for reports were not written down", "name", one.name, "error", err)
			return
		}
		r.left = r.left[1:]
	}
}

// counts are those that reports are made of.
type counts struct {
	judged  *report.Counter
	session *report.TLSCounter
}

// gather is what all nodes counted, but for what done takes away. Where there is one, it is
// what this one counts.
func (r *reports) gather(ctx context.Context, done func(counts)) (counts, error) {
	if done == nil {
		done = func(counts) {}
	}
	c := counts{&r.judged, &r.session}
	if r.parts == nil {
		done(c)
		return c, nil
	}
	err := r.parts[dmarcCounts].Gather(ctx, r.by, func(parts [][]byte) ([]byte, error) {
		c.judged = new(report.Counter)
		return r.merge(parts, c.judged, func() { done(counts{c.judged, new(report.TLSCounter)}) })
	})
	if err != nil {
		return c, err
	}
	return c, r.parts[tlsCounts].Gather(ctx, r.by, func(parts [][]byte) ([]byte, error) {
		c.session = new(report.TLSCounter)
		return r.merge(parts, c.session, func() { done(counts{new(report.Counter), c.session}) })
	})
}

func (r *reports) merge(parts [][]byte, into counter, done func()) ([]byte, error) {
	for _, part := range parts {
		if err := unpackInto(part, into); err != nil {
			r.log.Error("counts for reports are damaged and left out", "error", err)
		}
	}
	done()
	return packed(into)
}

// sentReports is what was sent, so that no other node sends it again. It is written down
// before a report leaves.
type sentReports struct {
	Told  map[string]string // the UTC day of what readers have, by its hash
	Wrote map[string]int64  // report mails by UTC day and domain of the reader
}

const sentName = "reports.sent"

// recall reads what was sent.
func (r *reports) recall(ctx context.Context) error {
	text, err := r.values.Get(ctx, sentName)
	if err != nil {
		return fmt.Errorf("read which reports were sent: %w", err)
	}
	r.sent = sentReports{}
	if text != nil {
		if err := json.Unmarshal(text, &r.sent); err != nil {
			r.log.Error("which reports were sent is not known any more", "error", err)
		}
	}
	if r.sent.Told == nil {
		r.sent.Told = map[string]string{}
	}
	if r.sent.Wrote == nil {
		r.sent.Wrote = map[string]int64{}
	}
	return nil
}

// note writes it down, while this node has the lease.
func (r *reports) note(ctx context.Context) error {
	text, err := json.Marshal(r.sent)
	if err == nil {
		err = r.values.PutUnder(context.WithoutCancel(ctx), r.by, sentName, text)
	}
	if err != nil {
		return fmt.Errorf("write down which reports were sent: %w", err)
	}
	return nil
}

// toldName stands for a report and its reader.
func toldName(of string) string {
	sum := sha256.Sum256([]byte(of))
	return hex.EncodeToString(sum[:12])
}

// forget drops what was noted of days whose reports have left.
func (r *reports) forget(now time.Time) {
	oldest := now.UTC().AddDate(0, 0, -5).Format(time.DateOnly)
	maps.DeleteFunc(r.sent.Wrote, func(k string, _ int64) bool { return k < oldest })
	maps.DeleteFunc(r.sent.Told, func(_, day string) bool { return day < oldest })
}
