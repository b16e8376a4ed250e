package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"
)

// sizes of mails in bytes, as they cross the wire.
var sizes = []int{4 << 10, 75 << 10, 1 << 20}

// A cell is one way to load a server.
type cell struct {
	size, conns int
	boxes       int  // mailboxes that the mails are for; of mail that leaves: domains
	private     bool // of mail that leaves: the servers elsewhere offer STARTTLS
}

func (c cell) String() string {
	return fmt.Sprintf("%s, %d connections, %d mailboxes", sizeName(c.size), c.conns, c.boxes)
}

// A plan is what a run measures.
type plan struct {
	cells   []cell
	judged  []cell        // of the part that judges
	sent    []cell        // of mail that leaves
	repeats int           // of each cell; medians are reported
	span    time.Duration // about how long one repetition takes
	moved   moving
	keep    map[int]int // mails stored to be weighed and, when there are enough, fetched; by size
	fetches int         // of each kind
	starts  int
	read    imapPlan
	cluster clusterPlan
}

func fullPlan() plan {
	p := plan{
		repeats: 3, span: 1200 * time.Millisecond, keep: map[int]int{4 << 10: 2000, 75 << 10: 2000, 1 << 20: 100}, fetches: 3, starts: 11,
		judged: []cell{{size: 4 << 10, conns: 10, boxes: mailboxes}, {size: 4 << 10, conns: 50, boxes: mailboxes}},
		moved:  moving{mbox: 20_000, maildir: 5000},
		read:   fullIMAP(), cluster: fullCluster(),
	}
	for _, size := range sizes {
		for _, conns := range []int{1, 10, 50} {
			for _, boxes := range []int{1, mailboxes} {
				if size > 4<<10 && boxes == 1 && conns != 10 {
					continue // one mailbox or many makes little difference to large mails
				}
				p.cells = append(p.cells, cell{size: size, conns: conns, boxes: boxes})
			}
		}
	}
	for _, size := range []int{4 << 10, 75 << 10} {
		for _, conns := range []int{1, 10, 50} {
			p.sent = append(p.sent, cell{size: size, conns: conns, boxes: farDomains})
		}
	}
	p.sent = append(p.sent, cell{size: 4 << 10, conns: 10, boxes: farDomains, private: true})
	return p
}

func quickPlan() plan {
	some := func(size, conns, boxes int) cell { return cell{size: size, conns: conns, boxes: boxes} }
	return plan{
		cells:   []cell{some(4<<10, 1, 1), some(4<<10, 10, mailboxes), some(4<<10, 50, mailboxes), some(75<<10, 10, mailboxes), some(1<<20, 10, mailboxes)},
		judged:  []cell{some(4<<10, 10, mailboxes)},
		sent:    []cell{some(4<<10, 10, farDomains), some(75<<10, 10, farDomains), {size: 4 << 10, conns: 10, boxes: farDomains, private: true}},
		repeats: 1, span: time.Second, keep: map[int]int{4 << 10: 2000, 75 << 10: 200, 1 << 20: 30}, fetches: 1, starts: 5,
		moved: moving{mbox: 3000, maildir: 500},
		read:  quickIMAP(), cluster: quickCluster(),
	}
}

// A yield is what one repetition of a cell brought.
type yield struct {
	mails    int
	accepted float64 // mails answered with 250 per second
	stored   float64 // mails in their mailbox per second
	p50, p99 time.Duration
	cpu      time.Duration   // of the server, for one mail
	client   time.Duration   // of the load client, for one mail
	grown    []float64       // of the gauges, for one mail
	calm     []time.Duration // from its turn to the 250 of each mail, at half of that rate
}

const (
	cellTimeout = 30 * time.Second
	mostMails   = 12_000
	mostBytes   = 128 << 20
)

// mailsFor is how many mails keep a server busy for about the span, judging by
// the rate it had before.
func (c cell) mailsFor(rate float64, span time.Duration) int {
	n := int(rate * span.Seconds())
	n = min(n, mostMails, mostBytes/c.size)
	return max(n, 2*c.conns, 16)
}

// warmUp is the number of mails sent before the clock starts: processes are
// forked, caches filled.
func (c cell) warmUp() int { return max(2*c.conns, 10) }

// A mailbag is written once for a cell and a repetition; every server gets the
// same. They are made before the clock starts.
type mailbag struct {
	cell       cell
	write      func(i int) (delivery, error)
	deliveries []delivery
}

// seeded is a writer of mails that no other cell and repetition has.
func seeded(c cell, repeat int) *writer {
	return newWriter(rand.NewPCG(uint64(c.size)<<16|uint64(c.conns)<<8|uint64(c.boxes), uint64(repeat)).Uint64())
}

// newMailbag holds mails of strangers to the mailboxes in turn.
func newMailbag(c cell, repeat int) *mailbag {
	w := seeded(c, repeat)
	return &mailbag{cell: c, write: func(i int) (delivery, error) {
		to := address(users()[i%c.boxes])
		return delivery{to: to, mail: w.mail(c.size, to)}, nil
	}}
}

func (m *mailbag) take(n int) ([]delivery, error) {
	for i := len(m.deliveries); i < n; i++ {
		d, err := m.write(i)
		if err != nil {
			return nil, fmt.Errorf("write mail: %w", err)
		}
		m.deliveries = append(m.deliveries, d)
	}
	return m.deliveries[:n], nil
}

// measure runs one repetition of a cell on a server. rate is what it stored per
// second before; 0 takes the warm-up's word for it.
func (p *peer) measure(ctx context.Context, m *mailbag, rate float64, span time.Duration) (yield, error) {
	ctx, cancel := context.WithTimeout(ctx, cellTimeout)
	defer cancel()
	if p.wipe != nil {
		if err := p.wipe(); err != nil {
			return yield{}, fmt.Errorf("empty mailboxes: %w", err)
		}
	}
	warm, err := m.take(m.cell.warmUp())
	if err != nil {
		return yield{}, err
	}
	first, err := p.burst(ctx, m.cell.conns, warm, len(warm))
	if err != nil {
		return yield{}, fmt.Errorf("warm up: %w", err)
	}
	if rate == 0 {
		rate = 1.5 * first.stored // forking and first pages slow the warm-up down
	}
	n := m.cell.mailsFor(rate, span)
	all, err := m.take(len(warm) + n)
	if err != nil {
		return yield{}, err
	}
	runtime.GC()
	return p.burst(ctx, m.cell.conns, all[len(warm):], len(all))
}

// burst sends mails and waits until all are in their mailboxes, which then hold
// total.
func (p *peer) burst(ctx context.Context, conns int, mails []delivery, total int) (yield, error) {
	cpu, gauges, err := p.meter(ctx)
	if err != nil {
		return yield{}, err
	}
	client := ownCPU()
	s, err := p.in.send(ctx, conns, mails)
	if err != nil {
		return yield{}, err
	}
	client = ownCPU() - client
	ended := s.ended
	if p.arrived != nil {
		if err := p.arrived(ctx, total); err != nil {
			return yield{}, err
		}
		ended = time.Now()
	}
	if p.settle != nil {
		if err := p.settle(ctx); err != nil {
			return yield{}, err
		}
	}
	after, grown, err := p.meter(ctx)
	n := len(mails)
	for i := range min(len(grown), len(gauges)) {
		grown[i] = (grown[i] - gauges[i]) / float64(n)
	}
	return yield{
		mails:    n,
		accepted: perSecond(n, s.ended.Sub(s.began)),
		stored:   perSecond(n, ended.Sub(s.began)),
		p50:      percentile(s.latencies, 0.50),
		p99:      percentile(s.latencies, 0.99),
		cpu:      (after - cpu) / time.Duration(n),
		client:   client / time.Duration(n),
		grown:    grown,
	}, err
}

// meter reads the CPU of the server, and its gauges if it has any.
func (p *peer) meter(ctx context.Context) (cpu time.Duration, gauges []float64, err error) {
	if p.gauges != nil {
		if gauges, err = p.gauges(ctx); err != nil {
			return 0, nil, err
		}
	}
	for _, node := range append([]*peer{p}, p.with...) {
		used, err := node.group.cpu()
		if err != nil {
			return 0, nil, err
		}
		cpu += used
	}
	return cpu, gauges, nil
}

// count is how many mails have come to where the load goes: by default, by IMAP,
// those that stand in the inboxes.
func (p *peer) count(ctx context.Context, s *site, boxes int) (int, error) {
	if p.tally != nil {
		return p.tally()
	}
	sum := 0
	for _, user := range users()[:boxes] {
		n, err := p.inbox(ctx, s, user)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

func (p *peer) inbox(ctx context.Context, s *site, user string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	r, err := dialIMAP(ctx, p.imap, s.trust, address(user), p.password(user))
	if err != nil {
		return 0, err
	}
	defer r.close()
	return r.messages()
}

// verified measures a cell and then counts: a mail that was answered with 250
// and is not there is no result.
func (p *peer) verified(ctx context.Context, s *site, m *mailbag, rate float64, span time.Duration) (yield, error) {
	before := 0
	if p.wipe == nil {
		var err error
		if before, err = p.count(ctx, s, m.cell.boxes); err != nil {
			return yield{}, fmt.Errorf("count before: %w", err)
		}
	}
	y, err := p.measure(ctx, m, rate, span)
	if err != nil {
		return yield{}, err
	}
	after, err := p.count(ctx, s, m.cell.boxes)
	if err != nil {
		return yield{}, fmt.Errorf("count after: %w", err)
	}
	if want := m.cell.warmUp() + y.mails; after-before != want {
		return yield{}, fmt.Errorf("%d mails were acknowledged, %d are there", want, after-before)
	}
	return y, nil
}
