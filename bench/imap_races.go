package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A race is one thing that all servers do, in turn.
type race struct {
	name  string
	rows  int     // in each run; what is counted when the result is a rate
	rate  bool    // rows a second are told, else the time of one run
	aim   float64 // of sealpost: at least so many a second, or at most so many seconds; 0: none
	beat  bool    // the aim is never to be slower than Dovecot
	laps  map[string][]lap
	never map[string]string // why a server did not run
}

// A lap is one run of one server.
type lap struct {
	took, cpu time.Duration
	rows      int
}

// middle is the median figure of a server, and of the CPU for a run or a row.
func (c *race) middle(server string) (figure, cpu float64) {
	var figures, cpus []float64
	for _, l := range c.laps[server] {
		if c.rate {
			figures, cpus = append(figures, perSecond(l.rows, l.took)), append(cpus, l.cpu.Seconds()/float64(max(l.rows, 1)))
			continue
		}
		figures, cpus = append(figures, l.took.Seconds()), append(cpus, l.cpu.Seconds())
	}
	return median(figures), median(cpus)
}

// race finds the race of a name, or makes it as like.
func (r *record) race(like race) *race {
	for _, c := range r.reads.races {
		if c.name == like.name {
			return c
		}
	}
	like.laps, like.never = map[string][]lap{}, map[string]string{}
	r.reads.races = append(r.reads.races, &like)
	return &like
}

// turns drives all doors in turn, each turn beginning with another one.
func (r *record) turns(doors []*door, do func(turn int, d *door) error) error {
	for turn := range max(r.plan.read.turns, 1) {
		for i := range doors {
			d := doors[(turn+i)%len(doors)]
			if err := do(turn, d); err != nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
		}
	}
	return nil
}

// note adds a lap. count is what the answer must at least hold.
func (d *door) note(c *race, count int, work func() (answer, error)) error {
	before, err := d.group.cpu()
	if err != nil {
		return err
	}
	a, err := work()
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	after, err := d.group.cpu()
	if a.replies < count {
		return fmt.Errorf("%s: %d answers, expected %d: %s", c.name, a.replies, count, strings.Join(a.lines[:min(len(a.lines), 3)], ""))
	}
	c.laps[d.name] = append(c.laps[d.name], lap{a.took, after - before, c.rows})
	return err
}

func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// raceFetch copies a whole mailbox: first by a server that has just been started, from
// files that the kernel does not hold, then again.
func (r *record) raceFetch(ctx context.Context, s *site, doors []*door) error {
	n := r.plan.read.mails
	first := r.race(race{name: fmt.Sprintf("%s whole mails of 4 KB, first", grouped(n)), rows: n, rate: true, beat: true})
	again := r.race(race{name: fmt.Sprintf("%s whole mails of 4 KB, again", grouped(n)), rows: n, rate: true, beat: true})
	return r.turns(doors, func(_ int, d *door) error {
		if err := d.coldly(ctx); err != nil {
			return err
		}
		for _, c := range []*race{first, again, again} {
			if err := d.lookAt(ctx, s, "INBOX", nil, asking{c, "FETCH 1:* (UID BODY.PEEK[])", n}); err != nil {
				return err
			}
		}
		r.say("%s", first.progress(d.name))
		r.say("%s", again.progress(d.name))
		return nil
	})
}

func (c *race) progress(server string) string {
	figure, cpu := c.middle(server)
	if c.rate {
		return fmt.Sprintf("%s: %s: %s/s, CPU %s each", server, c.name, significant(figure), significant(cpu*1e6)+" us")
	}
	return fmt.Sprintf("%s: %s: %s ms, CPU %s ms", server, c.name, significant(figure*1e3), significant(cpu*1e3))
}

// An asking is one command of a connection that has a mailbox selected.
type asking struct {
	race    *race
	command string
	rows    int
}

// lookAt opens a mailbox over a new connection, which is a lap of selecting if that is
// not nil, and asks.
func (d *door) lookAt(ctx context.Context, s *site, box string, selecting *race, looks ...asking) error {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	r, _, err := d.open(ctx, s, owner, "")
	if err != nil {
		return err
	}
	defer r.close()
	open := func() (answer, error) { return r.command("SELECT " + box) }
	if selecting != nil {
		err = d.note(selecting, 3, open)
	} else {
		_, err = open()
	}
	if err != nil {
		return err
	}
	for _, l := range looks {
		if err := d.note(l.race, l.rows, func() (answer, error) { return r.command(l.command) }); err != nil {
			return err
		}
	}
	return nil
}

// raceLists opens large mailboxes and fetches their flags and envelopes, first where
// nobody has looked before.
func (r *record) raceLists(ctx context.Context, s *site, doors []*door) error {
	p := r.plan.read
	for _, size := range slices.Concat(p.lists, p.opened) {
		rows := slices.Contains(p.lists, size)
		err := r.turns(doors, func(turn int, d *door) error {
			if d.most > 0 && size > d.most {
				for _, when := range []string{"first", "again"} {
					r.race(opening(size, when)).never[d.name] = "measured to " + grouped(d.most)
				}
				return nil
			}
			if err := d.coldly(ctx); err != nil {
				return err
			}
			return r.lookTwice(ctx, s, d, size, rows)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// opening is the race of selecting a mailbox.
func opening(size int, when string) race {
	c := race{name: "SELECT of " + grouped(size) + ", " + when}
	if size >= 1_000_000 {
		c.aim = 0.010
	}
	return c
}

func (r *record) lookTwice(ctx context.Context, s *site, d *door, size int, rows bool) error {
	n := grouped(size)
	for _, when := range []string{"first", "again"} {
		opened := r.race(opening(size, when))
		var looks []asking
		if rows {
			flags := r.race(race{name: "flags of " + n + ", " + when, rows: size, rate: true, aim: 1.5e6})
			list := r.race(race{name: "envelopes of " + n + ", " + when, rows: size, rate: true, aim: 200e3})
			looks = []asking{{flags, "FETCH 1:* (FLAGS)", size}, {list, "FETCH 1:* (ENVELOPE)", size}}
		}
		if err := d.lookAt(ctx, s, boxOf(size), opened, looks...); err != nil {
			return err
		}
		r.say("%s", opened.progress(d.name))
		for _, l := range looks {
			r.say("%s", l.race.progress(d.name))
		}
	}
	return nil
}

// raceResync lets a client come back (RFC 7162) after flags changed and messages went.
func (r *record) raceResync(ctx context.Context, s *site, doors []*door) error {
	p := r.plan.read
	size := slices.Max(p.lists)
	c := r.race(race{name: fmt.Sprintf("QRESYNC of %s: %s flags, %s gone", grouped(size), grouped(p.changed), grouped(p.gone)), rows: p.changed, rate: true})
	since := map[string]string{}
	for _, d := range doors {
		if !strings.Contains(d.offers, "QRESYNC") {
			c.never[d.name] = "not offered"
			continue
		}
		known, err := d.leave(ctx, s, p, size)
		if err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
		since[d.name] = known
	}
	return r.turns(doors, func(_ int, d *door) error {
		if since[d.name] == "" {
			return nil
		}
		client, _, err := d.open(ctx, s, owner, "")
		if err != nil {
			return err
		}
		defer client.close()
		if _, err := client.command("ENABLE QRESYNC"); err != nil {
			return err
		}
		err = d.note(c, p.changed, func() (answer, error) {
			a, err := client.command(fmt.Sprintf("SELECT %s (QRESYNC (%s))", boxOf(size), since[d.name]))
			if err == nil && !a.vanished {
				err = errors.New("expected VANISHED")
			}
			return a, err
		})
		r.say("%s", c.progress(d.name))
		return err
	})
}

// leave changes a mailbox after it was read, and returns the UIDVALIDITY and the
// MODSEQ that were true before.
func (d *door) leave(ctx context.Context, s *site, p imapPlan, size int) (string, error) {
	r, _, err := d.open(ctx, s, owner, "")
	if err != nil {
		return "", err
	}
	defer r.close()
	if _, err := r.command("ENABLE QRESYNC"); err != nil {
		return "", err
	}
	a, err := r.command("SELECT " + boxOf(size))
	if err != nil {
		return "", err
	}
	text := strings.Join(a.lines, "")
	known := code(text, "UIDVALIDITY") + " " + code(text, "HIGHESTMODSEQ")
	for _, command := range []string{
		fmt.Sprintf(`STORE 1:%d +FLAGS.SILENT (\Answered)`, p.changed),
		fmt.Sprintf(`STORE %d:%d +FLAGS.SILENT (\Deleted)`, p.changed+1, p.changed+p.gone),
		"EXPUNGE",
	} {
		if _, err := r.command(command); err != nil {
			return "", err
		}
	}
	return known, nil
}

// code is the value of a response code such as [UIDVALIDITY 7].
func code(text, name string) string {
	_, rest, _ := strings.Cut(text, "["+name+" ")
	value, _, _ := strings.Cut(rest, "]")
	return value
}

// raceWrites appends mails and changes flags, each over one connection and over ten.
func (r *record) raceWrites(ctx context.Context, s *site, doors []*door) error {
	for _, conns := range []int{1, 10} {
		appended := r.race(race{name: fmt.Sprintf("APPEND of 4 KB, %d connections", conns), rate: true})
		changed := r.race(race{name: fmt.Sprintf("STORE of one mail, %d connections", conns), rate: true})
		err := r.turns(doors, func(turn int, d *door) error {
			var bags []*writer
			for k := range conns {
				bags = append(bags, newWriter(uint64(turn*100+k)))
			}
			err := d.together(ctx, s, appended, conns, func(k int, c *reader) error {
				return c.appendMail("INBOX", bags[k].mail(4<<10, address(users()[k])))
			})
			if err != nil {
				return err
			}
			times := make([]int, conns)
			err = d.together(ctx, s, changed, conns, func(k int, c *reader) error {
				times[k]++
				_, err := c.command(fmt.Sprintf(`STORE 1 %cFLAGS.SILENT (\Flagged)`, "-+"[times[k]%2]))
				return err
			})
			r.say("%s", appended.progress(d.name))
			r.say("%s", changed.progress(d.name))
			return err
		})
		if err != nil {
			return err
		}
	}
	size := slices.Min(r.plan.read.lists)
	many := r.race(race{name: "STORE of " + grouped(size) + " at once", rows: size, rate: true})
	return r.turns(doors, func(turn int, d *door) error {
		sign := "+-"[turn%2]
		return d.lookAt(ctx, s, boxOf(size), nil, asking{many, fmt.Sprintf(`STORE 1:* %cFLAGS.SILENT (\Flagged)`, sign), 0})
	})
}

// together lets clients of as many accounts do the same for a while.
func (d *door) together(ctx context.Context, s *site, c *race, conns int, do func(k int, c *reader) error) error {
	var clients []*reader
	defer func() {
		for _, client := range clients {
			client.close()
		}
	}()
	for k := range conns {
		client, _, err := d.open(ctx, s, users()[k], "INBOX")
		if err != nil {
			return err
		}
		clients = append(clients, client)
	}
	before, err := d.group.cpu()
	if err != nil {
		return err
	}
	done, errs := make([]int, conns), make([]error, conns)
	var all sync.WaitGroup
	start := time.Now()
	for k, client := range clients {
		all.Go(func() {
			for errs[k] == nil && time.Since(start) < d.span && ctx.Err() == nil {
				errs[k] = do(k, client)
				done[k]++
			}
		})
	}
	all.Wait()
	l := lap{took: time.Since(start)}
	after, err := d.group.cpu()
	for _, n := range done {
		l.rows += n
	}
	l.cpu = after - before
	c.laps[d.name] = append(c.laps[d.name], l)
	return errors.Join(append(errs, err)...)
}
