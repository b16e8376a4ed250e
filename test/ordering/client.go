package ordering

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Node is where clients go: one of several servers of the same mail.
type Node struct {
	Name    string
	Address func() string // of IMAP over TLS, as it is now
	// Deliver brings a mail for the account as SMTP does. It returns nil when the node has
	// taken it. nil: mail comes by IMAP alone.
	Deliver func(ctx context.Context, mail string) error
}

// World is what all clients of a run have in common.
type World struct {
	Nodes    []Node
	User     string
	Password string
	TLS      *tls.Config
	Boxes    []string // the first one is where Deliver brings mail
	Log      *Log
	Begun    time.Time
	Seed     uint64
	// Most is about how many messages a mailbox gets.
	Most int

	clients []*client
	marks   atomic.Int64
	Stuck   atomic.Int64 // commands that were not answered in any time
	Longest atomic.Int64 // nanoseconds a command took that was answered
}

// now is the one clock.
func (w *World) now() int64 { return int64(time.Since(w.Begun)) + 1 }

// mark is a name that no other mail of the run has.
func (w *World) mark() string { return fmt.Sprintf("m%d", w.marks.Add(1)) }

// Letter is a mail that is known by a mark, in its header and inside.
func Letter(mark string) string {
	return fmt.Sprintf("From: Carol <carol@example.org>\r\nTo: alice@demo.test\r\nSubject: %s\r\nDate: Mon, 02 Jan 2006 15:04:05 +0100\r\n"+
		"Message-ID: <%s@%s>\r\n\r\nthis is %s.\r\n", mark, mark, markDomain, mark)
}

// view is what a client knows of a mailbox.
type view struct {
	valid   uint32
	since   uint64 // up to here it was told of all changes
	top     uint64 // for changes up to here it need not ask, once it knows as many as were counted
	all     map[uint32]Message
	counted int    // by EXISTS
	upto    uint32 // the highest UID of when it last knew as many as were counted
}

// client is one mail program. It goes from node to node, and remembers what it knew.
type client struct {
	*World
	name  string
	rand  *rand.Rand
	node  Node
	wire  *wire
	box   string // selected, or ""
	at    string // what was selected when the last command began
	known map[string]*view
}

// Run has clients work until ctx ends: so many by IMAP, and so many that bring mail.
func (w *World) Run(ctx context.Context, clients, senders int) {
	done := make(chan struct{})
	for i := range clients {
		c := w.client(fmt.Sprintf("c%d", i), uint64(i))
		w.clients = append(w.clients, c)
		go func() {
			defer func() { done <- struct{}{} }()
			for ctx.Err() == nil {
				c.act()
			}
			c.leave()
		}()
	}
	for i := range senders {
		go func() {
			defer func() { done <- struct{}{} }()
			w.send(ctx, fmt.Sprintf("s%d", i), rand.New(rand.NewPCG(w.Seed, uint64(1000+i))))
		}()
	}
	for range clients + senders {
		<-done
	}
}

func (w *World) client(name string, seed uint64) *client {
	return &client{World: w, name: name, rand: rand.New(rand.NewPCG(w.Seed, seed)), known: map[string]*view{}}
}

// send brings mail, a little slower than clients remove it.
func (w *World) send(ctx context.Context, name string, chance *rand.Rand) {
	for ctx.Err() == nil {
		n := w.Nodes[chance.IntN(len(w.Nodes))]
		if n.Deliver == nil {
			return
		}
		r := &Record{Client: name, Node: n.Name, Box: w.Boxes[0], Do: Put, Mark: w.mark(), Start: w.now(), Answer: OK}
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		err := n.Deliver(within, Letter(r.Mark))
		cancel()
		if r.End = w.now(); err != nil {
			r.Answer = No
			if errors.Is(err, context.DeadlineExceeded) {
				w.Stuck.Add(1)
			}
		}
		w.Log.Add(r)
		w.took(r)
		time.Sleep(time.Duration(50+chance.IntN(200)) * time.Millisecond)
	}
}

func (w *World) took(r *Record) {
	for d := r.End - r.Start; r.Answer != Cut; {
		was := w.Longest.Load()
		if d <= was || w.Longest.CompareAndSwap(was, d) {
			return
		}
	}
}

// connect signs in at a node of its choice.
func (c *client) connect(n Node) error {
	c.node, c.box = n, ""
	wire, err := dial(n.Address(), c.TLS)
	if err != nil {
		return err
	}
	c.wire = wire
	for _, command := range []string{"LOGIN " + c.User + " " + c.Password, "ENABLE QRESYNC"} {
		if a, err := wire.do("%s", command); err != nil || a.word != "OK" {
			c.leave()
			return errors.Join(err, errors.New(a.word))
		}
	}
	return nil
}

func (c *client) leave() {
	if c.wire != nil {
		c.wire.conn.Close()
	}
	c.wire, c.box = nil, ""
}

// say does a command that a record is about, and writes the record down. It says whether it was
// done; if there is no answer the connection is over.
func (c *client) say(r *Record, format string, args ...any) (a answer, done bool) {
	r.Client, r.Node, r.Start = c.name, c.node.Name, c.now()
	if c.at = c.box; r.Box == "" {
		r.Box = c.box
	}
	a, err := c.wire.do(format, args...)
	r.End = c.now()
	return a, c.heard(r, a, err)
}

func (c *client) heard(r *Record, a answer, err error) (done bool) {
	switch {
	case errors.Is(err, ErrStuck):
		c.Stuck.Add(1)
		fallthrough
	case err != nil:
		r.Answer = Cut
	case a.word == "OK":
		r.Answer = OK
	default:
		r.Answer = No
	}
	c.took(r)
	if err != nil {
		c.leave()
	}
	return r.Answer == OK
}

// told writes down what a command of the selected mailbox was answered beside what it was for, and
// learns it; then asks for what is new.
func (c *client) told(r *Record, a answer) {
	t := &Record{Client: c.name, Node: r.Node, Box: c.at, Do: Told, Answer: r.Answer, Start: r.Start, End: r.End, Seen: a.rows, Gone: slices.Concat(a.earlier, a.gone)}
	if len(t.Seen)+len(t.Gone) > 0 {
		c.Log.Add(t)
	}
	if r.Answer != Cut && c.box != "" {
		c.learn(t, a)
		c.fresh()
	}
}

// learn takes over what was told up to the end of a command, however that ended: what is
// said of messages is true, and the node takes it for known (RFC 9051, section 7). Where it stands is the
// HIGHESTMODSEQ that it was told, or the highest MODSEQ of a message (RFC 7162, section 6).
func (c *client) learn(t *Record, a answer) {
	v := c.known[c.box]
	if v.counted -= a.dropped; a.exists >= 0 {
		v.counted = a.exists
	}
	for _, m := range t.Seen {
		if was := v.all[m.UID]; m.Mark == "" {
			m.Mark = was.Mark
		}
		v.all[m.UID], v.top = m, max(v.top, m.Modseq)
	}
	if highest := a.highest(); highest > 0 {
		v.top = highest
	}
	for _, uid := range t.Gone {
		delete(v.all, uid)
	}
	if len(v.all) >= v.counted {
		v.since, v.upto = v.top, 0
		for uid := range v.all {
			v.upto = max(v.upto, uid)
		}
	}
}

// fresh asks for messages that were only counted so far.
func (c *client) fresh() {
	v := c.known[c.box]
	if len(v.all) >= v.counted {
		return
	}
	r := &Record{Do: Told}
	a, _ := c.say(r, "UID FETCH %d:* (UID FLAGS MODSEQ ENVELOPE)", v.upto+1) // which is told what is gone, too
	r.Seen, r.Gone = a.rows, slices.Concat(a.earlier, a.gone)
	c.Log.Add(r)
	if r.Answer != Cut {
		c.learn(r, a)
	}
}

// act does one thing.
func (c *client) act() {
	if c.wire == nil {
		if err := c.connect(c.Nodes[c.rand.IntN(len(c.Nodes))]); err != nil {
			time.Sleep(time.Duration(20+c.rand.IntN(100)) * time.Millisecond)
			return
		}
	}
	if c.box == "" {
		c.look(c.Boxes[c.rand.IntN(len(c.Boxes))], c.rand.IntN(3) > 0)
		return
	}
	acts[c.rand.IntN(len(acts))](c)
}

// acts are what a client does, each as often as it stands here.
var acts = []func(*client){
	(*client).append, (*client).append, (*client).append, (*client).append,
	(*client).store, (*client).store, (*client).store, (*client).store, (*client).own, (*client).own, (*client).condition,
	(*client).expunge, (*client).move, (*client).copy, (*client).noop, (*client).noop, (*client).idle, (*client).count,
	(*client).status, (*client).status, (*client).again, (*client).again, (*client).other, (*client).away,
}

// some picks messages that it knows.
func (c *client) some(most int) (uids []uint32) {
	all := slices.Sorted(maps.Keys(c.known[c.box].all))
	for range min(most, len(all)) {
		uids = append(uids, all[c.rand.IntN(len(all))])
	}
	slices.Sort(uids)
	return slices.Compact(uids)
}

// look selects a mailbox and reads all of it. With resume, it goes on from what it knew.
func (c *client) look(box string, resume bool) (whole bool) {
	v, r := c.known[box], &Record{Do: Look, Box: box}
	command := "SELECT " + box
	if resume = resume && v != nil && v.since > 0; resume {
		r.Since = v.since
		command += fmt.Sprintf(" (QRESYNC (%d %d))", v.valid, v.since)
	}
	a, done := c.say(r, "%s", command)
	c.box = ""
	if !done { // what was said is true all the same, and will be said again
		r.Changed, r.Gone = a.rows, slices.Concat(a.earlier, a.gone)
		c.Log.Add(r)
		return false
	}
	c.box = box
	r.Valid, r.Next, r.Highest = uint32(numberOf(a.codes["UIDVALIDITY"])), uint32(numberOf(a.codes["UIDNEXT"])), numberOf(a.codes["HIGHESTMODSEQ"])
	r.Count, r.Changed, r.Gone, r.Mid = a.exists, a.rows, slices.Concat(a.earlier, a.gone), r.End
	if !resume {
		v = &view{all: map[uint32]Message{}}
		c.known[box] = v
	}
	v.valid = r.Valid
	c.learn(&Record{Seen: r.Changed, Gone: r.Gone}, a)
	if resume { // what it said of messages may be newer, and then there may be more
		v.since, v.top = r.Highest, r.Highest
	}
	begun := r.Start
	a, done = c.say(r, "UID FETCH 1:* (UID FLAGS MODSEQ ENVELOPE)")
	r.Start = begun
	rest := a
	rest.rows = nil
	for _, m := range a.rows {
		if m.Mark != "" && done {
			r.Seen = append(r.Seen, m)
		} else { // somebody changed it, and so this was told as well; or it is not all
			rest.rows = append(rest.rows, m)
		}
	}
	r.Whole = done
	c.Log.Add(r)
	behind := &Record{Node: r.Node, Box: box, Start: r.Mid, End: r.End, Answer: r.Answer}
	if done {
		v.all, v.top, v.counted, v.upto = map[uint32]Message{}, r.Highest, r.Count, 0
		for _, m := range r.Seen { // of the others it is said that they are gone
			v.all[m.UID], v.top, v.upto = m, max(v.top, m.Modseq), max(v.upto, m.UID)
		}
	}
	c.told(behind, rest)
	return done
}

func (c *client) append() {
	if len(c.known[c.box].all) > c.Most {
		return
	}
	r := &Record{Do: Put, Mark: c.mark(), Box: c.Boxes[c.rand.IntN(len(c.Boxes))]}
	if c.rand.IntN(2) == 0 {
		r.Flags = []string{`\Flagged`}
	}
	letter := Letter(r.Mark)
	a, done := c.say(r, "APPEND %s (%s) {%d+}\r\n%s", r.Box, strings.Join(r.Flags, " "), len(letter), letter)
	if words := strings.Fields(a.code); done && len(words) == 3 && words[0] == "APPENDUID" {
		r.Valid, r.UID = uint32(numberOf(words[1])), uint32(numberOf(words[2]))
	}
	c.Log.Add(r)
	c.told(r, a)
}

// store sets or clears a flag that all clients use.
func (c *client) store() {
	c.change([]string{`\Seen`, `\Flagged`, "$Shared"}[c.rand.IntN(3)], c.rand.IntN(2) == 0, 0, c.some(5))
}

// own is one that no other client touches.
func (c *client) own() { c.change("$Own-"+c.name, c.rand.IntN(2) == 0, 0, c.some(3)) }

// condition changes one of its own if nobody changed the message.
func (c *client) condition() {
	for _, uid := range c.some(1) {
		m := c.known[c.box].all[uid]
		flag := "$If-" + c.name
		c.change(flag, !has(m.Flags, flag), m.Modseq, []uint32{uid})
	}
}

func (c *client) change(flag string, on bool, unless uint64, uids []uint32) (done bool) {
	if len(uids) == 0 {
		return false
	}
	r := &Record{Do: Store, Asked: uids, Flag: flag, On: on, Unless: unless}
	op, condition := "-FLAGS", ""
	if on {
		op = "+FLAGS"
	}
	if unless > 0 {
		condition = fmt.Sprintf("(UNCHANGEDSINCE %d) ", unless)
	}
	a, done := c.say(r, "UID STORE %s %s%s (%s)", setOf(uids), condition, op, flag)
	if failed, ok := strings.CutPrefix(a.code, "MODIFIED "); ok {
		r.Failed, _ = uidsOf(failed)
	}
	if unless > 0 && done {
		r.Seen = a.rows
	}
	c.Log.Add(r)
	c.told(r, a)
	return done
}

func (c *client) expunge() {
	uids := c.some(3)
	if len(uids) == 0 || !c.change(`\Deleted`, true, 0, uids) || c.box == "" {
		return
	}
	r := &Record{Do: Expunge, Asked: uids}
	a, _ := c.say(r, "UID EXPUNGE %s", setOf(uids))
	c.Log.Add(r)
	c.told(r, a)
}

func (c *client) move() { c.transfer(Move) }
func (c *client) copy() { c.transfer(Copy) }

func (c *client) transfer(how string) {
	uids, to := c.some(3), c.Boxes[c.rand.IntN(len(c.Boxes))]
	if v := c.known[to]; len(uids) == 0 || to == c.box || how == Copy && v != nil && len(v.all) > c.Most {
		return
	}
	r := &Record{Do: how, Box: to, Source: c.box, Asked: uids}
	a, done := c.say(r, "UID %s %s %s", strings.ToUpper(how), setOf(uids), to)
	if done {
		code := a.codes["COPYUID"]
		if rest, ok := strings.CutPrefix(a.code, "COPYUID "); ok {
			code = rest
		}
		r.Pairs = pairsOf(code)
	}
	c.Log.Add(r)
	c.told(r, a)
}

func (c *client) noop() {
	r := &Record{Do: Told}
	a, _ := c.say(r, "NOOP")
	c.told(r, a)
}

// count asks by numbers for a while, and meanwhile is not told what is gone (RFC 9051, section 7.5.1); mostly it
// leaves then.
func (c *client) count() {
	for range 1 + c.rand.IntN(4) {
		r := &Record{Do: Told}
		a, _ := c.say(r, "FETCH 1:* (UID FLAGS MODSEQ)")
		if c.told(r, a); c.box == "" {
			return
		}
		time.Sleep(time.Duration(c.rand.IntN(20)) * time.Millisecond)
	}
	if c.wire != nil && c.rand.IntN(3) > 0 {
		c.leave()
	}
}

func (c *client) idle() {
	r := &Record{Do: Told, Node: c.node.Name, Start: c.now()}
	c.at = c.box
	a, err := c.wire.idle(time.Duration(c.rand.IntN(100)) * time.Millisecond)
	r.End = c.now()
	c.heard(r, a, err)
	c.told(r, a)
}

func (c *client) status() {
	r := &Record{Do: Status, Box: c.Boxes[c.rand.IntN(len(c.Boxes))]}
	a, _ := c.say(r, "STATUS %s (UIDVALIDITY UIDNEXT HIGHESTMODSEQ MESSAGES)", r.Box)
	r.Valid, r.Next, r.Highest, r.Count = uint32(a.status["UIDVALIDITY"]), uint32(a.status["UIDNEXT"]), a.status["HIGHESTMODSEQ"], int(a.status["MESSAGES"])
	c.Log.Add(r)
	c.told(r, a)
}

// again, other and away look at the same mailbox, or another one, or come back through
// another node.
func (c *client) again() { c.look(c.box, true) }
func (c *client) other() { c.look(c.Boxes[c.rand.IntN(len(c.Boxes))], c.rand.IntN(3) > 0) }
func (c *client) away()  { c.leave() }
