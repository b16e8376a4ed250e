package imap_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sealpost/mailstore"
)

// stress is several clients on a few mailboxes. Each keeps a picture made only of
// what it was told (stress_picture_test.go), which every response is checked against.
type stress struct {
	*testing.T
	house  *house
	boxes  []string
	ledger *ledger
	actors []*actor
	inTurn bool // one acts at a time: what is answered is known exactly
}

// Clients of all kinds read, change, expunge, move, idle, leave and come back, first
// in turn and then all at once. Nobody may miss a change or be told it wrongly, and
// all agree with the store at the end of each round. -long: for minutes, with other seeds.
func TestManyClientsAgree(t *testing.T) {
	t.Parallel()
	seed, until, least := uint64(7), time.Time{}, 2 // what acts at once may hide a fault from one of them
	if *long {
		seed, until = uint64(time.Now().UnixNano()), time.Now().Add(4*time.Minute)
	}
	for done := 0; (done < least || time.Now().Before(until)) && !t.Failed(); done++ {
		t.Logf("seed %d", seed)
		manyClients(t, seed)
		seed++
	}
}

func manyClients(t *testing.T, seed uint64) {
	s := &stress{T: t, house: build(t), boxes: []string{"INBOX", "Archive", "Trash"}, ledger: newLedger()}
	kinds := []kind{plainKind, condstoreKind, qresyncKind, qresyncKind, qresyncKind, plainKind}
	for i, k := range kinds {
		a := &actor{stress: s, name: string(rune('a' + i)), kind: k, rand: rand.New(rand.NewPCG(seed, uint64(i))), pictures: map[string]*picture{}}
		s.actors = append(s.actors, a)
		if a.connect(); a.err != nil {
			t.Fatal(a.err)
		}
	}
	chance := rand.New(rand.NewPCG(seed, 99))
	for round := range 4 {
		if s.inTurn = round%2 == 0; s.inTurn {
			s.takeTurns(chance, 300)
		} else {
			s.allAtOnce(60)
		}
		if !t.Failed() {
			s.settle()
		}
		if t.Failed() {
			return
		}
	}
	if len(s.ledger.recent) == 0 {
		t.Error("nobody was told of a message that is recent")
	}
	s.wake()
	for _, a := range s.actors {
		a.leave(true)
	}
}

// takeTurns lets one client act at a time, and now and then compares one with the
// store while the others sleep on.
func (s *stress) takeTurns(chance *rand.Rand, n int) {
	for range n {
		a := s.actors[chance.IntN(len(s.actors))]
		a.act()
		if a.err == nil && a.box != "" && chance.IntN(4) == 0 {
			a.refresh()
			a.agree()
		}
		if s.blame(a) {
			return
		}
	}
}

func (s *stress) allAtOnce(n int) {
	var all sync.WaitGroup
	for _, a := range s.actors {
		all.Go(func() {
			for range n {
				if a.act(); a.err != nil {
					return
				}
			}
		})
	}
	all.Wait()
	for _, a := range s.actors {
		s.blame(a)
	}
}

// settle is a moment of peace: everybody looks at every mailbox and sees what is there.
func (s *stress) settle() {
	s.inTurn = true
	for _, a := range s.actors {
		for _, box := range s.boxes {
			if a.err == nil {
				a.refresh() // what is selected first, as it stands
				a.agree()
				a.choose(box)
				a.refresh()
				a.agree()
			}
		}
		if s.blame(a) {
			return
		}
	}
	for _, box := range s.boxes {
		living := map[uint32]bool{}
		for _, k := range s.truth(box) {
			living[k.uid] = true
		}
		if err := s.ledger.settled(box, living); err != nil {
			s.Errorf("%s: %v", box, err)
		}
	}
}

// wake has all but one idle, and waits until each was told what that one did.
func (s *stress) wake() {
	quick, idle := s.actors[0], s.actors[1:]
	for _, a := range s.actors {
		a.choose("INBOX")
		a.refresh()
	}
	for _, a := range idle {
		a.say("IDLE", &exchange{})
		a.until("+")
	}
	for range 5 {
		quick.append()
		quick.store()
		quick.expunge()
	}
	truth := s.truth("INBOX")
	for _, a := range append(idle, quick) {
		for a != quick && a.err == nil && !a.sees(truth) {
			a.hear(a.next())
		}
		if s.blame(a) {
			return
		}
	}
	for _, a := range idle {
		a.endIdle()
	}
}

// blame tells what went wrong with a client.
func (s *stress) blame(a *actor) bool {
	if a.err != nil {
		s.Errorf("client %s (kind %d) in %q: %v\n%s", a.name, a.kind, a.box, a.err, strings.Join(a.script, "\n"))
	}
	return a.err != nil
}

// truth is what the store has.
func (s *stress) truth(box string) (list []known) {
	index, owner := s.house.store.Index, s.house.alice.owner()
	id := s.house.box(s.house.alice, box).ID
	roster, err := index.Roster(s.Context(), owner, id)
	if err != nil {
		s.Fatal(err)
	}
	for line, err := range index.List(s.Context(), owner, id, roster.UIDs, mailstore.Columns{}) {
		if err != nil {
			s.Fatal(err)
		}
		list = append(list, known{uid: uint32(line.UID), flags: sortedFlags(line.Flags), modseq: uint64(line.Modseq)})
	}
	return list
}

// sees says whether a client, who may not have asked for new messages, is up to date.
func (a *actor) sees(truth []known) bool {
	return slices.EqualFunc(a.picture().list, truth, func(k, want known) bool {
		return k.uid == 0 || k.uid == want.uid && (!k.heard || k.flags == want.flags)
	})
}

// agree compares a picture with the store, exactly.
func (a *actor) agree() {
	if a.err != nil || a.box == "" {
		return
	}
	a.check(a.picture().recounted())
	got, want := a.picture().list, a.truth(a.box)
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i].uid != want[i].uid || got[i].flags != want[i].flags ||
			a.kind != plainKind && got[i].modseq != want[i].modseq {
			a.fail("the picture has %v, the store %v", got, want)
			return
		}
	}
}

// refresh asks for what is new until there is no message it knows nothing of.
func (a *actor) refresh() {
	for range 10 {
		if a.err != nil || a.box == "" {
			return
		}
		a.do("NOOP")
		if a.toldAll(); len(a.picture().unknown()) == 0 {
			return
		}
		a.learn()
	}
	if a.inTurn {
		a.fail("there are still messages that FETCH does not show")
	}
}

// learn asks for messages that were only counted so far.
func (a *actor) learn() {
	unknown := a.picture().unknown()
	if len(unknown) == 0 {
		return
	}
	numbers := make([]uint32, len(unknown))
	for i, n := range unknown {
		numbers[i] = uint32(n)
	}
	a.do("FETCH %s %s", uidText(numbers), a.items())
}

func (a *actor) items() string {
	if a.kind == plainKind {
		return "(UID FLAGS)"
	}
	return "(MODSEQ UID FLAGS)"
}

// toldAll is after a command behind which nothing may be left untold.
func (a *actor) toldAll() {
	if a.err == nil && a.box != "" {
		a.check(a.picture().toldAll())
	}
}

// choose selects a mailbox. A client with QRESYNC goes on from its picture of it.
func (a *actor) choose(box string) {
	if a.err != nil {
		return
	}
	a.box = box
	a.chosen++
	p := a.pictures[box]
	if p != nil {
		p.recent = map[uint32]bool{}
	}
	command := "SELECT " + box
	switch {
	case a.kind == condstoreKind:
		command += " (CONDSTORE)"
	case a.kind == qresyncKind && p != nil:
		command += " (QRESYNC (" + strconv.FormatUint(p.valid, 10) + " " + strconv.FormatUint(max(p.highest, 1), 10)
		if uids := p.uids(); len(uids) > 0 && a.rand.IntN(2) == 0 {
			command += " 1:" + fmt.Sprint(1<<30)
		}
		command += "))"
	}
	a.do("%s", command)
	if a.err != nil {
		return
	}
	got := *a.now.selecting
	if got.recent < 0 {
		a.fail("SELECT without RECENT")
	}
	if p != nil {
		p.counted = got.recent
	}
	if a.kind == qresyncKind && p != nil && p.valid == got.valid {
		err := p.resume(got)
		if err == nil || a.inTurn {
			a.check(err)
			return
		} // a message came and went while SELECT was answered
	}
	p = newPicture()
	p.valid, p.highest, p.top, p.counted = got.valid, 0, got.highest, got.recent
	a.pictures[box] = p
	if got.count > 0 {
		a.check(p.exists(got.count))
		a.do("FETCH 1:* %s", a.items())
	}
}

// living is what the store has, by UID.
func (s *stress) living(box string) map[uint32]known {
	all := map[uint32]known{}
	for _, k := range s.truth(box) {
		all[k.uid] = k
	}
	return all
}

// flaggedNow are the UIDs of a picture whose messages have a flag, as stored.
func (a *actor) flaggedNow(flag string) (uids []uint32) {
	all := a.living(a.box)
	for _, uid := range slices.Sorted(maps.Keys(all)) {
		if a.picture().find(uid) >= 0 && slices.Contains(strings.Fields(all[uid].flags), flag) {
			uids = append(uids, uid)
		}
	}
	return uids
}
