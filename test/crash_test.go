package test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// promise is what a server said 250 to: the mail that must be there ever after.
type promise struct {
	id   string
	mail []byte
}

// Under 50 writers the server is killed again and again. Every mail it
// answered with 250 must be there, byte for byte, under one UID for ever.
func TestKillNineLosesNothing(t *testing.T) {
	bin, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	rounds, writers := 8, 50
	if *long {
		rounds = 2000
	}
	d := startDemo(t, withBinary(bin))
	var acked []promise
	places := map[string]uint32{} // id to UID, as first seen
	for round := range rounds {
		kept := writeUntilKilled(t, d, round, writers, time.Duration(150+rand.IntN(500))*time.Millisecond)
		acked = append(acked, kept...)
		d.start(t)
		if round%4 == 3 || round == rounds-1 {
			checkPromises(t, d, acked, places)
		}
	}
	if len(acked) < rounds*20 {
		t.Errorf("only %d mails were acknowledged in %d rounds: the test did not load the server", len(acked), rounds)
	}
	t.Logf("%d rounds, %d acknowledged mails", rounds, len(acked))
}

// writeUntilKilled lets writers send until the server is shot after a while,
// and returns what was acknowledged.
func writeUntilKilled(t *testing.T, d *demo, round, writers int, after time.Duration) []promise {
	t.Helper()
	var mu sync.Mutex
	var kept []promise
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			s, err := dial(d.SMTP)
			if err != nil {
				return
			}
			defer s.conn.Close()
			for i := 0; ; i++ {
				p := letter(fmt.Sprintf("r%d-w%d-m%d", round, w, i))
				if s.send("eve@example.org", d.alice().Address, p.mail) != nil {
					return
				}
				mu.Lock()
				kept = append(kept, p)
				mu.Unlock()
			}
		})
	}
	time.Sleep(after)
	d.kill()
	all.Wait()
	return kept
}

// letter makes a mail of some length, now and then one too large for a segment.
func letter(id string) promise {
	words := rand.IntN(300)
	if rand.IntN(100) == 0 {
		words = 120_000
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: eve@example.org\r\nTo: alice@demo.test\r\nSubject: crash\r\nMessage-ID: <%s@crash.test>\r\n\r\n", id)
	for i := range words {
		fmt.Fprintf(&b, "word%d ", rand.IntN(1_000_000))
		if i%10 == 9 {
			b.WriteString("\r\n")
		}
	}
	b.WriteString("\r\n")
	return promise{id: id, mail: b.Bytes()}
}

// checkPromises opens everything in the mailbox and holds it against what was acknowledged.
func checkPromises(t *testing.T, d *demo, acked []promise, places map[string]uint32) {
	t.Helper()
	keys := clientKeys(t, d.alice())
	there := map[string][]byte{}
	last := uint32(0)
	err := fetchAll(d.login(t, d.alice()), "INBOX", func(m served) error {
		original, err := restore(keys, m.mail)
		if err != nil {
			return err
		}
		id := messageID(original)
		uid := uint32(m.uid)
		if uid <= last {
			return fmt.Errorf("comes after UID %d", last)
		}
		last = uid
		if was, seen := places[id]; seen && was != uid && there[id] == nil {
			return fmt.Errorf("%s had UID %d before", id, was)
		}
		if there[id] == nil {
			places[id] = uid
		}
		there[id] = original
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for _, p := range acked {
		if !bytes.Equal(there[p.id], p.mail) {
			lost++
		}
	}
	if lost > 0 {
		t.Fatalf("%d of %d acknowledged mails are gone or changed", lost, len(acked))
	}
}

func messageID(mail []byte) string {
	_, rest, _ := bytes.Cut(mail, []byte("Message-ID: <"))
	id, _, _ := bytes.Cut(rest, []byte("@crash.test>"))
	return string(id)
}
