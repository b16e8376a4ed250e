package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// A shelf is what the stored mails of one size cost: room, and time to read.
type shelf struct {
	size, mails int
	bytes       int64 // on disk, for one mail
	fetches     []fetch
}

// A fetch is one IMAP command over a whole mailbox.
type fetch struct {
	name         string
	first, again time.Duration // the first client that asks, and the median of later ones
	cpu          time.Duration // of the server, median of the later ones
	bytes        int64         // that crossed the wire
}

// kinds of fetches: what a client asks for when it looks for changes, when it
// fills its list, and when it copies the mailbox.
var kinds = []struct{ name, command string }{
	{"flags and sizes", "FETCH 1:* (UID FLAGS RFC822.SIZE)"},
	{"list", "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"},
	{"whole mails", "FETCH 1:* (UID BODY.PEEK[])"},
}

// enoughToFetch is the number of mails from which reading them says anything.
const enoughToFetch = 2000

// fill delivers n mails of a size to a fresh mailbox and weighs them.
func (p *peer) fill(ctx context.Context, s *site, size, n int) (shelf, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	user := keeper(size)
	before, err := onDisk(p.folders...)
	if err != nil {
		return shelf{}, err
	}
	w := newWriter(uint64(size))
	var deliveries []delivery
	for range n {
		deliveries = append(deliveries, delivery{to: address(user), mail: w.mail(size, address(user))})
	}
	if _, err := p.in.send(ctx, 10, deliveries); err != nil {
		return shelf{}, err
	}
	err = await(ctx, 50*time.Millisecond, func() (bool, error) {
		got, err := p.inbox(ctx, s, user)
		return got == n, err
	})
	if err == nil && p.settle != nil {
		err = p.settle(ctx)
	}
	if err != nil {
		return shelf{}, fmt.Errorf("fill a mailbox: %w", err)
	}
	after, err := onDisk(p.folders...)
	return shelf{size: size, mails: n, bytes: (after - before) / int64(n)}, err
}

// read fetches the shelf in all kinds, each time over a new connection.
func (p *peer) read(ctx context.Context, s *site, h *shelf, times int) error {
	for _, kind := range kinds {
		f := fetch{name: kind.name}
		var again, cpu []time.Duration
		for i := range times + 1 {
			a, used, err := p.fetch(ctx, s, *h, kind.command)
			if err != nil {
				return fmt.Errorf("fetch %s: %w", kind.name, err)
			}
			f.bytes = a.bytes
			if i == 0 {
				f.first = a.took
				continue
			}
			again, cpu = append(again, a.took), append(cpu, used)
		}
		f.again, f.cpu = median(again), median(cpu)
		h.fetches = append(h.fetches, f)
	}
	return nil
}

func (p *peer) fetch(ctx context.Context, s *site, h shelf, command string) (answer, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	user := keeper(h.size)
	r, err := dialIMAP(ctx, p.imap, s.trust, address(user), p.password(user))
	if err != nil {
		return answer{}, 0, err
	}
	defer r.close()
	if _, err := r.command("SELECT INBOX"); err != nil {
		return answer{}, 0, err
	}
	cpu, err := p.group.cpu()
	if err != nil {
		return answer{}, 0, err
	}
	a, err := r.command(command)
	if err != nil {
		return answer{}, 0, err
	}
	after, err := p.group.cpu()
	if a.replies < h.mails {
		return a, 0, fmt.Errorf("%d answers for %d mails: %s", a.replies, h.mails, strings.Join(a.lines, ""))
	}
	return a, after - cpu, err
}

// A footprint is the memory of one server over its day.
type footprint struct {
	fresh  memory // started, nothing done yet
	peak   map[int]memory
	rested memory // a while after the last load
}

// restTime is long enough for programs that give memory back after a while.
const restTime = 30 * time.Second

// climb sends mails over 50 connections and watches the memory. It is a run of
// its own: to look costs CPU.
func (p *peer) climb(ctx context.Context, size int) (memory, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var peak memory
	var watch sync.WaitGroup
	watch.Go(func() {
		for ctx.Err() == nil {
			now := p.group.memory()
			peak.rss, peak.pss = max(peak.rss, now.rss), max(peak.pss, now.pss)
			pause(ctx, 30*time.Millisecond)
		}
	})
	c := cell{size: size, conns: 50, boxes: mailboxes}
	_, err := p.measure(ctx, newMailbag(c, -1), 0, 1500*time.Millisecond)
	cancel()
	watch.Wait()
	return peak, err
}
